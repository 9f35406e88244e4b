/* SPDX-License-Identifier: Apache-2.0 */
/* h2/flow.c - receive windows. A stream's credit returns when the owner moved the bytes on; the connection's credit returns at once, until
 * the connection (or the worker) holds its cap of bytes. Windows grow by a bandwidth-delay estimate: bytes that arrive within one PING round trip. */
#include "h2/conn_int.h"

enum {
    BDP_START_BYTES = 16 * 1024, /* DATA in one read that makes a measurement worth a PING */
    BDP_QUIET_ROUNDS = 8,        /* measurements without growth before they become rare */
};
static const int64_t BDP_RARE_US = 1000 * 1000;
static const uint8_t bdp_opaque[8] = { 'b', 'd', 'p', 0, 0, 0, 0, 1 };

static bool
flow_over(const struct h2_conn *c)
{
    return c->held > c->lim->max_connection_buffer ||
           (c->w->held_limit && c->w->held > c->w->held_limit);
}

/* DATA bytes were put into s->in. Inside a library callback. */
void
flow_received(struct h2_conn *c, struct h2_stream *s, size_t n)
{
    s->held += n;
    c->held += n;
    c->w->held += n;
    c->recv_turn += (uint32_t)n;
    stat_add(c->w->stats, STAT_BUFFERED_BYTES, (int64_t)n);
    if (c->bdp_ping)
        c->bdp_bytes += (uint32_t)n;
}

static void
flow_credit_connection(struct h2_conn *c, size_t n)
{
    if (n == 0)
        return;
    nghttp2_session_consume_connection(c->session, n);
    conn_dirty(c);
}

/* Connection credit that was held back returns when half the cap is free again. */
static void
flow_repay(struct h2_conn *c)
{
    size_t owed = c->credit_owed;

    if (owed == 0 || c->held > c->lim->max_connection_buffer / 2 || c->state != CONN_OPEN)
        return;
    c->credit_owed = 0;
    c->held_back = false;
    flow_credit_connection(c, owed);
}

/* n held bytes of s left our memory. c is NULL when the stream is closed: then only the worker still counts them. */
static void
flow_release(struct h2_conn *c, struct h2_stream *s, size_t n)
{
    struct h2_worker *w = s->worker;

    s->held -= n;
    w->held -= n;
    stat_add(w->stats, STAT_BUFFERED_BYTES, -(int64_t)n);
    if (!c)
        return;
    c->held -= n;
    flow_repay(c);
}

/* The stream closed: its bytes may still wait on the other side, but the connection no longer answers for them. */
void
flow_detach(struct h2_conn *c, struct h2_stream *s)
{
    c->held -= s->held;
    flow_repay(c);
}

void
h2_stream_consume(struct h2_stream *s, size_t n)
{
    struct h2_conn *c = s->conn;

    if (n > s->held)
        n = s->held;
    if (n == 0)
        return;
    flow_release(c, s, n);
    if (!c || s->in_ended || s->discard || c->state != CONN_OPEN)
        return; /* the peer sends no more on this stream */
    nghttp2_session_consume_stream(c->session, s->id, n);
    conn_dirty(c);
}

static void
flow_bdp_start(struct h2_conn *c)
{
    int64_t now = loop_now_us(c->w->loop);

    if (c->bdp_window >= c->lim->max_stream_window)
        return;
    if (c->bdp_quiet >= BDP_QUIET_ROUNDS && now - c->bdp_since_us < BDP_RARE_US)
        return;
    c->bdp_ping = true;
    c->bdp_bytes = 0;
    c->bdp_since_us = now;
    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, bdp_opaque);
    conn_dirty(c);
}

bool
flow_ping_ours(const uint8_t *opaque)
{
    return memcmp(opaque, bdp_opaque, sizeof(bdp_opaque)) == 0;
}

/* More than 2/3 of the window came within one round trip: the window is the brake, so double it (features.md 2.2). */
void
flow_ping_ack(struct h2_conn *c, const uint8_t *opaque)
{
    nghttp2_settings_entry e;
    uint32_t want;

    (void)opaque;
    if (!c->bdp_ping)
        return;
    c->bdp_ping = false;
    if (c->bdp_bytes < c->bdp_window / 3 * 2 || flow_over(c)) {
        c->bdp_quiet++;
        return;
    }
    c->bdp_quiet = 0;
    want = c->bdp_window > c->lim->max_stream_window / 2 ? c->lim->max_stream_window
                                                         : c->bdp_window * 2;
    c->bdp_window = want;
    e = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, want };
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &e, 1);
    if (want * 2ull > c->lim->connection_window && want * 2ull <= INT32_MAX)
        nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, (int32_t)(want * 2));
    stat_inc(c->w->stats, STAT_WINDOW_GROWN);
    conn_dirty(c);
}

/* After the library took a piece of input: connection credit for what arrived. */
void
flow_after_feed(struct h2_conn *c)
{
    uint32_t n = c->recv_turn;

    if (n == 0)
        return;
    c->recv_turn = 0;
    if (flow_over(c)) {
        c->credit_owed += n;
        if (!c->held_back)
            stat_inc(c->w->stats, STAT_WINDOW_HELD_BACK);
        c->held_back = true;
    } else {
        flow_credit_connection(c, n + c->credit_owed);
        c->credit_owed = 0;
    }
    if (!c->bdp_ping && n >= BDP_START_BYTES)
        flow_bdp_start(c);
}

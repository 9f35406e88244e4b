/* SPDX-License-Identifier: Apache-2.0 */
/* h2/flow.c - receive windows. A stream's credit returns when the owner moved the bytes on. The connection's credit returns at once, as far as what is held and what
 * may still come stay within its cap together: a window that was given cannot be taken back. Windows grow by a bandwidth-delay estimate: bytes that arrive within one
 * PING round trip. */
#include "h2/conn_int.h"

enum {
    BDP_START_BYTES =
        16 * 1024,        /* DATA in one read that makes a measurement worth a PING */
    BDP_QUIET_ROUNDS = 8, /* measurements without growth before they become rare */
    CREDIT_MIN =
        16 * 1024, /* one full frame: a connection that holds nothing may always get it */
};
static const int64_t BDP_RARE_US = 1000 * 1000;
static const uint8_t bdp_opaque[8] = { 'b', 'd', 'p', 0, 0, 0, 0, 1 };

/* What the connection may hold and still be sent, together: its cap, and half of what others leave of the worker's share. So one gets half, N get 1/(N+1) each, and
 * there is always room for the next (dynamic thresholds, Choudhury and Hahne, 1998). */
static size_t
flow_allowance(const struct h2_conn *c)
{
    size_t cap = c->lim->max_connection_buffer, limit = c->w->held_limit;
    size_t others = c->w->held - c->held, share;

    if (limit == 0)
        return cap;
    share = others < limit ? (limit - others) / 2 : 0;
    share = share < CREDIT_MIN ? CREDIT_MIN : share;
    return share < cap ? share : cap;
}

/* DATA bytes for a stream that wants them. */
void
flow_received_data(struct h2_conn *c, struct h2_stream *s, const uint8_t *p, size_t n)
{
    struct chunk *ch;

    s->in_bytes += (int64_t)n;
    if (s->in_length >= 0 && s->in_bytes > s->in_length) {
        stream_error(c, s, H2_PROTOCOL_ERROR); /* more than content-length said */
        flow_unwanted(c, NULL, n);
        return;
    }
    ch = bulk_take(&c->w->bulk, p, n);
    if (ch) {
        buf_append_chunk(&s->in, c->w->bufs, ch);
    } else if (buf_append(&s->in, c->w->bufs, p, n, SIZE_MAX) != ERR_OK) {
        /* Bounded by the stream window; only memory can fail. */
        s->close_err = ERR_NOMEM;
        h2_stream_reset(s, H2_INTERNAL_ERROR);
        flow_unwanted(c, NULL, n);
        return;
    }
    s->held += n;
    c->held += n;
    c->w->held += n;
    c->recv_turn += (uint32_t)n;
    stat_add(c->w->stats, STAT_BUFFERED_BYTES, (int64_t)n);
    if (c->bdp_ping)
        c->bdp_bytes += (uint32_t)n;
    conn_note(c, s, H2_EV_DATA);
}

/* Stream credit is announced when half a window has come together: few frames, never a stall. A stream whose bytes are all taken gets the
 * window that the measurement asks for; one whose reader is slow keeps its small one, so that a few stalled calls cannot fill the
 * connection's share of memory. */
static void
flow_credit_stream(struct h2_conn *c, struct h2_stream *s, size_t n)
{
    uint32_t add;

    s->recv_due += (uint32_t)n;
    if (s->recv_due < s->window / 2)
        return;
    add = s->recv_due;
    if (s->held == 0 && c->stream_window > s->window) {
        add += c->stream_window - s->window;
        s->window = c->stream_window;
    }
    control_window(c, s->id, add);
    s->recv_window += add;
    s->recv_due = 0;
}

/* The connection is as good as before; who opens streams on it must hear that there is room. */
static void
flow_unhold(struct h2_conn *c)
{
    if (!c->held_back)
        return;
    c->held_back = false;
    if (c->side == H2_UP) {
        c->settings_news = true;
        conn_dirty(c); /* told with the flush */
    }
}

/* Gives the peer of what is due as much as may be; a rest that is too small for a frame of its own waits, but never so long that what may be is mostly out of use: in a
 * full worker that may be less than CREDIT_MIN. The connection counts as held back from when less than a
 * quarter of what it could have with nothing held is out until half of that is out again. */
static void
flow_announce(struct h2_conn *c)
{
    size_t may = flow_allowance(c), out = c->held + (size_t)c->recv_window;
    size_t add = may > out ? may - out : 0;
    int64_t most = may < c->conn_window ? (int64_t)may : c->conn_window;

    add = add < c->recv_due ? add : c->recv_due;
    if (add > 0 &&
        (add == c->recv_due || add >= CREDIT_MIN || (int64_t)add >= most / 8)) {
        control_window(c, 0, (uint32_t)add);
        c->recv_window += (int64_t)add;
        c->recv_due -= add;
    }
    if (c->recv_window >= most / 2) {
        flow_unhold(c);
    } else if (!c->held_back && c->recv_window < most / 4) {
        c->held_back = true;
        stat_inc(c->w->stats, STAT_WINDOW_HELD_BACK);
    }
}

static void
flow_credit_connection(struct h2_conn *c, size_t n)
{
    c->recv_due += n;
    if (c->recv_due >= c->conn_window / 2)
        flow_announce(c);
}

/* Padding, and DATA that nobody wants: the windows must not leak (reliability.md A20). s may be NULL. */
void
flow_unwanted(struct h2_conn *c, struct h2_stream *s, size_t n)
{
    if (n == 0)
        return;
    flow_credit_connection(c, n);
    if (s && s->conn == c && !s->closing)
        flow_credit_stream(c, s, n);
}

/* Windows that many clients were given before can fill the worker all the same. Then who holds something is not read for a while: TCP stops the sender. Backends are
 * always read: what they say lets held bytes go. */
bool
flow_full(const struct h2_conn *c)
{
    const struct h2_worker *w = c->w;

    return UNLIKELY(flow_over(w)) && c->side == H2_DOWN && c->held >= CREDIT_MIN;
}

/* Over its share the worker reads little at a time. */
size_t
flow_read_size(const struct h2_conn *c)
{
    return UNLIKELY(flow_over(c->w)) ? CREDIT_MIN : READ_SIZE;
}

/* Fewer bytes are held, here or elsewhere: what was held back may return, and who was not read is read again. */
void
flow_repay(struct h2_conn *c)
{
    if (UNLIKELY(c->paused) && !flow_full(c))
        conn_dirty(c); /* conn_update_want, with the flush */
    if (c->recv_due >= c->conn_window / 2 && c->state == CONN_OPEN)
        flow_announce(c);
}

/* n held bytes of s left our memory. c is NULL when the stream is closed: then only the worker still counts them. */
static void
flow_release(struct h2_conn *c, struct h2_stream *s, size_t n)
{
    struct h2_worker *w = s->worker;

    s->held -= n;
    s->taken_us = loop_now_us(w->loop);
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
    if (!c || s->in_ended || s->closing || c->state != CONN_OPEN)
        return; /* the peer sends no more on this stream */
    flow_credit_stream(c, s, n);
}

static void
flow_bdp_start(struct h2_conn *c)
{
    int64_t now = loop_now_us(c->w->loop);

    if (c->stream_window >= c->lim->max_stream_window)
        return;
    if (c->bdp_quiet >= BDP_QUIET_ROUNDS && now - c->bdp_since_us < BDP_RARE_US)
        return;
    c->bdp_ping = true;
    c->bdp_bytes = 0;
    c->bdp_since_us = now;
    control_put(c, FRAME_PING, 0, 0, bdp_opaque, sizeof(bdp_opaque));
}

bool
flow_ping_ours(const uint8_t *opaque)
{
    return memcmp(opaque, bdp_opaque, sizeof(bdp_opaque)) == 0;
}

/* Beyond its cap a window is of no use: what is held counts against it. */
static void
flow_grow_connection(struct h2_conn *c)
{
    size_t cap = c->lim->max_connection_buffer, add = c->conn_window;

    if (c->conn_window >= cap)
        return;
    add = add < cap - c->conn_window ? add : cap - c->conn_window;
    c->conn_window += (uint32_t)add;
    flow_credit_connection(c, add);
}

/* More than 2/3 of the window came within one round trip: the window is the brake, so double the target (features.md 2.2). */
void
flow_ping_ack(struct h2_conn *c)
{
    uint32_t want;

    if (!c->bdp_ping)
        return;
    c->bdp_ping = false;
    if (c->bdp_bytes < c->stream_window / 3 * 2 || c->held_back) {
        c->bdp_quiet++;
        return;
    }
    c->bdp_quiet = 0;
    want = c->stream_window > c->lim->max_stream_window / 2 ? c->lim->max_stream_window
                                                            : c->stream_window * 2;
    c->stream_window = want;
    if (want > c->conn_window / 2)
        flow_grow_connection(c);
    stat_inc(c->w->stats, STAT_WINDOW_GROWN);
}

/* After a piece of input: connection credit for what arrived. */
void
flow_after_feed(struct h2_conn *c)
{
    uint32_t n = c->recv_turn;

    if (n == 0)
        return;
    c->recv_turn = 0;
    flow_credit_connection(c, n);
    if (!c->bdp_ping && n >= BDP_START_BYTES)
        flow_bdp_start(c);
}

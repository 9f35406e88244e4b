/* SPDX-License-Identifier: Apache-2.0 */
/* h2/conn.c - the life of a connection: opening, telling the owner, ending. */
#include "h2/conn_int.h"

#include <stdio.h>
#include <string.h>

#include "base/slab.h"
#include "net/tls.h"

void
h2_limits_default(struct h2_limits *l)
{
    *l = (struct h2_limits){
        .max_concurrent_streams = 1024,
        .max_header_bytes = 16 * 1024,
        .max_header_count = 128,
        .max_continuations = 32,
        .stream_window = 64 * 1024,
        .connection_window = 1024 * 1024,
        .max_stream_window = 4 * 1024 * 1024,
        .max_connection_buffer = 4 * 1024 * 1024,
        .write_buffer = 256 * 1024,
        .max_queued_frames = 2000,
        .reset_burst = 1000,
        .reset_rate = 100,
        .glitch_burst = 1000,
        .glitch_rate = 100,
        .max_streams_per_turn = 128,
        .max_frames_per_turn = 1024,
        .handshake_timeout_us = 10 * 1000000,
        .header_timeout_us = 10 * 1000000,
        .idle_timeout_us = 600 * 1000000LL,
        .write_stall_us = 300 * 1000000LL,
    };
}

void
conn_dirty(struct h2_conn *c)
{
    if (!list_linked(&c->dirty) && c->state != CONN_CLOSED && c->state != CONN_LINGER)
        list_append(&c->w->dirty[c->side], &c->dirty);
}

void
conn_note(struct h2_conn *c, struct h2_stream *s, unsigned event)
{
    s->events |= (uint8_t)event;
    if (!list_linked(&s->ready))
        list_append(&c->ready, &s->ready);
}

void
h2_conn_glitch(struct h2_conn *c, unsigned n)
{
    stat_add(c->w->stats, STAT_GLITCHES, n);
    if (!bucket_take(&c->glitches, n, loop_now_us(c->w->loop)))
        c->flooded = true;
    else if (!c->warned && c->side == H2_DOWN &&
             bucket_left(&c->glitches) < c->lim->glitch_burst / 4) {
        /* An honest but odd client gets the chance to start afresh (reliability.md 1). */
        c->warned = true;
        h2_conn_drain(c);
    }
}

/* Tells the owner what happened to each touched stream. Never while frames are read. */
void
conn_tell(struct h2_conn *c)
{
    struct list *n;

    while ((n = list_pop(&c->ready))) {
        struct h2_stream *s = CONTAINER_OF(n, struct h2_stream, ready);
        unsigned ev = s->events;

        s->events = 0;
        if (ev & H2_EV_CLOSED) {
            flow_detach(c, s);
            list_remove(&s->link);
            list_remove(&s->sender);
            s->conn = NULL;
            if (--c->stream_count == 0)
                c->idle_since_us = loop_now_us(c->w->loop);
        }
        (s->on_events ? s->on_events : c->ops->on_events)(s, ev);
    }
    if (c->settings_news) {
        c->settings_news = false;
        if (c->ops->on_settings)
            c->ops->on_settings(c, c->arg);
    }
    if (c->goaway_news) {
        c->goaway_news = false;
        if (c->ops->on_goaway)
            c->ops->on_goaway(c, c->arg, c->goaway_code, slice_of(c->note));
    }
}

/* The connection is over; what that means is done at the end of the turn (conn_bury). */
void
conn_fail(struct h2_conn *c, int err, const char *note)
{
    if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
        return;
    c->state = CONN_CLOSED;
    keepalive_stop(c);
    if (c->close_err == ERR_OK)
        c->close_err = err;
    if (note[0])
        snprintf(c->note, sizeof(c->note), "%s", note);
    list_remove(&c->dirty);
    list_remove(&c->backlogged);
    list_append(&c->w->dying, &c->dying);
}

/* Ends the session with a GOAWAY; the next flush sends it, then the connection goes. */
void
conn_terminate(struct h2_conn *c, int err, uint32_t code, const char *note)
{
    if (c->terminating || c->state != CONN_OPEN)
        return;
    c->terminating = true;
    if (err == ERR_FLOOD)
        stat_inc(c->w->stats, STAT_FLOOD_CLOSED);
    c->close_err = err;
    snprintf(c->note, sizeof(c->note), "%s", note);
    /* The last id never rises (RFC 9113 6.8). */
    control_goaway(c,
                   c->final_goaway      ? c->last_id
                   : c->side == H2_DOWN ? c->max_id
                                        : 0,
                   code);
}

void
h2_conn_close(struct h2_conn *c, int err, enum h2_code code, const char *note)
{
    if (c->state == CONN_OPEN)
        conn_terminate(c, err, code, note);
    else
        conn_fail(c, err, note);
}

enum { TLS_ALERT = 0x15, TLS_MAJOR = 3 };

/* A backend that does not speak HTTP/2: show how it began. */
void
conn_note_first_bytes(struct h2_conn *c)
{
    char shown[25];
    size_t n = 0;

    if (c->pre_len > 1 && c->pre[0] == TLS_ALERT && c->pre[1] == TLS_MAJOR) {
        c->close_err = ERR_NOT_HTTP2;
        snprintf(c->note, sizeof(c->note), "it answers with an alert of TLS");
        return;
    }
    for (; n < c->pre_len; n++)
        shown[n] = c->pre[n] >= 0x20 && c->pre[n] < 0x7f ? (char)c->pre[n] : '.';
    shown[n] = '\0';
    c->close_err = ERR_NOT_HTTP2;
    snprintf(c->note, sizeof(c->note), "its first bytes were \"%s\"", shown);
}

/* Looks for reasons to end: asked after each feed and each flush. */
void
conn_check_end(struct h2_conn *c)
{
    bool quiet = c->outq.len == 0 && c->ctl.len == 0;

    if (c->state != CONN_OPEN)
        return;
    if (c->terminating) {
        if (quiet || c->outq.len)
            conn_fail(c, c->close_err, "");
    } else if (c->stream_count == 0 && list_empty(&c->ready) && quiet) {
        bool over =
            c->peer_goaway || (c->draining && (c->side == H2_UP || c->final_goaway));

        if (!over)
            return;
        /* A client may have sent more meanwhile: linger, or the reset of a socket with unread input takes our GOAWAY along. */
        c->terminating = c->side == H2_DOWN;
        conn_fail(c,
                  c->drain_err     ? c->drain_err
                  : c->peer_goaway ? ERR_GOAWAY
                                   : ERR_DRAIN,
                  "");
    }
}

const char *
conn_tls_why(const struct h2_conn *c)
{
    return transport_is_tls(c->t) ? tls_why(c->t) : "";
}

void
conn_on_transport(void *arg, int what)
{
    struct h2_conn *c = arg;

    if (c->state == CONN_LINGER || c->state == CONN_CLOSED)
        return;
    if (what & TRANSPORT_CONNECTED && c->ops->on_connected)
        c->ops->on_connected(c, c->arg);
    if (what & TRANSPORT_WRITABLE)
        conn_dirty(c);
    if (what & (TRANSPORT_READABLE | TRANSPORT_FAILED) && c->want_read)
        conn_read(c);
}

static void
conn_free(struct ref *r)
{
    struct h2_conn *c = CONTAINER_OF(r, struct h2_conn, ref);

    if (c->inflater)
        nghttp2_hd_inflate_del(c->inflater);
    hpack_done(&c->encoder, c->w->slab);
    stream_table_done(&c->table, c->w->slab);
    recv_done(c);
    buf_done(&c->ctl, c->w->bufs);
    buf_done(&c->outq, c->w->bufs);
    slab_give(c->w->slab, c->backlog);
    gate_done(c);
    slab_give(c->w->slab, c);
}

/* True when the byte at this mark of the control queue never reached the socket. Output is only made when all earlier output was
 * written, so the last batch is the only one that can be in doubt. */
bool
conn_never_sent(const struct h2_conn *c, uint64_t mark)
{
    if (mark >= c->ctl_moved)
        return true;
    return mark >= c->ctl_batch && c->out_written <= c->out_batch + (mark - c->ctl_batch);
}

/* All streams end with the connection's error. A request whose first byte never reached the socket was certainly not processed. */
static void
conn_end_streams(struct h2_conn *c)
{
    struct list *n;

    send_resets_done(c, true);
    for (n = c->streams.next; n != &c->streams; n = n->next) {
        struct h2_stream *s = CONTAINER_OF(n, struct h2_stream, link);

        if (s->closing)
            continue; /* it has its own reason, and its event */
        s->closing = true;
        if (c->side == H2_UP && conn_never_sent(c, s->sent_mark))
            s->unprocessed = true;
        s->close_err = c->close_err;
        conn_note(c, s, H2_EV_CLOSED);
    }
    conn_tell(c);
}

/* Second half of the end, at the end of the turn: streams and owner are told, then the memory goes. A lingering connection comes here twice. */
void
conn_bury(struct h2_conn *c)
{
    struct h2_worker *w = c->w;

    if (c->state == CONN_CLOSED) {
        conn_count_end(c);
        conn_end_streams(c);
        c->ops->on_closed(c, c->arg, c->close_err, c->note);
        if (c->terminating && c->outq.len == 0) {
            /* Closing a socket with unread input would reset it and may destroy our last words on the way. */
            c->state = CONN_LINGER;
            c->drain_since_us = loop_now_us(w->loop);
            transport_want(c->t, false, false);
            transport_shut(c->t);
            return;
        }
    }
    w->conn_count--;
    list_remove(&c->link);
    transport_close(c->t);
    c->t = NULL;
    ref_drop(&c->ref, loop_reaper(w->loop));
}

struct h2_conn *
h2_conn_open(struct h2_worker *w, struct transport *t, enum h2_side side,
             const struct h2_limits *limits, const struct h2_conn_ops *ops, void *arg)
{
    struct h2_conn *c = slab_calloc(w->slab, 1, sizeof(*c));
    int64_t now = loop_now_us(w->loop);

    if (!c)
        abort();
    ref_init(&c->ref, conn_free);
    c->w = w;
    c->t = t;
    c->side = side;
    c->ops = ops;
    c->arg = arg;
    c->lim = limits;
    c->number = ++w->numbers;
    list_init(&c->dirty);
    list_init(&c->dying);
    list_init(&c->backlogged);
    list_init(&c->streams);
    list_init(&c->ready);
    list_init(&c->resetting);
    list_init(&c->senders);
    list_append(&w->conns, &c->link);
    w->conn_count++;
    buf_init(&c->outq);
    buf_init(&c->ctl);
    bucket_init(&c->glitches, limits->glitch_burst, limits->glitch_rate, now);
    bucket_init(&c->resets, limits->reset_burst, limits->reset_rate, now);
    c->opened_us = c->idle_since_us = c->write_progress_us = now;
    keepalive_init(c);
    age_start(c);
    if (limits->keepalive.time_us)
        transport_set_user_timeout(t, limits->keepalive.timeout_us);
    else if (side == H2_DOWN)
        transport_set_probes(t); /* connects have them already */
    transport_bind(t, conn_on_transport, c);
    if (side == H2_UP) {
        if (control_start(c) != ERR_OK)
            conn_fail(c, ERR_NOMEM, "no memory for the HPACK tables");
        conn_dirty(c);
    }
    conn_update_want(c);
    return c;
}

static const uint8_t drain_opaque[8] = { 'd', 'r', 'a', 'i', 'n', 0, 0, 1 };

bool
conn_drain_ping(const uint8_t *opaque)
{
    return memcmp(opaque, drain_opaque, sizeof(drain_opaque)) == 0;
}

/* First step of a drain: "no new streams soon"; the PING tells when the client has seen it. */
void
conn_drain_notice(struct h2_conn *c)
{
    c->drain_since_us = loop_now_us(c->w->loop);
    control_goaway(c, INT32_MAX, H2_NO_ERROR);
    control_put(c, FRAME_PING, 0, 0, drain_opaque, sizeof(drain_opaque));
}

/* Second step: the real last id. */
void
conn_finish(struct h2_conn *c)
{
    if (c->final_goaway || c->state != CONN_OPEN)
        return;
    c->final_goaway = true;
    c->drain_since_us = loop_now_us(c->w->loop);
    c->last_id = c->max_id;
    control_goaway(c, c->last_id, H2_NO_ERROR);
}

void
h2_conn_drain(struct h2_conn *c)
{
    if (c->draining || c->state == CONN_CLOSED || c->state == CONN_LINGER)
        return;
    c->draining = true;
    if (c->state == CONN_PREFACE)
        return; /* served like any other, told right after its preface */
    if (c->side == H2_UP)
        conn_dirty(c); /* the flush looks whether it can end */
    else
        conn_drain_notice(c);
}

/* A drain of our own: err is what the owner hears at the end, the text is the debug data of the GOAWAYs. */
void
conn_retire(struct h2_conn *c, int err, const char *goaway_text)
{
    if (c->draining)
        return;
    c->drain_err = err;
    c->goaway_text = goaway_text;
    h2_conn_drain(c);
}

bool
h2_conn_draining(const struct h2_conn *c)
{
    return c->draining || c->peer_goaway || c->terminating || c->lost ||
           c->state == CONN_CLOSED || c->state == CONN_LINGER;
}

bool
h2_conn_settled(const struct h2_conn *c)
{
    return c->settled;
}

unsigned
h2_conn_streams(const struct h2_conn *c)
{
    return c->stream_count;
}

unsigned
h2_conn_free_streams(const struct h2_conn *c)
{
    /* At its memory cap it would only make the call wait: better another connection. */
    if (h2_conn_draining(c) || c->held_back || c->stream_count >= c->peer_max_streams)
        return 0;
    return c->peer_max_streams - c->stream_count;
}

const char *
h2_conn_note(const struct h2_conn *c)
{
    return c->peer_goaway ? "" : c->note;
}

uint32_t
h2_conn_goaway_code(const struct h2_conn *c)
{
    return c->goaway_code;
}

void *
h2_conn_arg(const struct h2_conn *c)
{
    return c->arg;
}

uint64_t
h2_conn_number(const struct h2_conn *c)
{
    return c->number;
}

void
h2_stream_init(struct h2_stream *s, struct h2_worker *w)
{
    *s = (struct h2_stream){ .worker = w, .id = -1 };
    list_init(&s->link);
    list_init(&s->ready);
    list_init(&s->sender);
    buf_init(&s->in);
    buf_init(&s->out);
}

void
h2_stream_done(struct h2_stream *s)
{
    h2_stream_consume(s, s->held);
    h2_headers_done(&s->in_headers, s->worker->slab);
    h2_headers_done(&s->in_trailers, s->worker->slab);
    buf_done(&s->in, s->worker->bufs);
    buf_done(&s->out, s->worker->bufs);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* h2/conn.c - the life of a connection: reading, telling the owner, ending. */
#include "h2/conn_int.h"

#include <stdio.h>
#include <string.h>

#include "base/slab.h"

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

/* Tells the owner what happened to each touched stream. Never below a library callback. */
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
            s->conn = NULL;
            if (--c->stream_count == 0)
                c->idle_since_us = loop_now_us(c->w->loop);
        }
        c->ops->on_events(s, ev);
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
    nghttp2_session_terminate_session(c->session, code);
    conn_dirty(c);
}

void
h2_conn_close(struct h2_conn *c, int err, enum h2_code code, const char *note)
{
    if (c->state == CONN_OPEN)
        conn_terminate(c, err, code, note);
    else
        conn_fail(c, err, note);
}

/* A backend that does not speak HTTP/2: show how it began. */
static void
conn_note_first_bytes(struct h2_conn *c)
{
    char shown[25];
    size_t n = 0;

    for (; n < c->pre_len; n++)
        shown[n] = c->pre[n] >= 0x20 && c->pre[n] < 0x7f ? (char)c->pre[n] : '.';
    shown[n] = '\0';
    c->close_err = ERR_NOT_HTTP2;
    snprintf(c->note, sizeof(c->note), "it does not speak HTTP/2; its first bytes were \"%s\"", shown);
}

/* Looks for reasons to end: asked after each feed and each flush. */
void
conn_check_end(struct h2_conn *c)
{
    bool over, silent, quiet;

    if (c->state != CONN_OPEN)
        return;
    silent = !nghttp2_session_want_write(c->session);
    /* After a GOAWAY no stream of the library is a normal end, also while a request waits to be refused by it. */
    over = !nghttp2_session_want_read(c->session) &&
           (c->draining || c->peer_goaway ? c->stream_count > 0 && silent : true);
    quiet = c->outq.len == 0 && silent;
    if (over && !c->terminating) {
        c->terminating = true; /* the library found a protocol error and queued the GOAWAY */
        c->close_err = ERR_PROTOCOL;
        snprintf(c->note, sizeof(c->note), "the peer broke HTTP/2 rules");
        if (c->side == H2_UP && !c->settled)
            conn_note_first_bytes(c);
        conn_dirty(c);
    }
    if (c->terminating) {
        if (quiet || c->outq.len)
            conn_fail(c, c->close_err, "");
    } else if (c->stream_count == 0 && list_empty(&c->ready) && quiet) {
        if (c->peer_goaway)
            conn_fail(c, ERR_GOAWAY, "");
        else if (c->draining && (c->side == H2_UP || c->final_goaway))
            conn_fail(c, ERR_DRAIN, "");
    }
}

static void
conn_recv_failed(struct h2_conn *c, ssize_t rv)
{
    if (rv == NGHTTP2_ERR_FLOODED) {
        stat_inc(c->w->stats, STAT_FLOOD_CLOSED);
        conn_fail(c, ERR_FLOOD, "too many control frames while our output is blocked");
    } else if (rv == NGHTTP2_ERR_NOMEM) {
        conn_fail(c, ERR_NOMEM, "no memory");
    } else {
        if (c->side == H2_UP && !c->settled)
            conn_note_first_bytes(c);
        conn_fail(c, ERR_PROTOCOL, c->settled ? nghttp2_strerror((int)rv) : "");
    }
}

/* Keeps input beyond this turn's share; reading stops until it was fed. */
static void
conn_store_backlog(struct h2_conn *c, const uint8_t *p, size_t n)
{
    uint8_t *b;

    stat_inc(c->w->stats, STAT_TURN_YIELDS);
    if (c->backlog && p >= c->backlog && p < c->backlog + c->backlog_size) {
        c->backlog_at = (size_t)(p - c->backlog);
        c->backlog_len = n;
    } else {
        b = slab_malloc(c->w->slab, n);
        if (!b) {
            conn_fail(c, ERR_NOMEM, "no memory");
            return;
        }
        memcpy(b, p, n);
        c->backlog = b;
        c->backlog_at = 0;
        c->backlog_len = c->backlog_size = n;
    }
    list_append(&c->w->yielded, &c->backlogged);
    loop_again(c->w->loop);
}

/* Acks, resets and credit that the peer's input made the library queue. What we have to say ourselves (requests, answers) may be a lot more
 * and is no fault of the peer. */
static size_t
conn_count_queued(struct h2_conn *c, size_t before)
{
    size_t now = nghttp2_session_get_outbound_queue_size(c->session);

    if (now > before)
        c->peer_queued += now - before;
    if (c->peer_queued > now)
        c->peer_queued = now;
    return c->peer_queued;
}

void
conn_feed(struct h2_conn *c, const uint8_t *p, size_t n)
{
    while (n && c->state == CONN_OPEN && !c->terminating) {
        size_t queued = nghttp2_session_get_outbound_queue_size(c->session);
        enum gate_verdict verdict;
        size_t k = gate_scan(c, p, n, &verdict);

        if (k) {
            ssize_t rv = nghttp2_session_mem_recv(c->session, p, k);

            if (rv < 0) {
                conn_tell(c);
                conn_recv_failed(c, rv);
                return;
            }
        }
        p += k;
        n -= k;
        if (conn_count_queued(c, queued) > c->lim->max_queued_frames)
            c->flooded = true;
        if (c->flooded)
            conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM, "too many protocol oddities or resets");
        if (verdict == GATE_YIELD && !c->terminating) {
            conn_store_backlog(c, p, n);
            break;
        }
    }
    flow_after_feed(c);
    conn_tell(c);
    conn_dirty(c); /* acks, window updates, resets; cheap when there is nothing */
    conn_check_end(c);
    conn_update_want(c);
}

void
conn_resume_backlog(struct h2_conn *c)
{
    uint8_t *b = c->backlog;
    size_t n = c->backlog_len;

    c->gate.turn_frames = c->gate.turn_streams = 0;
    c->backlog_len = 0;
    conn_feed(c, b + c->backlog_at, n);
    if (c->backlog_len == 0) {
        slab_give(c->w->slab, b);
        c->backlog = NULL;
        conn_update_want(c);
    }
}

static void
conn_read(struct h2_conn *c)
{
    ssize_t n = transport_read(c->t, c->w->read_buf, READ_SIZE);

    if (n == ERR_AGAIN)
        return;
    if (n <= 0) {
        conn_fail(c, ERR_CONN_LOST, n == ERR_EOF ? "the peer closed the connection" : strerror(c->t->sys_errno));
        return;
    }
    c->gate.turn_frames = c->gate.turn_streams = 0;
    if (c->state == CONN_PREFACE) {
        preface_read(c, c->w->read_buf, (size_t)n);
        return;
    }
    if (c->side == H2_UP && !c->settled && c->pre_len < sizeof(c->pre)) {
        size_t k = sizeof(c->pre) - c->pre_len < (size_t)n ? sizeof(c->pre) - c->pre_len : (size_t)n;

        memcpy(c->pre + c->pre_len, c->w->read_buf, k);
        c->pre_len = (uint8_t)(c->pre_len + k);
    }
    conn_feed(c, c->w->read_buf, (size_t)n);
}

void
conn_on_transport(void *arg, int what)
{
    struct h2_conn *c = arg;

    if (c->state == CONN_LINGER || c->state == CONN_CLOSED)
        return;
    if (what & TRANSPORT_WRITABLE)
        conn_dirty(c);
    if (what & (TRANSPORT_READABLE | TRANSPORT_FAILED) && c->want_read)
        conn_read(c);
}

static void
conn_free(struct ref *r)
{
    struct h2_conn *c = CONTAINER_OF(r, struct h2_conn, ref);

    nghttp2_session_del(c->session);
    buf_done(&c->outq, c->w->bufs);
    slab_give(c->w->slab, c->backlog);
    gate_done(c);
    slab_give(c->w->slab, c);
}

/* All streams end with the connection's error. A request whose first byte never reached the socket was certainly not processed. */
static void
conn_end_streams(struct h2_conn *c)
{
    struct list *n;

    for (n = c->streams.next; n != &c->streams; n = n->next) {
        struct h2_stream *s = CONTAINER_OF(n, struct h2_stream, link);

        if (s->events & H2_EV_CLOSED)
            continue;
        if (c->side == H2_UP && (!s->headers_begun || c->out_written <= s->sent_mark))
            s->unprocessed = true;
        if (s->close_err == ERR_OK)
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
        c->last = c->cur = c->sending = NULL;
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
    list_append(&w->conns, &c->link);
    w->conn_count++;
    buf_init(&c->outq);
    bucket_init(&c->glitches, limits->glitch_burst, limits->glitch_rate, now);
    bucket_init(&c->resets, limits->reset_burst, limits->reset_rate, now);
    c->opened_us = c->idle_since_us = c->write_progress_us = now;
    transport_bind(t, conn_on_transport, c);
    if (side == H2_UP) {
        if (session_start(c) != ERR_OK)
            conn_fail(c, ERR_NOMEM, "no memory for a session");
        conn_dirty(c);
    }
    conn_update_want(c);
    return c;
}

bool
h2_conn_draining(const struct h2_conn *c)
{
    return c->draining || c->peer_goaway || c->terminating || c->state == CONN_CLOSED ||
           c->state == CONN_LINGER;
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
    if (h2_conn_draining(c) || c->stream_count >= c->peer_max_streams)
        return 0;
    return c->peer_max_streams - c->stream_count;
}

void *
h2_conn_arg(const struct h2_conn *c)
{
    return c->arg;
}

struct h2_worker *
h2_conn_worker(const struct h2_conn *c)
{
    return c->w;
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

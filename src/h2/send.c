/* SPDX-License-Identifier: Apache-2.0 */
/* h2/send.c - streams: how they open and close, and what the owner sends on them. Headers are encoded at once into the connection's
 * control queue, in the order in which they will leave; DATA is cut into frames only when the connection is flushed, streams in turn. */
#include "h2/conn_int.h"

/* --- life ------------------------------------------------------------------------------------ */

/* The table has room. */
void
stream_open(struct h2_conn *c, struct h2_stream *s, int32_t id)
{
    s->id = id;
    s->in_length = -1;
    s->send_window = c->peer_window;
    /* Until the peer acked our SETTINGS it may still use the default window. */
    s->window = c->lim->stream_window;
    s->recv_window = s->window > WINDOW_DEFAULT ? s->window : WINDOW_DEFAULT;
    s->taken_us = loop_now_us(c->w->loop);
    stream_table_add(&c->table, s);
    s->conn = c;
    s->progress_us = loop_now_us(c->w->loop);
    list_append(&c->streams, &s->link);
    c->stream_count++;
    if (UNLIKELY(c->alive.dormant))
        keepalive_wake(c); /* does the backend still live? The PING goes in front */
}

/* Off the table: frames for it have no addressee any more. The owner hears H2_EV_CLOSED with the next telling. */
static void
stream_detach(struct h2_conn *c, struct h2_stream *s, bool by_us)
{
    stream_table_remove(&c->table, s->id);
    gate_note_closed(c, s->id, by_us);
    list_remove(&s->sender);
    if (c->recv.stream == s)
        c->recv.stream = NULL;
    if (c->recv.block == s)
        c->recv.block = NULL;
    s->closing = true;
}

void
stream_close(struct h2_conn *c, struct h2_stream *s, int err, uint32_t code)
{
    if (s->closing)
        return;
    stream_detach(c, s, false);
    s->close_err = err;
    s->close_code = code;
    conn_note(c, s, H2_EV_CLOSED);
}

/* RST_STREAM from us; fault: the peer's. The stream counts as open until the frame is on the socket: that bounds the work behind it (reliability.md 1). */
static void
stream_reset(struct h2_conn *c, struct h2_stream *s, int err, uint32_t code, bool fault)
{
    uint8_t p[4];

    if (s->closing)
        return;
    if (s->waits_since_us) { /* nobody waits for what will not be sent */
        s->waited_us += loop_now_us(c->w->loop) - s->waits_since_us;
        s->waits_since_us = 0;
    }
    stream_detach(c, s, true);
    c->failed += err != ERR_OK;
    s->discard = true;
    s->close_err = err;
    s->close_code = code;
    frame_put32(p, code);
    if (fault)
        control_answer(c, FRAME_RST_STREAM, 0, s->id, p, sizeof(p));
    else
        control_put(c, FRAME_RST_STREAM, 0, s->id, p, sizeof(p));
    s->sent_mark = c->ctl_made - 1; /* its last byte */
    list_remove(&s->link);
    list_append(&c->resetting, &s->link);
}

/* The peer broke a rule on this stream; what we reset for its fault is charged to it (row A2). */
void
stream_error(struct h2_conn *c, struct h2_stream *s, uint32_t code)
{
    h2_conn_glitch(c, 1);
    stream_reset(c, s, ERR_PROTOCOL, code, true);
}

static void
stream_check_end(struct h2_conn *c, struct h2_stream *s)
{
    if (s->in_ended && s->end_sent)
        stream_close(c, s, ERR_OK, H2_NO_ERROR);
}

/* END_STREAM was received. */
void
stream_ended_in(struct h2_conn *c, struct h2_stream *s)
{
    if (s->in_length >= 0 && s->in_length != s->in_bytes) {
        stream_error(c, s, H2_PROTOCOL_ERROR); /* content-length lied (8.1.1) */
        return;
    }
    s->in_ended = true;
    conn_note(c, s, H2_EV_END);
    stream_check_end(c, s);
}

/* END_STREAM is queued behind all else. Our answer is complete while the client still sends: NO_ERROR tells it to stop (RFC 9113 8.1). */
static void
stream_ended_out(struct h2_conn *c, struct h2_stream *s)
{
    s->end_sent = true;
    s->progress_us = loop_now_us(c->w->loop);
    if (s->in_ended)
        stream_check_end(c, s);
    else if (c->side == H2_DOWN && !s->patient)
        stream_reset(c, s, ERR_OK, H2_NO_ERROR, false);
}

/* Streams whose reset is on the socket are gone; all: the connection is over. */
void
send_resets_done(struct h2_conn *c, bool all)
{
    while (!list_empty(&c->resetting)) {
        struct h2_stream *s = CONTAINER_OF(c->resetting.next, struct h2_stream, link);

        if (!all && conn_never_sent(c, s->sent_mark))
            return;
        list_remove(&s->link);
        list_append(&c->streams, &s->link); /* conn_tell takes it off */
        conn_note(c, s, H2_EV_CLOSED);
    }
}

/* --- data ---------------------------------------------------------------------------------------- */

/* Lines the stream up for the flush if it has something to say and a window for it. */
void
stream_wake(struct h2_conn *c, struct h2_stream *s)
{
    if (s->closing || list_linked(&s->sender) || s->out.len == 0 || s->send_window <= 0 ||
        !s->headers_queued)
        return;
    list_append(&c->senders, &s->sender);
    conn_dirty(c);
}

static void
stream_send_end(struct h2_conn *c, struct h2_stream *s)
{
    if (s->trailer_count) {
        if (block_send(c, s->trailers, s->trailer_count, s->id, true) != ERR_OK) {
            stream_reset(c, s, ERR_LIMIT, H2_INTERNAL_ERROR, false);
            return;
        }
    } else {
        control_put(c, FRAME_DATA, FLAG_END_STREAM, s->id, "", 0);
        c->gate.data_out++;
    }
    stream_ended_out(c, s);
}

/* The next stream in line. SETTINGS may have taken its window since it lined up, also below zero (RFC 9113 6.9.2): then its next
 * WINDOW_UPDATE wakes it. */
static struct h2_stream *
send_next(struct h2_conn *c)
{
    struct list *n;

    while ((n = list_pop(&c->senders))) {
        struct h2_stream *s = CONTAINER_OF(n, struct h2_stream, sender);

        if (s->send_window > 0)
            return s;
    }
    return NULL;
}

/* One DATA frame of the next stream in line. False: nobody can send. */
bool
send_some(struct h2_conn *c)
{
    struct h2_stream *s = c->send_window > 0 ? send_next(c) : NULL;
    uint8_t head[FRAME_HEAD];
    size_t n;
    bool last, end;

    if (!s)
        return false;
    n = s->out.len < FRAME_PAYLOAD_MAX ? s->out.len : FRAME_PAYLOAD_MAX;
    if ((int64_t)n > s->send_window)
        n = (size_t)s->send_window;
    if ((int64_t)n > c->send_window)
        n = (size_t)c->send_window;
    last = n == s->out.len;
    end = last && s->end_queued && !s->trailer_count;
    frame_head_write(head, n, FRAME_DATA, end ? FLAG_END_STREAM : 0, s->id);
    output_bytes(&c->w->out, head, sizeof(head));
    output_from(&c->w->out, c->w, &s->out, n);
    s->send_window -= (int64_t)n;
    c->send_window -= (int64_t)n;
    s->drained += n;
    s->progress_us = loop_now_us(c->w->loop);
    if (last && s->waits_since_us) {
        s->waited_us += s->progress_us - s->waits_since_us;
        s->waits_since_us = 0;
    }
    c->gate.data_out++;
    conn_note(c, s, H2_EV_DRAINED);
    if (!last)
        stream_wake(c, s); /* behind the others */
    else if (end)
        stream_ended_out(c, s);
    else if (s->end_queued)
        stream_send_end(c, s);
    return true;
}

/* --- for the owner ---------------------------------------------------------------------------------- */

int
h2_stream_request(struct h2_conn *c, struct h2_stream *s, const struct h2_field *fields,
                  size_t n, bool end)
{
    int rv;

    if (c->state != CONN_OPEN || h2_conn_draining(c))
        return ERR_GOAWAY;
    if (!stream_table_room(&c->table, c->w->slab))
        return ERR_NOMEM;
    stream_open(c, s, c->next_id);
    s->sent_mark = c->ctl_made;
    rv = block_send(c, fields, n, s->id, end);
    if (rv != ERR_OK) {
        stream_table_remove(&c->table, s->id);
        list_remove(&s->link);
        c->stream_count--;
        s->conn = NULL;
        return rv;
    }
    c->next_id += 2;
    s->headers_queued = true;
    s->end_queued = s->end_sent = end;
    if (c->next_id > (1 << 30))
        h2_conn_drain(c); /* ids run out at 2^31-1; retire the connection in time */
    return ERR_OK;
}

int
h2_stream_respond(struct h2_stream *s, const struct h2_field *fields, size_t n, bool end)
{
    struct h2_conn *c = s->conn;
    int rv;

    if (!c || c->state != CONN_OPEN || s->closing)
        return ERR_CLOSED;
    rv = block_send(c, fields, n, s->id, end);
    if (rv != ERR_OK)
        return rv;
    s->headers_queued = true;
    if (end) {
        s->end_queued = true;
        stream_ended_out(c, s);
    }
    return ERR_OK;
}

void
h2_stream_kick(struct h2_stream *s)
{
    struct h2_conn *c = s->conn;

    if (!c || c->state != CONN_OPEN || list_linked(&s->sender))
        return;
    s->progress_us = loop_now_us(c->w->loop);
    if (s->waits_since_us == 0 && s->out.len)
        s->waits_since_us = s->progress_us;
    stream_wake(c, s);
}

void
h2_stream_end(struct h2_stream *s, const struct h2_field *trailers, size_t n)
{
    struct h2_conn *c = s->conn;

    if (!c || s->end_queued || s->closing)
        return;
    s->end_queued = true;
    s->trailers = trailers;
    s->trailer_count = (uint32_t)n;
    if (c->state != CONN_OPEN)
        return;
    if (s->out.len == 0)
        stream_send_end(c, s);
    else
        stream_wake(c, s);
}

void
h2_stream_reset(struct h2_stream *s, uint32_t code)
{
    struct h2_conn *c = s->conn;

    if (!c || c->state != CONN_OPEN)
        return;
    stream_reset(c, s, s->close_err != ERR_OK ? s->close_err : ERR_CANCELLED, code,
                 false);
}

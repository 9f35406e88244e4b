/* SPDX-License-Identifier: Apache-2.0 */
/* h2/send.c - what the owner sends on a stream: headers, data, trailers, resets. Everything here only submits. */
#include "h2/conn_int.h"

/* The library asks for the next DATA frame: how much, and is it the last? The bytes go out in on_send_data (session.c). */
static ssize_t
stream_read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
                nghttp2_data_source *source, void *arg)
{
    struct h2_stream *s = source->ptr;
    size_t n = s->out.len < room ? s->out.len : room;

    (void)buf, (void)arg;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n < s->out.len)
        return (ssize_t)n;
    /* All we have. The item ends here; more bytes make a new one. So an empty DATA frame is only sent for a bare END_STREAM. */
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->end_queued && !s->trailer_count)
        return (ssize_t)n; /* with END_STREAM; data_active stays set: nothing may follow */
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (s->end_queued)
        nghttp2_submit_trailer(session, id, (const nghttp2_nv *)s->trailers, s->trailer_count);
    else
        s->data_active = false;
    return (ssize_t)n;
}

/* Hands the library what waits in out, or the end. Called when something was added and when the last item ended. */
void
stream_submit_out(struct h2_stream *s)
{
    nghttp2_session *session = s->conn->session;
    nghttp2_data_provider source = { .source.ptr = s, .read_callback = stream_read_out };

    if (s->data_active || s->discard || !s->headers_queued)
        return;
    if (s->conn->side == H2_UP && !s->headers_begun)
        return; /* the stream does not exist yet; on_frame_send comes back here */
    if (s->out.len == 0 && (!s->end_queued || s->trailer_count)) {
        if (s->end_queued) {
            nghttp2_submit_trailer(session, s->id, (const nghttp2_nv *)s->trailers,
                                   s->trailer_count);
            s->data_active = true; /* nothing may follow */
        }
        return;
    }
    if (nghttp2_submit_data(session, NGHTTP2_FLAG_END_STREAM, s->id, &source) == 0)
        s->data_active = true;
}

int
h2_stream_request(struct h2_conn *c, struct h2_stream *s, const struct h2_field *fields, size_t n,
                  bool end)
{
    int32_t id;

    if (c->state != CONN_OPEN || c->draining || c->peer_goaway || c->terminating)
        return ERR_GOAWAY;
    id = nghttp2_submit_headers(c->session, end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, -1,
                                NULL, (const nghttp2_nv *)fields, n, s);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
        return ERR_GOAWAY;
    if (id < 0)
        return ERR_NOMEM;
    s->conn = c;
    s->id = id;
    s->headers_queued = true;
    s->end_queued = end;
    s->progress_us = loop_now_us(c->w->loop);
    list_append(&c->streams, &s->link);
    c->stream_count++;
    if (id > (1 << 30))
        h2_conn_drain(c); /* ids run out at 2^31-1; retire the connection in time */
    conn_dirty(c);
    return ERR_OK;
}

int
h2_stream_respond(struct h2_stream *s, const struct h2_field *fields, size_t n, bool end)
{
    struct h2_conn *c = s->conn;

    if (!c || c->state != CONN_OPEN || s->discard)
        return ERR_CLOSED;
    if (nghttp2_submit_headers(c->session, end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, s->id,
                               NULL, (const nghttp2_nv *)fields, n, NULL) != 0)
        return ERR_NOMEM;
    s->headers_queued = true;
    if (end)
        s->end_queued = s->data_active = true; /* nothing may follow */
    conn_dirty(c);
    return ERR_OK;
}

void
h2_stream_kick(struct h2_stream *s)
{
    if (!s->conn || s->conn->state != CONN_OPEN || s->data_active)
        return;
    s->progress_us = loop_now_us(s->conn->w->loop);
    stream_submit_out(s);
    conn_dirty(s->conn);
}

void
h2_stream_end(struct h2_stream *s, const struct h2_field *trailers, size_t n)
{
    if (!s->conn || s->end_queued)
        return;
    s->end_queued = true;
    s->trailers = trailers;
    s->trailer_count = (uint8_t)(n < 255 ? n : 255);
    if (s->conn->state != CONN_OPEN)
        return;
    stream_submit_out(s);
    conn_dirty(s->conn);
}

void
h2_stream_reset(struct h2_stream *s, uint32_t code)
{
    struct h2_conn *c = s->conn;

    if (!c || s->discard || c->state != CONN_OPEN)
        return;
    s->discard = true;
    if (s->close_err == ERR_OK)
        s->close_err = ERR_CANCELLED;
    s->close_code = code;
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, code);
    conn_dirty(c);
}

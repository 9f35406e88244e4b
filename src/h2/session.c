/* SPDX-License-Identifier: Apache-2.0 */
/* h2/session.c - the library's callbacks. They take notes on streams and connections and submit; they never free, never send,
 * never receive, and the owner never runs below them (on_open allocates only). */
#include "h2/conn_int.h"

#include "base/slab.h"

static const uint8_t drain_opaque[8] = { 'd', 'r', 'a', 'i', 'n', 0, 0, 1 };

static struct h2_stream *
stream_find(struct h2_conn *c, int32_t id)
{
    if (c->last && c->last->id == id)
        return c->last;
    return nghttp2_session_get_stream_user_data(c->session, id);
}

static void
stream_attach(struct h2_conn *c, struct h2_stream *s, int32_t id)
{
    s->conn = c;
    s->id = id;
    list_append(&c->streams, &s->link);
    c->stream_count++;
    s->progress_us = loop_now_us(c->w->loop);
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        c->cur = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        return 0;
    }
    c->cur = NULL;
    s = c->ops->on_open(c, c->arg);
    if (!s) {
        stat_inc(c->w->stats, STAT_STREAMS_REFUSED);
        h2_conn_glitch(c, 1);
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    stream_attach(c, s, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
    c->cur = s;
    return 0;
}

static struct h2_headers *
headers_being_read(struct h2_stream *s)
{
    return s->in_headers.complete ? &s->in_trailers : &s->in_headers;
}

/* A block over the limit is answered by the owner; one far over it, decoded, is an HPACK bomb (row A4). */
enum { BOMB_FACTOR = 16 };

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
          nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_headers *h;

    (void)session;
    (void)frame;
    if (!c->cur || c->cur->discard)
        return 0;
    h = headers_being_read(c->cur);
    if (headers_add(h, c->w->slab, c->lim, name, value, flags) == ERR_OK)
        return 0;
    if (h->bytes > BOMB_FACTOR * c->lim->max_header_bytes) {
        c->flooded = true;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static int
on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                  nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct h2_conn *c = arg;

    (void)session, (void)frame, (void)name, (void)value, (void)flags;
    if (c->cur)
        headers_being_read(c->cur)->invalid = true;
    return 0; /* the owner rejects the stream: a dropped field must never become "no field" */
}

static void
headers_received(struct h2_conn *c, const nghttp2_frame *frame)
{
    struct h2_stream *s = c->cur;
    unsigned ev = 0;

    c->cur = NULL;
    if (!s)
        return;
    if (!s->in_headers.complete) {
        struct slice status = h2_headers_get(&s->in_headers, H2_TOKEN_STATUS);

        if (c->side == H2_UP && status.n == 3 && status.p[0] == '1') {
            /* Informational: never the answer (RFC 9113 8.1). Dropped; a flood of them ends the stream. */
            h2_headers_done(&s->in_headers, c->w->slab);
            stat_inc(c->w->stats, STAT_INTERIM_DROPPED);
            if (++s->interim > 8) {
                s->close_err = ERR_PROTOCOL;
                h2_stream_reset(s, NGHTTP2_ENHANCE_YOUR_CALM);
            }
            return;
        }
        s->in_headers.complete = true;
        ev = H2_EV_HEADERS;
    } else {
        s->in_trailers.complete = true;
        ev = H2_EV_TRAILERS;
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        s->in_ended = true;
        ev |= H2_EV_END;
    }
    conn_note(c, s, ev);
}

static void
settings_received(struct h2_conn *c, const nghttp2_frame *frame)
{
    uint32_t max;

    if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
        c->acked = true;
        return;
    }
    max = nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (!c->settled || max != c->peer_max_streams)
        c->settings_news = true;
    c->settled = true;
    c->peer_max_streams = max;
}

static void
goaway_received(struct h2_conn *c, const nghttp2_frame *frame)
{
    size_t n = frame->goaway.opaque_data_len;

    stat_inc(c->w->stats, STAT_GOAWAY_RECEIVED);
    c->peer_goaway = true;
    c->goaway_news = true;
    c->goaway_code = frame->goaway.error_code;
    if (n > NOTE_MAX - 1)
        n = NOTE_MAX - 1;
    if (n > 128)
        n = 128;
    if (n > 0) /* the library gives NULL when there is none */
        memcpy(c->note, frame->goaway.opaque_data, n);
    c->note[n] = '\0';
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            break;
        s = stream_find(c, frame->hd.stream_id);
        if (s && !s->in_ended) {
            s->in_ended = true;
            conn_note(c, s, H2_EV_END);
        }
        break;
    case NGHTTP2_HEADERS:
        headers_received(c, frame);
        break;
    case NGHTTP2_RST_STREAM:
        s = stream_find(c, frame->hd.stream_id);
        if (s)
            s->peer_reset = true;
        if (c->side == H2_DOWN) {
            stat_inc(c->w->stats, STAT_RESETS_RECEIVED);
            if (!bucket_take(&c->resets, 1, loop_now_us(c->w->loop)))
                c->flooded = true;
        }
        break;
    case NGHTTP2_SETTINGS:
        settings_received(c, frame);
        break;
    case NGHTTP2_PING:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            break;
        if (flow_ping_ours(frame->ping.opaque_data))
            flow_ping_ack(c, frame->ping.opaque_data);
        else if (memcmp(frame->ping.opaque_data, drain_opaque, 8) == 0 && c->draining)
            conn_finish(c);
        break;
    case NGHTTP2_GOAWAY:
        goaway_received(c, frame);
        break;
    default:
        break;
    }
    return 0;
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
              void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s = stream_find(c, id);

    (void)flags;
    if (!s || s->discard) {
        /* Nobody wants it: the connection's window must not leak (reliability.md A20). */
        nghttp2_session_consume(session, id, n);
        return 0;
    }
    c->last = s;
    if (buf_append(&s->in, c->w->bufs, data, n, SIZE_MAX) != 0) {
        /* Bounded by the stream window; only memory can fail. */
        nghttp2_session_consume(session, id, n);
        s->close_err = ERR_NOMEM;
        h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
        return 0;
    }
    flow_received(c, s, n);
    conn_note(c, s, H2_EV_DATA);
    return 0;
}

static void
close_reason(struct h2_conn *c, struct h2_stream *s, uint32_t code)
{
    s->close_code = code;
    if (!s->headers_begun && c->side == H2_UP)
        s->unprocessed = true;
    if (s->close_err != ERR_OK)
        return; /* we reset it and know why */
    if (s->peer_reset) {
        s->close_err = code == NGHTTP2_REFUSED_STREAM ? ERR_REFUSED : ERR_RESET;
        if (code == NGHTTP2_NO_ERROR && s->in_ended)
            s->close_err = ERR_OK; /* RFC 9113 8.1: the answer is complete, our body is not wanted */
    } else if (code == NGHTTP2_REFUSED_STREAM && c->peer_goaway) {
        s->close_err = ERR_GOAWAY;
    } else if (code != NGHTTP2_NO_ERROR && !s->discard) {
        s->close_err = ERR_PROTOCOL; /* the library rejected what the peer sent */
    }
    if (s->close_err == ERR_REFUSED || s->close_err == ERR_GOAWAY)
        s->unprocessed = c->side == H2_UP;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

    if (c->cur == s)
        c->cur = NULL;
    if (c->last == s)
        c->last = NULL;
    if (c->sending == s)
        c->sending = NULL;
    gate_note_closed(c, id, !(s && (s->peer_reset || (s->in_ended && s->end_queued))));
    if (!s)
        return 0;
    close_reason(c, s, code);
    nghttp2_session_set_stream_user_data(session, id, NULL);
    conn_note(c, s, H2_EV_CLOSED);
    return 0;
}

/* From here on bytes of the request may reach the peer: the mark where they start decides whether a lost connection had seen them. */
static int
on_before_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s;

    if (c->side != H2_UP || frame->hd.type != NGHTTP2_HEADERS ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s) {
        s->headers_begun = true;
        c->sending = s;
        s->sent_mark = c->out_made + c->w->out.total;
    }
    return 0;
}

/* Our answer is complete while the client still sends: NO_ERROR tells it to stop (RFC 9113 8.1). */
static void
answer_sent(struct h2_conn *c, struct h2_stream *s)
{
    if (s && c->side == H2_DOWN && !s->in_ended && !s->patient)
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static void
headers_frame_sent(struct h2_conn *c, const nghttp2_frame *frame)
{
    struct h2_stream *s;

    if (c->side == H2_UP) {
        s = c->sending; /* found when the frame was begun */
        c->sending = NULL;
        if (s && frame->headers.cat == NGHTTP2_HCAT_REQUEST &&
            !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            stream_submit_out(s);
    } else if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        answer_sent(c, nghttp2_session_get_stream_user_data(c->session, frame->hd.stream_id));
    }
}

static void
data_frame_sent(struct h2_conn *c, const nghttp2_frame *frame)
{
    struct h2_stream *s = c->sending; /* noted by on_send_data */

    c->sending = NULL;
    c->gate.data_out++;
    if (!s)
        return;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        answer_sent(c, s);
    else if (!s->data_active)
        stream_submit_out(s); /* more came while the last piece was on its way */
}

static int
on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2_conn *c = arg;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_frame_sent(c, frame);
        break;
    case NGHTTP2_DATA:
        data_frame_sent(c, frame);
        break;
    case NGHTTP2_RST_STREAM:
        /* A reset that we had to send for the peer's error costs the peer (row A2). */
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
            frame->rst_stream.error_code != NGHTTP2_CANCEL &&
            frame->rst_stream.error_code != NGHTTP2_REFUSED_STREAM)
            h2_conn_glitch(c, 1);
        break;
    case NGHTTP2_GOAWAY:
        stat_inc(c->w->stats, STAT_GOAWAY_SENT);
        break;
    default:
        break;
    }
    return 0;
}

/* The library hands out one DATA frame of a NO_COPY source. */
static int
on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd, size_t n,
             nghttp2_data_source *source, void *arg)
{
    struct h2_conn *c = arg;
    struct h2_stream *s = source->ptr;
    struct output *o = &c->w->out;

    (void)session;
    (void)frame;
    if (output_full(o, c->lim->write_buffer))
        return NGHTTP2_ERR_WOULDBLOCK; /* the library asks again with the same frame */
    c->sending = s;
    output_bytes(o, framehd, 9);
    if (n == 0)
        return 0;
    s->drained += n;
    s->progress_us = loop_now_us(c->w->loop);
    while (n) {
        const uint8_t *p;
        size_t k = buf_peek(&s->out, &p);

        if (!s->out.keep && k >= 2048 && k <= n && o->n + 4 < OUT_IOV) {
            output_chunk(o, buf_take_chunk(&s->out));
        } else {
            k = k < n ? k : n;
            output_bytes(o, p, k);
            buf_consume(&s->out, c->w->bufs, k);
        }
        n -= k;
    }
    conn_note(c, s, H2_EV_DRAINED);
    return 0;
}

nghttp2_session_callbacks *
session_callbacks_new(void)
{
    nghttp2_session_callbacks *cb;

    if (nghttp2_session_callbacks_new(&cb) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_before_frame_send_callback(cb, on_before_frame_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    return cb;
}

static nghttp2_option *
session_options(const struct h2_conn *c)
{
    nghttp2_option *o;

    if (nghttp2_option_new(&o) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1); /* 1.52 keeps them for ever otherwise */
    nghttp2_option_set_peer_max_concurrent_streams(o, 100);
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
    /* Ours (resets bucket) comes first; the library's stays as a net above it. */
    nghttp2_option_set_stream_reset_rate_limit(o, 4ull * c->lim->reset_burst,
                                               4ull * c->lim->reset_rate);
#endif
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
    nghttp2_option_set_max_continuations(o, c->lim->max_continuations);
#endif
    return o;
}

static int
session_settings(struct h2_conn *c)
{
    const struct h2_limits *l = c->lim;
    nghttp2_settings_entry e[4];
    size_t n = 0;

    if (c->side == H2_UP)
        e[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
    else
        e[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                           l->max_concurrent_streams };
    e[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->stream_window };
    e[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->max_header_bytes };
    if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, e, n) != 0)
        return ERR_NOMEM;
    if (nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                              (int32_t)l->connection_window) != 0)
        return ERR_NOMEM;
    return ERR_OK;
}

/* First step of a drain: "no new streams soon"; the PING tells when the client has seen it. */
static void
session_drain_notice(struct h2_conn *c)
{
    nghttp2_submit_shutdown_notice(c->session);
    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, drain_opaque);
    conn_dirty(c);
}

int
session_start(struct h2_conn *c)
{
    nghttp2_option *o = session_options(c);
    int rv;

    if (!o)
        return ERR_NOMEM;
    if (c->side == H2_DOWN)
        rv = nghttp2_session_server_new3(&c->session, c->w->callbacks, c, o, &c->w->mem);
    else
        rv = nghttp2_session_client_new3(&c->session, c->w->callbacks, c, o, &c->w->mem);
    nghttp2_option_del(o);
    if (rv != 0)
        return ERR_NOMEM;
    c->bdp_window = c->lim->stream_window;
    c->peer_max_streams = 100;
    if (c->side == H2_DOWN)
        c->gate.magic_left = NGHTTP2_CLIENT_MAGIC_LEN;
    c->state = CONN_OPEN;
    rv = session_settings(c);
    if (rv == ERR_OK && c->draining)
        session_drain_notice(c);
    return rv;
}

/* Ends a drain: the real last id. Also called when the PING of the notice came back. */
void
conn_finish(struct h2_conn *c)
{
    if (c->final_goaway || !c->session)
        return;
    c->final_goaway = true;
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
    conn_dirty(c);
}

void
h2_conn_drain(struct h2_conn *c)
{
    if (c->draining || c->state == CONN_CLOSED)
        return;
    c->draining = true;
    c->drain_since_us = loop_now_us(c->w->loop);
    if (c->state == CONN_PREFACE)
        return; /* served like any other, told right after its preface */
    if (c->side == H2_UP) {
        conn_check_end(c);
        return;
    }
    session_drain_notice(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* h2/control.c - frames about the connection: SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM, PRIORITY (RFC 9113 section 6). */
#include <string.h>

#include "h2/conn_int.h"

enum {
    SETTINGS_ENTRY = 6,
    SETTINGS_MAX = 32,
    WINDOW_MAX = INT32_MAX,
    GOAWAY_TEXT_MAX = 128,
    GOAWAY_OWN_TEXT_MAX = 32,
};

/* --- out -------------------------------------------------------------------------------- */

/* A frame without flow control, behind what waits already. */
void
control_put(struct h2_conn *c, uint8_t type, uint8_t flags, int32_t id,
            const void *payload, size_t n)
{
    uint8_t frame[FRAME_HEAD + 64];

    frame_head_write(frame, n, type, flags, id);
    memcpy(frame + FRAME_HEAD, payload, n);
    if (buf_append(&c->ctl, c->w->bufs, frame, FRAME_HEAD + n, SIZE_MAX) != ERR_OK) {
        conn_fail(c, ERR_NOMEM, "no memory");
        return;
    }
    c->ctl_made += FRAME_HEAD + n;
    conn_dirty(c);
}

/* A frame that the peer's input caused: acks, resets for its faults. Who makes us answer and does not read the answers is a flood
 * (reliability.md 0.2-0.4); what we say of ourselves is no fault of the peer. */
void
control_answer(struct h2_conn *c, uint8_t type, uint8_t flags, int32_t id,
               const void *payload, size_t n)
{
    control_put(c, type, flags, id, payload, n);
    if (++c->ctl_answers > c->lim->max_queued_frames)
        c->flooded = true;
}

void
control_window(struct h2_conn *c, int32_t id, uint32_t n)
{
    uint8_t p[4];

    frame_put32(p, n);
    control_put(c, FRAME_WINDOW_UPDATE, 0, id, p, sizeof(p));
}

void
control_goaway(struct h2_conn *c, int32_t last_id, uint32_t code)
{
    const char *text = c->goaway_text ? c->goaway_text : "";
    size_t n = strlen(text); /* ours, and short */
    uint8_t p[8 + GOAWAY_OWN_TEXT_MAX];

    if (n > GOAWAY_OWN_TEXT_MAX)
        n = GOAWAY_OWN_TEXT_MAX;
    frame_put32(p, (uint32_t)last_id);
    frame_put32(p + 4, code);
    memcpy(p + 8, text, n);
    control_put(c, FRAME_GOAWAY, 0, 0, p, 8 + n);
    stat_inc(c->w->stats, STAT_GOAWAY_SENT);
}

static size_t
control_setting(uint8_t *p, uint16_t id, uint32_t value)
{
    p[0] = (uint8_t)(id >> 8);
    p[1] = (uint8_t)id;
    frame_put32(p + 2, value);
    return SETTINGS_ENTRY;
}

/* Our side of the beginning: HPACK tables, the preface of a client, SETTINGS, the connection's window. */
int
control_start(struct h2_conn *c)
{
    const struct h2_limits *l = c->lim;
    uint8_t p[4 * SETTINGS_ENTRY];
    size_t n = 0;

    if (nghttp2_hd_inflate_new2(&c->inflater, &c->w->mem) != 0)
        return ERR_NOMEM;
    hpack_init(&c->encoder);
    c->state = CONN_OPEN;
    c->peer_max_streams = 100; /* until its SETTINGS say more */
    c->peer_window = WINDOW_DEFAULT;
    c->send_window = c->recv_window = WINDOW_DEFAULT;
    c->stream_window = l->stream_window;
    c->conn_window = l->connection_window < l->max_connection_buffer
                         ? l->connection_window
                         : (uint32_t)l->max_connection_buffer;
    if (c->conn_window < WINDOW_DEFAULT) /* what the peer starts with (RFC 9113 6.9.2) */
        c->conn_window = WINDOW_DEFAULT;
    c->next_id = 1;
    if (c->side == H2_UP) {
        if (buf_append(&c->ctl, c->w->bufs, FRAME_MAGIC, FRAME_MAGIC_LEN, SIZE_MAX) !=
            ERR_OK)
            return ERR_NOMEM;
        c->ctl_made += FRAME_MAGIC_LEN;
        n += control_setting(p + n, SETTING_ENABLE_PUSH, 0);
    } else {
        c->recv.magic_left = FRAME_MAGIC_LEN;
        n += control_setting(p + n, SETTING_MAX_CONCURRENT_STREAMS,
                             l->max_concurrent_streams);
    }
    n += control_setting(p + n, SETTING_INITIAL_WINDOW_SIZE, l->stream_window);
    n += control_setting(p + n, SETTING_MAX_HEADER_LIST_SIZE, l->max_header_bytes);
    control_put(c, FRAME_SETTINGS, 0, 0, p, n);
    if (c->conn_window > WINDOW_DEFAULT) {
        control_window(c, 0, c->conn_window - WINDOW_DEFAULT);
        c->recv_window = c->conn_window;
    }
    if (c->draining)
        conn_drain_notice(c);
    keepalive_start(c);
    return ERR_OK;
}

/* --- in: the frame header ------------------------------------------------------------------ */

static bool
control_bad(struct h2_conn *c, uint32_t code, const char *note)
{
    conn_terminate(c, ERR_PROTOCOL, code, note);
    return false;
}

/* A stream that nobody opened yet (RFC 9113 5.1 "idle"). */
static bool
control_is_idle(const struct h2_conn *c, int32_t id)
{
    bool theirs = (id & 1) == (c->side == H2_DOWN);

    if (!theirs)
        return c->side == H2_DOWN ||
               id >= c->next_id; /* we never push; ours rise by two */
    return c->side == H2_DOWN ? id > c->max_id
                              : true; /* a server of ours never opens any */
}

static bool
control_check_settings(struct h2_conn *c, const struct frame *f)
{
    if (f->id != 0)
        return control_bad(c, H2_PROTOCOL_ERROR, "SETTINGS on a stream");
    if (f->flags & FLAG_ACK ? f->len != 0 : f->len % SETTINGS_ENTRY != 0)
        return control_bad(c, H2_FRAME_SIZE_ERROR, "SETTINGS of a wrong length");
    if (f->len > SETTINGS_MAX * SETTINGS_ENTRY)
        return control_bad(c, H2_ENHANCE_YOUR_CALM, "too many SETTINGS entries");
    return true;
}

/* Rules that the frame header alone decides. */
bool
control_check(struct h2_conn *c, const struct frame *f)
{
    switch (f->type) {
    case FRAME_SETTINGS:
        return control_check_settings(c, f);
    case FRAME_PING:
    case FRAME_GOAWAY:
        if (f->id != 0)
            return control_bad(c, H2_PROTOCOL_ERROR, "PING or GOAWAY on a stream");
        if (f->type == FRAME_PING ? f->len != 8 : f->len < 8)
            return control_bad(c, H2_FRAME_SIZE_ERROR,
                               "PING or GOAWAY of a wrong length");
        return true;
    case FRAME_PRIORITY:
        if (f->id == 0)
            return control_bad(c, H2_PROTOCOL_ERROR, "PRIORITY on stream 0");
        return true;
    case FRAME_RST_STREAM:
    case FRAME_WINDOW_UPDATE:
        if (f->len != 4)
            return control_bad(c, H2_FRAME_SIZE_ERROR,
                               "RST_STREAM or WINDOW_UPDATE of a wrong length");
        if (f->id == 0 ? f->type == FRAME_RST_STREAM : control_is_idle(c, f->id))
            return control_bad(c, H2_PROTOCOL_ERROR,
                               "RST_STREAM or WINDOW_UPDATE on an idle stream");
        return true;
    case FRAME_PUSH_PROMISE:
        return control_bad(c, H2_PROTOCOL_ERROR, "PUSH_PROMISE is not wanted here");
    default:
        return true;
    }
}

/* --- in: the payload ------------------------------------------------------------------------- */

/* A stream error without a stream that we know, or with one. */
static void
control_stream_error(struct h2_conn *c, int32_t id, uint32_t code)
{
    struct h2_stream *s = stream_table_find(&c->table, id);
    uint8_t p[4];

    if (s) {
        stream_error(c, s, code);
        return;
    }
    frame_put32(p, code);
    control_answer(c, FRAME_RST_STREAM, 0, id, p, sizeof(p));
    h2_conn_glitch(c, 1);
}

/* A new initial window moves every open stream's window by the difference (RFC 9113 6.9.2). */
static bool
control_peer_window(struct h2_conn *c, uint32_t value)
{
    int64_t delta = (int64_t)value - c->peer_window;

    if (value > WINDOW_MAX)
        return control_bad(c, H2_FLOW_CONTROL_ERROR,
                           "SETTINGS_INITIAL_WINDOW_SIZE too large");
    c->peer_window = (int32_t)value;
    for (struct list *n = c->streams.next; n != &c->streams; n = n->next) {
        struct h2_stream *s = CONTAINER_OF(n, struct h2_stream, link);

        s->send_window += delta;
        if (s->send_window > WINDOW_MAX)
            return control_bad(c, H2_FLOW_CONTROL_ERROR, "a stream window passed 2^31-1");
        stream_wake(c, s);
    }
    return true;
}

static bool
control_one_setting(struct h2_conn *c, unsigned id, uint32_t value)
{
    switch (id) {
    case SETTING_HEADER_TABLE_SIZE:
        hpack_resize(&c->encoder, c->w->slab, value);
        return true;
    case SETTING_ENABLE_PUSH:
        if (value > 1 || (value == 1 && c->side == H2_UP))
            return control_bad(c, H2_PROTOCOL_ERROR, "illegal SETTINGS_ENABLE_PUSH");
        return true;
    case SETTING_MAX_CONCURRENT_STREAMS:
        c->settings_news |= value != c->peer_max_streams;
        c->peer_max_streams = value;
        return true;
    case SETTING_INITIAL_WINDOW_SIZE:
        return control_peer_window(c, value);
    case SETTING_MAX_FRAME_SIZE:
        if (value < FRAME_PAYLOAD_MAX || value > 16777215)
            return control_bad(c, H2_PROTOCOL_ERROR, "illegal SETTINGS_MAX_FRAME_SIZE");
        return true; /* we send 16 KiB at most anyway */
    default:
        return true;
    }
}

static void
control_on_settings(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    if (f->flags & FLAG_ACK) {
        c->acked = true;
        return;
    }
    if (!c->settled) {
        c->settled = c->settings_news = true;
        c->peer_max_streams = UINT32_MAX; /* unless this frame names a limit */
    }
    for (uint32_t at = 0; at < f->len; at += SETTINGS_ENTRY) {
        if (!control_one_setting(c, (unsigned)p[at] << 8 | p[at + 1],
                                 frame_get32(p + at + 2)))
            return;
    }
    control_answer(c, FRAME_SETTINGS, FLAG_ACK, 0, "", 0);
}

static void
control_on_ping(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    if (!(f->flags & FLAG_ACK)) {
        control_answer(c, FRAME_PING, FLAG_ACK, 0, p, 8);
        if (c->side == H2_DOWN)
            keepalive_police(c);
    } else if (flow_ping_ours(p)) {
        flow_ping_ack(c);
    } else if (c->draining && conn_drain_ping(p)) {
        conn_finish(c);
    }
}

static void
control_on_goaway(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    int32_t last = (int32_t)(frame_get32(p) & 0x7fffffff);
    size_t n = f->len - 8 < GOAWAY_TEXT_MAX ? f->len - 8 : GOAWAY_TEXT_MAX;
    struct list *at, *next;

    stat_inc(c->w->stats, STAT_GOAWAY_RECEIVED);
    c->peer_goaway = c->goaway_news = true;
    c->goaway_code = frame_get32(p + 4);
    if (n)
        memcpy(c->note, p + 8, n);
    c->note[n] = '\0';
    if (c->side == H2_DOWN)
        return;
    for (at = c->streams.next; at != &c->streams; at = next) {
        struct h2_stream *s = CONTAINER_OF(at, struct h2_stream, link);

        next = at->next;
        if (s->id > last) {
            /* RFC 9113 6.8: these never were and never will be processed; an answer proves the contrary. */
            s->unprocessed = !s->in_begun;
            c->failed += !s->closing;
            stream_close(c, s, ERR_GOAWAY, H2_REFUSED_STREAM);
        }
    }
}

static void
control_on_window(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    uint32_t add = frame_get32(p) & 0x7fffffff;
    struct h2_stream *s;

    if (f->id == 0) {
        c->send_window += add;
        if (add == 0)
            control_bad(c, H2_PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
        else if (c->send_window > WINDOW_MAX)
            control_bad(c, H2_FLOW_CONTROL_ERROR, "the connection window passed 2^31-1");
        conn_dirty(c);
        return;
    }
    s = stream_table_find(&c->table, f->id);
    if (!s)
        return; /* closed a moment ago */
    s->send_window += add;
    if (add == 0)
        stream_error(c, s, H2_PROTOCOL_ERROR);
    else if (s->send_window > WINDOW_MAX)
        stream_error(c, s, H2_FLOW_CONTROL_ERROR);
    else
        stream_wake(c, s);
}

static void
control_on_reset(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    struct h2_stream *s = stream_table_find(&c->table, f->id);
    uint32_t code = frame_get32(p);
    int err = code == H2_REFUSED_STREAM ? ERR_REFUSED : ERR_RESET;

    if (c->side == H2_DOWN) {
        stat_inc(c->w->stats, STAT_RESETS_RECEIVED);
        if (!bucket_take(&c->resets, 1, loop_now_us(c->w->loop)))
            c->flooded = true;
    }
    if (!s)
        return;
    s->peer_reset = true;
    if (code == H2_NO_ERROR && s->in_ended)
        err = ERR_OK; /* RFC 9113 8.1: the answer is complete, our body is not wanted */
    if (err == ERR_REFUSED && c->side == H2_UP && !s->in_begun)
        s->unprocessed = true;
    c->failed += err != ERR_OK && !s->closing;
    stream_close(c, s, err, code);
}

void
control_frame(struct h2_conn *c, const struct frame *f, const uint8_t *p)
{
    switch (f->type) {
    case FRAME_SETTINGS:
        control_on_settings(c, f, p);
        break;
    case FRAME_PING:
        control_on_ping(c, f, p);
        break;
    case FRAME_GOAWAY:
        control_on_goaway(c, f, p);
        break;
    case FRAME_WINDOW_UPDATE:
        control_on_window(c, f, p);
        break;
    case FRAME_RST_STREAM:
        control_on_reset(c, f, p);
        break;
    case FRAME_PRIORITY:
        /* RFC 9113 5.3.2: ignored, but it must be well formed. */
        if (f->len != 5)
            control_stream_error(c, f->id, H2_FRAME_SIZE_ERROR);
        else if ((int32_t)(frame_get32(p) & 0x7fffffff) == f->id)
            control_stream_error(c, f->id, H2_PROTOCOL_ERROR);
        break;
    default:
        break;
    }
}

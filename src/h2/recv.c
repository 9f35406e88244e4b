/* SPDX-License-Identifier: Apache-2.0 */
/* h2/recv.c - reads frames from the byte stream as it comes, in pieces of any size. Payload bytes are handed on at once; only the small
 * payloads of control frames are put together. One connection's share of a turn ends at a frame border. */
#include "h2/conn_int.h"

#include <string.h>

#include "base/slab.h"

enum {
    WHOLE_MAX = 256
}; /* 32 SETTINGS entries; of a longer GOAWAY the rest is skipped */

static bool
recv_bad(struct h2_conn *c, uint32_t code, const char *note)
{
    conn_terminate(c, ERR_PROTOCOL, code, note);
    return false;
}

/* A frame for a stream that is not open. True: skip its payload. */
static bool
recv_not_open(struct h2_conn *c, const struct frame *f)
{
    bool ours_to_know = c->side == H2_DOWN ? (f->id & 1) && f->id <= c->max_id
                                           : (f->id & 1) && f->id < c->next_id;

    if (!ours_to_know)
        return recv_bad(c, H2_PROTOCOL_ERROR, "frame on a stream that was never opened");
    switch (gate_find_closed(c, f->id)) {
    case GATE_BY_PEER:
        return recv_bad(c, H2_STREAM_CLOSED, "frame on a closed stream");
    case GATE_UNKNOWN:
        if (c->side == H2_DOWN && !c->gate.forgot_ours)
            h2_conn_glitch(c,
                           1); /* else it may be on its way to a stream that we reset */
        return true;
    case GATE_BY_US:
        return true; /* it was on its way when we reset the stream */
    }
    return true;
}

static bool
recv_begin_data(struct h2_conn *c, const struct frame *f)
{
    struct recv *r = &c->recv;
    struct h2_stream *s = stream_table_find(&c->table, f->id);

    if (f->id == 0)
        return recv_bad(c, H2_PROTOCOL_ERROR, "DATA on stream 0");
    if (!s && !recv_not_open(c, f))
        return false;
    if (f->len > c->recv_window)
        return recv_bad(c, H2_FLOW_CONTROL_ERROR, "DATA beyond the connection window");
    c->recv_window -= f->len;
    if (s && s->in_ended) {
        stream_error(c, s, H2_STREAM_CLOSED);
        s = NULL;
    } else if (s && !s->in_begun) {
        stream_error(c, s, H2_PROTOCOL_ERROR); /* DATA before HEADERS */
        s = NULL;
    } else if (s && f->len > s->recv_window) {
        stream_error(c, s, H2_FLOW_CONTROL_ERROR);
        s = NULL;
    }
    if (s)
        s->recv_window -= f->len;
    r->stream = s;
    r->mode = RECV_DATA;
    r->prefix = f->flags & FLAG_PADDED ? 1 : 0;
    if (r->prefix > f->len)
        return recv_bad(c, H2_FRAME_SIZE_ERROR, "padded frame without a pad length");
    return true;
}

static bool
recv_begin_headers(struct h2_conn *c, const struct frame *f)
{
    struct recv *r = &c->recv;
    struct h2_stream *s = NULL;

    if (f->id == 0)
        return recv_bad(c, H2_PROTOCOL_ERROR, "HEADERS on stream 0");
    if (c->side == H2_UP || f->id <= c->max_id || !(f->id & 1)) {
        s = stream_table_find(&c->table, f->id);
        /* Not open: never opened (ids only rise, 5.1.1), closed, or reset by us a moment ago. */
        if (!s && c->side == H2_DOWN && (f->id & 1) && f->id <= c->max_id &&
            gate_find_closed(c, f->id) == GATE_UNKNOWN && !c->gate.forgot_ours)
            return recv_bad(c, H2_PROTOCOL_ERROR, "stream id not above the earlier ones");
        if (!s && !recv_not_open(c, f))
            return false;
        if (s && s->in_ended && c->side == H2_DOWN)
            return recv_bad(c, H2_STREAM_CLOSED, "HEADERS after END_STREAM");
        if (s && s->in_ended)
            stream_error(
                c, s, H2_STREAM_CLOSED); /* one call of many on this backend connection */
    }
    r->prefix =
        (uint8_t)((f->flags & FLAG_PADDED ? 1 : 0) + (f->flags & FLAG_PRIORITY ? 5 : 0));
    if (r->prefix > f->len)
        return recv_bad(c, H2_FRAME_SIZE_ERROR, "HEADERS too short for its flags");
    r->priority_at = 0;
    r->mode = RECV_BLOCK;
    block_begin(c, f);
    return true;
}

static bool
recv_begin_continuation(struct h2_conn *c, const struct frame *f)
{
    struct recv *r = &c->recv;

    if (!r->in_block)
        return recv_bad(c, H2_PROTOCOL_ERROR, "CONTINUATION without HEADERS");
    r->block_bytes += f->len;
    if (++r->continuations > c->lim->max_continuations) {
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM,
                       "too many CONTINUATION frames");
        return false;
    }
    r->prefix = 0;
    r->mode = RECV_BLOCK;
    return true;
}

/* The frame header is complete. False: the connection ends. */
static bool
recv_begin(struct h2_conn *c, const struct frame *f)
{
    struct recv *r = &c->recv;

    r->left = f->len;
    r->pad = 0;
    r->pad_known = !(f->flags & FLAG_PADDED);
    if (f->len > FRAME_PAYLOAD_MAX)
        return recv_bad(c, H2_FRAME_SIZE_ERROR,
                        "frame larger than SETTINGS_MAX_FRAME_SIZE");
    if (r->in_block && (f->type != FRAME_CONTINUATION || f->id != r->block_id))
        return recv_bad(c, H2_PROTOCOL_ERROR, "another frame inside a header block");
    if (!c->settled && f->type != FRAME_SETTINGS)
        return recv_bad(c, H2_PROTOCOL_ERROR, "the first frame is not SETTINGS");
    c->gate.turn_frames++;
    gate_count(c, f);
    switch (f->type) {
    case FRAME_DATA:
        return recv_begin_data(c, f);
    case FRAME_HEADERS:
        if (!recv_begin_headers(c, f))
            return false;
        break;
    case FRAME_CONTINUATION:
        if (!recv_begin_continuation(c, f))
            return false;
        break;
    default:
        r->mode = f->type > FRAME_CONTINUATION ? RECV_SKIP : RECV_WHOLE;
        return control_check(c, f);
    }
    if (r->block_bytes > 4 * c->lim->max_header_bytes) {
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM, "header block too large");
        return false;
    }
    return true;
}

/* The payload is complete. */
static void
recv_end(struct h2_conn *c)
{
    struct recv *r = &c->recv;
    const struct frame *f = &r->f;

    if (r->mode == RECV_WHOLE && f->len == 0) {
        control_frame(c, f, (const uint8_t *)"");
    } else if (r->mode == RECV_DATA && f->flags & FLAG_END_STREAM && r->stream &&
               r->stream->conn == c) {
        stream_ended_in(c, r->stream);
    } else if (r->mode == RECV_BLOCK && f->flags & FLAG_END_HEADERS) {
        if (f->len == 0)
            block_feed(c, (const uint8_t *)"", 0, true);
        if (c->state == CONN_OPEN && !c->terminating)
            block_end(c);
    }
    r->stream = NULL;
    r->mode = RECV_HEAD;
}

/* Bytes of a small payload; handled when it is complete. */
static void
recv_whole(struct h2_conn *c, const uint8_t *p, size_t n)
{
    struct recv *r = &c->recv;
    uint32_t want = r->f.len < WHOLE_MAX ? r->f.len : WHOLE_MAX;

    if (!r->whole && n == r->f.len) {
        control_frame(c, &r->f, p);
        return;
    }
    if (!r->whole) {
        r->whole = slab_malloc(c->w->slab, WHOLE_MAX);
        r->whole_n = 0;
        if (!r->whole) {
            conn_fail(c, ERR_NOMEM, "no memory");
            return;
        }
    }
    if (r->whole_n < want) {
        size_t k = want - r->whole_n < n ? want - r->whole_n : n;

        memcpy(r->whole + r->whole_n, p, k);
        r->whole_n += (uint32_t)k;
    }
    if (r->left == n) {
        uint8_t *whole = r->whole;

        r->whole = NULL;
        r->f.len = want; /* the rest of a long GOAWAY text is not kept */
        control_frame(c, &r->f, whole);
        slab_give(c->w->slab, whole);
    }
}

/* Pad length and priority fields in front of the content. Returns bytes used; r->prefix tells what is missing. */
static size_t
recv_prefix(struct h2_conn *c, const uint8_t *p, size_t n)
{
    struct recv *r = &c->recv;
    size_t k = 0;

    for (; r->prefix && k < n; k++, r->prefix--) {
        if (!r->pad_known) {
            r->pad_known = true;
            r->pad = p[k];
        } else {
            r->priority[r->priority_at++] = p[k];
        }
    }
    r->left -= (uint32_t)k;
    if (r->prefix == 0) {
        if (r->pad > r->left)
            recv_bad(c, H2_PROTOCOL_ERROR, "more padding than payload");
        else if (r->priority_at == 5 && r->mode == RECV_BLOCK && r->block &&
                 (int32_t)(frame_get32(r->priority) & 0x7fffffff) == r->f.id)
            r->block->in_headers.malformed = true; /* 5.3.1: it depends on itself */
    }
    return k;
}

/* n payload bytes behind the prefix: content first, then padding. */
static void
recv_content(struct h2_conn *c, const uint8_t *p, size_t n)
{
    struct recv *r = &c->recv;
    size_t content =
        r->left > r->pad ? r->left - r->pad : 0; /* a read may end in the padding */

    if (content > n)
        content = n;
    if (r->mode == RECV_DATA) {
        if (content && r->stream && r->stream->conn == c)
            flow_received_data(c, r->stream, p, content);
        else
            flow_unwanted(c, NULL, content);
        if (n > content)
            flow_unwanted(c, r->stream, n - content);
    } else if (content || r->left == n) {
        bool last = content + r->pad == r->left && r->f.flags & FLAG_END_HEADERS;

        if (content || last)
            block_feed(c, p, content, last);
    }
}

/* Feeds payload bytes of the current frame. Returns bytes used. */
static size_t
recv_payload(struct h2_conn *c, const uint8_t *p, size_t n)
{
    struct recv *r = &c->recv;
    size_t k = 0;

    if (n > r->left)
        n = r->left;
    switch (r->mode) {
    case RECV_WHOLE:
        recv_whole(c, p, n);
        break;
    case RECV_DATA:
    case RECV_BLOCK:
        if (r->prefix) {
            k = recv_prefix(c, p, n);
            if (r->mode == RECV_DATA)
                flow_unwanted(c, r->stream, k);
            if (r->prefix || c->terminating || r->left == 0)
                return k;
            n -= k;
        }
        recv_content(c, p + k, n);
        break;
    case RECV_SKIP:
    case RECV_HEAD:
        break;
    }
    r->left -= (uint32_t)n;
    return k + n;
}

/* Collects the frame header. Returns bytes used; 0: the share of this turn is used up. */
static size_t
recv_head(struct h2_conn *c, const uint8_t *p, size_t n, bool *ret_yield)
{
    struct recv *r = &c->recv;
    size_t k;

    if (r->have == 0 && n >= FRAME_HEAD) {
        r->f = frame_head_read(p);
        if (gate_share_used(c, &r->f)) {
            *ret_yield = true;
            return 0;
        }
        k = FRAME_HEAD;
    } else {
        k = (size_t)FRAME_HEAD - r->have;
        k = k < n ? k : n;
        memcpy(r->hd + r->have, p, k);
        r->have = (uint8_t)(r->have + k);
        if (r->have < FRAME_HEAD)
            return k;
        r->have = 0;
        r->f = frame_head_read(r->hd);
    }
    if (recv_begin(c, &r->f) && r->left == 0)
        recv_end(c);
    return k;
}

size_t
recv_feed(struct h2_conn *c, const uint8_t *p, size_t n, bool *ret_yield)
{
    struct recv *r = &c->recv;
    size_t at = 0;

    if (r->magic_left) {
        at = r->magic_left < n ? r->magic_left : n;
        r->magic_left = (uint8_t)(r->magic_left - at);
    }
    while (at < n && c->state == CONN_OPEN && !c->terminating && !c->flooded) {
        if (r->mode == RECV_HEAD) {
            at += recv_head(c, p + at, n - at, ret_yield);
            if (*ret_yield)
                break;
            continue;
        }
        at += recv_payload(c, p + at, n - at);
        if (r->left == 0 && c->state == CONN_OPEN && !c->terminating)
            recv_end(c);
    }
    return at;
}

void
recv_done(struct h2_conn *c)
{
    slab_give(c->w->slab, c->recv.whole);
    c->recv.whole = NULL;
}

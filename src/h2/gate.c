/* SPDX-License-Identifier: Apache-2.0 */
/* h2/gate.c - reads the 9-byte frame headers in front of the library.
 * Three duties that the library does not do: (1) the rules on frames for closed and never opened streams (RFC 9113 5.1, 5.1.1);
 * (2) each connection's share of a loop turn, cut at frame borders; (3) counting of cheap floods as glitches (reliability.md 1 and 3.2). */
#include "h2/conn_int.h"

#include "base/slab.h"

enum {
    FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_PRIORITY = 2, FRAME_RST = 3, FRAME_SETTINGS = 4,
    FRAME_PUSH = 5, FRAME_PING = 6, FRAME_GOAWAY = 7, FRAME_WINDOW = 8, FRAME_CONTINUATION = 9,
    FLAG_ACK = 1, FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8,
    WIRE_BLOCK_FACTOR = 4, /* a block this many times over the header limit on the wire ends the connection */
};

enum check { CHECK_PASS, CHECK_FEED_FIRST, CHECK_YIELD, CHECK_STREAM_CLOSED, CHECK_PROTOCOL, CHECK_CALM };

struct frame {
    uint32_t len;
    uint8_t type, flags;
    int32_t id;
};

void
gate_note_closed(struct h2_conn *c, int32_t id, bool by_us)
{
    struct gate *g = &c->gate;

    if (c->side != H2_DOWN)
        return;
    if (!g->closed) {
        g->closed = slab_calloc(c->w->slab, GATE_HISTORY, sizeof(*g->closed));
        if (!g->closed)
            return; /* only the strictness on closed streams suffers */
    }
    if (g->closed[g->closed_at % GATE_HISTORY].by_us)
        g->forgot_ours = true;
    g->closed[g->closed_at++ % GATE_HISTORY] = (struct gate_closed){ .id = id, .by_us = by_us };
}

void
gate_done(struct h2_conn *c)
{
    slab_give(c->w->slab, c->gate.closed);
    c->gate.closed = NULL;
}

static const struct gate_closed *
gate_find_closed(const struct gate *g, int32_t id)
{
    for (unsigned i = 0; g->closed && i < GATE_HISTORY; i++) {
        if (g->closed[i].id == id)
            return &g->closed[i];
    }
    return NULL;
}

/* HEADERS or DATA for a stream that the peer opened earlier: it must still be there. */
static enum check
gate_check_old(struct h2_conn *c, const struct frame *f, bool caught_up)
{
    const struct gate_closed *was;

    if (nghttp2_session_get_stream_user_data(c->session, f->id))
        return CHECK_PASS;
    if (!caught_up)
        return CHECK_FEED_FIRST;
    was = gate_find_closed(&c->gate, f->id);
    if (was)
        return was->by_us ? CHECK_PASS : CHECK_STREAM_CLOSED;
    if (nghttp2_session_find_stream(c->session, f->id))
        return CHECK_PASS; /* refused; our RST_STREAM has not left yet */
    if (c->final_goaway && f->id > nghttp2_session_get_last_proc_stream_id(c->session))
        return CHECK_PASS; /* opened after our last word; the library ignores it */
    if (f->type == FRAME_HEADERS)
        return CHECK_PROTOCOL; /* 5.1.1: ids only rise */
    if (!c->gate.forgot_ours)
        h2_conn_glitch(c, 1); /* else it may be on its way to a stream that we reset */
    return CHECK_PASS; /* forgotten long ago; the library drops it */
}

static enum check
gate_check_headers(struct h2_conn *c, const struct frame *f, bool caught_up, bool may_yield)
{
    struct gate *g = &c->gate;

    if (c->side == H2_DOWN && (f->id & 1)) {
        if (f->id <= g->max_id) {
            enum check k = gate_check_old(c, f, caught_up);

            if (k != CHECK_PASS)
                return k;
        } else {
            if (may_yield && g->turn_streams >= c->lim->max_streams_per_turn)
                return CHECK_YIELD;
            g->turn_streams++;
            g->streams++;
            g->max_id = f->id;
        }
    }
    g->block_bytes = f->len;
    g->in_block = !(f->flags & FLAG_END_HEADERS);
    return CHECK_PASS;
}

/* Frames that cost the peer nothing and us something. Allowances: reliability.md 3.2 rows A7, A9, A11, A12, A14. */
static void
gate_count(struct h2_conn *c, const struct frame *f)
{
    struct gate *g = &c->gate;

    switch (f->type) {
    case FRAME_DATA:
        if (f->len == 0 && !(f->flags & FLAG_END_STREAM))
            h2_conn_glitch(c, 1);
        break;
    case FRAME_PRIORITY:
        if (++g->priorities > 100 + 10 * g->streams)
            h2_conn_glitch(c, 1);
        break;
    case FRAME_SETTINGS:
        if (!(f->flags & FLAG_ACK) && c->settled)
            h2_conn_glitch(c, 1);
        break;
    case FRAME_WINDOW:
        if (++g->window_updates > 100 + 2 * g->streams + 10 * g->data_out)
            h2_conn_glitch(c, 1);
        break;
    case FRAME_CONTINUATION:
        if (f->len == 0)
            h2_conn_glitch(c, 1);
        break;
    default:
        if (f->type > FRAME_CONTINUATION)
            h2_conn_glitch(c, 1);
        break;
    }
}

/* may_yield: the frame's header has not been fed in part, so that we may stop before it. */
static enum check
gate_check(struct h2_conn *c, const struct frame *f, bool caught_up, bool may_yield)
{
    struct gate *g = &c->gate;
    enum check k = CHECK_PASS;

    if (may_yield && g->turn_frames >= c->lim->max_frames_per_turn && !g->in_block)
        return CHECK_YIELD;
    if (f->type == FRAME_HEADERS) {
        k = gate_check_headers(c, f, caught_up, may_yield);
    } else if (f->type == FRAME_DATA && c->side == H2_DOWN && (f->id & 1) && f->id <= g->max_id) {
        /* A stream opened in this very read is unknown to the library yet; it will be in order. */
        k = gate_check_old(c, f, caught_up);
    } else if (f->type == FRAME_CONTINUATION && g->in_block) {
        g->block_bytes += f->len;
        if (f->flags & FLAG_END_HEADERS)
            g->in_block = false;
    }
    if (k != CHECK_PASS)
        return k;
    if (g->block_bytes > WIRE_BLOCK_FACTOR * c->lim->max_header_bytes)
        return CHECK_CALM;
    g->turn_frames++;
    gate_count(c, f);
    g->cut_after = f->type == FRAME_RST;
    return CHECK_PASS;
}

static enum gate_verdict
gate_end(struct h2_conn *c, enum check k)
{
    switch (k) {
    case CHECK_FEED_FIRST:
    case CHECK_PASS:
        return GATE_PASS;
    case CHECK_YIELD:
        return GATE_YIELD;
    case CHECK_STREAM_CLOSED:
        conn_terminate(c, ERR_PROTOCOL, H2_STREAM_CLOSED, "frame on a closed stream");
        break;
    case CHECK_PROTOCOL:
        conn_terminate(c, ERR_PROTOCOL, H2_PROTOCOL_ERROR, "stream id not above the earlier ones");
        break;
    case CHECK_CALM:
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM, "header block too large");
        break;
    }
    return GATE_CLOSE;
}

/* All bytes of a frame came. True: the library is to see them before the next frame is looked at. */
static bool
gate_end_frame(struct gate *g)
{
    bool cut = g->cut_after;

    if (!g->in_block)
        g->block_since_us = 0;
    g->cut_after = false;
    return cut;
}

/* The input ends in the middle of a header block: from now on the peer has header_timeout_us to send the rest. */
static void
gate_start_block_clock(struct h2_conn *c)
{
    struct gate *g = &c->gate;

    if (g->block_since_us == 0 && (g->in_block || (g->left && g->hd[3] == FRAME_HEADERS)))
        g->block_since_us = loop_now_us(c->w->loop);
}

/* Bytes of p that may be fed now. A cut inside a frame header is fed too: what the library holds of it is only a prefix. */
size_t
gate_scan(struct h2_conn *c, const uint8_t *p, size_t n, enum gate_verdict *ret_verdict)
{
    struct gate *g = &c->gate;
    size_t at = 0;

    *ret_verdict = GATE_PASS;
    if (g->magic_left) {
        at = g->magic_left < n ? g->magic_left : n;
        g->magic_left = (uint8_t)(g->magic_left - at);
    }
    while (at < n) {
        size_t start = at, k;
        bool whole = g->have == 0;
        struct frame f;
        enum check check;

        if (g->left) {
            k = g->left < n - at ? g->left : n - at;
            at += k;
            g->left -= (uint32_t)k;
            if (g->left == 0 && gate_end_frame(g))
                return at;
            continue;
        }
        k = sizeof(g->hd) - g->have < n - at ? sizeof(g->hd) - g->have : n - at;
        memcpy(g->hd + g->have, p + at, k);
        g->have = (uint8_t)(g->have + k);
        at += k;
        if (g->have < sizeof(g->hd))
            break;
        f.len = (uint32_t)g->hd[0] << 16 | (uint32_t)g->hd[1] << 8 | g->hd[2];
        f.type = g->hd[3];
        f.flags = g->hd[4];
        f.id = (int32_t)(((uint32_t)g->hd[5] & 0x7f) << 24 | (uint32_t)g->hd[6] << 16 |
                         (uint32_t)g->hd[7] << 8 | g->hd[8]);
        check = gate_check(c, &f, start == 0 || !whole, whole);
        if (check != CHECK_PASS) {
            g->have = 0;
            *ret_verdict = gate_end(c, check);
            return whole ? start : at;
        }
        g->have = 0;
        g->left = f.len;
        if (g->left == 0 && gate_end_frame(g))
            return at;
    }
    gate_start_block_clock(c);
    return at;
}

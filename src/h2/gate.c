/* SPDX-License-Identifier: Apache-2.0 */
/* h2/gate.c - bounds on what a peer may make us do: its share of a loop turn, glitches for cheap floods (reliability.md 1 and 3.2),
 * and the memory of streams that closed lately, which the rules on frames for closed streams need (RFC 9113 5.1). */
#include "h2/conn_int.h"

#include "base/slab.h"

enum {
    GATE_HISTORY = 32,
    WORKER_TURN_STREAMS =
        128,            /* about a millisecond of work: then others get their turn */
    ALWAYS_STREAMS = 2, /* whatever the others do */
};

struct gate_closed {
    int32_t id;
    bool by_us; /* we reset it: what still arrives is to be ignored */
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
    g->closed[g->closed_at++ % GATE_HISTORY] =
        (struct gate_closed){ .id = id, .by_us = by_us };
}

enum gate_closed_by
gate_find_closed(const struct h2_conn *c, int32_t id)
{
    const struct gate *g = &c->gate;

    for (unsigned i = 0; g->closed && i < GATE_HISTORY; i++) {
        if (g->closed[i].id == id)
            return g->closed[i].by_us ? GATE_BY_US : GATE_BY_PEER;
    }
    return GATE_UNKNOWN;
}

void
gate_done(struct h2_conn *c)
{
    slab_give(c->w->slab, c->gate.closed);
    c->gate.closed = NULL;
}

/* True when this frame must wait for the next turn. A header block is never cut in two. */
bool
gate_share_used(const struct h2_conn *c, const struct frame *f)
{
    const struct gate *g = &c->gate;

    if (c->recv.in_block)
        return false;
    if (g->turn_frames >= c->lim->max_frames_per_turn)
        return true;
    if (f->type != FRAME_HEADERS || c->side != H2_DOWN)
        return false;
    return g->turn_streams >= c->lim->max_streams_per_turn ||
           (g->turn_streams >= ALWAYS_STREAMS &&
            c->w->turn_streams >= WORKER_TURN_STREAMS);
}

/* Frames that cost the peer nothing and us something. Allowances: reliability.md 3.2 rows A7, A9, A11, A12, A14. */
void
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
    case FRAME_WINDOW_UPDATE:
        if (++g->window_updates > 100 + 2 * g->streams + 10 * g->data_out)
            h2_conn_glitch(c, 1);
        break;
    case FRAME_PING: /* clients have strikes for these (h2/keepalive.c) */
        if (c->side == H2_UP && !(f->flags & FLAG_ACK) &&
            ++g->pings > 100 + g->data_out + g->blocks_out)
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

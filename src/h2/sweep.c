/* SPDX-License-Identifier: Apache-2.0 */
/* h2/sweep.c - everything that a connection may not do for too long, looked at twice a second: no timer per connection. */
#include "h2/conn_int.h"

static const int64_t DRAIN_PING_US = 2 * 1000 * 1000; /* features.md 2.3 */
static const int64_t LINGER_US = 1000 * 1000;
static const int64_t PATIENCE_US = 1000 * 1000;
static const int64_t PRESSURE_STALL_US = 5 * 1000 * 1000;
static const int64_t HOARD_US = 10 * 1000 * 1000;
static const int64_t NEVER_READ_US = 1000 * 1000;
static const int64_t STUCK_US =
    2 * 1000 *
    1000; /* TCP sent a lost packet three times by then: 0.2, 0.6 and 1.4 s after the first (Linux) */
enum {
    FIRST_WINDOW_MIN = 16 * 1024
}; /* no real client starts with less room for a stream */

static bool
sweep_late(int64_t since, int64_t limit, int64_t now)
{
    return limit > 0 && now - since > limit;
}

/* A peer that takes nothing while we hold bytes for it; under memory pressure patience is short. */
static bool
sweep_stalls(struct h2_conn *c, int64_t now)
{
    bool pressure = flow_over(c->w);
    int64_t limit = pressure ? PRESSURE_STALL_US : c->lim->write_stall_us;

    if (c->outq.len && sweep_late(c->write_progress_us, limit, now)) {
        stat_inc(c->w->stats, STAT_STALL_CLOSED);
        conn_fail(c, ERR_STALL, "the peer took no bytes for too long");
        return true;
    }
    for (struct list *i = c->streams.next, *next; i != &c->streams; i = next) {
        struct h2_stream *s = CONTAINER_OF(i, struct h2_stream, link);

        next = i->next; /* a reset moves it to another list */
        if (s->patient && s->end_queued && !s->in_ended && !s->closing &&
            sweep_late(s->progress_us, PATIENCE_US, now)) {
            h2_stream_reset(s, H2_NO_ERROR);
            continue;
        }
        if (s->out.len && !s->closing && s->headers_queued &&
            sweep_late(s->progress_us, limit, now)) {
            stat_inc(c->w->stats, STAT_STALL_CLOSED);
            s->close_err = ERR_STALL;
            h2_stream_reset(s, H2_CANCEL);
        }
    }
    return false;
}

/* Its client opened no window for it from the start, though its connection has one: nobody honest does that, and others wait behind it. */
static bool
sweep_never_reads(const struct h2_stream *s)
{
    const struct h2_stream *to = s->other;

    return s->in_bytes - (int64_t)s->held < FIRST_WINDOW_MIN && to && to->conn &&
           to->send_window <= 0 && to->conn->send_window > 0;
}

/* The socket of its client takes nothing, whatever the windows say. */
static bool
sweep_is_stuck(const struct h2_stream *s, int64_t now)
{
    const struct h2_conn *to = s->other ? s->other->conn : NULL;

    return to && to->outq.len && sweep_late(to->write_progress_us, STUCK_US, now);
}

/* Marks the clients that hold more than a share of c and take nothing. True: others wait for them. */
static bool
sweep_blame(struct h2_conn *c, int64_t now)
{
    size_t share =
        c->lim->max_connection_buffer / (c->stream_count ? c->stream_count : 1);
    bool others_wait = false;

    for (struct list *i = c->streams.next; i != &c->streams; i = i->next) {
        struct h2_stream *s = CONTAINER_OF(i, struct h2_stream, link);
        bool stuck = sweep_is_stuck(s, now), never = sweep_never_reads(s);

        if (s->closing)
            continue;
        if (!stuck && !never)
            others_wait = others_wait || s->held == 0;
        else if (s->held >= share &&
                 (stuck || sweep_late(s->taken_us, NEVER_READ_US, now)))
            s->other->conn->hoards_us = now;
    }
    return others_wait;
}

/* A backend connection at its memory cap: the calls that fill it because their clients do not read must go, or everybody behind it waits. With
 * them go the client's other calls that nobody reads: they would fill it again at once. */
static void
sweep_hoarders(struct h2_conn *c, int64_t now)
{
    bool others_wait = sweep_blame(c, now);

    for (struct list *i = c->streams.next, *next; i != &c->streams; i = next) {
        struct h2_stream *s = CONTAINER_OF(i, struct h2_stream, link);
        bool old = s->held >= s->window / 2 && sweep_late(s->taken_us, HOARD_US, now);
        bool blamed = s->other && s->other->conn && s->other->conn->hoards_us == now;

        next = i->next;
        if (s->closing || !(old || (blamed && (sweep_never_reads(s) ||
                                               (others_wait && sweep_is_stuck(s, now))))))
            continue;
        stat_inc(c->w->stats, STAT_STALL_CLOSED);
        s->close_err = ERR_STALL;
        h2_stream_reset(s, H2_CANCEL);
    }
}

static void
sweep_idle(struct h2_conn *c, int64_t now)
{
    if (c->stream_count || c->draining || !sweep_late(c->idle_since_us, c->idle_us, now))
        return;
    stat_inc(c->w->stats, STAT_IDLE_CLOSED);
    conn_retire(c, ERR_IDLE, "max_idle");
}

void
conn_sweep(struct h2_conn *c, int64_t now)
{
    const struct h2_limits *l = c->lim;

    switch (c->state) {
    case CONN_PREFACE:
        if (sweep_late(c->opened_us, l->handshake_timeout_us, now)) {
            stat_inc(c->w->stats, STAT_HANDSHAKE_TIMEOUTS);
            conn_fail(c, ERR_HANDSHAKE_TIMEOUT, "no HTTP/2 preface in time");
        }
        return;
    case CONN_OPEN:
        break;
    case CONN_LINGER:
        if (now - c->drain_since_us > LINGER_US)
            conn_bury(c);
        return;
    case CONN_CLOSED:
        return;
    }
    if (c->terminating) {
        conn_dirty(c); /* its GOAWAY leaves with the flush of this turn, then it goes */
        return;
    }
    if (c->side == H2_DOWN && !(c->settled && c->acked) &&
        sweep_late(c->opened_us, l->handshake_timeout_us, now)) {
        stat_inc(c->w->stats, STAT_HANDSHAKE_TIMEOUTS);
        conn_terminate(c, ERR_HANDSHAKE_TIMEOUT, H2_SETTINGS_TIMEOUT,
                       "SETTINGS not sent or not acked in time");
        return;
    }
    if (c->recv.in_block &&
        sweep_late(c->recv.block_since_us, l->header_timeout_us, now)) {
        stat_inc(c->w->stats, STAT_HEADER_TIMEOUTS);
        conn_terminate(c, ERR_STALL, H2_ENHANCE_YOUR_CALM,
                       "header block not completed in time");
        return;
    }
    if (c->draining && c->side == H2_DOWN && !c->final_goaway &&
        now - c->drain_since_us > DRAIN_PING_US)
        conn_finish(c);
    if (c->age_due_us)
        age_sweep(c, now);
    flow_repay(c);
    if (c->side == H2_UP && c->held_back)
        sweep_hoarders(c, now);
    if (!sweep_stalls(c, now))
        sweep_idle(c, now);
}

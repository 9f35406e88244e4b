/* SPDX-License-Identifier: Apache-2.0 */
/* main/drain.c - how the process stops to serve. */
#include "main/drain.h"

#include "base/compat.h"
#include "base/log.h"
#include "loop/loop.h"

static const int64_t POLL_US = 20 * 1000;           /* the process is waited for */
static const int64_t IDLE_POLL_US = 500 * 1000;     /* an operator's drain */
static const int64_t PROGRESS_US = 5 * 1000 * 1000; /* between two lines in the log */

const char *
drain_word(enum drain_phase phase)
{
    static const char *const words[] = { "serving", "announced", "goaway", "stopping" };

    return words[phase];
}

static int64_t
drain_now(const struct drain *d)
{
    return loop_now_us(d->loop);
}

/* The only writer of the phase. */
static void
drain_set(struct drain *d, enum drain_phase to)
{
    if (d->phase == to)
        return;
    d->phase = to;
    d->ops->on_phase(d->arg, to);
}

static void
drain_finish(struct drain *d)
{
    struct drain_left left;

    if (d->phase == DRAIN_STOPPING)
        return;
    left = d->ops->left(d->arg);
    timer_stop(d->loop, &d->timer);
    drain_set(d, DRAIN_STOPPING);
    log_at(NULL, LOG_INFO,
           left.calls ? "drain ended: what is still open gets UNAVAILABLE"
                      : "drain ended",
           LI("calls", left.calls), LI("connections", left.inbound + left.outbound));
    if (!d->inbound_closed)
        d->ops->close(d->arg, false);
    if (!d->outbound_told)
        d->ops->close(d->arg, true);
    d->ops->stop(d->arg, left);
}

static void
drain_say_progress(struct drain *d, const struct drain_left *left)
{
    int64_t now = drain_now(d);

    if (now < d->log_us)
        return;
    d->log_us = now + PROGRESS_US;
    if (d->ending)
        log_at(NULL, LOG_INFO, "draining", LI("inbound_connections", left->inbound),
               LI("outbound_connections", left->outbound), LI("calls", left->calls),
               LI("left_ms", (d->end_us - now) / 1000));
    else if (left->inbound)
        log_at(NULL, LOG_INFO, "draining; the process stays until it is told to end",
               LI("inbound_connections", left->inbound), LI("calls", left->calls));
}

static void
drain_outbound(struct drain *d)
{
    d->outbound_told = true;
    d->ops->close(d->arg, true);
    d->ops->tell(d->arg, true, 0);
}

static void
drain_step_ending(struct drain *d)
{
    struct drain_left left = d->ops->left(d->arg);
    int64_t now = drain_now(d);

    if (!d->inbound_closed && (left.inbound == 0 || now >= d->told_us + d->spread_us)) {
        d->inbound_closed = true;
        d->ops->close(d->arg, false);
        d->ops->tell(d->arg, false, 0);
        left = d->ops->left(d->arg); /* closing takes in what still waited */
    }
    if (d->inbound_closed && left.inbound == 0 && !d->outbound_told) {
        drain_outbound(d);
        left = d->ops->left(d->arg);
    }
    if (now >= d->end_us ||
        (d->outbound_told && left.inbound + left.outbound == 0 && left.calls == 0)) {
        drain_finish(d);
        return;
    }
    drain_say_progress(d, &left);
    timer_start(d->loop, &d->timer, POLL_US);
}

static void
drain_step(struct drain *d)
{
    struct drain_left left;

    if (d->ending) {
        drain_step_ending(d);
        return;
    }
    left = d->ops->left(d->arg);
    drain_say_progress(d, &left);
    timer_start(d->loop, &d->timer, IDLE_POLL_US);
}

static void
drain_begin_goaway(struct drain *d)
{
    struct drain_times t = d->ops->times(d->arg);

    d->told_us = drain_now(d);
    d->spread_us = t.spread_us;
    d->end_us = d->told_us + t.timeout_us;
    d->log_us = d->told_us + PROGRESS_US;
    drain_set(d, DRAIN_GOAWAY);
    log_at(NULL, LOG_INFO, "draining: GOAWAY to the clients of inbound listeners",
           LI("spread_ms", t.spread_us / 1000), LI("timeout_ms", t.timeout_us / 1000));
    /* Without a spread there is nothing to accept for: closed first, and who still waited is told with the others. */
    if (d->ending && d->spread_us == 0) {
        d->inbound_closed = true;
        d->ops->close(d->arg, false);
    }
    d->ops->tell(d->arg, false, d->spread_us);
    timer_start(d->loop, &d->timer, d->ending ? POLL_US : IDLE_POLL_US);
}

static void
drain_on_timer(struct timer *t)
{
    struct drain *d = CONTAINER_OF(t, struct drain, timer);

    if (d->phase == DRAIN_ANNOUNCED)
        drain_begin_goaway(d);
    else if (d->phase == DRAIN_GOAWAY)
        drain_step(d);
}

static void
drain_announce(struct drain *d)
{
    struct drain_times t = d->ops->times(d->arg);

    drain_set(d, DRAIN_ANNOUNCED);
    log_at(NULL, LOG_INFO,
           d->ending ? "shutdown asked for: still accepting"
                     : "drain asked for: still accepting",
           LI("delay_ms", t.delay_us / 1000));
    timer_start(d->loop, &d->timer, t.delay_us);
}

void
drain_init(struct drain *d, struct loop *loop, const struct drain_ops *ops, void *arg)
{
    *d = (struct drain){ .loop = loop, .ops = ops, .arg = arg };
    timer_init(&d->timer, drain_on_timer);
}

bool
drain_ask(struct drain *d, const char **ret_why)
{
    if (d->ending) {
        *ret_why = "the process is ending already";
        return false;
    }
    if (d->phase == DRAIN_SERVING)
        drain_announce(d);
    return true;
}

bool
drain_undo(struct drain *d, const char **ret_why)
{
    *ret_why = d->ending ? "it is too late: the process is ending"
                         : "there is nothing to undo: it serves";
    if (d->ending || d->phase == DRAIN_SERVING)
        return false;
    timer_stop(d->loop, &d->timer);
    if (d->phase == DRAIN_GOAWAY)
        d->ops->untell(d->arg);
    drain_set(d, DRAIN_SERVING);
    log_at(NULL, LOG_INFO, "drain taken back: serving");
    return true;
}

void
drain_end(struct drain *d)
{
    if (d->ending) {
        drain_finish(d);
        return;
    }
    d->ending = true;
    if (d->phase == DRAIN_SERVING) {
        drain_announce(d);
    } else if (d->phase == DRAIN_ANNOUNCED) {
        /* What an operator's drain has waited of the delay counts. */
        log_at(NULL, LOG_INFO, "shutdown asked for: the drain goes on");
    } else if (d->phase == DRAIN_GOAWAY) {
        d->end_us = drain_now(d) + d->ops->times(d->arg).timeout_us;
        d->log_us = drain_now(d) + PROGRESS_US;
        log_at(NULL, LOG_INFO, "shutdown asked for: the drain goes on");
        drain_step(d);
    }
}

void
drain_replaced(struct drain *d)
{
    struct drain_times t = d->ops->times(d->arg);
    bool close_inbound = !d->inbound_closed, close_outbound = !d->outbound_told;

    if (d->phase == DRAIN_STOPPING)
        return;
    d->ending = d->replaced = d->inbound_closed = d->outbound_told = true;
    d->told_us = drain_now(d);
    d->spread_us = t.spread_us;
    d->end_us = d->told_us + t.timeout_us;
    d->log_us = d->told_us + PROGRESS_US;
    drain_set(d, DRAIN_GOAWAY);
    /* Never twice: a worker may just be closing its listener. */
    if (close_inbound)
        d->ops->close(d->arg, false);
    if (close_outbound)
        d->ops->close(d->arg, true);
    d->ops->tell(d->arg, false, d->spread_us);
    d->ops->tell(d->arg, true, 0);
    timer_start(d->loop, &d->timer, POLL_US);
}

void
drain_stop(struct drain *d)
{
    timer_stop(d->loop, &d->timer);
}

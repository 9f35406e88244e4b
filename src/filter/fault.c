/* SPDX-License-Identifier: Apache-2.0 */
/* filter/fault.c - the filter "fault": delays and aborts on purpose, to see what clients make of them (gRFC A33). The delay comes first, before anything is sent, then
 * the abort; each has its own share and its own draw, so 20 % and 5 % touch 24 % of the calls. A delay is a timer that the call's deadline, a cancel or a drain ends
 * as it ends any call; the deadline is not moved. */
#include <stdatomic.h>

#include "base/compat.h"
#include "base/rand.h"
#include "filter/fault_conf.h"
#include "filter/fault_header.h"
#include "filter/kinds.h"
#include "grpc/status.h"
#include "loop/timer.h"
#include "obs/stats.h"

enum { PARTS = 1000000, PARTS_PER_PERCENT = PARTS / 100 };

struct fault {
    struct filter f;
    _Atomic unsigned active; /* delayed now, by all workers */
};

struct fault_call {
    struct timer timer;
    struct filter_call *fc;
    struct fault *fault;
    bool active;          /* counted in fault->active */
    int code;             /* of the abort; -1: none */
    double abort_percent; /* of it */
};

static bool
draw(struct rng *rng, double percent)
{
    return rng_below(rng, PARTS) < (uint64_t)(percent * PARTS_PER_PERCENT);
}

/* What a header says counts up to what the config says. */
static double
share(double percent, int asked)
{
    return asked >= 0 && asked < percent ? asked : percent;
}

/* --- active faults ------------------------------------------------------------------ */

static bool
active_take(struct fault *f, uint32_t max)
{
    unsigned n = atomic_load(&f->active);

    do {
        if (max && n >= max)
            return false;
    } while (!atomic_compare_exchange_weak(&f->active, &n, n + 1));
    return true;
}

static void
active_give(struct fault_call *s)
{
    if (!s->active)
        return;
    s->active = false;
    atomic_fetch_sub(&s->fault->active, 1);
    stat_add(s->fc->stats, STAT_FAULTS_ACTIVE, -1);
}

/* --- the two faults ----------------------------------------------------------------- */

static enum filter_verdict
fault_abort(struct filter_call *fc, const struct fault_conf *c, int code)
{
    const struct filter_refusal why = { .code = code, .reason = "FAULT_ABORT" };

    stat_inc(fc->stats, STAT_FAULT_ABORTS);
    if (c->abort.message)
        return filter_refuse(fc, &why, "%s", c->abort.message);
    return filter_refuse(fc, &why, "the filter fault ended this call on purpose");
}

/* Behind the delay, if there was one. An abort takes no time, so it only looks whether there is room for one more. */
static enum filter_verdict
fault_end(struct filter_call *fc, struct fault_call *s)
{
    const struct fault_conf *c = s->fault->f.conf;
    bool was_active = s->active;

    active_give(s);
    if (s->code < 0 || !draw(fc->rng, s->abort_percent))
        return FILTER_NEXT;
    if (!was_active && c->max_active && atomic_load(&s->fault->active) >= c->max_active) {
        stat_inc(fc->stats, STAT_FAULTS_OVER_LIMIT);
        return FILTER_NEXT;
    }
    return fault_abort(fc, c, s->code);
}

static void
on_delay_over(struct timer *t)
{
    struct fault_call *s = CONTAINER_OF(t, struct fault_call, timer);

    filter_resume(s->fc, fault_end(s->fc, s));
}

static bool
fault_delay(struct filter_call *fc, struct fault_call *s, int64_t ms, double percent)
{
    const struct fault_conf *c = s->fault->f.conf;

    if (ms <= 0 || !draw(fc->rng, percent))
        return false;
    if (!active_take(s->fault, c->max_active)) {
        stat_inc(fc->stats, STAT_FAULTS_OVER_LIMIT);
        return false;
    }
    s->active = true;
    stat_inc(fc->stats, STAT_FAULT_DELAYS);
    stat_add(fc->stats, STAT_FAULTS_ACTIVE, 1);
    timer_start(fc->loop, &s->timer, ms * 1000);
    return true;
}

/* --- slots -------------------------------------------------------------------------- */

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    struct fault_call *s = state;
    struct fault *f = CONTAINER_OF(filter_self(fc), struct fault, f);
    const struct fault_conf *c = f->f.conf;
    struct fault_wish wish;
    int64_t ms = c->delay.duration_ms;
    bool asked = fault_header_take(fc->request, &wish) && c->by_header;

    timer_init(&s->timer, on_delay_over);
    s->fc = fc;
    s->fault = f;
    s->code = c->abort.on && c->abort.code != FAULT_NO_CODE ? (int)c->abort.code : -1;
    s->abort_percent = c->abort.percent;
    if (asked) {
        if (wish.delay_ms >= 0)
            ms = wish.delay_ms < c->delay.max_ms ? wish.delay_ms : c->delay.max_ms;
        if (c->abort.on && wish.code >= 0)
            s->code = wish.code;
        s->abort_percent = share(c->abort.percent, wish.abort_percent);
    }
    if (c->delay.on && fault_delay(fc, s, ms,
                                   asked ? share(c->delay.percent, wish.delay_percent)
                                         : c->delay.percent))
        return FILTER_WAIT;
    return fault_end(fc, s);
}

static void
on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct fault_call *s = state;

    (void)r;
    if (!s->fault)
        return;
    timer_stop(fc->loop, &s->timer);
    active_give(s);
}

static void
fault_open(struct filter *f, const struct filter_env *env)
{
    (void)env;
    atomic_init(&CONTAINER_OF(f, struct fault, f)->active, 0);
}

const struct filter_kind filter_fault = {
    .name = "fault",
    .conf = &fault_conf_struct,
    .size = sizeof(struct fault),
    .call_size = sizeof(struct fault_call),
    .open = fault_open,
    .on_request = on_request,
    .on_end = on_end,
};

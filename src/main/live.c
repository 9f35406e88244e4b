/* SPDX-License-Identifier: Apache-2.0 */
/* main/live.c - the clock of the slots, and the counters of the process. */
#include "main/live.h"

#include <string.h>
#include <sys/resource.h>

#include "admin/events.h"
#include "base/xalloc.h"
#include "filter/jwt_result.h"
#include "filter/services.h"
#include "loop/loop.h"
#include "main/cpus.h"
#include "main/live_int.h"
#include "obs/histogram.h"
#include "obs/rpc_metrics.h"

enum { CODE_OK = 0, US_PER_S = 1000000 };

int64_t
live_stat(const struct live *l, enum stat_id id)
{
    const struct process *p = l->process;
    int64_t sum = 0;

    for (size_t i = 0; i < p->worker_count + 2; i++)
        sum += stat_get(p->stats[i], id);
    return sum;
}

/* Counters that only grow: below 0 is not possible. */
static uint64_t
live_count(const struct live *l, enum stat_id id)
{
    return (uint64_t)live_stat(l, id);
}

unsigned
live_call_series(const struct live *l)
{
    return LIVE_BUCKET_0 + (l->bounds->n ? (unsigned)l->bounds->n + 1 : 0);
}

void
live_call_add(const struct live *l, const uint64_t *block, uint64_t *sum)
{
    for (int code = 0; code < RPC_CODES; code++)
        sum[LIVE_ENDED] += block[RPC_CODE_0 + code];
    sum[LIVE_ENDED_OK] += block[RPC_CODE_0];
    for (unsigned i = 0; i < live_call_series(l) - LIVE_BUCKET_0; i++)
        sum[LIVE_BUCKET_0 + i] += block[RPC_BUCKET_0 + i];
}

/* --- one second ---------------------------------------------------------------------- */

/* Calls that a limit of ours kept from a backend. */
static uint64_t
limited(const struct live *l)
{
    static const enum stat_id ids[] = {
        STAT_RATE_LIMITED,        STAT_GLOBAL_RATE_OVER, STAT_MESSAGE_RATE_REFUSED,
        STAT_CONCURRENCY_LIMITED, STAT_LIMIT_ROUTE,      STAT_LIMIT_REQUESTS,
        STAT_LIMIT_STREAMS,       STAT_PENDING_FULL,
    };
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        sum += live_count(l, ids[i]);
    return sum;
}

/* Calls of clients that may not. */
static uint64_t
denied(const struct live *l)
{
    static const enum stat_id ids[] = { STAT_RBAC_DENIED, STAT_AUTHZ_DENIED,
                                        STAT_API_KEYS_MISSING, STAT_API_KEYS_UNKNOWN };
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        sum += live_count(l, ids[i]);
    for (int i = 0; i < JWT_RESULTS; i++) {
        if (!jwt_result_good((enum jwt_result)i))
            sum += live_count(l, (enum stat_id)(STAT_JWT_0 + i));
    }
    return sum;
}

static uint64_t
cpu_us(void)
{
    struct rusage r;

    if (getrusage(RUSAGE_SELF, &r) != 0)
        return 0;
    return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * US_PER_S +
           (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void
live_totals_put(struct live *l, unsigned turned)
{
    uint64_t codes[RPC_CODES], totals[LIVE_TOTALS] = { 0 };

    for (int i = 0; i < RPC_CODES; i++) {
        codes[i] = live_count(l, (enum stat_id)(STAT_CODE_0 + i));
        totals[LIVE_CALLS] += codes[i];
    }
    totals[LIVE_OK] = codes[CODE_OK];
    totals[LIVE_RETRIES] = live_count(l, STAT_RETRIES) + live_count(l, STAT_HEDGES);
    totals[LIVE_LIMITED] = limited(l);
    totals[LIVE_DENIED] = denied(l);
    totals[LIVE_CPU_US] = cpu_us();
    slots_put(&l->codes, &l->clock, turned, codes);
    slots_put(&l->totals, &l->clock, turned, totals);
}

static void
live_on_timer(struct timer *t)
{
    struct live *l = CONTAINER_OF(t, struct live, timer);
    struct loop *loop = l->process->loop;
    int64_t now = loop_now_us(loop);
    unsigned turned = slots_clock_turn(&l->clock, now);

    if (turned > 0) {
        live_totals_put(l, turned);
        live_methods_put(l, turned);
        live_pools_put(l, turned);
        live_routes_put(l, turned);
        admin_events_turn(l->process->admin);
    }
    timer_start(loop, t, slots_clock_left_us(&l->clock, now));
}

/* --- life ---------------------------------------------------------------------------- */

struct live *
live_open(struct process *p)
{
    struct live *l = xcalloc(1, sizeof(*l));
    uint64_t base[LIVE_TOTALS] = { 0 };

    l->process = p;
    l->cpus = cpus_allowed();
    l->metrics = p->filters.env.services->metrics;
    l->bounds = rpc_metrics_bounds(l->metrics);
    l->opened_us = loop_now_us(p->loop);
    slots_clock_init(&l->clock, l->opened_us);
    slots_init(&l->totals, LIVE_TOTALS, SLOTS_LINE_S);
    slots_init(&l->codes, RPC_CODES, LIVE_CODES_S);
    base[LIVE_CPU_US] = cpu_us();
    slots_base(&l->totals, base);
    live_methods_init(l);
    timer_init(&l->timer, live_on_timer);
    timer_start(p->loop, &l->timer, US_PER_S);
    /* Rings of pools and routes are there from the start. */
    live_pools_put(l, 0);
    live_routes_put(l, 0);
    admin_set_stats(p->admin, live_print, l);
    return l;
}

void
live_close(struct live *l)
{
    if (!l)
        return;
    admin_set_stats(l->process->admin, NULL, NULL);
    timer_stop(l->process->loop, &l->timer);
    live_methods_done(l);
    live_pools_done(l);
    live_routes_done(l);
    slots_done(&l->totals);
    slots_done(&l->codes);
    xfree(l);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_update.c - what takes time in proportion to the endpoints: policies see changes, wanted endpoints get connected, full ones get one more
 * connection. Never once per call: the first change of a turn is served at once, what follows in one go with the next turn. A pool of thousands takes
 * a few milliseconds more, so that a wave of connects costs a small part of the CPU. */
#include "lb/lb_conf.h"
#include "lb/select.h"
#include "upstream/group.h"

enum { SMALL_POOL = 512 };

static const int64_t SLOW_START_STEP_US = 100 * 1000;

/* --- policies ---------------------------------------------------------------------------- */

/* True while the endpoint is in its slow start. */
static bool
endpoint_weigh(struct endpoint *e, int64_t now_us)
{
    const struct slow_start_conf *slow = &e->pool->conf->balance.slow_start;
    uint32_t weight = e->row->weight * LB_WEIGHT_ONE;
    int64_t since =
        atomic_load_explicit(&e->backend->usable_since_us, memory_order_relaxed);

    e->lb.weight = weight;
    if (slow->window_ms == 0 || since == 0 || now_us - since >= slow->window_ms * 1000)
        return false;
    e->lb.weight = lb_slow_start_weight(weight, now_us - since, slow->window_ms * 1000,
                                        slow->aggression, slow->min_weight_percent);
    return true;
}

void
pool_update(struct pool *p)
{
    int64_t now = loop_now_us(p->loop), least = -1;
    bool slow = false;

    p->stale = false;
    p->updates++;
    for (size_t i = 0; i < p->n; i++) {
        p->endpoints[i]->lb.wanted = false;
        slow |= endpoint_weigh(p->endpoints[i], now);
    }
    for (size_t i = 0; i < p->subset_count; i++) {
        struct subset *s = p->subsets[i];
        int64_t again;

        if (!s || !s->used)
            continue;
        if (!s->built)
            subset_build(p, s);
        subset_weigh(p, s);
        again = subset_update(p, s, now);
        if (again >= 0 && (least < 0 || again < least))
            least = again;
    }
    if (slow && (least < 0 || least > SLOW_START_STEP_US))
        least = SLOW_START_STEP_US;
    timer_stop(p->loop, &p->policy_timer);
    if (least >= 0 && p->active)
        timer_start(p->loop, &p->policy_timer, least);
    p->connect = true; /* `wanted` was set anew */
}

static void
pool_on_policy_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, policy_timer);

    p->stale = true;
    pool_changed(p);
}

/* --- connections --------------------------------------------------------------------------- */

/* What the policies want and nobody works on. At most CONNECTS_MAX at a time: those that end bring us back here. */
static void
pool_connect(struct pool *p)
{
    p->connect = false;
    for (size_t i = 0; i < p->n && p->connecting < CONNECTS_MAX; i++) {
        struct endpoint *e = p->endpoints[i];

        if (!e->lb.wanted || e->lb.state == LB_READY || e->connecting ||
            timer_running(&e->retry))
            continue;
        endpoint_connect(e);
        if (p->no_connections)
            return;
        endpoint_update(e);
    }
}

/* Calls wait: where the policies would go and no stream is free, one more connection. */
static void
pool_grow(struct pool *p)
{
    p->grow = false;
    for (size_t i = 0; i < p->n && p->connecting < CONNECTS_MAX; i++) {
        struct endpoint *e = p->endpoints[i];

        if (e->lb.state == LB_READY && !e->lb.room && e->lb.wanted &&
            endpoint_can_grow(e) && !endpoint_full(e))
            endpoint_connect(e);
    }
}

void
pool_service(struct pool *p)
{
    if (!(p->stale || p->connect || p->grow) || p->closing || !p->active ||
        timer_running(&p->service_timer))
        return;
    if (p->stale) {
        pool_update(p);
        p->news = p->waiting > 0;
    }
    if (p->connect)
        pool_connect(p);
    if (p->grow)
        pool_grow(p);
    timer_start(p->loop, &p->service_timer, p->n > SMALL_POOL ? (int64_t)p->n : 0);
}

static void
pool_on_service_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, service_timer);

    if (p->stale || p->connect || p->grow || p->news)
        pool_changed(p);
}

void
pool_update_init(struct pool *p)
{
    timer_init(&p->service_timer, pool_on_service_timer);
    timer_init(&p->policy_timer, pool_on_policy_timer);
}

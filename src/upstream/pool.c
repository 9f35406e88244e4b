/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool.c - calls take a connection. Who finds none waits in pool_queue.c. */
#include <assert.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "lb/lb_conf.h"
#include "net/tls_store.h"
#include "upstream/group.h"
#include "upstream/hub.h"

enum { WRITE_BUFFER = 1024 * 1024 }; /* a few large writes wake a backend less often */

/* --- life ---------------------------------------------------------------------------- */

static void
pool_limits(struct pool *p)
{
    const struct connections_conf *c = &p->conf->connections;

    h2_limits_default(&p->limits);
    p->limits.stream_window = (uint32_t)c->stream_window;
    p->limits.connection_window = (uint32_t)c->connection_window;
    p->limits.max_stream_window = (uint32_t)c->max_stream_window;
    p->limits.max_connection_buffer = c->max_connection_buffer;
    p->limits.write_buffer = WRITE_BUFFER;
    p->limits.max_header_bytes = (uint32_t)p->conf->limits.max_header_bytes;
    p->limits.max_header_count = p->conf->limits.max_header_count;
    p->limits.idle_timeout_us = c->idle_timeout_ms * 1000;
    up_keepalive_fill(&p->limits.keepalive, &p->conf->keepalive);
    p->limits.write_stall_us =
        0; /* a backend may take its time; deadlines and memory pressure end what stalls */
}

/* What health checks and outlier detection say about calls. */
static void
pool_health_conf(struct pool *p)
{
    const struct outlier_conf *o = &p->conf->outlier;

    p->panic_percent = p->conf->health_check.panic_threshold;
    judge_init(&p->judge, o);
    p->breaker = o->on && o->breaker.on;
}

struct pool *
pool_new(struct h2_worker *w, const struct pool_conf *conf, struct rng *rng,
         pool_stream_fn *on_stream)
{
    static _Atomic uint64_t last_number; /* workers make pools at the same time */
    struct pool *p = xcalloc(1, sizeof(*p));

    p->number = atomic_fetch_add(&last_number, 1) + 1;
    p->h2 = w;
    p->loop = h2_worker_loop(w);
    p->stats = h2_worker_stats(w);
    p->rng = rng;
    p->conf = conf;
    upconn_ops_fill(&p->ops, on_stream);
    pool_limits(p);
    pool_health_conf(p);
    list_init(&p->gone);
    pool_queue_init(p);
    pool_update_init(p);
    pool_limit_init(p);
    p->policy = lb_policy_find(conf->balance.policy);
    assert(p->policy);
    p->wants = (conf->balance.hash_header ? POOL_WANTS_HASH : 0u) |
               (p->methods ? POOL_WANTS_METHOD : 0u) |
               (p->policy->wants_reports && !conf->balance.enable_oob_load_report
                    ? POOL_WANTS_REPORTS
                    : 0u) |
               (p->policy->ended ? POOL_WANTS_TIMES : 0u) |
               (conf->tls.on ? POOL_WANTS_HTTPS : 0u) |
               (conf->retry_throttling.on ? POOL_WANTS_SUCCESS : 0u);
    p->subsets = xcalloc(1, sizeof(struct subset *));
    p->subsets[p->subset_count++] = subset_new(p, NULL);
    return p;
}

unsigned
pool_subset(struct pool *p, const struct conf_map *selector)
{
    unsigned at = 0;

    if (!selector || selector->n == 0)
        return 0;
    for (unsigned i = 1; i < p->subset_count; i++) {
        if (p->subsets[i] && subset_same(p->subsets[i], selector)) {
            p->subsets[i]->holds++;
            return i;
        }
        if (!p->subsets[i])
            at = i;
    }
    if (at == 0) {
        at = (unsigned)p->subset_count++;
        p->subsets = xrealloc(p->subsets, p->subset_count * sizeof(struct subset *));
    }
    p->subsets[at] = subset_new(p, selector);
    return at;
}

void
pool_subset_drop(struct pool *p, unsigned subset)
{
    struct subset *s = p->subsets[subset];

    if (subset == 0 || --s->holds > 0)
        return;
    assert(list_empty(&s->waiters) && list_empty(&s->patient) && list_empty(&s->choosy));
    subset_free(p, s);
    p->subsets[subset] = NULL;
}

void
pool_free(struct pool *p)
{
    if (!p)
        return;
    assert(list_empty(&p->gone));
    for (size_t i = 0; i < p->n; i++)
        ref_drop(&p->endpoints[i]->ref, loop_reaper(p->loop));
    for (size_t i = 0; i < p->subset_count; i++) {
        if (p->subsets[i])
            subset_free(p, p->subsets[i]);
    }
    backend_list_drop(p->list);
    tls_keyring_drop(p->tls);
    xfree(p->subsets);
    xfree(p->endpoints);
    xfree(p->methods);
    xfree(p);
}

void
pool_close(struct pool *p)
{
    if (p->closing)
        return;
    p->closing = true;
    timer_stop(p->loop, &p->wait_timer);
    timer_stop(p->loop, &p->choosy_timer);
    timer_stop(p->loop, &p->policy_timer);
    timer_stop(p->loop, &p->service_timer);
    timer_stop(p->loop, &p->full_timer);
    timer_stop(p->loop, &p->young_timer);
    pool_fail_waiters(p, ERR_DRAIN);
    for (size_t i = 0; i < p->n; i++)
        endpoint_close(p->endpoints[i]);
    while (!list_empty(&p->gone))
        endpoint_close(CONTAINER_OF(p->gone.next, struct endpoint, gone));
}

/* --- taking -------------------------------------------------------------------------- */

void
pool_wait_done(struct pool_wait *w)
{
    if (w->endpoint)
        ref_drop(&w->endpoint->ref, w->endpoint->reaper);
    w->endpoint = NULL;
}

/* False: another worker has taken the one call that a tripped backend gets. */
static bool
pool_admit(struct pool *p, struct pool_wait *w, struct endpoint *e)
{
    if (w->group->list.panic || backend_admit(e->backend, &w->probe))
        return true;
    pool_limit_give(w, e);
    e->lb.usable = backend_usable(e->backend);
    p->stale = true;
    return false;
}

/* Each round takes one endpoint out of the choice, so it ends. */
int
pool_pick(struct pool *p, struct pool_wait *w, struct upconn **ret)
{
    struct subset *s = p->subsets[w->subset];
    struct pool_tried *tried = w->tried;
    struct endpoint *e = NULL;
    int rv;

    w->choosy = false;
    if (UNLIKELY(!p->list))
        return p->no_list ? ERR_NO_ENDPOINT : ERR_AGAIN;
    for (size_t i = 0; i <= p->n + 1; i++) {
        if (UNLIKELY(tried != NULL))
            pool_tried_hide(tried);
        rv = subset_pick(p, s, w, &e);
        if (UNLIKELY(tried != NULL)) {
            pool_tried_show(tried);
            tried = NULL; /* one round without them, then all count */
            if (rv != ERR_OK)
                continue;
        }
        if (rv == ERR_NO_ENDPOINT && p->stale)
            return ERR_AGAIN; /* something changed that the policy will see in the next turn */
        if (rv == ERR_NO_ENDPOINT && (subset_unchecked(s) || p->list->partial))
            return ERR_AGAIN; /* a first check or a target's first answer is on its way */
        if (rv != ERR_OK)
            return rv;
        if (UNLIKELY(w->avoid != NULL || w->tried != NULL) &&
            pool_better_comes(p, w, e)) {
            w->choosy = true;
            return ERR_AGAIN;
        }
        *ret = endpoint_conn(e);
        if (LIKELY(*ret != NULL)) {
            rv = LIKELY(!p->limited) ? ERR_OK : pool_limit_take(p, w, e);
            if (UNLIKELY(p->breaker) && rv == ERR_OK && !pool_admit(p, w, e))
                continue;
            if (LIKELY(rv != ERR_AGAIN))
                return rv;
        } else {
            endpoint_update(e); /* what the policy sees was behind */
            if (e->lb.room)
                return ERR_AGAIN;
        }
    }
    return ERR_AGAIN;
}

/* First call of the pool, of the subset, or after a time without any. */
static void
pool_wake(struct pool *p, struct subset *s)
{
    p->active = true;
    s->used = true;
    p->stale = true;
    if (p->list && !s->built)
        pool_update(p); /* its policies must know the list before the first pick */
    pool_service(p);
}

int
pool_take(struct pool *p, struct pool_wait *w, struct upconn **ret)
{
    struct subset *s = p->subsets[w->subset];
    int rv = ERR_AGAIN;

    if (p->closing)
        return ERR_DRAIN;
    w->pool = p;
    w->limit = 0;
    w->choosy = w->any = false;
    if (UNLIKELY(!p->active || !s->used))
        pool_wake(p, s);
    if (list_empty(&s->waiters) || w->hashed) {
        rv = pool_pick(p, w, ret);
        if (rv == ERR_AGAIN && !list_empty(&p->full) && pool_look_at_full(p))
            rv = pool_pick(p, w, ret);
        if (UNLIKELY(w->choosy) && p->waiting >= p->conf->limits.max_pending_requests) {
            w->any = true; /* no room to be choosy */
            rv = pool_pick(p, w, ret);
        }
        if (rv != ERR_AGAIN && !(rv == ERR_NO_ENDPOINT && w->patient))
            return rv;
    }
    return pool_queue(p, w, rv);
}

/* --- questions ----------------------------------------------------------------------- */

void
pool_note_failure(struct pool *p, const char *why)
{
    snprintf(p->last_failure, sizeof(p->last_failure), "%.400s", why);
}

const char *
pool_last_failure(const struct pool *p)
{
    return p->last_failure;
}

const char *
pool_name(const struct pool *p)
{
    return p->conf->name;
}

uint64_t
pool_number(const struct pool *p)
{
    return p->number;
}

const struct pool_conf *
pool_config(const struct pool *p)
{
    return p->conf;
}

const char *
pool_hash_header(const struct pool *p)
{
    return p->conf->balance.hash_header;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool.c - calls take a connection, or wait for one. */
#include <assert.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "lb/lb_conf.h"
#include "net/tls_store.h"
#include "upstream/group.h"
#include "upstream/hub.h"

enum {
    LOOK_PAST = 32, /* waiting calls of a hashing policy do not wait for each other */
    WRITE_BUFFER = 1024 * 1024, /* a few large writes wake a backend less often */
};

static void pool_on_wait_timer(struct timer *t);
static void pool_on_choosy_timer(struct timer *t);

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
    timer_init(&p->wait_timer, pool_on_wait_timer);
    timer_init(&p->choosy_timer, pool_on_choosy_timer);
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

static void
fail_list(struct list *head, int err)
{
    while (!list_empty(head)) {
        struct pool_wait *w = CONTAINER_OF(head->next, struct pool_wait, link);

        pool_wait_cancel(w);
        w->done(w, NULL, err);
    }
}

void
pool_fail_waiters(struct pool *p, int err)
{
    for (size_t i = 0; i < p->subset_count; i++) {
        if (!p->subsets[i])
            continue;
        fail_list(&p->subsets[i]->waiters, err);
        fail_list(&p->subsets[i]->patient, err);
        fail_list(&p->subsets[i]->choosy, err);
    }
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

/* --- waiting ------------------------------------------------------------------------- */

void
pool_wait_done(struct pool_wait *w)
{
    if (w->endpoint)
        ref_drop(&w->endpoint->ref, w->endpoint->reaper);
    w->endpoint = NULL;
}

void
pool_wait_cancel(struct pool_wait *w)
{
    if (!w->pool || !list_linked(&w->link))
        return;
    list_remove(&w->link);
    w->pool->waiting--;
    if (!w->slot)
        TALLY_ADD(w->pool->load->waiting, -1u);
    stat_add(w->pool->stats, STAT_PENDING, -1);
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

/* One pick, and the limits that it must hold. Each round takes one endpoint out of the choice, so it ends. */
static int
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
        if (rv == ERR_NO_ENDPOINT && subset_unchecked(s))
            return ERR_AGAIN; /* a first check is on its way */
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

static void
pool_watch_waiters(struct pool *p)
{
    if (!timer_running(&p->wait_timer) && p->conf->limits.pending_timeout_ms)
        timer_start(p->loop, &p->wait_timer, p->conf->limits.pending_timeout_ms * 1000);
}

/* Its turn has not come, but it may go on waiting where it holds nobody up. */
static bool
wait_be_patient(struct subset *s, struct pool_wait *w, int rv)
{
    if (!w->patient || (rv != ERR_NO_ENDPOINT && rv != ERR_QUEUE_TIMEOUT))
        return false;
    list_remove(&w->link);
    list_append(&s->patient, &w->link);
    return true;
}

/* Behind those that are choosy already: they are in the order of their times. */
static void
wait_be_choosy(struct pool *p, struct subset *s, struct pool_wait *w)
{
    list_remove(&w->link);
    list_append(&s->choosy, &w->link);
    w->since_us = loop_now_us(p->loop);
    if (!timer_running(&p->choosy_timer))
        timer_start(p->loop, &p->choosy_timer, CHOOSY_US);
}

/* Before the others, for these came earlier. Who could not even go back any more waits as all do. */
static void
subset_run_choosy(struct pool *p, struct subset *s)
{
    struct list *at = s->choosy.next;
    unsigned past = 0;

    while (at != &s->choosy && past < LOOK_PAST) {
        struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            past++;
            at = at->next;
            continue;
        }
        w->any = true;
        if (rv == ERR_AGAIN) {
            list_remove(&w->link);
            list_append(&s->waiters, &w->link);
            w->since_us = loop_now_us(p->loop);
            pool_watch_waiters(p);
        } else if (!wait_be_patient(s, w, rv)) {
            pool_wait_cancel(w);
            w->done(w, rv == ERR_OK ? c : NULL, rv);
        }
        at = s->choosy.next; /* done may have changed the list */
        past = 0;
    }
}

static void
subset_run_queue(struct pool *p, struct subset *s)
{
    struct list *at = s->waiters.next;
    unsigned past = 0;

    while (at != &s->waiters) {
        struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            wait_be_choosy(p, s, w);
            at = s->waiters.next;
            continue;
        }
        if (rv == ERR_AGAIN) {
            p->grow = true;
            if (!w->hashed || ++past == LOOK_PAST)
                return;
            at = at->next;
            continue;
        }
        if (!wait_be_patient(s, w, rv)) {
            pool_wait_cancel(w);
            w->done(w, rv == ERR_OK ? c : NULL, rv);
        }
        at = s->waiters.next; /* done may have changed the queue */
        past = 0;
    }
}

/* Behind the others. All of them want the same, so the first that gets nothing speaks for the rest. */
static void
subset_run_patient(struct pool *p, struct subset *s)
{
    while (!list_empty(&s->patient) && list_empty(&s->waiters)) {
        struct pool_wait *w = CONTAINER_OF(s->patient.next, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            wait_be_choosy(p, s, w);
            continue;
        }
        if (rv == ERR_AGAIN)
            p->grow = true;
        if (rv == ERR_AGAIN || rv == ERR_NO_ENDPOINT)
            return;
        pool_wait_cancel(w);
        w->done(w, rv == ERR_OK ? c : NULL, rv);
    }
}

void
pool_changed(struct pool *p)
{
    if (p->closing)
        return;
    p->again = true;
    if (p->running)
        return; /* a waiter's done came back here: the outer loop goes round once more */
    p->running = true;
    while (p->again) {
        p->again = false;
        p->grow = false; /* whoever still waits after this says it again */
        pool_service(p);
        p->news = false;
        for (size_t i = 0; i < p->subset_count && p->waiting; i++) {
            if (!p->subsets[i])
                continue;
            subset_run_choosy(p, p->subsets[i]);
            subset_run_queue(p, p->subsets[i]);
            subset_run_patient(p, p->subsets[i]);
        }
        pool_service(p); /* connections for who still waits */
    }
    p->running = false;
    pool_watch_full(p);
}

/* Waiters of a subset are in order of arrival and all share one time limit, so the first one is always the next to go. */
static void
pool_on_wait_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, wait_timer);
    int64_t limit = p->conf->limits.pending_timeout_ms * 1000;
    int64_t now = loop_now_us(p->loop), next = -1;

    for (size_t i = 0; i < p->subset_count; i++) {
        struct list *head = p->subsets[i] ? &p->subsets[i]->waiters : NULL;

        while (head && !list_empty(head)) {
            struct pool_wait *w = CONTAINER_OF(head->next, struct pool_wait, link);

            if (now - w->since_us < limit) {
                if (next < 0 || w->since_us + limit - now < next)
                    next = w->since_us + limit - now;
                break;
            }
            if (wait_be_patient(p->subsets[i], w, ERR_QUEUE_TIMEOUT))
                continue;
            pool_wait_cancel(w);
            stat_inc(p->stats, STAT_PENDING_TIMEOUTS);
            w->done(w, NULL, ERR_QUEUE_TIMEOUT);
        }
    }
    if (next >= 0)
        timer_start(p->loop, t, next);
}

static void
pool_on_choosy_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, choosy_timer);
    int64_t now = loop_now_us(p->loop), next = -1;

    for (size_t i = 0; i < p->subset_count; i++) {
        struct list *head = p->subsets[i] ? &p->subsets[i]->choosy : NULL;

        for (struct list *at = head ? head->next : NULL; at != head; at = at->next) {
            struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
            int64_t left = w->since_us + CHOOSY_US - now;

            if (left > 0) {
                if (next < 0 || left < next)
                    next = left;
                break;
            }
            w->any = true;
        }
    }
    if (next >= 0)
        timer_start(p->loop, t, next);
    pool_changed(p);
}

/* rv: what the pick said. */
static int
pool_queue(struct pool *p, struct pool_wait *w, int rv)
{
    struct subset *s = p->subsets[w->subset];

    if (p->waiting >= p->conf->limits.max_pending_requests) {
        stat_inc(p->stats, STAT_PENDING_FULL);
        return ERR_QUEUE_FULL;
    }
    w->since_us = loop_now_us(p->loop);
    if (w->choosy)
        wait_be_choosy(p, s, w);
    else
        list_append(rv == ERR_AGAIN ? &s->waiters : &s->patient, &w->link);
    p->waiting++;
    if (!w->slot)
        TALLY_ADD(p->load->waiting, 1);
    stat_inc(p->stats, STAT_PENDING);
    pool_watch_waiters(p);
    p->grow = true;
    pool_service(p);
    pool_watch_full(p);
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

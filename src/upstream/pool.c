/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool.c - picks, waits, keeps the wanted endpoints connected. */
#include "upstream/pool_int.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "resolve/target.h"

static void pool_on_wait_timer(struct timer *t);

static void
pool_limits(struct pool *p)
{
    const struct connections_conf *c = &p->conf->connections;

    h2_limits_default(&p->limits);
    p->limits.stream_window = (uint32_t)c->stream_window;
    p->limits.connection_window = (uint32_t)c->connection_window;
    p->limits.max_stream_window = (uint32_t)c->max_stream_window;
    p->limits.max_connection_buffer = c->max_connection_buffer;
    p->limits.idle_timeout_us = c->idle_timeout_ms * 1000;
    up_keepalive_fill(&p->limits.keepalive, &p->conf->keepalive);
    p->limits.write_stall_us =
        0; /* a backend may take its time; deadlines and memory pressure end what stalls */
}

static void
pool_count_addr(void *arg, const struct addr *a)
{
    struct pool *p = arg;

    (void)a;
    p->n++;
}

static void
pool_add_addr(void *arg, const struct addr *a)
{
    struct pool *p = arg;

    endpoint_init(&p->endpoints[p->n], p, p->n, a);
    p->n++;
}

static void
pool_each_target(struct pool *p, target_fn *fn)
{
    const struct endpoint_conf *e = p->conf->endpoints.items;
    const char *why;

    for (size_t i = 0; i < p->conf->endpoints.n; i++) {
        if (target_parse(e[i].target, fn, p, &why) != ERR_OK)
            abort(); /* checked while loading */
    }
}

struct pool *
pool_new(struct h2_worker *w, const struct pool_conf *conf, struct rng *rng,
         pool_stream_fn *on_stream)
{
    struct pool *p = xcalloc(1, sizeof(*p));

    p->h2 = w;
    p->loop = h2_worker_loop(w);
    p->stats = h2_worker_stats(w);
    p->rng = rng;
    p->conf = conf;
    upconn_ops_fill(&p->ops, on_stream);
    pool_limits(p);
    list_init(&p->waiters);
    timer_init(&p->wait_timer, pool_on_wait_timer);
    pool_each_target(p, pool_count_addr);
    p->endpoints = xcalloc(p->n, sizeof(*p->endpoints));
    p->view = xcalloc(p->n, sizeof(*p->view));
    p->n = 0;
    pool_each_target(p, pool_add_addr);
    p->policy = lb_policy_find(conf->balance.policy);
    assert(p->policy);
    p->policy_state = xcalloc(1, p->policy->state_size ? p->policy->state_size : 1);
    if (p->policy->start)
        p->policy->start(p->policy_state, p->n, rng);
    return p;
}

void
pool_free(struct pool *p)
{
    if (!p)
        return;
    xfree(p->policy_state);
    xfree(p->view);
    xfree(p->endpoints);
    xfree(p);
}

static void
pool_wait_end(struct pool_wait *w)
{
    struct pool *p = w->pool;

    list_remove(&w->link);
    p->waiting--;
    stat_add(p->stats, STAT_PENDING, -1);
}

void
pool_wait_cancel(struct pool_wait *w)
{
    if (w->pool && list_linked(&w->link))
        pool_wait_end(w);
}

/* Connects what the policy wants and is idle. */
static void
pool_connect(struct pool *p)
{
    if (!p->active || p->closing)
        return;
    for (size_t i = 0; i < p->n; i++) {
        struct endpoint *e = &p->endpoints[i];

        if (p->view[i].state != LB_READY && e->connecting == 0 &&
            !timer_running(&e->retry) &&
            p->policy->wants(p->policy_state, p->view, p->n, i)) {
            endpoint_connect(e);
            endpoint_update(e);
        }
    }
}

/* Calls wait because all connections are full: add one where the policy would go. */
static void
pool_grow(struct pool *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct endpoint *e = &p->endpoints[i];

        if (p->view[i].state == LB_READY && !p->view[i].room && endpoint_can_grow(e) &&
            p->policy->wants(p->policy_state, p->view, p->n, i))
            endpoint_connect(e);
    }
}

/* One pick. The endpoint of a failed attempt is avoided when the policy names another one. */
static int
pool_pick(struct pool *p, const void *avoid, struct upconn **ret)
{
    int i = p->policy->pick(p->policy_state, p->view, p->n);

    if (i >= 0 && avoid == &p->endpoints[i]) {
        int other = p->policy->pick(p->policy_state, p->view, p->n);

        i = other >= 0 ? other : i;
    }
    if (i == LB_NONE)
        return ERR_NO_ENDPOINT;
    if (i == LB_WAIT)
        return ERR_AGAIN;
    *ret = endpoint_conn(&p->endpoints[i]);
    if (*ret)
        return ERR_OK;
    endpoint_update(&p->endpoints[i]); /* the view was behind */
    return ERR_AGAIN;
}

static void
pool_run_queue(struct pool *p)
{
    while (!list_empty(&p->waiters)) {
        struct pool_wait *w = CONTAINER_OF(p->waiters.next, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w->avoid, &c);

        if (rv == ERR_AGAIN) {
            pool_grow(p);
            return;
        }
        pool_wait_end(w);
        w->done(w, c, rv);
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
        pool_connect(p);
        pool_run_queue(p);
    }
    p->running = false;
}

/* Waiters are in order of arrival and share one time limit, so the first one is always the next to go. */
static void
pool_on_wait_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, wait_timer);
    int64_t limit = p->conf->limits.pending_timeout_ms * 1000;
    int64_t now = loop_now_us(p->loop);

    while (!list_empty(&p->waiters)) {
        struct pool_wait *w = CONTAINER_OF(p->waiters.next, struct pool_wait, link);

        if (now - w->since_us < limit) {
            timer_start(p->loop, &p->wait_timer, w->since_us + limit - now);
            return;
        }
        pool_wait_end(w);
        stat_inc(p->stats, STAT_PENDING_TIMEOUTS);
        w->done(w, NULL, ERR_QUEUE_TIMEOUT);
    }
}

int
pool_take(struct pool *p, struct pool_wait *w, struct upconn **ret)
{
    int rv;

    if (p->closing)
        return ERR_DRAIN;
    if (!p->active) {
        p->active = true;
        pool_connect(p);
    }
    w->pool = p;
    if (p->waiting == 0) {
        rv = pool_pick(p, w->avoid, ret);
        if (rv != ERR_AGAIN)
            return rv;
    }
    if (p->waiting >= p->conf->limits.max_pending_requests) {
        stat_inc(p->stats, STAT_PENDING_FULL);
        return ERR_QUEUE_FULL;
    }
    w->since_us = loop_now_us(p->loop);
    list_append(&p->waiters, &w->link);
    p->waiting++;
    stat_inc(p->stats, STAT_PENDING);
    if (!timer_running(&p->wait_timer) && p->conf->limits.pending_timeout_ms)
        timer_start(p->loop, &p->wait_timer, p->conf->limits.pending_timeout_ms * 1000);
    pool_grow(p);
    return ERR_AGAIN;
}

void
pool_close(struct pool *p)
{
    if (p->closing)
        return;
    p->closing = true;
    timer_stop(p->loop, &p->wait_timer);
    while (!list_empty(&p->waiters)) {
        struct pool_wait *w = CONTAINER_OF(p->waiters.next, struct pool_wait, link);

        pool_wait_end(w);
        w->done(w, NULL, ERR_DRAIN);
    }
    for (size_t i = 0; i < p->n; i++)
        endpoint_close(&p->endpoints[i]);
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

const struct pool_conf *
pool_config(const struct pool *p)
{
    return p->conf;
}

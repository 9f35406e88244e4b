/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_limit.c - what one pool may do at once, in the whole process: calls, long streams, replays, calls per endpoint, connections. A call
 * counts from the pick until its stream closed. What has no limit is not counted. Words for it: pool_why.c. */
#include "base/xalloc.h"
#include "upstream/group.h"

enum { /* pool_wait.counted */
       COUNTED_CALL = 1,
       COUNTED_STREAM = 2,
       COUNTED_RETRY = 4,
       COUNTED_ENDPOINT = 8,
};

static const int64_t LOOK_AT_FULL_US = 5 * 1000;

/* --- long streams ------------------------------------------------------------------------ */

/* A method is unary or streaming for ever, and only a streaming one ever sends two messages in one direction. Two methods that share a place take it
 * from each other: then one is learnt again. */
static bool
method_streams(const struct pool *p, uint64_t method)
{
    return method && p->methods[method % METHODS_SEEN] == method;
}

/* From the calls to the streams, when there is room; else it goes on counting as a call, so that both limits hold. */
static void
call_becomes_stream(struct pool *p, struct pool_wait *w)
{
    const struct pool_limits_conf *l = &p->conf->limits;

    list_remove(&w->young);
    if (!(w->counted & COUNTED_STREAM) &&
        level_take(&p->levels->streams, l->max_streams)) {
        w->counted |= COUNTED_STREAM;
        if (w->counted & COUNTED_CALL)
            level_give(&p->levels->calls, l->max_concurrent_requests);
        w->counted &= (uint8_t)~COUNTED_CALL;
    }
}

static void
pool_on_young(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, young_timer);
    int64_t after = p->conf->limits.long_stream_after_ms * 1000;
    int64_t now = loop_now_us(p->loop);

    while (!list_empty(&p->young)) {
        struct pool_wait *w = CONTAINER_OF(p->young.next, struct pool_wait, young);

        if (now - w->begun_us < after) {
            timer_start(p->loop, t, w->begun_us + after - now);
            return;
        }
        call_becomes_stream(p, w);
    }
}

void
pool_is_stream(struct pool_wait *w)
{
    struct pool *p = w->pool;

    if (!w->open || !p->methods || w->counted & COUNTED_STREAM)
        return;
    if (w->method)
        p->methods[w->method % METHODS_SEEN] = w->method;
    if (list_linked(&w->young))
        call_becomes_stream(p, w);
}

/* --- calls ------------------------------------------------------------------------------- */

bool
endpoint_full(const struct endpoint *e)
{
    uint32_t max = e->pool->conf->limits.max_requests_per_endpoint;

    return max && atomic_load_explicit(&e->backend->flying, memory_order_relaxed) >= max;
}

static int
limit_refuse(struct pool *p, struct pool_wait *w, int limit, enum stat_id counter)
{
    w->limit = (uint8_t)limit;
    stat_inc(p->stats, counter);
    return ERR_POOL_LIMIT;
}

static int
limit_take_call(struct pool *p, struct pool_wait *w)
{
    const struct pool_limits_conf *l = &p->conf->limits;

    if (l->max_streams && method_streams(p, w->method)) {
        if (!level_take(&p->levels->streams, l->max_streams))
            return limit_refuse(p, w, LIMIT_STREAMS, STAT_LIMIT_STREAMS);
        w->counted |= COUNTED_STREAM;
        return ERR_OK;
    }
    if (l->max_concurrent_requests) {
        if (!level_take(&p->levels->calls, l->max_concurrent_requests))
            return limit_refuse(p, w, LIMIT_CALLS, STAT_LIMIT_REQUESTS);
        w->counted |= COUNTED_CALL;
    }
    if (l->max_streams) {
        list_append(&p->young, &w->young);
        if (!timer_running(&p->young_timer))
            timer_start(p->loop, &p->young_timer, l->long_stream_after_ms * 1000);
    }
    return ERR_OK;
}

bool
pool_limit_retry(struct pool *p, struct pool_wait *w)
{
    uint32_t max = p->conf->limits.max_retries;

    if (max == 0 || w->counted & COUNTED_RETRY)
        return true;
    if (!level_take(&p->levels->retries, max))
        return false;
    w->counted |= COUNTED_RETRY;
    return true;
}

void
pool_limit_retry_give(struct pool *p, struct pool_wait *w)
{
    if (w->counted & COUNTED_RETRY)
        level_give(&p->levels->retries, p->conf->limits.max_retries);
    w->counted &= (uint8_t)~COUNTED_RETRY;
}

int
pool_limit_take(struct pool *p, struct pool_wait *w, struct endpoint *e)
{
    const struct pool_limits_conf *l = &p->conf->limits;
    int rv;

    w->begun_us = loop_now_us(p->loop);
    if (l->max_requests_per_endpoint) {
        if (!level_take(&e->backend->flying, l->max_requests_per_endpoint)) {
            e->lb.room = false;
            stat_inc(p->stats, STAT_LIMIT_ENDPOINT);
            if (!list_linked(&e->full))
                list_append(&p->full, &e->full);
            return ERR_AGAIN;
        }
        w->counted |= COUNTED_ENDPOINT;
    }
    if (w->retry && !pool_limit_retry(p, w)) {
        pool_limit_give(w, e);
        return limit_refuse(p, w, LIMIT_RETRIES, STAT_LIMIT_RETRIES);
    }
    if (!l->max_concurrent_requests && !l->max_streams)
        return ERR_OK;
    rv = limit_take_call(p, w);
    if (rv != ERR_OK)
        pool_limit_give(w, e);
    return rv;
}

void
pool_limit_give(struct pool_wait *w, struct endpoint *e)
{
    struct pool *p = w->pool;
    const struct pool_limits_conf *l = &p->conf->limits;

    if (w->counted & COUNTED_CALL)
        level_give(&p->levels->calls, l->max_concurrent_requests);
    if (w->counted & COUNTED_STREAM)
        level_give(&p->levels->streams, l->max_streams);
    if (!w->slot) /* else with it */
        pool_limit_retry_give(p, w);
    if (w->counted & COUNTED_ENDPOINT)
        level_give(&e->backend->flying, l->max_requests_per_endpoint);
    w->counted &= COUNTED_RETRY;
    list_remove(&w->young);
}

/* --- full endpoints ------------------------------------------------------------------------ */

bool
pool_look_at_full(struct pool *p)
{
    bool some = false;

    for (struct list *n = p->full.next, *next; n != &p->full; n = next) {
        struct endpoint *e = CONTAINER_OF(n, struct endpoint, full);

        next = n->next;
        if (endpoint_full(e))
            continue;
        list_remove(n);
        endpoint_update(e);
        some = true;
    }
    return some;
}

/* Calls of other workers end without a word to us. */
static void
pool_on_full_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, full_timer);

    bool some = pool_look_at_full(p);

    if (p->no_connections &&
        atomic_load(&p->levels->connections) < p->conf->limits.max_connections) {
        p->no_connections = false;
        p->connect = p->grow = some = true;
    }
    if (some)
        pool_changed(p);
    pool_watch_full(p);
}

void
pool_watch_full(struct pool *p)
{
    if (p->waiting && (!list_empty(&p->full) || p->no_connections) && !p->closing &&
        !timer_running(&p->full_timer))
        timer_start(p->loop, &p->full_timer, LOOK_AT_FULL_US);
}

/* --- connections ---------------------------------------------------------------------------- */

bool
pool_limit_connect(struct pool *p)
{
    if (level_take(&p->levels->connections, p->conf->limits.max_connections))
        return true;
    if (!p->no_connections)
        stat_inc(p->stats, STAT_LIMIT_CONNECTIONS);
    p->no_connections = true;
    return false;
}

void
pool_limit_disconnect(struct pool *p)
{
    level_give(&p->levels->connections, p->conf->limits.max_connections);
    if (p->no_connections) {
        p->no_connections = false;
        p->connect = true;
    }
}

void
pool_limit_init(struct pool *p)
{
    const struct pool_limits_conf *l = &p->conf->limits;

    p->limited = l->max_concurrent_requests || l->max_requests_per_endpoint ||
                 l->max_retries || l->max_streams;
    list_init(&p->full);
    list_init(&p->young);
    timer_init(&p->full_timer, pool_on_full_timer);
    timer_init(&p->young_timer, pool_on_young);
    if (l->max_streams)
        p->methods = xcalloc(METHODS_SEEN, sizeof(*p->methods));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/endpoint.c - one backend address: its connections, its connectivity state, its backoff (grpc doc/connection-backoff.md). */
#include "upstream/pool_int.h"

#include <stdio.h>

enum { BACKOFF_JITTER_PERCENT = 20 };
static const int64_t KEEPALIVE_MOST_US = 24 * 3600 * INT64_C(1000000);

/* Delay between the starts of two attempts after `failures` failures in a row: base x 1.6^(failures-1), capped. */
static int64_t
endpoint_backoff_us(const struct endpoint *e)
{
    const struct backoff_conf *b = &e->pool->conf->backoff;
    int64_t ms = b->base_interval_ms;

    for (unsigned i = 1; i < e->failures && ms < b->max_interval_ms; i++)
        ms = ms * 16 / 10;
    if (ms > b->max_interval_ms)
        ms = b->max_interval_ms;
    return rng_jitter(e->pool->rng, ms * 1000, BACKOFF_JITTER_PERCENT);
}

static void
endpoint_on_retry(struct timer *t)
{
    struct endpoint *e = CONTAINER_OF(t, struct endpoint, retry);
    struct pool *p = e->pool;

    /* Not wanted now (pick_first uses another one): next time it starts afresh, as gRPC's IDLE does. */
    if (!p->policy->wants(p->policy_state, p->view, p->n, e->index))
        e->failures = 0;
    endpoint_update(e);
    pool_changed(p);
}

void
endpoint_init(struct endpoint *e, struct pool *p, size_t index, const struct addr *addr)
{
    *e = (struct endpoint){ .pool = p, .index = index, .addr = *addr };
    addr_print(addr, e->name);
    list_init(&e->conns);
    timer_init(&e->retry, endpoint_on_retry);
}

/* The oldest ready connection with a free stream (gRFC A105 order). NULL: none. */
struct upconn *
endpoint_conn(struct endpoint *e)
{
    for (struct list *n = e->conns.next; n != &e->conns; n = n->next) {
        struct upconn *c = CONTAINER_OF(n, struct upconn, link);

        if (c->state == UPCONN_READY && c->h2 && h2_conn_free_streams(c->h2))
            return c;
    }
    return NULL;
}

static bool
endpoint_has_ready(const struct endpoint *e)
{
    for (struct list *n = e->conns.next; n != &e->conns; n = n->next) {
        if (CONTAINER_OF(n, struct upconn, link)->state == UPCONN_READY)
            return true;
    }
    return false;
}

/* A further connection, when all are full: one connect at a time. */
bool
endpoint_can_grow(const struct endpoint *e)
{
    return e->connecting == 0 && !timer_running(&e->retry) &&
           e->conn_count < e->pool->conf->connections.per_endpoint;
}

void
endpoint_connect(struct endpoint *e)
{
    e->attempt_us = loop_now_us(e->pool->loop);
    upconn_open(e);
}

/* Recomputes what the policy sees. */
void
endpoint_update(struct endpoint *e)
{
    struct lb_endpoint *v = &e->pool->view[e->index];

    if (endpoint_has_ready(e)) {
        v->state = LB_READY;
    } else if (timer_running(&e->retry) || e->failures) {
        /* Stays failed while the next attempt runs: calls go elsewhere or fail fast (sticky TRANSIENT_FAILURE). */
        v->state = LB_FAILED;
    } else if (e->connecting) {
        v->state = LB_CONNECTING;
    } else {
        v->state = LB_IDLE;
    }
    v->room = endpoint_conn(e) != NULL;
}

void
endpoint_failed(struct endpoint *e, int err, const char *text)
{
    struct pool *p = e->pool;
    int64_t wait;

    if (p->closing)
        return;
    snprintf(p->last_failure, sizeof(p->last_failure), "%.100s: %.140s", e->name, text);
    e->failures++;
    wait = e->attempt_us + endpoint_backoff_us(e) - loop_now_us(p->loop);
    timer_start(p->loop, &e->retry, wait);
    if (log_limit_pass(&e->log_limit, 3))
        log_at(NULL, LOG_WARN, "backend cannot be used", LS("endpoint", e->name),
               LS("pool", p->conf->name), LS("error", err_name(err)), LS("why", text),
               LI("retry_ms", wait > 0 ? wait / 1000 : 0));
    endpoint_update(e);
}

void
endpoint_calm(struct endpoint *e)
{
    int64_t now = e->keepalive_us ? e->keepalive_us : e->pool->limits.keepalive.time_us;

    if (now < KEEPALIVE_MOST_US / 2)
        e->keepalive_us = now * 2;
    else if (now)
        e->keepalive_us = now < KEEPALIVE_MOST_US ? KEEPALIVE_MOST_US : now;
    if (log_limit_pass(&e->calm_limit, 3))
        log_at(NULL, LOG_WARN,
               now ? "backend says too_many_pings, it gets half as many from now on"
                   : "backend says too_many_pings, though keepalive is off",
               LS("endpoint", e->name), LS("pool", e->pool->conf->name),
               LI("keepalive_ms", e->keepalive_us / 1000),
               LS("change", "keepalive.time of the pool"));
}

void
endpoint_close(struct endpoint *e)
{
    struct list *n, *next;

    timer_stop(e->pool->loop, &e->retry);
    for (n = e->conns.next; n != &e->conns; n = next) {
        next = n->next;
        upconn_close(CONTAINER_OF(n, struct upconn, link), ERR_DRAIN);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/endpoint.c - one backend address: its connections, its connectivity state, its backoff (grpc doc/connection-backoff.md), and its leave when
 * the list does not name it any more. */
#include <assert.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "lb/report.h"
#include "upstream/hub.h"
#include "upstream/oob.h"
#include "upstream/pool_int.h"

enum { BACKOFF_JITTER_PERCENT = 20 };
static const int64_t KEEPALIVE_MOST_US = 24 * 3600 * INT64_C(1000000);

/* --- life ---------------------------------------------------------------------------- */

static void endpoint_on_retry(struct timer *t);
static void endpoint_on_drain(struct timer *t);

static void
endpoint_free(struct ref *r)
{
    struct endpoint *e = CONTAINER_OF(r, struct endpoint, ref);

    tls_session_slot_done(&e->session);
    backend_drop(e->backend);
    xfree(e->why);
    xfree(e);
}

struct endpoint *
endpoint_new(struct pool *p, struct backend *b)
{
    struct endpoint *e = xcalloc(1, sizeof(*e));

    ref_init(&e->ref, endpoint_free);
    e->reaper = loop_reaper(p->loop);
    e->pool = p;
    e->backend = b;
    e->tally = &b->tally[p->worker];
    backend_hold(b);
    b->views[p->worker] = e;
    list_init(&e->conns);
    list_init(&e->gone);
    list_init(&e->full);
    timer_init(&e->retry, endpoint_on_retry);
    timer_init(&e->drain, endpoint_on_drain);
    return e;
}

/* --- connections ---------------------------------------------------------------------- */

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
    if (!pool_limit_connect(e->pool))
        return;
    e->attempt_us = loop_now_us(e->pool->loop);
    upconn_open(e);
}

static void
endpoint_on_report(void *arg, const struct lb_report *r)
{
    struct endpoint *e = arg;
    struct pool *p = e->pool;

    p->policy->reported(NULL, &e->lb, r, loop_now_us(p->loop));
}

/* Load reports out of band are asked for while it is in the list and READY. */
static void
endpoint_watch_load(struct endpoint *e)
{
    struct pool *p = e->pool;
    bool want = p->conf->balance.enable_oob_load_report && e->row && !p->closing &&
                e->lb.state == LB_READY;

    if (want && !e->oob) {
        e->oob = oob_new(p->h2, e->backend, p->conf, p->tls, e->row->host, p->rng,
                         endpoint_on_report, e);
    } else if (!want && e->oob) {
        oob_stop(e->oob);
        e->oob = NULL;
    }
}

/* Recomputes what the policies see. They hear of it by pool_changed. */
void
endpoint_update(struct endpoint *e)
{
    struct lb_endpoint *v = &e->lb;
    enum lb_state before = v->state;

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
    v->room = v->state == LB_READY && endpoint_conn(e) != NULL && !endpoint_full(e);
    if (v->room)
        list_remove(&e->full);
    endpoint_watch_load(e);
    if (v->state == before)
        return;
    atomic_store_explicit(&e->tally->failed, v->state == LB_FAILED, memory_order_relaxed);
    if (v->state == LB_READY)
        v->ready_us = loop_now_us(e->pool->loop);
    if (e->row)
        e->pool->stale = true;
}

void
endpoint_note(struct endpoint *e, const char *why)
{
    xfree(e->why);
    e->why = why ? xstrdup(why) : NULL;
    e->why_number = ++e->pool->failures_noted;
    if (why)
        pool_note_failure(e->pool, why);
}

void
endpoint_failed(struct endpoint *e, int err, const char *text)
{
    struct pool *p = e->pool;
    int64_t wait;

    if (p->closing || !e->row)
        return;
    endpoint_note(e, text);
    e->failures++;
    TALLY_ADD(e->tally->local_failures, 1);
    wait = e->attempt_us + endpoint_backoff_us(e) - loop_now_us(p->loop);
    timer_start(p->loop, &e->retry, wait);
    if (log_limit_pass(&e->log_limit, 3))
        log_at(NULL, LOG_WARN, "backend cannot be used", LS("endpoint", e->backend->name),
               LS("pool", p->conf->name), LS("error", err_name(err)), LS("why", text),
               LI("retry_ms", wait > 0 ? wait / 1000 : 0));
    endpoint_update(e);
    hub_ask_again(p->hub);
}

static void
endpoint_on_retry(struct timer *t)
{
    struct endpoint *e = CONTAINER_OF(t, struct endpoint, retry);
    struct pool *p = e->pool;

    if (e->lb.wanted && p->active && e->connecting == 0 && p->connecting < CONNECTS_MAX &&
        (!endpoint_has_ready(e) || endpoint_retiring(e)))
        endpoint_connect(e);
    else if (!e->lb.wanted)
        e->failures =
            0; /* another one is used now: next time it starts afresh, as gRPC's IDLE does */
    else
        p->connect = true;
    endpoint_update(e);
    pool_changed(p);
}

/* --- leave ---------------------------------------------------------------------------- */

/* Nothing of it is left but what calls hold. */
static void
endpoint_forget(struct endpoint *e)
{
    struct pool *p = e->pool;

    timer_stop(p->loop, &e->retry);
    timer_stop(p->loop, &e->drain);
    list_remove(&e->gone);
    list_remove(&e->full);
    e->backend->views[p->worker] = NULL;
    atomic_store_explicit(&e->tally->failed, 0, memory_order_relaxed);
    ref_drop(&e->ref, e->reaper);
}

static void
endpoint_close_conns(struct endpoint *e, int err, bool idle_only)
{
    struct list *n, *next;

    for (n = e->conns.next; n != &e->conns; n = next) {
        struct upconn *c = CONTAINER_OF(n, struct upconn, link);

        next = n->next;
        if (!idle_only || c->state == UPCONN_CONNECTING || c->state == UPCONN_SETTLING)
            upconn_close(c, err);
        else if (c->active == 0)
            upconn_leave(c);
    }
}

void
endpoint_idle(struct endpoint *e)
{
    if (e->row || e->pool->closing)
        return;
    endpoint_close_conns(e, ERR_CLOSED, true);
    if (list_empty(&e->conns) && list_linked(&e->gone))
        endpoint_forget(e);
}

void
endpoint_drain(struct endpoint *e)
{
    struct pool *p = e->pool;

    e->row = NULL;
    e->lb.key = e->backend->name;
    e->lb.wanted = false;
    e->failures = 0;
    timer_stop(p->loop, &e->retry);
    endpoint_watch_load(e);
    list_append(&p->gone, &e->gone);
    timer_start(p->loop, &e->drain, p->conf->drain_on_remove_ms * 1000);
    endpoint_idle(e);
}

/* Its connections with open streams are as good as before. */
void
endpoint_revive(struct endpoint *e)
{
    timer_stop(e->pool->loop, &e->drain);
    list_remove(&e->gone);
    endpoint_update(e);
}

static void
endpoint_on_drain(struct timer *t)
{
    struct endpoint *e = CONTAINER_OF(t, struct endpoint, drain);

    endpoint_close_conns(e, ERR_REMOVED, false);
    endpoint_idle(e); /* else when the last connection told its end */
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
               LS("endpoint", e->backend->name), LS("pool", e->pool->conf->name),
               LI("keepalive_ms", e->keepalive_us / 1000),
               LS("change", "keepalive.time of the pool"));
}

void
endpoint_close(struct endpoint *e)
{
    struct pool *p = e->pool;

    timer_stop(p->loop, &e->retry);
    timer_stop(p->loop, &e->drain);
    endpoint_watch_load(e);
    endpoint_close_conns(e, ERR_DRAIN, false);
    list_remove(&e->full);
    e->backend->views[p->worker] = NULL;
    if (list_linked(&e->gone)) {
        list_remove(&e->gone);
        ref_drop(&e->ref, e->reaper);
    }
}

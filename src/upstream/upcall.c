/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upcall.c - a call on a connection, from its stream's start to its end: counts, results, what policies and outlier detection learn. */
#include "lb/report.h"
#include "upstream/group.h"
#include "upstream/hub.h"

/* The probe call is over, or it did not begin. */
static void
upcall_probe_ended(struct pool_wait *w, struct endpoint *e)
{
    w->probe = false;
    backend_probe_end(e->backend, !w->judged  ? BACKEND_PROBE_AGAIN
                                  : w->failed ? BACKEND_PROBE_BAD
                                              : BACKEND_PROBE_GOOD);
    hub_suspect(e->pool->hub, e->backend);
}

int
upconn_request(struct upconn *c, struct pool_wait *w, struct h2_stream *s,
               const struct h2_field *fields, size_t n, bool end)
{
    struct endpoint *e = c->endpoint;
    int rv = ERR_GOAWAY;

    if (c->h2 && c->state == UPCONN_READY)
        rv = h2_stream_request(c->h2, s, fields, n, end);
    if (rv != ERR_OK) {
        if (w->counted)
            pool_limit_give(w, e);
        w->judged = false;
        if (w->probe)
            upcall_probe_ended(w, e);
        return rv;
    }
    if (w->endpoint != e) {
        pool_wait_done(w);
        ref_hold(&e->ref);
        w->endpoint = e;
    }
    w->avoid = e;
    if (UNLIKELY(w->tried != NULL))
        pool_tried_add(w->tried, e);
    w->open = true;
    w->judged = w->failed = false;
    if (e->pool->policy->ended) {
        w->begun_us = loop_now_us(e->pool->loop);
        w->answered_us = 0;
    }
    c->active++;
    e->lb.active++;
    TALLY_ADD(e->tally->calls, 1);
    TALLY_ADD(e->tally->flying, 1);
    if (LIKELY(!w->slot)) {
        w->first = true;
        TALLY_ADD(e->pool->load->first, 1);
    }
    if (++c->requests == c->max_requests)
        upconn_retire(c);
    if (h2_conn_free_streams(c->h2) == 0) {
        if (h2_conn_draining(c->h2))
            upconn_leave(c); /* that was the last id; it makes room for another one */
        endpoint_update(e);
    }
    return ERR_OK;
}

static void
upcall_tell_policy(struct pool *p, const struct pool_wait *w, struct endpoint *e)
{
    int64_t now = loop_now_us(p->loop);
    const struct lb_result r = {
        .duration_us = (w->answered_us ? w->answered_us : now) - w->begun_us,
        .failed = w->failed,
    };

    p->policy->ended(w->group->state, &e->lb, &r, now);
}

void
upconn_release(struct upconn *c, struct pool_wait *w)
{
    struct endpoint *e = c->endpoint;
    struct pool *p = e->pool;

    c->active--;
    e->lb.active--;
    TALLY_ADD(e->tally->flying, -1u);
    if (LIKELY(w->first)) {
        w->first = false;
        TALLY_ADD(p->load->first, -1u);
    }
    if (UNLIKELY(p->policy->ended != NULL))
        upcall_tell_policy(p, w, e);
    w->open = false;
    if (UNLIKELY(w->probe))
        upcall_probe_ended(w, e);
    if (w->counted || list_linked(&w->young))
        pool_limit_give(w, e);
    c->served = true;
    e->failures = 0; /* it really works: the backoff starts afresh */
    if (UNLIKELY(!e->row)) {
        endpoint_idle(e);
    } else if (p->waiting || !e->lb.room) {
        endpoint_update(e);
        pool_changed(p);
    }
}

/* --- results -------------------------------------------------------------------------- */

void
pool_answered(struct pool_wait *w)
{
    if (w->open && !w->answered_us)
        w->answered_us = loop_now_us(w->pool->loop);
}

void
pool_result(struct pool_wait *w, int code)
{
    struct endpoint *e = w->endpoint;

    if (!w->open || w->judged)
        return;
    w->judged = true;
    if (judge_status(&w->pool->judge, e->backend, e->tally, code, &w->failed))
        hub_suspect(w->pool->hub, e->backend);
}

void
pool_lost(struct pool_wait *w)
{
    if (!w->open || w->judged)
        return;
    w->judged = w->failed = true;
    if (judge_lost(&w->pool->judge, w->endpoint->backend, w->endpoint->tally))
        hub_suspect(w->pool->hub, w->endpoint->backend);
}

void
pool_report(struct pool_wait *w, struct slice bin, struct slice text)
{
    struct pool *p = w->pool;
    struct lb_report r;

    if (w->open && p->policy->reported &&
        report_read_trailers(&p->conf->balance, bin, text, &r) == ERR_OK)
        p->policy->reported(w->group->state, &w->endpoint->lb, &r, loop_now_us(p->loop));
}

/* --- names ---------------------------------------------------------------------------- */

const char *
upconn_name(const struct upconn *c)
{
    return c->endpoint->backend->name;
}

const void *
upconn_endpoint(const struct upconn *c)
{
    return c->endpoint;
}

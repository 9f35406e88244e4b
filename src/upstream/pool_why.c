/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_why.c - why a call got no endpoint, in words: of the endpoints that it may go to (its subset), never of the others. Clients are told these sentences, so they
 * name pools, labels and limits, but no address. Asked for each call that fails so, also in pools of thousands: LOOKS endpoints are looked at, no more. */
#include <stdio.h>

#include "base/strbuf.h"
#include "upstream/group.h"

enum { LOOKS = 64 };

/* --- whose fault it is -------------------------------------------------------------------- */

/* Health says that calls may go there, so it is the connection that failed. */
static bool
endpoint_refuses(const struct group *g, const struct endpoint *e)
{
    return e->failures > 0 && !e->lb.off && (e->lb.usable || g->list.panic);
}

/* The one that failed last. refusing: only of those that calls could go to. */
static struct endpoint *
subset_failing(const struct subset *s, bool refusing)
{
    struct endpoint *last = NULL;
    size_t looks = LOOKS;

    for (size_t i = 0; i < s->n; i++) {
        const struct group *g = s->groups[i];

        for (size_t k = 0; k < g->list.n && looks > 0; k++, looks--) {
            struct endpoint *e = endpoint_of(g->v[k]);

            if (e->why && (!refusing || endpoint_refuses(g, e)) &&
                (!last || e->why_number > last->why_number))
                last = e;
        }
    }
    return last;
}

const char *
pool_blame(struct pool *p, struct pool_wait *w)
{
    struct endpoint *e = subset_failing(p->subsets[w->subset], true);

    if (!e)
        return NULL;
    if (w->endpoint != e) {
        pool_wait_done(w);
        ref_hold(&e->ref);
        w->endpoint = e;
    }
    return e->backend->name;
}

/* --- words -------------------------------------------------------------------------------- */

static void
put_limit(const struct pool *p, const struct pool_wait *w, struct strbuf *out)
{
    const struct pool_limits_conf *l = &p->conf->limits;
    const struct endpoint *e = subset_failing(p->subsets[w->subset], false);

    switch (w->limit) {
    case LIMIT_CALLS:
        strbuf_printf(out, "limits.maxConcurrentRequests (%u) reached",
                      l->max_concurrent_requests);
        break;
    case LIMIT_STREAMS:
        strbuf_printf(out, "limits.maxStreams (%u) reached", l->max_streams);
        break;
    case LIMIT_RETRIES:
        strbuf_printf(out, "limits.maxRetries (%u) reached", l->max_retries);
        if (e)
            strbuf_printf(out, "; last failure: %s", e->why);
        break;
    default:
        strbuf_puts(out, err_text(ERR_POOL_LIMIT));
    }
}

/* "pool app", "pool app, subset version=v2" */
static void
put_where(const struct pool *p, const struct subset *s, struct strbuf *out)
{
    strbuf_printf(out, "pool %s", p->conf->name);
    for (size_t i = 0; s->selector && i < s->selector->n; i++)
        strbuf_printf(out, "%s %s=%s", i ? "," : ", subset", s->selector->items[i].key,
                      s->selector->items[i].value);
    strbuf_puts(out, ": ");
}

/* "; of 3 endpoints 2 are bad by their health check, 1 by outlier detection" */
static void
put_health(const struct subset *s, struct strbuf *out)
{
    static const char *const words[BACKEND_DOWN_BITS] = {
        "not checked yet", "unhealthy by its health check", "ejected by outlierDetection",
        "waiting for the breaker's probe", "taken out by an operator"
    };
    size_t down[BACKEND_DOWN_BITS] = { 0 }, looked = 0;
    const char *between = ":";

    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->groups[i]->list.n && looked < LOOKS; k++, looked++) {
            const struct backend *b = endpoint_of(s->groups[i]->v[k])->backend;
            unsigned worst =
                backend_worst(atomic_load_explicit(&b->down, memory_order_relaxed));

            if (worst)
                down[__builtin_ctz(worst)]++;
        }
    }
    for (size_t i = 0; i < BACKEND_DOWN_BITS; i++) {
        if (!down[i])
            continue;
        if (*between == ':')
            strbuf_printf(out, "; of %zu endpoint%s", looked, looked == 1 ? "" : "s");
        strbuf_printf(out, "%s %zu %s", between, down[i], words[i]);
        between = ",";
    }
}

/* "; 2 connections open, all full with up to 100 calls each (MAX_CONCURRENT_STREAMS of the backend)" */
static bool
put_full(const struct subset *s, struct strbuf *out)
{
    unsigned ready = 0, most = 0;
    size_t looks = LOOKS;

    for (size_t i = 0; i < s->n; i++) {
        const struct group *g = s->groups[i];

        for (size_t k = 0; k < g->list.n && looks > 0; k++, looks--) {
            const struct endpoint *e = endpoint_of(g->v[k]);

            for (struct list *n = e->conns.next; n != &e->conns; n = n->next) {
                const struct upconn *c = CONTAINER_OF(n, struct upconn, link);

                if (c->state != UPCONN_READY || !c->h2)
                    continue;
                if (h2_conn_free_streams(c->h2))
                    return false;
                ready++;
                most = c->active > most ? c->active : most;
            }
        }
    }
    if (ready)
        strbuf_printf(out,
                      "; %u connection%s open, all full with up to %u call%s each "
                      "(MAX_CONCURRENT_STREAMS of the backend)",
                      ready, ready == 1 ? "" : "s", most, most == 1 ? "" : "s");
    return ready > 0;
}

/* What holds calls back, behind the sentence on the queue. */
static void
put_cause(const struct pool *p, const struct subset *s, int err, struct strbuf *out)
{
    const struct pool_limits_conf *l = &p->conf->limits;
    const struct endpoint *e = subset_failing(s, false);

    if (err != ERR_NO_ENDPOINT && !list_empty(&p->full))
        strbuf_printf(out, "; limits.maxRequestsPerEndpoint (%u) is reached",
                      l->max_requests_per_endpoint);
    else if (p->no_connections)
        strbuf_printf(out, "; limits.maxConnections (%u) is reached", l->max_connections);
    else if (e)
        strbuf_printf(out, "; last failure: %s", e->why);
    else if (p->no_list && p->last_failure[0])
        strbuf_printf(out, "; last failure: %s", p->last_failure);
    else if (err == ERR_NO_ENDPOINT || put_full(s, out))
        return;
    else if (p->connecting)
        strbuf_printf(out, "; %u connecting now", p->connecting);
}

static void
put_err(const struct pool *p, const struct subset *s, int err, struct strbuf *out)
{
    const struct pool_limits_conf *l = &p->conf->limits;

    if (err == ERR_NO_ENDPOINT && s->selector)
        strbuf_puts(out, "the subset has no usable endpoint");
    else if (err == ERR_AGAIN)
        strbuf_puts(out, p->list ? "no connection was ready or had room"
                                 : "its endpoints are not known yet");
    else
        strbuf_puts(out, err_text(err));
    if (err == ERR_QUEUE_FULL)
        strbuf_printf(out, ": limits.maxPendingRequests (%u) reached",
                      l->max_pending_requests);
    else if (err == ERR_QUEUE_TIMEOUT)
        strbuf_printf(out, ": limits.pendingTimeout (%lld ms)",
                      (long long)l->pending_timeout_ms);
    else if (subset_in_panic(s))
        strbuf_puts(out, " (panic: too few are healthy, all of them were considered)");
}

const char *
pool_explain(struct pool *p, const struct pool_wait *w, int err, char out[POOL_TEXT_MAX])
{
    struct subset *s = p->subsets[w->subset];
    struct strbuf text;

    strbuf_init(&text, POOL_TEXT_MAX - 1);
    if (err == ERR_POOL_LIMIT) {
        strbuf_printf(&text, "pool %s: ", p->conf->name);
        put_limit(p, w, &text);
    } else if ((err == ERR_NO_ENDPOINT || err == ERR_AGAIN) && s->selector && s->built &&
               s->empty && !p->no_list) {
        strbuf_printf(&text, "pool %s: %s", p->conf->name, subset_why_empty(p, s));
    } else {
        put_where(p, s, &text);
        put_err(p, s, err, &text);
        put_cause(p, s, err, &text);
        if (err == ERR_NO_ENDPOINT || err == ERR_AGAIN)
            put_health(s, &text);
    }
    snprintf(out, POOL_TEXT_MAX, "%s", text.s);
    strbuf_done(&text);
    return out;
}

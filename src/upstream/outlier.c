/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier.c - the sweep: what each backend did since the last one, who is ejected
 * for it, who is tried again. */
#include "upstream/outlier.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/stats.h"
#include "upstream/backend.h"
#include "upstream/breaker.h"
#include "upstream/hub_int.h"
#include "upstream/outlier_conf.h"
#include "upstream/outlier_math.h"

enum { WHY_MAX = 128 };

struct sums { /* of all workers */
    uint64_t good, bad;
};

struct outlier {
    struct hub *hub;
    const struct outlier_conf *conf;
    struct list hosts;
    size_t n, ejected, tripped;
    struct timer sweep; /* every interval */
    struct timer tick;  /* ten times per window of the breaker */
};

struct outlier_host {
    struct list link;
    struct outlier *outlier;
    struct backend *backend;   /* held */
    uint64_t version;          /* of the last list that named it */
    struct sums swept, ticked; /* at the last sweep, the last tick */
    struct outlier_row row;
    struct breaker breaker;
    struct timer wait; /* tripped: until the probe */
};

static struct stats *
outlier_stats(const struct outlier *o)
{
    return h2_worker_stats(o->hub->h2);
}

static struct sums
host_sums(const struct outlier_host *h)
{
    const struct backend *b = h->backend;
    struct sums s = { 0 };

    for (size_t i = 0; i < b->workers; i++) {
        const struct backend_tally *t = &b->tally[i];

        s.good += atomic_load_explicit(&t->successes, memory_order_relaxed);
        s.bad += atomic_load_explicit(&t->failures, memory_order_relaxed);
        if (!h->outlier->conf->split_local_errors)
            s.bad += atomic_load_explicit(&t->local_failures, memory_order_relaxed);
    }
    return s;
}

static void
host_clear_errors(struct outlier_host *h)
{
    atomic_store_explicit(&h->backend->consecutive_errors, 0, memory_order_relaxed);
    atomic_store_explicit(&h->backend->consecutive_local_errors, 0, memory_order_relaxed);
}

/* --- ejection ------------------------------------------------------------------------- */

static void
host_was_ejected(struct outlier_host *h, enum stat_id count, const char *why)
{
    struct outlier *o = h->outlier;

    o->ejected++;
    stat_inc(outlier_stats(o), count);
    stat_inc(outlier_stats(o), STAT_EJECTED);
    host_clear_errors(h);
    hub_mark(o->hub, h->backend, BACKEND_EJECTED, true, why);
}

static void
host_is_back(struct outlier_host *h, const char *why)
{
    struct outlier *o = h->outlier;

    o->ejected--;
    stat_add(outlier_stats(o), STAT_EJECTED, -1);
    host_clear_errors(h);
    hub_mark(o->hub, h->backend, BACKEND_EJECTED, false, why);
}

static void
host_eject(struct outlier_host *h, enum stat_id count, const char *why)
{
    struct outlier *o = h->outlier;

    if (h->row.ejected)
        return;
    if (!outlier_may_eject(o->conf, o->ejected, o->n)) {
        stat_inc(outlier_stats(o), STAT_EJECTIONS_CAPPED);
        return;
    }
    outlier_eject(&h->row, loop_now_us(o->hub->loop));
    host_was_ejected(h, count, why);
}

void
outlier_pardon(struct hub *hub, struct backend *b)
{
    struct outlier_host *h = b->host;

    (void)hub;
    if (!h || !h->row.ejected || !h->outlier->conf->health_check_unejects)
        return;
    h->row.ejected = false;
    host_is_back(h, "an active check turned good");
}

/* --- breaker -------------------------------------------------------------------------- */

static size_t
outlier_usable(const struct outlier *o)
{
    size_t usable = 0;

    for (struct list *at = o->hosts.next; at != &o->hosts; at = at->next) {
        const struct outlier_host *h = CONTAINER_OF(at, struct outlier_host, link);

        usable += atomic_load(&h->backend->down) == 0;
    }
    return usable;
}

static void
host_wait(struct outlier_host *h)
{
    struct outlier *o = h->outlier;
    int64_t now = loop_now_us(o->hub->loop);

    breaker_trip(&h->breaker, &o->conf->breaker, now, o->hub->rng);
    atomic_store(&h->backend->probe, BACKEND_PROBE_NONE);
    timer_start(o->hub->loop, &h->wait, h->breaker.wait_until_us - now);
}

static void
host_trip(struct outlier_host *h, const char *why)
{
    struct outlier *o = h->outlier;

    if (h->breaker.state != BREAKER_CLOSED ||
        outlier_usable(o) <= o->conf->breaker.min_ready_endpoints)
        return;
    o->tripped++;
    stat_inc(outlier_stats(o), STAT_BREAKER_TRIPS);
    host_wait(h);
    host_clear_errors(h);
    hub_mark(o->hub, h->backend, BACKEND_TRIPPED, true, why);
}

static void
host_close_breaker(struct outlier_host *h)
{
    struct outlier *o = h->outlier;

    o->tripped--;
    breaker_close(&h->breaker);
    h->ticked = host_sums(h); /* what failed until now is no part of the empty window */
    timer_stop(o->hub->loop, &h->wait);
    atomic_store(&h->backend->probe, BACKEND_PROBE_NONE);
    host_clear_errors(h);
    hub_mark(o->hub, h->backend, BACKEND_TRIPPED, false, "the probe call ended well");
}

/* The workers look again: one of them may send one call. */
static void
host_open_probe(struct outlier_host *h)
{
    breaker_probe(&h->breaker);
    atomic_store(&h->backend->probe, BACKEND_PROBE_OPEN);
    hub_mail_mark(h->outlier->hub, h->backend);
}

static void
host_on_wait(struct timer *t)
{
    host_open_probe(CONTAINER_OF(t, struct outlier_host, wait));
}

static void
host_probe_ended(struct outlier_host *h)
{
    if (h->breaker.state != BREAKER_PROBING)
        return;
    switch ((enum backend_probe)atomic_load(&h->backend->probe)) {
    case BACKEND_PROBE_GOOD:
        host_close_breaker(h);
        break;
    case BACKEND_PROBE_BAD:
        host_wait(h);
        break;
    case BACKEND_PROBE_AGAIN:
        host_open_probe(h);
        break;
    case BACKEND_PROBE_NONE:
    case BACKEND_PROBE_OPEN:
    case BACKEND_PROBE_TAKEN:
        break;
    }
}

/* --- what the workers tell ------------------------------------------------------------ */

static bool
reached(uint32_t n, uint32_t limit)
{
    return limit > 0 && n >= limit;
}

static void
outlier_on_suspect(void *arg, struct backend *b)
{
    struct outlier_host *h = b->host;
    const struct outlier_conf *c;
    uint32_t errors, local;
    char why[WHY_MAX];

    (void)arg;
    if (!h)
        return;
    c = h->outlier->conf;
    host_probe_ended(h);
    errors = atomic_load_explicit(&b->consecutive_errors, memory_order_relaxed);
    local = atomic_load_explicit(&b->consecutive_local_errors, memory_order_relaxed);
    if (c->breaker.on &&
        reached(errors > local ? errors : local, c->breaker.consecutive_failures)) {
        snprintf(why, sizeof(why), "breaker: %u calls in a row failed",
                 errors > local ? errors : local);
        host_trip(h, why);
    }
    if (reached(errors, c->consecutive_errors)) {
        snprintf(why, sizeof(why), "%u calls in a row failed", errors);
        host_eject(h, STAT_EJECTIONS_ERRORS, why);
    } else if (c->split_local_errors && reached(local, c->consecutive_local_errors)) {
        snprintf(why, sizeof(why), "%u calls in a row failed on our side", local);
        host_eject(h, STAT_EJECTIONS_LOCAL_ERRORS, why);
    }
}

/* --- sweeps --------------------------------------------------------------------------- */

static void
host_show_change(struct outlier_host *h)
{
    const struct outlier_row *r = &h->row;
    unsigned long long all = r->successes + r->failures, bad = r->failures;
    char why[WHY_MAX];

    switch (r->change) {
    case OUTLIER_BY_RATE:
        snprintf(why, sizeof(why),
                 "success rate far below the others: %llu of %llu calls failed", bad,
                 all);
        host_was_ejected(h, STAT_EJECTIONS_RATE, why);
        break;
    case OUTLIER_BY_SHARE:
        snprintf(why, sizeof(why), "%llu of %llu calls failed", bad, all);
        host_was_ejected(h, STAT_EJECTIONS_SHARE, why);
        break;
    case OUTLIER_BACK:
        host_is_back(h, "the ejection is over");
        break;
    case OUTLIER_SAME:
        break;
    }
}

static void
outlier_on_sweep(struct timer *t)
{
    struct outlier *o = CONTAINER_OF(t, struct outlier, sweep);
    struct outlier_row *rows = xcalloc(o->n + 1, sizeof(*rows));
    struct list *at;
    size_t i = 0;

    for (at = o->hosts.next; at != &o->hosts; at = at->next) {
        struct outlier_host *h = CONTAINER_OF(at, struct outlier_host, link);
        struct sums now = host_sums(h);

        h->row.successes = now.good - h->swept.good;
        h->row.failures = now.bad - h->swept.bad;
        h->swept = now;
        rows[i++] = h->row;
    }
    outlier_sweep(o->conf, rows, i, loop_now_us(o->hub->loop), o->hub->rng);
    i = 0;
    for (at = o->hosts.next; at != &o->hosts; at = at->next) {
        struct outlier_host *h = CONTAINER_OF(at, struct outlier_host, link);

        h->row = rows[i++];
        host_show_change(h);
    }
    xfree(rows);
    timer_start(o->hub->loop, t, o->conf->interval_ms * 1000);
}

static void
outlier_on_tick(struct timer *t)
{
    struct outlier *o = CONTAINER_OF(t, struct outlier, tick);
    const struct breaker_conf *c = &o->conf->breaker;

    for (struct list *at = o->hosts.next; at != &o->hosts; at = at->next) {
        struct outlier_host *h = CONTAINER_OF(at, struct outlier_host, link);
        struct sums now = host_sums(h);

        breaker_count(&h->breaker, c, now.good - h->ticked.good, now.bad - h->ticked.bad,
                      loop_now_us(o->hub->loop));
        h->ticked = now;
        if (h->breaker.state == BREAKER_CLOSED && breaker_rate_is_low(&h->breaker, c))
            host_trip(h, "breaker: too many calls failed lately");
    }
    timer_start(o->hub->loop, t, c->window_ms * 1000 / BREAKER_SLOTS);
}

/* --- who is watched --------------------------------------------------------------------- */

/* One that left the list and comes back is still out, from now on. */
static void
host_start(struct outlier *o, struct backend *b)
{
    struct outlier_host *h = xcalloc(1, sizeof(*h));
    unsigned down = atomic_load(&b->down);

    h->outlier = o;
    h->backend = b;
    backend_hold(b);
    b->host = h;
    timer_init(&h->wait, host_on_wait);
    list_append(&o->hosts, &h->link);
    o->n++;
    h->swept = h->ticked = host_sums(h);
    if (down & BACKEND_EJECTED) {
        outlier_eject(&h->row, loop_now_us(o->hub->loop));
        o->ejected++;
        stat_inc(outlier_stats(o), STAT_EJECTED);
    }
    if (down & BACKEND_TRIPPED) {
        o->tripped++;
        host_wait(h);
    }
}

static void
host_stop(struct outlier_host *h)
{
    struct outlier *o = h->outlier;

    timer_stop(o->hub->loop, &h->wait);
    if (h->row.ejected) {
        o->ejected--;
        stat_add(outlier_stats(o), STAT_EJECTED, -1);
    }
    o->tripped -= h->breaker.state != BREAKER_CLOSED;
    o->n--;
    list_remove(&h->link);
    h->backend->host = NULL;
    backend_drop(h->backend);
    xfree(h);
}

static void
outlier_on_list(void *arg, const struct backend_list *before,
                const struct backend_list *now)
{
    struct outlier *o = arg;
    struct list *at, *next;

    (void)before;
    for (size_t i = 0; i < now->n; i++) {
        struct backend *b = now->rows[i].backend;

        if (!b->host)
            host_start(o, b);
        b->host->version = now->version;
    }
    for (at = o->hosts.next; at != &o->hosts; at = next) {
        struct outlier_host *h = CONTAINER_OF(at, struct outlier_host, link);

        next = at->next;
        if (h->version != now->version)
            host_stop(h);
    }
}

static void
outlier_on_stop(void *arg)
{
    struct outlier *o = arg;

    timer_stop(o->hub->loop, &o->sweep);
    timer_stop(o->hub->loop, &o->tick);
    while (!list_empty(&o->hosts))
        host_stop(CONTAINER_OF(o->hosts.next, struct outlier_host, link));
    xfree(o);
}

void
outlier_attach(struct hub *hub)
{
    static const struct hub_watch_ops ops = { .on_list = outlier_on_list,
                                              .on_suspect = outlier_on_suspect,
                                              .on_stop = outlier_on_stop };
    const struct outlier_conf *conf = &hub->conf->outlier;
    struct outlier *o;

    if (!conf->on)
        return;
    o = xcalloc(1, sizeof(*o));
    o->hub = hub;
    o->conf = conf;
    list_init(&o->hosts);
    timer_init(&o->sweep, outlier_on_sweep);
    timer_init(&o->tick, outlier_on_tick);
    timer_start(hub->loop, &o->sweep, conf->interval_ms * 1000);
    if (conf->breaker.on)
        timer_start(hub->loop, &o->tick, conf->breaker.window_ms * 1000 / BREAKER_SLOTS);
    hub_watch(hub, &ops, o);
}

void
outlier_print(const struct hub *hub, const struct backend *b, struct strbuf *out)
{
    static const char *const words[] = { "closed", "waiting", "probing" };
    const struct outlier_host *h = b->host;
    int64_t now = loop_now_us(hub->loop), left;

    if (!h) {
        strbuf_puts(out, "null");
        return;
    }
    strbuf_printf(out, "{\"ejected\":%s,\"ejections\":%u",
                  h->row.ejected ? "true" : "false", h->row.multiplier);
    left = h->row.ejected_at_us + outlier_ejection_us(h->outlier->conf, &h->row) - now;
    if (h->row.ejected)
        strbuf_printf(out, ",\"leftMs\":%lld", (long long)(left > 0 ? left / 1000 : 0));
    if (h->outlier->conf->breaker.on)
        strbuf_printf(out, ",\"breaker\":\"%s\"", words[h->breaker.state]);
    strbuf_puts(out, "}");
}

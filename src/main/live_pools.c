/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_pools.c - pools and their endpoints. Attempts that begin, fail or end well are counted with each endpoint in any case; codes and times come from the filter
 * "metrics", by the name of the pool. Rings follow the config and the lists of endpoints: what stays keeps its past, what is new has none. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "main/live_int.h"
#include "obs/rpc_metrics.h"
#include "upstream/hub.h"
#include "upstream/hub_words.h"

enum { POOL_UNKNOWN = LIVE_POOLS_MAX, LIVE_SHOWN_MAX = 10000 };

/* --- following the config ------------------------------------------------------------ */

static void
pool_done(struct live *l, struct live_hub *lp)
{
    slots_done(&lp->line);
    slots_done(&lp->calls);
    slots_done(&lp->counts);
    slots_done(&lp->endpoints);
    l->endpoint_count -= lp->endpoint_count;
    xfree(lp->numbers);
    xfree(lp->name);
    xfree(lp->sum);
}

static void
pool_init(const struct live *l, struct live_hub *lp, const struct hub *hub,
          const struct hub_load *load)
{
    unsigned series = live_call_series(l);

    *lp = (struct live_hub){ .hub = hub, .name = xstrdup(load->name) };
    lp->sum = xcalloc(series, sizeof(*lp->sum));
    slots_init(&lp->line, 1, SLOTS_LINE_S);
    slots_init(&lp->calls, series, SLOTS_WINDOW_S);
    slots_init(&lp->counts, LIVE_POOL_COUNTS, SLOTS_WINDOW_S);
}

/* A hub that took the address of one that went has another name, or it begins at 0, which slots_put knows. */
static struct live_hub *
pool_find(struct live *l, const struct hub *hub, const char *name, size_t at)
{
    for (size_t i = 0; i < l->pool_count; i++) {
        struct live_hub *lp = &l->pools[(at + i) % l->pool_count];

        if (lp->hub == hub && strcmp(lp->name, name) == 0)
            return lp;
    }
    return NULL;
}

static void rpc_base(struct live *l, struct live_hub *lp);

/* p->hubs is another list: rings move to their new places. */
static void
pools_follow(struct live *l)
{
    const struct process *p = l->process;
    size_t n = p->hub_count < LIVE_POOLS_MAX ? p->hub_count : LIVE_POOLS_MAX;
    struct live_hub *now = xcalloc(n + 1, sizeof(*now));

    for (size_t i = 0; i < n; i++) {
        struct live_hub *old;
        struct hub_load load;

        hub_load_get(p->hubs[i], &load);
        old = pool_find(l, p->hubs[i], load.name, i);
        if (old) {
            now[i] = *old;
            *old = (struct live_hub){ 0 };
        } else {
            pool_init(l, &now[i], p->hubs[i], &load);
            rpc_base(l, &now[i]);
        }
    }
    for (size_t i = 0; i < l->pool_count; i++)
        pool_done(l, &l->pools[i]);
    xfree(l->pools);
    memset(l->pool_of, 0, sizeof(l->pool_of));
    l->pools = now;
    l->pool_count = n;
}

static bool
pools_moved(const struct live *l)
{
    const struct process *p = l->process;
    size_t n = p->hub_count < LIVE_POOLS_MAX ? p->hub_count : LIVE_POOLS_MAX;

    if (n != l->pool_count)
        return true;
    for (size_t i = 0; i < n; i++) {
        struct hub_load load;

        if (p->hubs[i] != l->pools[i].hub)
            return true;
        hub_load_get(p->hubs[i], &load);
        if (strcmp(load.name, l->pools[i].name) != 0)
            return true;
    }
    return false;
}

/* --- endpoints ----------------------------------------------------------------------- */

struct place {
    uint64_t number;
    unsigned at;
};

static int
place_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct place *)a)->number, y = ((const struct place *)b)->number;

    return x < y ? -1 : x > y;
}

static struct place *
places_sorted(const struct live_hub *lp)
{
    struct place *v = xcalloc(lp->endpoint_count + 1, sizeof(*v));

    for (size_t i = 0; i < lp->endpoint_count; i++)
        v[i] = (struct place){ lp->numbers[i], (unsigned)i };
    qsort(v, lp->endpoint_count, sizeof(*v), place_compare);
    return v;
}

/* Returns its calls that are under way. */
static unsigned
endpoint_read(const struct backend *b, uint64_t *now)
{
    struct backend_totals t = backend_totals(b);

    now[LIVE_STARTED] = t.calls;
    now[LIVE_GOOD] = t.successes;
    now[LIVE_FAILED] = t.failures + t.local_failures;
    return t.flying;
}

/* The list is another one. */
static void
endpoints_follow(struct live *l, struct live_hub *lp, const struct backend_list *list)
{
    size_t room = LIVE_ENDPOINTS_MAX - (l->endpoint_count - lp->endpoint_count);
    size_t n = list->n < room ? list->n : room;
    struct place *old = places_sorted(lp), *found;
    uint64_t *numbers = xcalloc(n + 1, sizeof(*numbers));
    struct slots s;

    slots_init(&s, (unsigned)n * LIVE_ENDPOINT_COUNTS + 1, SLOTS_WINDOW_S);
    for (unsigned i = 0; i < n; i++) {
        const struct place key = { .number = list->rows[i].backend->number };

        numbers[i] = key.number;
        found = bsearch(&key, old, lp->endpoint_count, sizeof(key), place_compare);
        for (unsigned k = 0; found && k < LIVE_ENDPOINT_COUNTS; k++)
            slots_copy(&s, i * LIVE_ENDPOINT_COUNTS + k, &lp->endpoints,
                       found->at * LIVE_ENDPOINT_COUNTS + k);
        /* It was here before, went and came again: what it did then is no news. */
        if (!found && key.number <= lp->newest)
            endpoint_read(list->rows[i].backend,
                          s.last + (size_t)i * LIVE_ENDPOINT_COUNTS);
    }
    for (size_t i = 0; i < n; i++)
        lp->newest = numbers[i] > lp->newest ? numbers[i] : lp->newest;
    l->endpoint_count += n - lp->endpoint_count;
    slots_done(&lp->endpoints);
    xfree(lp->numbers);
    xfree(old);
    lp->endpoints = s;
    lp->numbers = numbers;
    lp->endpoint_count = n;
    lp->list_version = list->version;
}

/* Also when a hub has the address of one that went: its list may have the same version. */
static bool
endpoints_moved(const struct live_hub *lp, const struct backend_list *list)
{
    if (!lp->numbers || list->version != lp->list_version || list->n < lp->endpoint_count)
        return true;
    for (size_t i = 0; i < lp->endpoint_count; i++) {
        if (list->rows[i].backend->number != lp->numbers[i])
            return true;
    }
    return false;
}

/* The pool's own counts are sums of what its endpoints did since the last second, so that they do not fall when an endpoint goes. */
static void
endpoints_put(struct live *l, struct live_hub *lp, unsigned turned)
{
    const struct backend_list *list = hub_list(lp->hub);
    const uint64_t *last;
    uint64_t *now;

    if (!list)
        return;
    if (endpoints_moved(lp, list))
        endpoints_follow(l, lp, list);
    now = xcalloc(lp->endpoints.series, sizeof(*now));
    last = lp->endpoints.last;
    for (size_t i = 0; i < lp->endpoint_count; i++) {
        size_t at = i * LIVE_ENDPOINT_COUNTS;

        endpoint_read(list->rows[i].backend, now + at);
        lp->started += now[at + LIVE_STARTED] - last[at + LIVE_STARTED];
        lp->good += now[at + LIVE_GOOD] - last[at + LIVE_GOOD];
        lp->bad += now[at + LIVE_FAILED] - last[at + LIVE_FAILED];
        if (now[at + LIVE_STARTED] != last[at + LIVE_STARTED])
            lp->called_us = loop_now_us(l->process->loop);
    }
    slots_put(&lp->endpoints, &l->clock, turned, now);
    xfree(now);
}

bool
live_pool_calls(const struct live *l, const struct hub *hub, struct live_calls *ret)
{
    const struct backend_list *list = hub_list(hub);
    const struct live_hub *lp = NULL;

    for (size_t i = 0; l && i < l->pool_count && !lp; i++)
        lp = l->pools[i].hub == hub ? &l->pools[i] : NULL;
    if (!lp)
        return false;
    *ret = (struct live_calls){ lp->started, lp->good, lp->called_us };
    /* What happened since; not for endpoints that are new since: they are followed within a second. */
    if (!list || endpoints_moved(lp, list))
        return true;
    for (size_t i = 0; i < lp->endpoint_count; i++) {
        const uint64_t *last = lp->endpoints.last + i * LIVE_ENDPOINT_COUNTS;
        uint64_t now[LIVE_ENDPOINT_COUNTS];

        endpoint_read(list->rows[i].backend, now);
        ret->started += now[LIVE_STARTED] - last[LIVE_STARTED];
        ret->good += now[LIVE_GOOD] - last[LIVE_GOOD];
        if (now[LIVE_STARTED] != last[LIVE_STARTED])
            ret->last_us = loop_now_us(l->process->loop);
    }
    return true;
}

/* --- counts by the pool's name ------------------------------------------------------- */

static void
rpc_add_pool(const struct live *l, struct live_hub *lp, const struct rpc_counts *c)
{
    uint64_t block[RPC_BUCKET_0 + 64];
    size_t n = rpc_metrics_places(l->metrics);

    for (size_t i = 0; i < n && i < ARRAY_LEN(block); i++)
        block[i] = atomic_load_explicit(&c->v[i], memory_order_relaxed);
    live_call_add(l, block, lp->sum);
}

/* The place of a pool, or POOL_UNKNOWN. */
static unsigned
pool_place(struct live *l, unsigned pool, struct slice name)
{
    size_t i = 0;

    if (l->pool_of[pool])
        return l->pool_of[pool] - 1u;
    while (i < l->pool_count && !slice_eq_str(name, l->pools[i].name))
        i++;
    if (i == l->pool_count)
        i = POOL_UNKNOWN;
    l->pool_of[pool] = (uint16_t)(i + 1);
    return (unsigned)i;
}

static void
rpc_on_block(void *arg, unsigned pool, struct slice name, const struct rpc_counts *c)
{
    struct live *l = arg;
    unsigned at = pool == NAME_OTHER ? POOL_UNKNOWN : pool_place(l, pool, name);

    if (at != POOL_UNKNOWN)
        rpc_add_pool(l, &l->pools[at], c);
}

struct base_of {
    struct live *l;
    struct live_hub *lp;
};

static void
rpc_on_base(void *arg, unsigned pool, struct slice name, const struct rpc_counts *c)
{
    const struct base_of *b = arg;

    if (pool != NAME_OTHER && slice_eq_str(name, b->lp->name))
        rpc_add_pool(b->l, b->lp, c);
}

/* The counts go by names, and a pool of this name may have been there before. */
static void
rpc_base(struct live *l, struct live_hub *lp)
{
    struct base_of b = { l, lp };

    for (size_t i = 0; i < l->pool_count; i++) {
        if (l->pools[i].name && strcmp(l->pools[i].name, lp->name) == 0) {
            slots_base(&lp->calls, l->pools[i].calls.last);
            return;
        }
    }

    memset(lp->sum, 0, live_call_series(l) * sizeof(*lp->sum));
    rpc_metrics_each_client(l->metrics, rpc_on_base, &b);
    slots_base(&lp->calls, lp->sum);
}

void
live_pools_put(struct live *l, unsigned turned)
{
    if (pools_moved(l))
        pools_follow(l);
    for (size_t i = 0; i < l->pool_count; i++)
        memset(l->pools[i].sum, 0, live_call_series(l) * sizeof(*l->pools[i].sum));
    rpc_metrics_each_client(l->metrics, rpc_on_block, l);
    for (size_t i = 0; i < l->pool_count; i++) {
        struct live_hub *lp = &l->pools[i];
        struct hub_load load;

        hub_load_get(lp->hub, &load);
        endpoints_put(l, lp, turned);
        slots_put(&lp->line, &l->clock, turned, &lp->started);
        slots_put(&lp->calls, &l->clock, turned, lp->sum);
        slots_put(&lp->counts, &l->clock, turned,
                  (uint64_t[LIVE_POOL_COUNTS]){ lp->good, lp->bad, load.retries });
    }
}

void
live_pools_done(struct live *l)
{
    for (size_t i = 0; i < l->pool_count; i++)
        pool_done(l, &l->pools[i]);
    xfree(l->pools);
}

/* --- printing ------------------------------------------------------------------------ */

struct pool_print {
    const struct live *live;
    const struct live_hub
        *pool; /* NULL: it is over LIVE_POOLS_MAX, or a second younger */
    const struct hub *hub;
};

static unsigned
flying(const struct hub *hub)
{
    const struct backend_list *list = hub_list(hub);
    unsigned n = 0;

    for (size_t i = 0; list && i < list->n; i++)
        n += backend_totals(list->rows[i].backend).flying;
    return n;
}

/* Codes of the filter "metrics"; without it what outlier detection thinks of the answers. */
static void
print_ok_share(const struct live *l, const struct live_hub *lp, struct strbuf *out)
{
    double ended = (double)slots_sum(&lp->calls, &l->clock, LIVE_ENDED, SLOTS_WINDOW_S);
    double ok = (double)slots_sum(&lp->calls, &l->clock, LIVE_ENDED_OK, SLOTS_WINDOW_S);

    if (ended == 0) {
        ok = (double)slots_sum(&lp->counts, &l->clock, LIVE_POOL_GOOD, SLOTS_WINDOW_S);
        ended =
            ok + (double)slots_sum(&lp->counts, &l->clock, LIVE_POOL_BAD, SLOTS_WINDOW_S);
    }
    live_put_share(out, "okShare", ok, ended);
}

static void
print_rates(const struct live *l, const struct live_hub *lp, struct strbuf *out)
{
    if (!lp) {
        strbuf_puts(out,
                    ",\"callsPerS\":null,\"okShare\":null,\"p50Ms\":null,"
                    "\"p95Ms\":null,\"p99Ms\":null,\"retriesPerS\":null,\"line\":[]");
        return;
    }
    live_put_rate(out, "callsPerS", slots_rate(&lp->line, &l->clock, 0, SLOTS_WINDOW_S));
    print_ok_share(l, lp, out);
    live_put_quantile(l, out, "p50Ms", &lp->calls, LIVE_BUCKET_0, 0.5);
    live_put_quantile(l, out, "p95Ms", &lp->calls, LIVE_BUCKET_0, 0.95);
    live_put_quantile(l, out, "p99Ms", &lp->calls, LIVE_BUCKET_0, 0.99);
    live_put_rate(out, "retriesPerS",
                  slots_rate(&lp->counts, &l->clock, LIVE_POOL_RETRIES, SLOTS_WINDOW_S));
    live_put_line(l, out, &lp->line, 0);
}

static void
print_pool(void *arg, struct strbuf *out)
{
    const struct pool_print *pp = arg;
    struct hub_load load;

    hub_load_get(pp->hub, &load);
    strbuf_printf(out, ",\"total\":%zu,\"ejected\":%zu,\"inFlight\":%u", load.total,
                  load.ejected, flying(pp->hub));
    if (load.max_calls)
        strbuf_printf(out, ",\"inFlightLimit\":%u", load.max_calls);
    else
        strbuf_puts(out, ",\"inFlightLimit\":null");
    strbuf_printf(out, ",\"pending\":%u", load.waiting);
    print_rates(pp->live, pp->pool, out);
}

static void
print_endpoint(void *arg, size_t i, struct strbuf *out)
{
    const struct pool_print *pp = arg;
    const struct slots_clock *c = &pp->live->clock;
    const struct live_hub *lp = pp->pool;
    const struct backend_list *list = hub_list(pp->hub);
    unsigned at = (unsigned)i * LIVE_ENDPOINT_COUNTS;

    if (!lp || i >= lp->endpoint_count ||
        lp->numbers[i] != list->rows[i].backend->number) {
        strbuf_puts(out, ",\"callsPerS\":null,\"failuresPerS\":null");
        return;
    }
    live_put_rate(out, "callsPerS",
                  slots_rate(&lp->endpoints, c, at + LIVE_STARTED, SLOTS_WINDOW_S));
    live_put_rate(out, "failuresPerS",
                  slots_rate(&lp->endpoints, c, at + LIVE_FAILED, SLOTS_WINDOW_S));
}

/* The text is made once a second while somebody looks, by the thread that answers probes. 0: there is room for all. */
static size_t
shown_most(const struct process *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->hub_count; i++)
        n += hub_list(p->hubs[i]) ? hub_list(p->hubs[i])->n : 0;
    if (n <= LIVE_SHOWN_MAX)
        return 0;
    return p->hub_count < LIVE_SHOWN_MAX ? LIVE_SHOWN_MAX / p->hub_count : 1;
}

void
live_pools_print(const struct live *l, struct strbuf *out)
{
    const struct process *p = l->process;
    size_t most = shown_most(p);

    strbuf_puts(out, "[");
    for (size_t i = 0; i < p->hub_count; i++) {
        struct pool_print pp = { .live = l, .hub = p->hubs[i] };
        const struct hub_more more = { print_pool, print_endpoint, &pp, most };

        if (i < l->pool_count && l->pools[i].hub == pp.hub)
            pp.pool = &l->pools[i];
        strbuf_puts(out, i ? "," : "");
        hub_print_more(p->hubs[i], &more, out);
    }
    strbuf_puts(out, "]");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/table_filters.c - the filters of a table: one chain for all routes that leave the listener's filters as they are, one for each other route; and the pools that
 * filters call, which are targets like those of routes. */
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/chain.h"
#include "filter/filter_conf.h"
#include "filter/instance.h"
#include "filter/kinds.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"
#include "proxy/table_int.h"
#include "proxy/worker.h"

enum { SCOPE_MAX = 512 };

struct making {
    struct table *table;
    struct filter_store *store;
    table_slot_fn *slot_of;
    void *arg;
};

/* The filter's pool becomes a target; once, however many chains have the filter. */
static void
table_add_pool(const struct making *m, const struct filter *f)
{
    struct table *t = m->table;
    const char *pool = f->kind->pool ? f->kind->pool(f->conf) : NULL;

    for (size_t i = 0; i < t->filter_count; i++) {
        if (t->filters[i].filter == f)
            return;
    }
    if (!pool)
        return;
    t->targets = xrealloc(t->targets, (t->target_count + 1) * sizeof(*t->targets));
    t->filters = xrealloc(t->filters, (t->filter_count + 1) * sizeof(*t->filters));
    t->filters[t->filter_count++] =
        (struct table_filter){ .filter = f, .target = (unsigned)t->target_count };
    t->targets[t->target_count++] =
        (struct table_target){ .slot = m->slot_of(m->arg, pool) };
}

/* route NULL: settings of the listener. A route's settings make a filter of its own; what it leaves alone it shares with all. */
static struct filter *
table_filter(const struct making *m, const struct filter_pick *pick,
             const struct route *route)
{
    struct strbuf scope;
    struct filter *f;

    strbuf_init(&scope, SCOPE_MAX);
    strbuf_printf(&scope, "listener %s", m->table->conf->name);
    if (pick->own && route)
        strbuf_printf(&scope, ", route %s", route->name);
    f = filter_get(m->store, pick->kind, scope.s, pick->name, pick->settings);
    strbuf_done(&scope);
    return f;
}

/* NULL: no filters. */
static struct chain *
table_chain(const struct making *m, const struct route *route)
{
    const struct conf_list *own = route ? &route->conf->filters : NULL;
    struct filter_picks *picks = filters_pick(&m->table->conf->filters, own);
    struct filter *filters[CHAIN_STEPS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < picks->n && n < CHAIN_STEPS_MAX; i++) {
        const struct filter_pick *pick = &picks->v[i];

        if (pick->made && pick->kind->usual)
            pick->kind->usual(pick->made, &m->store->env);
        if (pick->kind->wanted && !pick->kind->wanted(pick->settings, &m->store->env))
            continue;
        filters[n] = table_filter(m, pick, route);
        table_add_pool(m, filters[n++]);
    }
    filter_picks_free(picks);
    return n ? chain_new(filters, n) : NULL;
}

/* Calls that come to the filter "metrics" are told of by it. */
static bool
chain_tells(const struct chain *chain)
{
    for (size_t i = 0; chain && i < chain_count(chain); i++) {
        if (chain_filter(chain, i)->kind == &filter_metrics)
            return true;
    }
    return false;
}

void
table_add_filters(struct table *t, struct filter_store *store, table_slot_fn *slot_of,
                  void *arg)
{
    const struct making m = { t, store, slot_of, arg };

    t->services = store->services;
    t->tell = store->env.services;
    t->chain = table_chain(&m, NULL);
    t->own = xcalloc(t->route_count + 1, sizeof(struct chain *));
    for (size_t i = 0; i < t->route_count; i++) {
        struct route *r = &t->routes[i];
        struct chain *chain = t->chain;

        if (r->conf->filters.n) {
            chain = table_chain(&m, r);
            if (chain)
                t->own[t->own_count++] = chain;
        }
        route_set_chain(r, chain);
        if (t->tell && !chain_tells(chain))
            r->acts |= ACT_TELL;
    }
}

bool
table_has_same_filters(const struct table *t, const struct filter_store *store,
                       table_slot_fn *slot_of, void *arg)
{
    if (t->services != store->services)
        return false;
    for (size_t i = 0; i < t->filter_count; i++) {
        const struct filter *f = t->filters[i].filter;

        if (t->targets[t->filters[i].target].slot != slot_of(arg, f->kind->pool(f->conf)))
            return false;
    }
    return true;
}

void
table_drop_filters(struct table *t)
{
    for (size_t i = 0; i < t->own_count; i++)
        chain_free(t->own[i]);
    chain_free(t->chain);
    xfree(t->own);
    xfree(t->filters);
}

void
table_use_filters(const struct table *t, struct worker *w)
{
    chain_use(t->chain, (unsigned)w->index, w->loop, &w->stats);
    for (size_t i = 0; i < t->own_count; i++)
        chain_use(t->own[i], (unsigned)w->index, w->loop, &w->stats);
}

void
table_unuse_filters(const struct table *t, unsigned worker)
{
    chain_unuse(t->chain, worker);
    for (size_t i = 0; i < t->own_count; i++)
        chain_unuse(t->own[i], worker);
}

unsigned
table_filter_target(const struct table *t, const struct filter *f)
{
    size_t i = 0;

    while (i < t->filter_count && t->filters[i].filter != f)
        i++;
    return t->filters[i].target; /* whoever asks has a pool */
}

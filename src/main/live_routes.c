/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_routes.c - how many calls each route had, and how they were split between its targets. Hits are those of the list of routes in force: a reload that changes a
 * listener's routes begins at 0. */
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "main/live_int.h"
#include "proxy/explain.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"

static void
table_done(struct live *l, struct live_table *lt)
{
    if (lt->hits.v)
        l->way_count -= lt->hits.series;
    slots_done(&lt->hits);
}

static bool
table_is(const struct live_table *lt, const struct table *t)
{
    return lt->table == t && lt->version == t->version;
}

/* Listeners, or the routes of one, are others. */
static void
tables_follow(struct live *l)
{
    const struct process *p = l->process;
    struct live_table *now = xcalloc(p->server_count + 1, sizeof(*now));

    for (size_t i = 0; i < p->server_count; i++) {
        const struct table *t = p->servers[i]->table;
        size_t ways = table_hits_count(t), k = 0;

        while (k < l->table_count && !table_is(&l->tables[k], t))
            k++;
        if (k < l->table_count) {
            now[i] = l->tables[k];
            l->tables[k] = (struct live_table){ 0 };
            continue;
        }
        now[i] = (struct live_table){ .table = t, .version = t->version };
        if (ways == 0 || l->way_count + ways > LIVE_WAYS_MAX)
            continue;
        l->way_count += ways;
        slots_init(&now[i].hits, (unsigned)ways, SLOTS_WINDOW_S);
    }
    for (size_t i = 0; i < l->table_count; i++)
        table_done(l, &l->tables[i]);
    xfree(l->tables);
    l->tables = now;
    l->table_count = p->server_count;
}

static bool
tables_moved(const struct live *l)
{
    const struct process *p = l->process;

    if (l->table_count != p->server_count)
        return true;
    for (size_t i = 0; i < l->table_count; i++) {
        if (!table_is(&l->tables[i], p->servers[i]->table))
            return true;
    }
    return false;
}

void
live_routes_put(struct live *l, unsigned turned)
{
    if (tables_moved(l))
        tables_follow(l);
    for (size_t i = 0; i < l->table_count; i++) {
        struct live_table *lt = &l->tables[i];
        uint64_t *now;

        if (!lt->hits.v)
            continue;
        now = xcalloc(lt->hits.series, sizeof(*now));
        table_hits_get(lt->table, now);
        /* One was counted for a route and went to another one since: no count that began anew. */
        for (unsigned k = 0; k < lt->hits.series; k++)
            now[k] = now[k] < lt->hits.last[k] ? lt->hits.last[k] : now[k];
        slots_put(&lt->hits, &l->clock, turned, now);
        xfree(now);
    }
}

void
live_routes_done(struct live *l)
{
    for (size_t i = 0; i < l->table_count; i++)
        table_done(l, &l->tables[i]);
    xfree(l->tables);
}

/* --- printing ------------------------------------------------------------------------ */

static double
weights(const struct route_conf *r)
{
    const struct to_conf *to = r->to.items;
    double sum = 0;

    for (size_t i = 0; i < r->to.n; i++)
        sum += to[i].weight;
    return sum;
}

static void
print_to(const struct route *r, unsigned i, const uint64_t *hits, double all,
         struct strbuf *out)
{
    const struct to_conf *to = (const struct to_conf *)r->conf->to.items + i;
    struct strbuf subset;

    strbuf_puts(out, i ? ",{\"pool\":" : "{\"pool\":");
    json_text_add(out, to->pool);
    strbuf_init(&subset, 4096);
    strbuf_puts(&subset, "");
    for (size_t k = 0; k < to->subset.n; k++)
        strbuf_printf(&subset, "%s%s=%s", k ? "," : "", to->subset.items[k].key,
                      to->subset.items[k].value);
    strbuf_puts(out, ",\"subset\":");
    json_text_add(out, subset.s);
    strbuf_done(&subset);
    live_put_share(out, "setShare", r->target_count > 1 ? to->weight : 1,
                   r->target_count > 1 ? weights(r->conf) : 1);
    live_put_share(out, "realShare", (double)hits[r->target + i], all);
    strbuf_puts(out, "}");
}

/* Places of a route's hits: those of its targets, or its own. */
static void
route_range(const struct table *t, const struct route *r, unsigned *ret_from,
            unsigned *ret_n)
{
    *ret_from = r->target_count ? r->target : (unsigned)t->target_count + r->index;
    *ret_n = r->target_count ? r->target_count : 1;
}

static void
print_route(const struct live *l, const struct live_table *lt, const struct table *t,
            const struct route *r, const uint64_t *hits, struct strbuf *out)
{
    struct strbuf match;
    uint64_t all = 0;
    double per_s = 0;
    unsigned from, n;

    route_range(t, r, &from, &n);
    for (unsigned i = 0; i < n; i++) {
        all += hits[from + i];
        if (lt && lt->hits.v)
            per_s += slots_rate(&lt->hits, &l->clock, from + i, SLOTS_WINDOW_S);
    }
    strbuf_puts(out, "{\"listener\":");
    json_text_add(out, t->conf->name);
    strbuf_puts(out, ",\"name\":");
    json_text_add(out, r->name);
    strbuf_init(&match, 16384);
    explain_match(&r->conf->match, &match);
    strbuf_puts(out, ",\"match\":");
    json_text_add(out, match.s);
    strbuf_done(&match);
    strbuf_printf(out, ",\"hits\":%llu", (unsigned long long)all);
    if (lt && lt->hits.v)
        live_put_rate(out, "hitsPerS", per_s);
    else
        strbuf_puts(out, ",\"hitsPerS\":null");
    strbuf_puts(out, ",\"to\":[");
    for (unsigned i = 0; i < r->target_count; i++)
        print_to(r, i, hits, (double)all, out);
    strbuf_puts(out, "]}");
}

void
live_routes_print(const struct live *l, struct strbuf *out)
{
    const struct process *p = l->process;
    const char *comma = "";

    strbuf_puts(out, "[");
    for (size_t i = 0; i < p->server_count; i++) {
        const struct table *t = p->servers[i]->table;
        const struct live_table *lt = i < l->table_count ? &l->tables[i] : NULL;
        uint64_t *hits = xcalloc(table_hits_count(t) + 1, sizeof(*hits));

        table_hits_get(t, hits);
        for (size_t k = 0; k < t->route_count; k++) {
            strbuf_puts(out, comma);
            print_route(l, lt && table_is(lt, t) ? lt : NULL, t, &t->routes[k], hits,
                        out);
            comma = ",";
        }
        xfree(hits);
    }
    strbuf_puts(out, "]");
}

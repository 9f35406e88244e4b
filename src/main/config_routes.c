/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_routes.c - do the routes and the pools fit together? */
#include "main/config_routes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "conf/near.h"
#include "filter/filter_conf.h"
#include "main/config.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

enum { HINT_MAX = 4096, PATH_MAX_BYTES = 256 };

struct pool_name {
    const char *name;
    size_t i; /* in the config */
};

/* The check of all routes; names are sorted. */
struct check {
    const struct config *c;
    struct conf_place *place;
    const char **names;
    struct pool_name *pools;
    bool *used; /* by index in the config */
    bool all;   /* every route leads somewhere */
    size_t listener;
};

static int
name_compare(const void *a, const void *b)
{
    return strcmp(((const struct pool_name *)a)->name,
                  ((const struct pool_name *)b)->name);
}

/* False when a pool has no name: then any route may mean it. */
static bool
check_sort_names(struct check *k)
{
    const struct pool_conf *pools = k->c->pools.items;

    for (size_t i = 0; i < k->c->pools.n; i++) {
        if (!pools[i].name)
            return false;
        k->pools[i] = (struct pool_name){ pools[i].name, i };
    }
    qsort(k->pools, k->c->pools.n, sizeof *k->pools, name_compare);
    for (size_t i = 0; i < k->c->pools.n; i++)
        k->names[i] = k->pools[i].name;
    return k->c->pools.n > 0;
}

static void
report_pool(const struct check *k, const char *path, const char *pool)
{
    struct strbuf hint;

    strbuf_init(&hint, HINT_MAX);
    if (!conf_place_full(k->place))
        near_suggest(&hint, pool, k->names, k->c->pools.n, "the pools are");
    conf_problem_item(k->place, "listeners", k->listener, path, "E0201",
                      "there is no pool \"%s\"%s", pool, hint.s ? hint.s : "");
    strbuf_done(&hint);
}

/* Files and Kubernetes give labels of their own, which are not known yet. */
static bool
labels_are_known(const struct pool_conf *p)
{
    const struct endpoint_conf *e = p->endpoints.items;

    for (size_t i = 0; i < p->endpoints.n; i++) {
        if (!e[i].target || strncmp(e[i].target, "file:", 5) == 0 ||
            strncmp(e[i].target, "k8s:", 4) == 0)
            return false;
    }
    return true;
}

static bool
has_labels(const struct endpoint_conf *e, const struct conf_map *subset)
{
    for (size_t i = 0; i < subset->n; i++) {
        const char *have = conf_map_get(&e->labels, subset->items[i].key);

        if (!have || strcmp(have, subset->items[i].value) != 0)
            return false;
    }
    return true;
}

static void
check_subset(const struct check *k, const char *path, const struct pool_conf *p,
             const struct conf_map *subset)
{
    const struct endpoint_conf *e = p->endpoints.items;

    if (subset->n == 0 || !labels_are_known(p))
        return;
    for (size_t i = 0; i < p->endpoints.n; i++) {
        if (has_labels(&e[i], subset))
            return;
    }
    conf_warning_item(k->place, "listeners", k->listener, path, "W0331",
                      "no endpoint of the pool \"%s\" has %s", p->name,
                      subset->n == 1 ? "this label" : "all these labels");
}

/* path: of the object with the keys pool and subset, below the listener. */
static void
check_target(struct check *k, const char *path, const struct to_conf *to)
{
    const struct pool_name want = { .name = to->pool };
    const struct pool_name *hit;
    struct strbuf sub;

    if (!to->pool) {
        k->all = false;
        return;
    }
    strbuf_init(&sub, PATH_MAX_BYTES);
    hit = bsearch(&want, k->pools, k->c->pools.n, sizeof want, name_compare);
    if (hit) {
        const struct pool_conf *pools = k->c->pools.items;

        k->used[hit->i] = true;
        strbuf_printf(&sub, "%s.subset", path);
        check_subset(k, sub.s, &pools[hit->i], &to->subset);
    } else {
        k->all = false;
        strbuf_printf(&sub, "%s.pool", path);
        report_pool(k, sub.s, to->pool);
    }
    strbuf_done(&sub);
}

/* Filters that call a service of their own. path: of the list, below the listener. */
static void
check_filters(struct check *k, const char *path, const struct conf_list *filters)
{
    const struct filter_item *items = filters->items;

    for (size_t i = 0; i < filters->n; i++) {
        char key[FILTER_KEY_MAX], at[PATH_MAX_BYTES + FILTER_KEY_MAX];
        struct pool_name want = { .name = filter_item_pool(&items[i], key) };
        const struct pool_name *hit;

        if (!want.name)
            continue;
        hit = bsearch(&want, k->pools, k->c->pools.n, sizeof want, name_compare);
        if (hit) {
            k->used[hit->i] = true;
            continue;
        }
        k->all = false;
        snprintf(at, sizeof at, "%s[%zu]%s%s", path, i, *key ? "." : "", key);
        report_pool(k, at, want.name);
    }
}

static void
check_route(struct check *k, size_t i, const struct route_conf *r)
{
    const struct to_conf *to = r->to.items;
    char path[PATH_MAX_BYTES];

    k->all = k->all && (r->to.n > 0 || r->status.on);
    for (size_t t = 0; t < r->to.n; t++) {
        snprintf(path, sizeof path, "routes[%zu].to[%zu]", i, t);
        check_target(k, path, &to[t]);
    }
    if (r->mirror.on) {
        snprintf(path, sizeof path, "routes[%zu].mirror", i);
        check_target(k, path, &r->mirror.to);
    }
    snprintf(path, sizeof path, "routes[%zu].filters", i);
    check_filters(k, path, &r->filters);
}

void
config_check_routes(const struct config *c, struct conf_place *place)
{
    const struct listener_conf *l = c->listeners.items;
    const struct pool_conf *pools = c->pools.items;
    size_t n = c->pools.n;
    struct check k = {
        .c = c,
        .place = place,
        .names = xcalloc(n + 1, sizeof(char *)),
        .pools = xcalloc(n + 1, sizeof(struct pool_name)),
        .used = xcalloc(n + 1, sizeof(bool)),
        .all = c->listeners.n > 0,
    };

    if (check_sort_names(&k)) {
        for (size_t i = 0; i < c->listeners.n; i++) {
            const struct route_conf *r = l[i].routes.items;

            k.listener = i;
            k.all = k.all && l[i].routes.n > 0;
            check_filters(&k, "filters", &l[i].filters);
            for (size_t x = 0; x < l[i].routes.n; x++)
                check_route(&k, x, &r[x]);
        }
        for (size_t i = 0; k.all && i < n; i++) {
            if (!k.used[i])
                conf_warning_item(place, "pools", i, "name", "W0302",
                                  "no route leads to the pool \"%s\"", pools[i].name);
        }
    }
    xfree(k.names);
    xfree(k.pools);
    xfree(k.used);
}

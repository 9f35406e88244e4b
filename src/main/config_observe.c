/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_observe.c - what is left out is taken from further out. */
#include "main/config_observe.h"

#include <stdio.h>

#include "conf/check.h"
#include "filter/filter.h"
#include "filter/filter_conf.h"
#include "filter/kinds.h"
#include "main/config.h"
#include "proxy/listener_conf.h"
#include "proxy/route_conf.h"

enum { PATH_BYTES = 96 };

/* The settings of a listener's filter of this kind; NULL: it has none. */
static const void *
listed(const struct listener_conf *l, const struct filter_kind *kind)
{
    const struct filter_item *items = l->filters.items;

    for (size_t i = 0; i < l->filters.n; i++) {
        if (filter_item_kind(&items[i]) == kind && items[i].settings)
            return items[i].settings;
    }
    return NULL;
}

/* path: of the list, below the listener. outer: the listener when the list is a route's. */
static void
observe_list(struct config *c, struct conf_place *place, size_t listener,
             const char *path, const struct conf_list *list,
             const struct listener_conf *outer)
{
    struct filter_item *items = list->items;

    for (size_t i = 0; i < list->n; i++) {
        const struct filter_kind *kind = filter_item_kind(&items[i]);
        const void *from = outer && kind ? listed(outer, kind) : NULL;
        char at[PATH_BYTES];

        if (!items[i].settings)
            continue;
        if (kind == &filter_access_log)
            access_conf_inherit(items[i].settings, from ? from : &c->log.access);
        if (kind != &filter_tracing)
            continue;
        tracing_conf_inherit(items[i].settings, from ? from : &c->tracing);
        snprintf(at, sizeof(at), "%s[%zu]", path, i);
        if (!((struct tracing_conf *)items[i].settings)->otlp)
            conf_problem_item(place, "listeners", listener, at, "E0484",
                              "this filter needs the address of a collector: give it "
                              "\"otlp\", or give the file an object \"tracing\" with it");
    }
}

void
config_observe(struct config *c, struct conf_place *place)
{
    struct listener_conf *l = c->listeners.items;

    if (!c->tracing.service)
        c->tracing.service = c->node.service;
    if (!c->tracing.instance)
        c->tracing.instance = c->node.id;
    for (size_t i = 0; i < c->listeners.n; i++) {
        struct route_conf *routes = l[i].routes.items;

        observe_list(c, place, i, "filters", &l[i].filters, NULL);
        for (size_t r = 0; r < l[i].routes.n; r++) {
            char path[PATH_BYTES];

            snprintf(path, sizeof(path), "routes[%zu].filters", r);
            observe_list(c, place, i, path, &routes[r].filters, &l[i]);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_observe.c - what is left out is taken from further out. */
#include "main/config_observe.h"

#include <stdio.h>

#include "conf/check.h"
#include "filter/filter.h"
#include "filter/filter_conf.h"
#include "filter/kinds.h"
#include "filter/otlp_sender.h"
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

/* Its collector can be reached as it is written. NULL, or why not. */
static const char *
tracing_refuse(const struct tracing_conf *t)
{
    const struct otlp_way way = { .to = t->otlp, .tls = &t->tls };

    return t->otlp ? otlp_way_refuse(&way) : NULL;
}

static void
observe_tracing(struct conf_place *place, size_t listener, const char *at,
                const struct tracing_conf *t)
{
    const char *why = tracing_refuse(t);

    if (!t->otlp)
        conf_problem_item(place, "listeners", listener, at, "E0484",
                          "this filter needs the address of a collector: give it "
                          "\"otlp\", or give the file an object \"tracing\" with it");
    else if (why)
        conf_problem_item(place, "listeners", listener, at, "E0486", "%s", why);
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
        observe_tracing(place, listener, at, items[i].settings);
    }
}

void
config_observe(struct config *c, struct conf_place *place)
{
    struct listener_conf *l = c->listeners.items;
    const char *why = c->tracing.on ? tracing_refuse(&c->tracing) : NULL;

    if (why)
        conf_problem(place, "tracing", "E0486", "%s", why);
    if (!c->tracing.service)
        c->tracing.service = c->node.service;
    if (!c->tracing.instance)
        c->tracing.instance = c->node.id;
    if (!c->metrics.push.service)
        c->metrics.push.service = c->node.service;
    if (!c->metrics.push.instance)
        c->metrics.push.instance = c->node.id;
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

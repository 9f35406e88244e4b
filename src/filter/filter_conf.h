/* SPDX-License-Identifier: Apache-2.0 */
/* filter/filter_conf.h - `filters` in the config: the list of a listener, which gives the order, and the list of a route, which replaces settings by name or switches
 * filters off. The rows are in filter_conf.c, those of the kinds beside their code. Owned by the config snapshot, or a copy of it; immutable after loading. */
#ifndef OUTRIGGER_FILTER_FILTER_CONF_H
#define OUTRIGGER_FILTER_FILTER_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/field.h"

struct conf_place;
struct filter_kind;

enum {
    FILTERS_MAX =
        48, /* of one listener; a chain has room for those that are always on, too */
    FILTER_KEY_MAX = 128,
};

struct filter_item {
    uint32_t type; /* index in filter_variants */
    bool off;
    const char *name; /* never NULL after loading: its type when not given */
    void *settings;   /* of kind->conf; NULL: off */
};

/* An item of a listener's list, and one of a route's. */
extern const struct conf_struct filter_item_struct, route_filter_struct;

/* NULL only while loading, when the type was refused; so is the name of an item of which something was refused. */
const struct filter_kind *filter_item_kind(const struct filter_item *item);
/* The pool that the filter calls itself; NULL: none. key: the path below the item of the key that names it, for problems. */
const char *filter_item_pool(const struct filter_item *item, char key[FILTER_KEY_MAX]);

/* --- for the check of a listener ------------------------------------------------------ */

/* Names are unique (E0301), and what may be there once is there once (E0302). place: of the listener, whose key `filters` it is. */
void filters_check(const struct conf_list *filters, struct conf_place *place);
/* Each entry of `own`, the key `filters` of item `route` of `routes`, is about a filter of this listener (E0301, E0303, E0304). */
void filters_check_route(const struct conf_list *filters, const struct conf_list *own,
                         size_t route, struct conf_place *place);

/* --- for making chains ---------------------------------------------------------------- */

/* One filter that a call goes through. */
struct filter_pick {
    const struct filter_kind *kind;
    const char *name;
    const void *settings; /* of kind->conf; NULL: off */
    bool own;   /* the settings, or the off, are the route's, not the listener's */
    bool named; /* it stands in the listener's list; false: on by itself */
    bool off;   /* only of filters_list: the call does not go through it */
    void *made; /* private */
};

struct filter_picks {
    size_t n;
    struct filter_pick v[];
};

/* The filters of a route in their order: first those that are always on and that the listener does not name, with the defaults of their rows (conf->check is not called
 * for them), then the listener's, each with the settings of the route when that has some, without those that are off. own: the route's list; NULL: of calls without a
 * route. Names and settings are those of the lists. */
struct filter_picks *
filters_pick(const struct conf_list *filters, const struct conf_list *own);
/* The same for people: those that are off have their place, too. */
struct filter_picks *
filters_list(const struct conf_list *filters, const struct conf_list *own);
void filter_picks_free(struct filter_picks *p);

#endif

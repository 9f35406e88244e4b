/* SPDX-License-Identifier: Apache-2.0 */
/* filter/filter_conf.c - the rows that all filters have, how the lists of listener and route fit together, and what comes out of both. */
#include "filter/filter_conf.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "conf/near.h"
#include "filter/filter.h"
#include "filter/registry.h"

enum { HINT_MAX = 2048, PATH_MAX_BYTES = 160, KINDS_MAX = 64 };

static const struct conf_field item_fields[] = {
    { .key = "type",
      .type = CONF_ENUM,
      .at = offsetof(struct filter_item, type),
      .variants = filter_variants,
      .required = true,
      .example = "\"requestId\"",
      .help = "What the filter does; its other keys depend on it. A bare string in the "
              "list means a filter of this type with its defaults." },
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct filter_item, name),
      .valid = conf_name_valid,
      .example = "\"ids\"",
      .help = "What routes, logs and metrics call it; its type when not given. Unique in "
              "its listener." },
    { .key = "off",
      .type = CONF_BOOL,
      .at = offsetof(struct filter_item, off),
      .def = "false",
      .example = "true",
      .help = "The filter is not asked: in a listener for all calls but those of routes "
              "that have settings for it, in a route for the calls of that route. It "
              "also switches off what is on without being named." },
    { .key = NULL },
};

/* Without a name when something was refused: it may have been meant to have one. */
static void
item_default_name(struct filter_item *item, const struct conf_place *place)
{
    const struct filter_kind *kind = filter_item_kind(item);

    if (!item->name && kind && conf_place_clean(place))
        item->name = kind->name;
}

static void
item_check(void *obj, struct conf_place *place)
{
    struct filter_item *item = obj;
    const struct filter_kind *kind = filter_item_kind(item), *other;

    item_default_name(item, place);
    other = item->name ? filter_kind_find(item->name) : NULL;
    if (kind && other && other != kind)
        conf_problem(place, "name", "E0301",
                     "\"%s\" is what filters of the type \"%s\" are called; give this "
                     "one another name",
                     item->name, item->name);
}

const struct conf_struct filter_item_struct = {
    .name = "filter",
    .size = sizeof(struct filter_item),
    .fields = item_fields,
    .short_key = "type",
    .tag_key = "type",
    .value_at = offsetof(struct filter_item, settings),
    .off_key = "off",
    .check = item_check,
};

/* A listener's filter may be off for a while with all its settings; a route that switches one off has nothing else to say of it. */
static void
route_item_check(void *obj, struct conf_place *place)
{
    struct filter_item *item = obj;
    const struct filter_kind *kind = filter_item_kind(item);

    item_default_name(item, place);
    if (!item->off || !kind || !item->name)
        return;
    for (const struct conf_field *f = kind->conf->fields; f->key; f++) {
        if (!conf_place_has(place, f->key))
            continue;
        conf_problem(place, f->key, "E0305",
                     "\"off\": true switches the filter \"%s\" off for this route, so "
                     "\"%s\" does nothing here; remove one of the two",
                     item->name, f->key);
        return;
    }
}

const struct conf_struct route_filter_struct = {
    .name = "filter",
    .size = sizeof(struct filter_item),
    .fields = item_fields,
    .short_key = "type",
    .tag_key = "type",
    .value_at = offsetof(struct filter_item, settings),
    .off_key = "off",
    .check = route_item_check,
};

const struct filter_kind *
filter_item_kind(const struct filter_item *item)
{
    return item->type == CONF_NO_VARIANT ? NULL : filter_variants[item->type].owner;
}

static const struct filter_item *
item_at(const struct conf_list *l, size_t i)
{
    return (const struct filter_item *)l->items + i;
}

/* The item of this name among the first n; n: there is none. */
static size_t
item_find(const struct conf_list *l, size_t n, const char *name)
{
    size_t i = 0;

    while (i < n && !(item_at(l, i)->name && strcmp(item_at(l, i)->name, name) == 0))
        i++;
    return i;
}

/* --- pools -------------------------------------------------------------------------- */

/* The path of the row that holds this very string. */
static bool
key_of_text(const struct conf_struct *type, const char *obj, const char *text,
            const char *prefix, char out[FILTER_KEY_MAX])
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        char path[FILTER_KEY_MAX];

        if (snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", f->key) >=
            (int)sizeof path)
            continue;
        if (f->type == CONF_STRING && *(const char *const *)(obj + f->at) == text) {
            memcpy(out, path, sizeof path);
            return true;
        }
        if (f->type == CONF_OBJECT && key_of_text(f->sub, obj + f->at, text, path, out))
            return true;
    }
    return false;
}

const char *
filter_item_pool(const struct filter_item *item, char key[FILTER_KEY_MAX])
{
    const struct filter_kind *kind = filter_item_kind(item);
    const char *pool;

    if (!kind || !kind->pool || !item->settings)
        return NULL;
    pool = kind->pool(item->settings);
    if (!pool || !key_of_text(kind->conf, item->settings, pool, "", key))
        key[0] = '\0';
    return pool;
}

/* --- checks ------------------------------------------------------------------------- */

void
filters_check(const struct conf_list *filters, struct conf_place *place)
{
    for (size_t i = 0; i < filters->n; i++) {
        const struct filter_item *item = item_at(filters, i);
        const struct filter_kind *kind = filter_item_kind(item);
        size_t first = i;

        for (size_t k = 0; kind && k < i && first == i; k++)
            first = filter_item_kind(item_at(filters, k)) == kind ? k : i;
        if (first < i && kind->flags & FILTER_NO_REPEAT) {
            conf_problem_item(place, "filters", i, NULL, "E0302",
                              "a listener can have \"%s\" only once, and filters[%zu] is "
                              "it already; remove one of them",
                              kind->name, first);
            continue;
        }
        first = item->name ? item_find(filters, i, item->name) : i;
        if (first < i)
            conf_problem_item(place, "filters", i, "name", "E0301",
                              "filters[%zu] is called \"%s\" already; give this one "
                              "another \"name\"",
                              first, item->name);
    }
}

/* On without being named: no item of the listener is of this kind. */
static bool
is_on_by_itself(const struct conf_list *filters, const struct filter_kind *kind)
{
    if (!(kind->flags & FILTER_ALWAYS))
        return false;
    for (size_t i = 0; i < filters->n; i++) {
        if (filter_item_kind(item_at(filters, i)) == kind)
            return false;
    }
    return true;
}

/* Names that a route may say: the listener's, and those of kinds that are on by themselves. */
static size_t
names_collect(const struct conf_list *filters, const char *names[])
{
    size_t n = 0;

    for (size_t i = 0; i < filters->n && i < FILTERS_MAX; i++) {
        if (item_at(filters, i)->name)
            names[n++] = item_at(filters, i)->name;
    }
    for (size_t i = 0; filter_kind_at(i) && n < FILTERS_MAX + KINDS_MAX; i++) {
        const struct filter_kind *kind = filter_kind_at(i);

        if (is_on_by_itself(filters, kind))
            names[n++] = kind->name;
    }
    return n;
}

static void
refuse_name(const struct conf_list *filters, const struct filter_item *item, size_t route,
            const char *path, struct conf_place *place)
{
    const char *names[FILTERS_MAX + KINDS_MAX], *same = NULL;
    size_t n = names_collect(filters, names);
    struct strbuf hint;

    for (size_t i = 0; i < filters->n && !same; i++) {
        if (item_at(filters, i)->type == item->type)
            same = item_at(filters, i)->name;
    }
    strbuf_init(&hint, HINT_MAX);
    if (same)
        strbuf_printf(&hint, "; its filter of the type \"%s\" is called \"%s\"",
                      filter_item_kind(item)->name, same);
    else if (n > 0)
        near_suggest(&hint, item->name, names, n, "its filters are");
    if (!same && !near_find(item->name, names, n))
        strbuf_puts(&hint,
                    ". A filter stands in \"filters\" of the listener first, which "
                    "gives the order");
    conf_problem_item(place, "routes", route, path, "E0303",
                      "this listener has no filter called \"%s\"%s", item->name,
                      hint.s ? hint.s : "");
    strbuf_done(&hint);
}

/* There is one of which something was refused. */
static bool
has_nameless(const struct conf_list *filters)
{
    for (size_t i = 0; i < filters->n; i++) {
        if (!item_at(filters, i)->name)
            return true;
    }
    return false;
}

void
filters_check_route(const struct conf_list *filters, const struct conf_list *own,
                    size_t route, struct conf_place *place)
{
    for (size_t i = 0; i < own->n; i++) {
        const struct filter_item *item = item_at(own, i);
        const struct filter_kind *kind = filter_item_kind(item), *theirs;
        char path[PATH_MAX_BYTES];
        size_t first, at;

        if (!kind || !item->name)
            continue;
        first = item_find(own, i, item->name);
        at = item_find(filters, filters->n, item->name);
        snprintf(path, sizeof path, "filters[%zu].name", i);
        if (first < i) {
            conf_problem_item(place, "routes", route, path, "E0301",
                              "filters[%zu] of this route is about the filter \"%s\" "
                              "already; keep one of the two",
                              first, item->name);
            continue;
        }
        if (at == filters->n) {
            if (!has_nameless(filters) &&
                (strcmp(item->name, kind->name) != 0 || !is_on_by_itself(filters, kind)))
                refuse_name(filters, item, route, path, place);
            continue;
        }
        theirs = filter_item_kind(item_at(filters, at));
        snprintf(path, sizeof path, "filters[%zu].type", i);
        if (theirs && theirs != kind)
            conf_problem_item(
                place, "routes", route, path, "E0304",
                "the filter \"%s\" of this listener is of the type \"%s\", "
                "not \"%s\"; write \"type\": \"%s\", or the name of another "
                "filter",
                item->name, theirs->name, kind->name, theirs->name);
    }
}

/* --- what a call goes through ------------------------------------------------------- */

/* The route's entry for this name; NULL: it leaves the filter as it is. */
static const struct filter_item *
item_of_route(const struct conf_list *own, const char *name)
{
    size_t i = own ? item_find(own, own->n, name) : 0;

    return own && i < own->n ? item_at(own, i) : NULL;
}

static void
pick_add(struct filter_picks *p, const struct filter_kind *kind, const char *name,
         const struct filter_item *listed, const struct filter_item *own)
{
    const struct filter_item *item = own ? own : listed;
    struct filter_pick pick = { .kind = kind,
                                .name = name,
                                .own = own != NULL,
                                .named = listed != NULL,
                                .off = item && item->off };

    if (!item) {
        pick.made = xcalloc(1, kind->conf->size);
        field_defaults(kind->conf, pick.made);
    }
    pick.settings = pick.off ? NULL : item ? item->settings : pick.made;
    p->v[p->n++] = pick;
}

struct filter_picks *
filters_list(const struct conf_list *filters, const struct conf_list *own)
{
    size_t most = filters->n;
    struct filter_picks *p;

    for (size_t i = 0; filter_kind_at(i); i++)
        most += is_on_by_itself(filters, filter_kind_at(i));
    p = xcalloc(1, sizeof(*p) + most * sizeof(p->v[0]));
    for (size_t i = 0; filter_kind_at(i); i++) {
        const struct filter_kind *kind = filter_kind_at(i);

        if (is_on_by_itself(filters, kind))
            pick_add(p, kind, kind->name, NULL, item_of_route(own, kind->name));
    }
    for (size_t i = 0; i < filters->n; i++) {
        const struct filter_item *item = item_at(filters, i);

        pick_add(p, filter_item_kind(item), item->name, item,
                 item_of_route(own, item->name));
    }
    return p;
}

struct filter_picks *
filters_pick(const struct conf_list *filters, const struct conf_list *own)
{
    struct filter_picks *p = filters_list(filters, own);
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i].off)
            p->v[n++] = p->v[i];
    }
    p->n = n;
    return p;
}

void
filter_picks_free(struct filter_picks *p)
{
    for (size_t i = 0; p && i < p->n; i++)
        xfree(p->v[i].made);
    xfree(p);
}

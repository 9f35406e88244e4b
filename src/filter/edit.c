/* SPDX-License-Identifier: Apache-2.0 */
/* filter/edit.c - header edits at work. */
#include "filter/edit.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "filter/edit_conf.h"
#include "filter/template.h"
#include "h2/edit.h"

struct edit_add {
    struct slice name;
    struct template *text;
};

struct edit {
    unsigned wants;
    size_t gone_count; /* names whose fields go: of remove and set */
    struct slice *gone;
    size_t add_count; /* set, then add */
    struct edit_add adds[];
};

static void
edit_add_all(struct edit *e, const struct conf_map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        struct edit_add *a = &e->adds[e->add_count++];

        a->name = slice_of(map->items[i].key);
        a->text = template_new(map->items[i].value);
        e->wants |= template_wants(a->text);
    }
}

struct edit *
edit_new(const struct edit_conf *conf)
{
    const struct edit_name_conf *remove = conf->remove.items;
    size_t adds = conf->set.n + conf->add.n;
    struct edit *e;

    if (adds + conf->remove.n == 0)
        return NULL;
    e = xcalloc(1, sizeof(*e) + adds * sizeof(e->adds[0]));
    e->gone = xcalloc(conf->remove.n + conf->set.n + 1, sizeof(*e->gone));
    for (size_t i = 0; i < conf->remove.n; i++)
        e->gone[e->gone_count++] = slice_of(remove[i].name);
    for (size_t i = 0; i < conf->set.n; i++)
        e->gone[e->gone_count++] = slice_of(conf->set.items[i].key);
    edit_add_all(e, &conf->set);
    edit_add_all(e, &conf->add);
    return e;
}

void
edit_free(struct edit *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->add_count; i++)
        template_free(e->adds[i].text);
    xfree(e->gone);
    xfree(e);
}

unsigned
edit_wants(const struct edit *e)
{
    return e ? e->wants : 0;
}

size_t
edit_adds(const struct edit *e)
{
    return e ? e->add_count : 0;
}

int
edit_values(const struct edit *e, const struct template_values *values,
            struct arena *arena, const struct slice **ret)
{
    size_t room = EDIT_BYTES_MAX;
    struct slice *v;

    v = arena_alloc(arena, (e->add_count + 1) * sizeof(*v));
    if (!v)
        return ERR_NOMEM;
    for (size_t i = 0; i < e->add_count; i++) {
        int rv = template_write(e->adds[i].text, values, arena, room, &v[i]);

        if (rv != ERR_OK)
            return rv;
        room -= v[i].n;
    }
    *ret = v;
    return ERR_OK;
}

static bool
edit_is_gone(const struct edit *e, const struct h2_field *f)
{
    for (size_t i = 0; i < e->gone_count; i++) {
        if (e->gone[i].n == f->namelen && memcmp(e->gone[i].p, f->name, f->namelen) == 0)
            return true;
    }
    return false;
}

bool
edit_added(const struct edit *e, const struct slice *values, size_t i,
           struct slice *ret_name, struct slice *ret_value)
{
    *ret_name = e->adds[i].name;
    *ret_value = values[i];
    return values[i].n > 0 || template_wants(e->adds[i].text) == 0;
}

size_t
edit_apply(const struct edit *e, const struct slice *values, struct h2_field *fields,
           size_t n)
{
    size_t kept = e->gone_count ? 0 : n;

    for (size_t i = 0; i < n && e->gone_count; i++) {
        if (!edit_is_gone(e, &fields[i]))
            fields[kept++] = fields[i];
    }
    for (size_t i = 0; i < e->add_count; i++) {
        struct slice name, value;

        if (!edit_added(e, values, i, &name, &value))
            continue;
        fields[kept++] = (struct h2_field){ .name = (uint8_t *)name.p,
                                            .value = (uint8_t *)value.p,
                                            .namelen = name.n,
                                            .valuelen = value.n,
                                            .flags = H2_FIELD_STATIC };
    }
    return kept;
}

/* --- blocks ------------------------------------------------------------------------- */

int
edit_apply_block(const struct edit *e, const struct slice *values, struct h2_headers *h,
                 struct slab *slab)
{
    for (size_t i = 0; i < e->gone_count; i++)
        h2_headers_remove(h, e->gone[i]);
    for (size_t i = 0; i < e->add_count; i++) {
        struct slice name, value;
        int rv;

        if (!edit_added(e, values, i, &name, &value))
            continue;
        rv = h2_headers_add(h, slab, name, value, 0);
        if (rv != ERR_OK)
            return rv;
    }
    return ERR_OK;
}

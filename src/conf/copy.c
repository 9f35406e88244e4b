/* SPDX-License-Identifier: Apache-2.0 */
/* conf/copy.c - deep copies by rows: once over the struct to measure, once to write. */
#include "conf/copy.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "base/xalloc.h"

struct conf_copy {
    _Atomic unsigned holds;
    alignas(max_align_t) char root[];
};

/* Pieces behind each other; with `at` NULL it only measures. */
struct packer {
    char *at;
    size_t used;
};

static void
pack_below(struct packer *p, const struct conf_struct *type, const char *from, char *to);

static void *
pack(struct packer *p, const void *from, size_t n, size_t align)
{
    size_t start = (p->used + align - 1) / align * align;

    p->used = start + n;
    if (!p->at)
        return NULL;
    if (n)
        memcpy(p->at + start, from, n);
    return p->at + start;
}

static const char *
pack_text(struct packer *p, const char *text)
{
    return text ? pack(p, text, strlen(text) + 1, 1) : NULL;
}

/* Of a tagged struct: the struct of its kind. */
static void
pack_variant(struct packer *p, const struct conf_struct *type, const char *from, char *to)
{
    const void *in = conf_variant_value(type, from);
    const struct conf_variant *v = conf_variant_of(type, from);
    void *out;

    if (!in || !v)
        return;
    out = pack(p, in, v->type->size, alignof(max_align_t));
    pack_below(p, v->type, in, out);
    if (to)
        *(void **)(to + type->value_at) = out;
}

/* A LIST, or a DICT, whose structs have their keys beside the rows. */
static void
pack_list(struct packer *p, const struct conf_field *f, const struct conf_list *from,
          struct conf_list *to)
{
    size_t size = f->sub->size;
    char *items = pack(p, from->items, from->n * size, alignof(max_align_t));

    for (size_t i = 0; i < from->n; i++) {
        const char *in = (const char *)from->items + i * size;
        char *out = items ? items + i * size : NULL;

        if (f->type == CONF_DICT) {
            const char *key = pack_text(p, *(const char *const *)(in + f->sub->key_at));

            if (out)
                *(const char **)(out + f->sub->key_at) = key;
        }
        pack_below(p, f->sub, in, out);
    }
    if (to)
        to->items = from->n ? items : NULL;
}

static void
pack_map(struct packer *p, const struct conf_map *from, struct conf_map *to)
{
    struct conf_pair *items =
        pack(p, from->items, from->n * sizeof(*items), alignof(max_align_t));

    for (size_t i = 0; i < from->n; i++) {
        const char *key = pack_text(p, from->items[i].key);
        const char *value = pack_text(p, from->items[i].value);

        if (items)
            items[i] = (struct conf_pair){ .key = key, .value = value };
    }
    if (to)
        to->items = from->n ? items : NULL;
}

/* `to` has the plain bytes of `from` already; what its rows point at follows. */
static void
pack_below(struct packer *p, const struct conf_struct *type, const char *from, char *to)
{
    if (type->tag_key)
        pack_variant(p, type, from, to);
    for (const struct conf_field *f = type->fields; f->key; f++) {
        const void *in = from + f->at;
        void *out = to ? to + f->at : NULL;

        switch (f->type) {
        case CONF_STRING: {
            const char *text = pack_text(p, *(const char *const *)in);

            if (out)
                *(const char **)out = text;
            break;
        }
        case CONF_OBJECT:
            pack_below(p, f->sub, in, out);
            break;
        case CONF_LIST:
        case CONF_DICT:
            pack_list(p, f, in, out);
            break;
        case CONF_MAP:
            pack_map(p, in, out);
            break;
        case CONF_BOOL:
        case CONF_UINT:
        case CONF_SIZE:
        case CONF_DURATION:
        case CONF_ENUM:
        case CONF_NUMBER:
        case CONF_PERCENT:
        case CONF_INT:
        case CONF_MAYBE:
        case CONF_RATE:
            break;
        }
    }
}

struct conf_copy *
conf_copy_new(const struct conf_struct *type, const void *obj)
{
    struct packer measure = { 0 }, write = { 0 };
    struct conf_copy *c;

    pack(&measure, obj, type->size, 1);
    pack_below(&measure, type, obj, NULL);
    c = xmalloc(sizeof(*c) + measure.used);
    atomic_init(&c->holds, 1);
    write.at = c->root;
    pack(&write, obj, type->size, 1);
    pack_below(&write, type, obj, c->root);
    return c;
}

const void *
conf_copy_root(const struct conf_copy *c)
{
    return c->root;
}

struct conf_copy *
conf_copy_hold(struct conf_copy *c)
{
    atomic_fetch_add_explicit(&c->holds, 1, memory_order_relaxed);
    return c;
}

void
conf_copy_drop(struct conf_copy *c)
{
    if (c && atomic_fetch_sub_explicit(&c->holds, 1, memory_order_acq_rel) == 1)
        xfree(c);
}

/* --- equal ------------------------------------------------------------------------- */

static bool
text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
list_equal(const struct conf_field *f, const struct conf_list *a,
           const struct conf_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const char *x = (const char *)a->items + i * f->sub->size;
        const char *y = (const char *)b->items + i * f->sub->size;

        if (f->type == CONF_DICT &&
            !text_equal(*(const char *const *)(x + f->sub->key_at),
                        *(const char *const *)(y + f->sub->key_at)))
            return false;
        if (!conf_equal(f->sub, x, y))
            return false;
    }
    return true;
}

static bool
map_equal(const struct conf_map *a, const struct conf_map *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) { /* both are sorted */
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            !text_equal(a->items[i].value, b->items[i].value))
            return false;
    }
    return true;
}

static bool
value_equal(const struct conf_field *f, const void *a, const void *b)
{
    switch (f->type) {
    case CONF_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONF_UINT:
    case CONF_ENUM:
    case CONF_MAYBE:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case CONF_SIZE:
    case CONF_DURATION:
    case CONF_INT:
        return *(const int64_t *)a == *(const int64_t *)b;
    case CONF_NUMBER:
    case CONF_PERCENT: /* the same text gives the same bits */
        return memcmp(a, b, sizeof(double)) == 0;
    case CONF_RATE:
        return memcmp(a, b, sizeof(struct conf_rate)) == 0;
    case CONF_STRING:
        return text_equal(*(const char *const *)a, *(const char *const *)b);
    case CONF_OBJECT:
        return conf_equal(f->sub, a, b);
    case CONF_LIST:
    case CONF_DICT:
        return list_equal(f, a, b);
    case CONF_MAP:
        return map_equal(a, b);
    }
    return false;
}

static bool
is_one_of(const char *key, const char *const *keys)
{
    for (; keys && *keys; keys++) {
        if (strcmp(*keys, key) == 0)
            return true;
    }
    return false;
}

/* The tags are equal: they have a row. */
static bool
variant_equal(const struct conf_struct *type, const void *a, const void *b)
{
    const void *x = conf_variant_value(type, a), *y = conf_variant_value(type, b);
    const struct conf_variant *v = conf_variant_of(type, a);

    if (!x || !y || !v)
        return x == y;
    return conf_equal(v->type, x, y);
}

bool
conf_equal_but(const struct conf_struct *type, const void *a, const void *b,
               const char *const *but)
{
    const char *x = a, *y = b;

    if (type->optional &&
        *(const bool *)(x + type->on_at) != *(const bool *)(y + type->on_at))
        return false;
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (!is_one_of(f->key, but) && !value_equal(f, x + f->at, y + f->at))
            return false;
    }
    return variant_equal(type, a, b);
}

bool
conf_equal(const struct conf_struct *type, const void *a, const void *b)
{
    return conf_equal_but(type, a, b, NULL);
}

/* --- one for another ------------------------------------------------------------------ */

static size_t
value_size(const struct conf_field *f)
{
    switch (f->type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_UINT:
    case CONF_ENUM:
    case CONF_MAYBE:
        return sizeof(uint32_t);
    case CONF_SIZE:
        return sizeof(uint64_t);
    case CONF_DURATION:
    case CONF_INT:
        return sizeof(int64_t);
    case CONF_NUMBER:
    case CONF_PERCENT:
        return sizeof(double);
    case CONF_RATE:
        return sizeof(struct conf_rate);
    case CONF_STRING:
        return sizeof(const char *);
    case CONF_MAP:
        return sizeof(struct conf_map);
    case CONF_LIST:
    case CONF_DICT:
        return sizeof(struct conf_list);
    case CONF_OBJECT:
        return f->sub->size;
    }
    return 0;
}

void
conf_inherit(const struct conf_struct *type, void *obj, const void *from, uint64_t given)
{
    const struct conf_field *f = type->fields;

    for (unsigned i = 0; f[i].key; i++) {
        if (!(given >> i & 1))
            memcpy((char *)obj + f[i].at, (const char *)from + f[i].at,
                   value_size(&f[i]));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* conf/field.c - rows: how they are found, by key and by path, what kinds there are, and what their values look like in words. */
#include "conf/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/values.h"

enum { DAY_MS = 24 * 3600 * 1000 };

const struct conf_field *
field_find(const struct conf_struct *type, const char *key)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (strcmp(f->key, key) == 0)
            return f;
    }
    return NULL;
}

const char *
field_word(const struct conf_field *f, size_t i)
{
    return f->variants ? f->variants[i].tag : f->words ? f->words[i] : NULL;
}

const struct conf_field *
conf_tag_row(const struct conf_struct *type)
{
    return type->tag_key ? field_find(type, type->tag_key) : NULL;
}

const struct conf_variant *
conf_variants(const struct conf_struct *type)
{
    static const struct conf_variant none = { .tag = NULL };
    const struct conf_field *tag = conf_tag_row(type);

    return tag ? tag->variants : &none;
}

const struct conf_variant *
conf_variant_of(const struct conf_struct *type, const void *obj)
{
    const struct conf_field *tag = conf_tag_row(type);
    uint32_t i = tag ? *(const uint32_t *)((const char *)obj + tag->at) : CONF_NO_VARIANT;

    return i == CONF_NO_VARIANT ? NULL : &tag->variants[i];
}

const void *
conf_variant_value(const struct conf_struct *type, const void *obj)
{
    return type->tag_key ? *(void *const *)((const char *)obj + type->value_at) : NULL;
}

static bool
path_starts_with_key(const struct conf_struct *type, const char *path)
{
    size_t n = strcspn(path, ".[");

    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (strlen(f->key) == n && memcmp(f->key, path, n) == 0)
            return true;
    }
    return false;
}

/* The kind whose tag the path begins with. */
static const struct conf_variant *
path_variant(const struct conf_struct *type, const char *path)
{
    size_t n = strcspn(path, ".[");

    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        if (strlen(v->tag) == n && memcmp(v->tag, path, n) == 0)
            return v;
    }
    return NULL;
}

/* Either of the two is what the path ends at. */
static const struct conf_field *
path_walk(const struct conf_struct *type, const char *path,
          const struct conf_variant **ret_variant)
{
    for (;;) {
        const struct conf_variant *v = type ? path_variant(type, path) : NULL;
        size_t n = strcspn(path, ".[");
        const struct conf_field *f = type ? type->fields : NULL;

        if (v) {
            path += n + strcspn(path + n, ".");
            if (*path == '\0') {
                *ret_variant = v;
                return NULL;
            }
            type = v->type;
            path++;
            continue;
        }
        while (f && f->key && (strlen(f->key) != n || memcmp(f->key, path, n) != 0))
            f++;
        path += n + strcspn(path + n, ".");
        if (!f || !f->key)
            return NULL;
        if (*path == '\0')
            return f;
        type = f->sub;
        path++;
        if (f->type == CONF_DICT && !path_starts_with_key(type, path)) {
            path += strcspn(path, ".");
            if (*path == '\0')
                return f;
            path++;
        }
    }
}

const struct conf_field *
field_find_path(const struct conf_struct *type, const char *path)
{
    const struct conf_variant *variant = NULL;

    return path_walk(type, path, &variant);
}

const struct conf_variant *
conf_variant_find_path(const struct conf_struct *type, const char *path)
{
    const struct conf_variant *variant = NULL;

    path_walk(type, path, &variant);
    return variant;
}

/* 8640000 per day are "100/s". */
static void
print_per_day(int64_t n, char out[VALUE_TEXT_MAX])
{
    static const int64_t units_ms[] = { 1000, 60000, 3600000 };

    for (size_t i = 0; i < ARRAY_LEN(units_ms); i++) {
        int64_t units = DAY_MS / units_ms[i];

        if (n % units == 0) {
            rate_print((double)(n / units), units_ms[i], out);
            return;
        }
    }
    rate_print((double)n, DAY_MS, out);
}

void
field_print_number(const struct conf_field *f, int64_t value, char out[48])
{
    if (f->type == CONF_SIZE)
        size_print((uint64_t)value, out);
    else if (f->type == CONF_DURATION)
        duration_print(value, out);
    else if (f->type == CONF_RATE)
        print_per_day(value, out);
    else
        snprintf(out, VALUE_TEXT_MAX, "%" PRId64 "%s", value,
                 f->type == CONF_PERCENT ? "%" : "");
}

bool
conf_is_bare(const struct conf_field *f)
{
    return f->type == CONF_UINT || f->type == CONF_INT || f->type == CONF_BOOL ||
           f->type == CONF_MAYBE || f->type == CONF_NUMBER;
}

bool
conf_is_tree(const struct conf_field *f)
{
    return f->type == CONF_OBJECT || f->type == CONF_LIST || f->type == CONF_MAP ||
           f->type == CONF_DICT;
}

const char *
conf_map_get(const struct conf_map *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->items[i].key, key) == 0)
            return map->items[i].value;
    }
    return NULL;
}

void
field_print_type(const struct conf_field *f, struct strbuf *out)
{
    static const char *const names[] = {
        [CONF_BOOL] = "true or false",
        [CONF_UINT] = "whole number",
        [CONF_SIZE] = "size",
        [CONF_DURATION] = "duration",
        [CONF_STRING] = "string",
        [CONF_ENUM] = "string",
        [CONF_OBJECT] = "object",
        [CONF_LIST] = "list",
        [CONF_NUMBER] = "number",
        [CONF_PERCENT] = "percentage",
        [CONF_MAP] = "object of strings",
        [CONF_DICT] = "object with free keys",
        [CONF_INT] = "whole number",
        [CONF_MAYBE] = "true or false",
        [CONF_RATE] = "rate",
    };

    if (field_word(f, 0)) {
        strbuf_puts(out, "one of");
        for (size_t i = 0; field_word(f, i); i++)
            strbuf_printf(out, "%s %s", i ? "," : "", field_word(f, i));
    } else if (f->sub && f->sub->short_key && f->type == CONF_OBJECT) {
        strbuf_puts(out, "string or object");
    } else if (f->type == CONF_LIST && f->one_ok) {
        strbuf_puts(out, f->sub->short_key ? "string, object or list" : "object or list");
    } else {
        strbuf_puts(out, names[f->type]);
    }
}

void
field_print_range(const struct conf_field *f, struct strbuf *out)
{
    char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX];
    bool counts = f->type == CONF_LIST || f->type == CONF_MAP || f->type == CONF_DICT;
    const char *what = counts ? " items" : "";

    if (f->max == 0 && f->min == 0)
        return;
    field_print_number(f, f->min, min);
    field_print_number(f, f->max, max);
    if (f->max == 0)
        strbuf_printf(out, "at least %s%s", min, what);
    else if (f->min == f->max)
        strbuf_printf(out, "only %s%s", min, what);
    else
        strbuf_printf(out, "from %s to %s%s", min, max, what);
}

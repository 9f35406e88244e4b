/* SPDX-License-Identifier: Apache-2.0 */
/* conf/parse.c - one function per kind of value; nothing here knows the name of any
 * key. */
#include "conf/parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "conf/env.h"
#include "conf/problem.h"
#include "conf/refuse.h"
#include "conf/values.h"

enum { PATH_TEXT_MAX = 512, STRING_MAX = 64 * 1024, MEANT_MAX = 16 };

struct parse {
    const struct conf_struct *root;
    struct arena *arena;
    struct problems *out;
};

static void
parse_object(struct parse *p, const struct conf_struct *type, const char *name,
             json_t *json, void *obj, struct conf_place *place);

/* The string with its variables put in, in the arena; NULL after a complaint. */
static const char *
expand_string(struct parse *p, const json_t *json, struct conf_place *place,
              const char *key)
{
    struct strbuf text, why;
    const char *copy = NULL;

    strbuf_init(&text, STRING_MAX);
    strbuf_init(&why, PATH_TEXT_MAX);
    if (env_expand(json_string_value(json), &text, &why) != 0) {
        refuse(place, key, "E0114", "", "cannot be read: %s", why.s);
    } else {
        copy = arena_copy(p->arena, text.s ? text.s : "", text.len + 1);
        if (!copy)
            refuse(place, key, "E0102", "",
                   "does not fit: the config needs more than 64 MiB");
    }
    strbuf_done(&text);
    strbuf_done(&why);
    return copy;
}

static void
parse_from_string(struct parse *p, const struct conf_field *f, const json_t *json,
                  void *obj, struct conf_place *place, const char *key)
{
    const char *text = expand_string(p, json, place, key), *code = NULL;
    struct strbuf why;

    if (!text)
        return;
    strbuf_init(&why, 2 * PATH_TEXT_MAX);
    if (!field_parse(f, text, obj, &why, &code))
        refuse(place, key, code, "", "%s", why.s);
    strbuf_done(&why);
}

static void
parse_integer(const struct conf_field *f, const json_t *json, void *obj,
              struct conf_place *place, const char *key)
{
    json_int_t n = json_integer_value(json);
    const char *code = NULL;
    struct strbuf why;

    strbuf_init(&why, PATH_TEXT_MAX);
    if (!field_check_range(f, n, &why, &code))
        refuse(place, key, code, "", "%s", why.s);
    else if (f->type == CONF_INT || f->type == CONF_SIZE)
        *(int64_t *)((char *)obj + f->at) = n;
    else if (n > UINT32_MAX)
        refuse(place, key, "E0110", "", "is %" PRId64 "; it must be at most %u",
               (int64_t)n, UINT32_MAX);
    else
        *(uint32_t *)((char *)obj + f->at) = (uint32_t)n;
    strbuf_done(&why);
}

/* A whole number in the file is fine for a NUMBER. */
static void
parse_real(const struct conf_field *f, const json_t *json, void *obj,
           struct conf_place *place, const char *key)
{
    const char *code = NULL;
    struct strbuf why;

    strbuf_init(&why, PATH_TEXT_MAX);
    if (!field_set_real(f, json_number_value(json), obj, &why, &code))
        refuse(place, key, code, "", "%s", why.s);
    strbuf_done(&why);
}

/* A number that stands for a name: 14 for "14". */
static void
parse_number_text(struct parse *p, const struct conf_field *f, const json_t *json,
                  void *obj, struct conf_place *place, const char *key)
{
    json_t *text = json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(json));

    if (text)
        parse_from_string(p, f, text, obj, place, key);
    json_decref(text);
}

/* The value stands for an object with its short key. */
static bool
short_fits(const struct conf_struct *type, const json_t *json)
{
    return type->short_key &&
           (json_is_string(json) ||
            (json_is_integer(json) && field_find(type, type->short_key)->bare_ok));
}

static bool
list_fits(const struct conf_field *f, size_t n, struct conf_place *up)
{
    const char *item = f->sub ? f->sub->name : "entry";

    if ((int64_t)n >= f->min && (f->max == 0 || (int64_t)n <= f->max))
        return true;
    if (n == 0)
        refuse(up, f->key, "E0116", "", "is empty; it needs at least one %s", item);
    else
        refuse(up, f->key, "E0116", "",
               "has %zu items; it may have from %" PRId64 " to %" PRId64, n, f->min,
               f->max);
    return false;
}

static int
pair_compare(const void *a, const void *b)
{
    return strcmp(((const struct conf_pair *)a)->key, ((const struct conf_pair *)b)->key);
}

/* Sorted, so that equal maps look equal and lookups can be quick. */
static void
parse_map(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
          struct conf_place *up)
{
    struct conf_map *map = (void *)((char *)obj + f->at);
    struct conf_place place = { .out = p->out, .up = up, .step = { .key = f->key } };
    const struct conf_field string = { .type = CONF_STRING, .required = true };
    size_t n = json_object_size(json);
    const char *key;
    json_t *value;

    if (!list_fits(f, n, up) || n == 0)
        return;
    map->items = arena_alloc(p->arena, n * sizeof(*map->items));
    if (!map->items) {
        refuse(up, f->key, "E0102", "",
               "does not fit: the config needs more than 64 MiB");
        return;
    }
    json_object_foreach(json, key, value)
    {
        const char *text = NULL;
        char *name = arena_copy(p->arena, key, strlen(key) + 1);

        if (json_is_string(value))
            text = expand_string(p, value, &place, key);
        else
            refuse_type(&place, &string, key, value);
        if (text && name)
            map->items[map->n++] = (struct conf_pair){ name, text };
    }
    qsort(map->items, map->n, sizeof(*map->items), pair_compare);
}

/* Room for n structs of the row's sub; NULL: none is needed, or it was complained. */
static char *
list_alloc(struct parse *p, const struct conf_field *f, size_t n, void *obj,
           struct conf_place *up)
{
    struct conf_list *list = (void *)((char *)obj + f->at);

    if (!list_fits(f, n, up) || n == 0)
        return NULL;
    list->items = arena_alloc(p->arena, n * f->sub->size);
    if (list->items)
        list->n = n;
    else
        refuse(up, f->key, "E0102", "",
               "does not fit: the config needs more than 64 MiB");
    return list->items;
}

static void
parse_list(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
           struct conf_place *up)
{
    struct conf_place place = { .out = p->out, .up = up, .step = { .key = f->key } };
    size_t n = json_array_size(json);
    char *items = list_alloc(p, f, n, obj, up);

    for (size_t i = 0; items && i < n; i++) {
        struct conf_place item = { .out = p->out, .up = &place, .step = { .index = i } };

        parse_object(p, f->sub, NULL, json_array_get(json, i), items + i * f->sub->size,
                     &item);
    }
}

/* A value that stands for a list of one: its place is that of the list. */
static void
parse_list_of_one(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
                  struct conf_place *up)
{
    struct conf_place place = { .out = p->out, .up = up, .step = { .key = f->key } };
    char *item = list_alloc(p, f, 1, obj, up);

    if (item)
        parse_object(p, f->sub, NULL, json, item, &place);
}

static void
parse_dict(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
           struct conf_place *up)
{
    struct conf_place place = { .out = p->out, .up = up, .step = { .key = f->key } };
    char *item = list_alloc(p, f, json_object_size(json), obj, up);
    const char *key;
    json_t *value;

    if (!item)
        return;
    json_object_foreach(json, key, value)
    {
        struct conf_place below = { .out = p->out, .up = &place, .step = { .key = key } };
        const char *name = arena_copy(p->arena, key, strlen(key) + 1);

        parse_object(p, f->sub, name ? name : "", value, item, &below);
        if (!name)
            refuse(&place, key, "E0102", "",
                   "does not fit: the config needs more than 64 MiB");
        item += f->sub->size;
    }
}

/* key: where in `place` the value stands; NULL for a short form, when the place itself
 * is the value. */
static void
parse_value(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
            struct conf_place *place, const char *key)
{
    struct conf_place below = { .out = p->out, .up = place, .step = { .key = f->key } };
    bool from_env = json_is_string(json) && strstr(json_string_value(json), "${");
    bool is_struct = json_is_object(json) || (f->sub && short_fits(f->sub, json));

    if (f->type == CONF_LIST && json_is_array(json))
        parse_list(p, f, json, obj, place);
    else if (f->type == CONF_LIST && f->one_ok && is_struct)
        parse_list_of_one(p, f, json, obj, place);
    else if (f->type == CONF_DICT && json_is_object(json))
        parse_dict(p, f, json, obj, place);
    else if (f->type == CONF_MAP && json_is_object(json))
        parse_map(p, f, json, obj, place);
    else if (f->type == CONF_OBJECT && is_struct)
        parse_object(p, f->sub, NULL, json, (char *)obj + f->at, &below);
    else if (f->type == CONF_STRING && f->bare_ok && json_is_integer(json))
        parse_number_text(p, f, json, obj, place, key);
    else if ((f->type == CONF_UINT || f->type == CONF_INT || f->bare_ok) &&
             json_is_integer(json))
        parse_integer(f, json, obj, place, key);
    else if (f->type == CONF_BOOL && json_is_boolean(json))
        *(bool *)((char *)obj + f->at) = json_is_true(json);
    else if (f->type == CONF_MAYBE && json_is_boolean(json))
        *(uint32_t *)((char *)obj + f->at) = json_is_true(json) ? CONF_TRUE : CONF_FALSE;
    else if (f->type == CONF_NUMBER && json_is_number(json))
        parse_real(f, json, obj, place, key);
    else if (!conf_is_tree(f) && json_is_string(json) && (from_env || !conf_is_bare(f)))
        parse_from_string(p, f, json, obj, place, key);
    else
        refuse_type(place, f, key, json);
}

/* An object is filled from the rows of its struct and, when it is tagged, from those of its
 * variant. */
struct part {
    const struct conf_struct *type;
    char *obj;
};

enum { PARTS_MAX = 2 };

/* A misspelt key is one error, not also a missing one. */
static bool
was_meant(const char *key, const char *const *meant, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (meant[i] && strcmp(meant[i], key) == 0)
            return true;
    }
    return false;
}

/* The part that a key belongs to; NULL: none. */
static const struct part *
part_of_key(const struct part *parts, const char *key, const struct conf_field **ret_f)
{
    for (size_t i = 0; i < PARTS_MAX && parts[i].type; i++) {
        *ret_f = field_find(parts[i].type, key);
        if (*ret_f)
            return &parts[i];
    }
    return NULL;
}

static bool
object_is_off(const struct part *common)
{
    const char *key = common->type->off_key;

    return key && *(const bool *)(common->obj + field_find(common->type, key)->at);
}

/* Of a variant that is switched off nothing is asked for. json NULL: a short form. */
static void
parse_required(const struct part *parts, json_t *json, const char *const *meant,
               size_t n_meant, struct conf_place *place)
{
    size_t n = object_is_off(&parts[0]) ? 1 : PARTS_MAX;

    for (size_t i = 0; i < n && parts[i].type; i++) {
        const char *tag = parts[0].type->tag_key;

        for (const struct conf_field *f = parts[i].type->fields; f->key; f++) {
            /* The tag was looked for before. */
            if (f->required && !json_object_get(json, f->key) &&
                !(tag && strcmp(tag, f->key) == 0) && !was_meant(f->key, meant, n_meant))
                refuse_missing(place, f);
        }
    }
}

static void
parse_keys(struct parse *p, const struct part *parts, json_t *json,
           struct conf_place *place)
{
    const struct conf_struct *type = parts[0].type;
    bool kind_unknown = type->tag_key && !parts[1].type;
    const char *meant[MEANT_MAX], *key;
    size_t n_meant = 0;
    json_t *value;

    json_object_foreach(json, key, value)
    {
        const struct conf_field *f = NULL;
        const struct part *part = part_of_key(parts, key, &f);
        const char *probably;

        if (type->tag_key && strcmp(type->tag_key, key) == 0)
            continue; /* read already: it says what the others mean */
        if (part)
            parse_value(p, f, value, part->obj, place, key);
        if (part || kind_unknown || strncmp(key, "x-", 2) == 0 ||
            (!place->up && strcmp(key, "$schema") == 0))
            continue;
        probably = refuse_key(place, p->root, type, parts[1].type, key);
        if (n_meant < MEANT_MAX)
            meant[n_meant++] = probably;
    }
    parse_required(parts, json, meant, n_meant, place);
}

/* Reads the tag and makes the variant's struct; parts[1] stays empty after a complaint. */
static void
parse_tag(struct parse *p, struct part *parts, json_t *json, struct conf_place *place)
{
    const struct conf_struct *type = parts[0].type;
    const struct conf_field *tag = conf_tag_row(type);
    json_t *value = json_is_object(json) ? json_object_get(json, tag->key) : json;
    const struct conf_variant *variant;
    void *obj;

    if (!value) {
        refuse_no_tag(place, type, json);
        return;
    }
    parse_value(p, tag, value, parts[0].obj, place, value == json ? NULL : tag->key);
    variant = conf_variant_of(type, parts[0].obj);
    if (!variant)
        return;
    obj = arena_alloc(p->arena, variant->type->size);
    if (!obj) {
        refuse(place, NULL, "E0102", "",
               "does not fit: the config needs more than 64 MiB");
        return;
    }
    field_defaults(variant->type, obj);
    parts[1] = (struct part){ variant->type, obj };
    *(void **)(parts[0].obj + type->value_at) = obj;
}

/* name: the key of a CONF_DICT, or NULL. */
static void
parse_object(struct parse *p, const struct conf_struct *type, const char *name,
             json_t *json, void *obj, struct conf_place *place)
{
    struct part parts[PARTS_MAX] = { { type, obj } };
    bool is_short = short_fits(type, json);

    field_defaults(type, obj);
    if (name)
        *(const char **)((char *)obj + type->key_at) = name;
    if (!json_is_object(json) && !is_short) {
        const struct conf_field self = { .type = CONF_OBJECT,
                                         .sub = type,
                                         .required = true };

        refuse_type(place, &self, NULL, json);
        return;
    }
    if (!is_short)
        place->object = json;
    if (type->tag_key)
        parse_tag(p, parts, json, place);
    if (!is_short)
        parse_keys(p, parts, json, place);
    else if (type->tag_key)
        parse_required(parts, NULL, NULL, 0, place);
    else
        parse_value(p, field_find(type, type->short_key), json, obj, place, NULL);
    if (type->optional)
        *(bool *)((char *)obj + type->on_at) = true;
    if (parts[1].type && object_is_off(&parts[0]))
        *(void **)((char *)obj + type->value_at) = NULL;
    else if (parts[1].type && parts[1].type->check)
        parts[1].type->check(parts[1].obj, place);
    if (type->check)
        type->check(obj, place);
}

void
parse_tree(const struct conf_struct *root, struct json_t *tree, void *obj,
           struct arena *arena, struct problems *out)
{
    struct parse p = { .root = root, .arena = arena, .out = out };
    struct conf_place place = { .out = out };

    parse_object(&p, root, NULL, tree, obj, &place);
}

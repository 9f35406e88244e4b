/* SPDX-License-Identifier: Apache-2.0 */
/* conf/parse.c - one function per kind of value; nothing here knows the name of any
 * key. */
#include "conf/parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "conf/alias.h"
#include "conf/env.h"
#include "conf/problem.h"
#include "conf/values.h"

enum { PATH_TEXT_MAX = 512, STRING_MAX = 64 * 1024, MEANT_MAX = 16 };

struct parse {
    const struct conf_struct *root;
    struct arena *arena;
    struct problems *out;
};

static void parse_object(struct parse *p, const struct conf_struct *type, json_t *json,
                         void *obj, struct conf_place *place);

/* --- values from JSON ------------------------------------------------------- */

static const char *
json_type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static const char *
field_type_name(const struct conf_field *f)
{
    switch (f->type) {
    case CONF_BOOL:
        return "true or false";
    case CONF_UINT:
        return "a whole number";
    case CONF_SIZE:
        return "a size like \"64KiB\"";
    case CONF_DURATION:
        return "a duration like \"250ms\"";
    case CONF_STRING:
    case CONF_ENUM:
        return "a string";
    case CONF_OBJECT:
        return f->sub->short_key ? "a string or an object { }" : "an object { }";
    case CONF_LIST:
        break;
    }
    return "a list [ ]";
}

static void
    PRINTF_LIKE(5, 6) refuse(struct conf_place *place, const char *key, const char *code,
                             const char *why_not, const char *fmt, ...)
{
    struct strbuf text;
    va_list ap;

    place->dirty = true;
    strbuf_init(&text, 4 * PATH_TEXT_MAX);
    if (!problems_full(place->out)) {
        place_path(place, key, &text);
        strbuf_puts(&text, " ");
        va_start(ap, fmt);
        strbuf_vprintf(&text, fmt, ap);
        va_end(ap);
        strbuf_puts(&text, why_not);
    }
    problems_add_key(place, key, SPOT_VALUE, code, "%s", text.s ? text.s : "");
    strbuf_done(&text);
}

/* A hint for the right form of a value of the wrong type; may be empty. */
static void
type_hint(const struct conf_field *f, const json_t *json, struct strbuf *hint)
{
    struct value_note note = { 0 };
    char number[VALUE_TEXT_MAX] = "";
    const char *why = "put it in quotes";
    int64_t ms;
    uint64_t size;

    if (json_is_null(json))
        strbuf_puts(hint, f->required ? "" : "; leave the key out to get the default");
    else if (f->type == CONF_LIST && !json_is_array(json))
        strbuf_puts(hint, "; put [ ] around it");
    else if (f->type == CONF_BOOL && json_is_string(json))
        strbuf_puts(hint, "; write it without quotes");
    else if (f->type == CONF_UINT && json_is_string(json) &&
             uint_parse(json_string_value(json), UINT32_MAX, &size) == 0)
        strbuf_printf(hint, "; did you mean %s?", json_string_value(json));
    if (json_is_integer(json))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json));
    else if (json_is_real(json))
        snprintf(number, sizeof number, "%.6g", json_real_value(json));
    if (!number[0])
        return;
    if (f->type == CONF_STRING && f->valid && f->valid(number, &why) != 0)
        strbuf_printf(hint, "; %s", why);
    else if (f->type == CONF_STRING && !f->words)
        strbuf_printf(hint, "; did you mean \"%s\"?", number);
    else if ((f->type == CONF_DURATION && duration_parse(number, &ms, &note) != 0 &&
              note.meant[0]) ||
             (f->type == CONF_SIZE && size_parse(number, &size, &note) != 0 &&
              note.meant[0]))
        strbuf_printf(hint, "; did you mean \"%s\"?", note.meant);
}

static void
refuse_type(struct conf_place *place, const struct conf_field *f, const char *key,
            const json_t *json)
{
    struct strbuf hint;
    const char *code = "E0109";

    strbuf_init(&hint, PATH_TEXT_MAX);
    type_hint(f, json, &hint);
    if (json_is_number(json) && (f->type == CONF_DURATION || f->type == CONF_SIZE)) {
        code = f->type == CONF_SIZE ? "E0112" : "E0111";
        refuse(place, key, code, hint.s ? hint.s : "",
               f->type == CONF_SIZE ? "needs a unit (B KiB MiB GiB KB MB GB)"
                                    : "needs a unit (ns us ms s m h d)");
    } else {
        refuse(place, key, code, hint.s ? hint.s : "", "must be %s, not %s",
               field_type_name(f),
               f->type == CONF_UINT && json_is_real(json) ? "a fraction"
                                                          : json_type_name(json));
    }
    strbuf_done(&hint);
}

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
    else if (n > UINT32_MAX)
        refuse(place, key, "E0110", "", "is %" PRId64 "; it must be at most %u",
               (int64_t)n, UINT32_MAX);
    else
        *(uint32_t *)((char *)obj + f->at) = (uint32_t)n;
    strbuf_done(&why);
}

static void
parse_list(struct parse *p, const struct conf_field *f, json_t *json, void *obj,
           struct conf_place *up)
{
    struct conf_list *list = (void *)((char *)obj + f->at);
    struct conf_place place = { .out = p->out, .up = up, .step = { .key = f->key } };
    size_t n = json_array_size(json);

    if ((int64_t)n < f->min || (f->max > 0 && (int64_t)n > f->max)) {
        if (n == 0)
            refuse(up, f->key, "E0116", "", "is empty; it needs at least one %s",
                   f->sub->name);
        else
            refuse(up, f->key, "E0116", "",
                   "has %zu items; it may have from %" PRId64 " to %" PRId64, n, f->min,
                   f->max);
        return;
    }
    if (n == 0)
        return;
    list->items = arena_alloc(p->arena, n * f->sub->size);
    if (!list->items) {
        refuse(up, f->key, "E0102", "",
               "does not fit: the config needs more than 64 MiB");
        return;
    }
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        struct conf_place item = { .out = p->out, .up = &place, .step = { .index = i } };

        parse_object(p, f->sub, json_array_get(json, i),
                     (char *)list->items + i * f->sub->size, &item);
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

    if (f->type == CONF_LIST && json_is_array(json))
        parse_list(p, f, json, obj, place);
    else if (f->type == CONF_OBJECT &&
             (json_is_object(json) || (json_is_string(json) && f->sub->short_key)))
        parse_object(p, f->sub, json, (char *)obj + f->at, &below);
    else if (f->type == CONF_UINT && json_is_integer(json))
        parse_integer(f, json, obj, place, key);
    else if (f->type == CONF_BOOL && json_is_boolean(json))
        *(bool *)((char *)obj + f->at) = json_is_true(json);
    else if (f->type != CONF_LIST && f->type != CONF_OBJECT && json_is_string(json) &&
             (from_env || (f->type != CONF_UINT && f->type != CONF_BOOL)))
        parse_from_string(p, f, json, obj, place, key);
    else
        refuse_type(place, f, key, json);
}

/* Returns the key of this object that was probably meant; NULL: no idea. */
static const char *
refuse_key(struct parse *p, const struct conf_struct *type, const char *key,
           struct conf_place *place)
{
    const char *meant = NULL;
    struct strbuf text;

    strbuf_init(&text, 2 * PATH_TEXT_MAX);
    if (!problems_full(p->out)) {
        strbuf_printf(&text, "unknown key \"%.80s\"", key);
        if (place->up) {
            strbuf_puts(&text, " in ");
            place_path(place, NULL, &text);
        }
        meant = alias_suggest(&text, p->root, type, key);
    }
    problems_add_key(place, key, SPOT_KEY, "E0107", "%s", text.s ? text.s : "");
    strbuf_done(&text);
    return meant;
}

static void
refuse_missing(const struct conf_field *f, struct conf_place *place)
{
    struct strbuf path;

    place->dirty = true;
    strbuf_init(&path, PATH_TEXT_MAX);
    place_path(place, NULL, &path);
    if (path.len == 0)
        strbuf_puts(&path, "the file");
    problems_add_key(place, NULL, SPOT_VALUE, "E0108",
                     "%s needs the key \"%s\"; for example \"%s\": %s", path.s, f->key,
                     f->key, f->example);
    strbuf_done(&path);
}

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

static void
parse_keys(struct parse *p, const struct conf_struct *type, json_t *json, void *obj,
           struct conf_place *place)
{
    const char *meant[MEANT_MAX], *key;
    size_t n_meant = 0;
    json_t *value;

    json_object_foreach(json, key, value)
    {
        const struct conf_field *f = field_find(type, key);

        if (f)
            parse_value(p, f, value, obj, place, key);
        else if (strncmp(key, "x-", 2) == 0 ||
                 (!place->up && strcmp(key, "$schema") == 0))
            continue;
        else if (n_meant < MEANT_MAX)
            meant[n_meant++] = refuse_key(p, type, key, place);
        else
            refuse_key(p, type, key, place);
    }
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (f->required && !json_object_get(json, f->key) &&
            !was_meant(f->key, meant, n_meant))
            refuse_missing(f, place);
    }
}

static void
parse_object(struct parse *p, const struct conf_struct *type, json_t *json, void *obj,
             struct conf_place *place)
{
    field_defaults(type, obj);
    if (json_is_object(json)) {
        parse_keys(p, type, json, obj, place);
    } else if (json_is_string(json) && type->short_key) {
        parse_value(p, field_find(type, type->short_key), json, obj, place, NULL);
    } else {
        const struct conf_field self = { .type = CONF_OBJECT,
                                         .sub = type,
                                         .required = true };

        refuse_type(place, &self, NULL, json);
        return;
    }
    if (type->check)
        type->check(obj, place);
}

void
parse_tree(const struct conf_struct *root, struct json_t *tree, void *obj,
           struct arena *arena, struct problems *out)
{
    struct parse p = { .root = root, .arena = arena, .out = out };
    struct conf_place place = { .out = out };

    parse_object(&p, root, tree, obj, &place);
}

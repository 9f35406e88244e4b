/* SPDX-License-Identifier: Apache-2.0 */
/* conf/refuse.c - the sentences about a value of the wrong kind, and about keys. */
#include "conf/refuse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/strbuf.h"
#include "conf/alias.h"
#include "conf/field.h"
#include "conf/problem.h"
#include "conf/values.h"

enum { PATH_TEXT_MAX = 512 };

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
    case CONF_MAYBE:
        return "true or false";
    case CONF_UINT:
    case CONF_INT:
        return "a whole number";
    case CONF_SIZE:
        return "a size like \"64KiB\"";
    case CONF_DURATION:
        return "a duration like \"250ms\"";
    case CONF_STRING:
    case CONF_ENUM:
        return "a string";
    case CONF_NUMBER:
        return "a number";
    case CONF_RATE:
        return "a rate like \"100/s\"";
    case CONF_PERCENT:
        return "a percentage like \"20%\"";
    case CONF_MAP:
        return "an object of strings { }";
    case CONF_OBJECT:
        return f->sub->short_key ? "a string or an object { }" : "an object { }";
    case CONF_DICT:
        return "an object { }";
    case CONF_LIST:
        break;
    }
    if (f->one_ok)
        return f->sub->short_key ? "a string, an object { } or a list [ ]"
                                 : "an object { } or a list [ ]";
    return "a list [ ]";
}

void
refuse(struct conf_place *place, const char *key, const char *code, const char *why_not,
       const char *fmt, ...)
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

/* Words for true and false of YAML's first version, of other proxies and of people. */
static void
bool_hint(const char *text, struct strbuf *hint)
{
    static const char *const words[][2] = {
        { "false", "true" }, { "no", "yes" }, { "off", "on" },           { "0", "1" },
        { "n", "y" },        { "f", "t" },    { "disabled", "enabled" },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcasecmp(text, words[i][k]) == 0) {
                strbuf_printf(hint, " \"%s\"; did you mean %s?", text, words[0][k]);
                return;
            }
        }
    }
}

/* A hint for the right form of a value of the wrong type; may be empty. */
static void
type_hint(const struct conf_field *f, const json_t *json, struct strbuf *hint)
{
    struct value_note note = { 0 };
    char number[VALUE_TEXT_MAX] = "";
    const char *why = "put it in quotes";
    double real;
    int64_t ms;
    uint64_t size;

    if (json_is_null(json))
        strbuf_puts(hint, f->required ? "" : "; leave the key out to get the default");
    else if (f->type == CONF_LIST && !f->one_ok && !json_is_array(json))
        strbuf_puts(hint, "; put [ ] around it");
    else if ((f->type == CONF_BOOL || f->type == CONF_MAYBE) && json_is_string(json))
        bool_hint(json_string_value(json), hint);
    else if (f->type == CONF_UINT && json_is_string(json) &&
             uint_parse(json_string_value(json), UINT32_MAX, &size) == 0)
        strbuf_printf(hint, "; did you mean %s?", json_string_value(json));
    if (json_is_integer(json))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json));
    else if (json_is_real(json) && (f->type == CONF_STRING || f->type == CONF_ENUM))
        strbuf_puts(hint, "; put it in quotes"); /* as it is written: 1.10 is not 1.1 */
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
              note.meant[0]) ||
             (f->type == CONF_RATE && rate_parse(number, &real, &ms, &note) != 0 &&
              note.meant[0]))
        strbuf_printf(hint, "; did you mean \"%s\"?", note.meant);
}

void
refuse_type(struct conf_place *place, const struct conf_field *f, const char *key,
            const json_t *json)
{
    struct strbuf hint;
    const char *code = "E0109";

    strbuf_init(&hint, PATH_TEXT_MAX);
    type_hint(f, json, &hint);
    if (json_is_number(json) && f->type == CONF_PERCENT) {
        refuse(place, key, code, "", "needs a percent sign; did you mean \"%.6g%%\"?",
               json_number_value(json));
    } else if (json_is_number(json) && f->type == CONF_RATE) {
        refuse(place, key, "E0119", hint.s ? hint.s : "", "needs a unit (/s /m /h /d)");
    } else if (json_is_number(json) &&
               (f->type == CONF_DURATION || f->type == CONF_SIZE)) {
        code = f->type == CONF_SIZE ? "E0112" : "E0111";
        refuse(place, key, code, hint.s ? hint.s : "",
               f->type == CONF_SIZE ? "needs a unit (B KiB MiB GiB KB MB GB)"
                                    : "needs a unit (ns us ms s m h d)");
    } else {
        refuse(place, key, code, hint.s ? hint.s : "", "must be %s, not %s",
               field_type_name(f),
               (f->type == CONF_UINT || f->type == CONF_INT) && json_is_real(json)
                   ? "a fraction"
                   : json_type_name(json));
    }
    strbuf_done(&hint);
}

const char *
refuse_key(struct conf_place *place, const struct conf_struct *root,
           const struct conf_struct *type, const struct conf_struct *variant,
           const char *key)
{
    const char *meant = NULL, *later = alias_later(root, type, key);
    struct strbuf text;

    if (later) {
        problems_add_key(place, key, SPOT_KEY, "E0124",
                         "this version of outrigger does not have %s yet; remove \"%s\"",
                         later, key);
        return NULL;
    }
    strbuf_init(&text, 2 * PATH_TEXT_MAX);
    if (!problems_full(place->out)) {
        strbuf_printf(&text, "unknown key \"%.80s\"", key);
        if (place->up) {
            strbuf_puts(&text, " in ");
            place_path(place, NULL, &text);
        }
        meant = alias_suggest(&text, root, type, variant, key);
    }
    place->dirty = true; /* what it was meant to say is missing */
    problems_add_key(place, key, SPOT_KEY, "E0107", "%s", text.s ? text.s : "");
    strbuf_done(&text);
    return meant;
}

/* hint: the end of the sentence. */
static void
refuse_missing_but(struct conf_place *place, const struct conf_field *f, const char *hint)
{
    struct strbuf path;

    place->dirty = true;
    strbuf_init(&path, PATH_TEXT_MAX);
    place_path(place, NULL, &path);
    if (path.len == 0)
        strbuf_puts(&path, "the file");
    problems_add_key(place, NULL, SPOT_VALUE, "E0108", "%s needs the key \"%s\"; %s",
                     path.s, f->key, hint);
    strbuf_done(&path);
}

void
refuse_missing(struct conf_place *place, const struct conf_field *f)
{
    struct strbuf hint;

    strbuf_init(&hint, PATH_TEXT_MAX);
    strbuf_printf(&hint, "for example \"%s\": %s", f->key, f->example);
    refuse_missing_but(place, f, hint.s);
    strbuf_done(&hint);
}

/* The kind that a key or a text names, as others write it: { "jwt": { ... } }, or
 * { "name": "envoy.filters.http.jwt_authn" }. */
static const struct conf_variant *
kind_named(const struct conf_struct *type, const json_t *object, bool *ret_by_key)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        const char *text = json_is_string(value) ? json_string_value(value) : "";

        for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
            *ret_by_key = !field_find(type, key) && alias_is_kind(v, key);
            if (*ret_by_key || alias_is_kind(v, text))
                return v;
        }
    }
    return NULL;
}

/* The only kind that has a key of the object that the common rows do not have. */
static const struct conf_variant *
kind_by_keys(const struct conf_struct *type, const json_t *object)
{
    const struct conf_variant *only = NULL;

    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        bool fits = false;

        for (const struct conf_field *f = v->type->fields; f->key; f++)
            fits = fits || (json_object_get(object, f->key) && !field_find(type, f->key));
        if (fits && only)
            return NULL;
        only = fits ? v : only;
    }
    return only;
}

void
refuse_no_tag(struct conf_place *place, const struct conf_struct *type,
              const json_t *object)
{
    const struct conf_field *tag = conf_tag_row(type);
    bool by_key = false;
    const struct conf_variant *v = kind_named(type, object, &by_key);
    struct strbuf hint;

    strbuf_init(&hint, 2 * PATH_TEXT_MAX);
    if (v && by_key)
        strbuf_printf(&hint, "write \"%s\": \"%s\" and the keys of it beside that",
                      tag->key, v->tag);
    else if (v)
        strbuf_printf(&hint, "in outrigger this is \"%s\": \"%s\"", tag->key, v->tag);
    else if ((v = kind_by_keys(type, object)) != NULL)
        strbuf_printf(&hint, "with these keys it is \"%s\": \"%s\"", tag->key, v->tag);
    else
        strbuf_puts(&hint, "it is ");
    if (!v)
        field_print_type(tag, &hint);
    refuse_missing_but(place, tag, hint.s);
    strbuf_done(&hint);
}

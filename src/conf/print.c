/* SPDX-License-Identifier: Apache-2.0 */
/* conf/print.c - rows and a struct back to text. */
#include "conf/print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/env.h"
#include "conf/field.h"
#include "conf/redact.h"
#include "conf/values.h"

enum { COMMENT_WIDTH = 96, TEXT_MAX = 1024 * 1024 };

struct printer {
    struct strbuf *out;
    bool safe;   /* for strangers' eyes: rows say what they hide */
    bool hidden; /* all text of the object that is printed */
    bool told;   /* what headers of it say is told to strangers anyway */
};

void
conf_put_string(struct strbuf *out, const char *s)
{
    strbuf_puts(out, "\"");
    for (; *s; s++) {
        size_t plain = 0;

        /* Not strcspn: a sanitizer measures the whole rest each time. */
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        strbuf_add(out, s, plain);
        s += plain;
        if (*s == '\0')
            break;
        if (*s == '"' || *s == '\\')
            strbuf_printf(out, "\\%c", *s);
        else
            strbuf_printf(out, "\\u%04x", (unsigned)(unsigned char)*s);
    }
    strbuf_puts(out, "\"");
}

void
conf_put_wrapped(struct strbuf *out, const char *prefix, size_t width, const char *text)
{
    size_t room = width - strlen(prefix);

    while (*text) {
        size_t n = strlen(text);

        if (n > room) {
            n = room;
            while (n > 0 && text[n] != ' ')
                n--;
            if (n == 0)
                n = strcspn(text, " ");
        }
        strbuf_printf(out, "%s%.*s\n", prefix, (int)n, text);
        text += n;
        text += strspn(text, " ");
    }
}

int
conf_is_short(const struct conf_field *f)
{
    return f->sub && f->sub->short_key && !f->sub->fields[1].key;
}

static void
put_indent(struct strbuf *out, unsigned depth)
{
    strbuf_printf(out, "%*s", (int)(2 * depth), "");
}

/* The number as the row's default has it when it is the same: "120s" stays "120s". */
static void
put_number(const struct conf_field *f, int64_t value, struct strbuf *out)
{
    char text[VALUE_TEXT_MAX];
    struct value_note note;
    uint64_t size = 0;
    int64_t ms = 0;

    field_print_number(f, value, text);
    if (f->def && f->type == CONF_SIZE && size_parse(f->def, &size, &note) == 0 &&
        (int64_t)size == value)
        snprintf(text, sizeof text, "%s", f->def);
    if (f->def && f->type == CONF_DURATION && duration_parse(f->def, &ms, &note) == 0 &&
        ms == value)
        snprintf(text, sizeof text, "%s", f->def);
    strbuf_printf(out, conf_is_bare(f) ? "%s" : "\"%s\"", text);
}

static void
put_text(struct strbuf *out, const char *s)
{
    struct strbuf escaped;

    strbuf_init(&escaped, TEXT_MAX);
    env_escape(s, &escaped);
    conf_put_string(out, escaped.s ? escaped.s : "");
    strbuf_done(&escaped);
}

/* Text of a row as it is shown; key: of a map, else "". */
static void
put_shown(struct printer *p, const struct conf_field *f, const char *key, const char *s)
{
    bool hide = p->hidden || (p->safe && f->hide == CONF_HIDE);

    if (p->safe && f->hide == CONF_HIDE_TEXT)
        s = conf_header_shown(key, s, p->told);
    if (p->safe && f->hide == CONF_HIDE_NAMED)
        hide = hide || conf_key_is_secret(key);
    if (hide)
        conf_put_string(p->out, CONF_REDACTED);
    else if (p->safe && f->hide == CONF_HIDE_URL)
        conf_redact_url(s, p->out);
    else
        put_text(p->out, s);
}

static void put_object(struct printer *p, const struct conf_struct *type, const void *obj,
                       unsigned depth);
static void
put_value(struct printer *p, const struct conf_field *f, const void *at, unsigned depth);

/* Of a LIST, or of a DICT, whose key stands before it. */
static void
put_item(struct printer *p, const struct conf_field *f, const char *item, unsigned depth)
{
    bool before = p->hidden;

    put_indent(p->out, depth + 1);
    if (f->type == CONF_DICT) {
        const char *key = *(const char *const *)(item + f->sub->key_at);

        conf_put_string(p->out, key);
        strbuf_puts(p->out, ": ");
        if (p->safe && f->hide == CONF_HIDE_NAMED && conf_key_is_secret(key))
            p->hidden = true;
    }
    if (conf_is_short(f))
        put_value(p, f->sub->fields, item + f->sub->fields->at, depth);
    else
        put_object(p, f->sub, item, depth + 1);
    p->hidden = before;
}

static void
put_list(struct printer *p, const struct conf_field *f, const struct conf_list *list,
         unsigned depth)
{
    bool dict = f->type == CONF_DICT;

    if (list->n == 0) {
        strbuf_puts(p->out, dict ? "{}" : "[]");
        return;
    }
    strbuf_puts(p->out, dict ? "{\n" : "[\n");
    for (size_t i = 0; i < list->n; i++) {
        put_item(p, f, (const char *)list->items + i * f->sub->size, depth);
        strbuf_puts(p->out, i + 1 < list->n ? ",\n" : "\n");
    }
    put_indent(p->out, depth);
    strbuf_puts(p->out, dict ? "}" : "]");
}

static void
put_real(const struct conf_field *f, double value, struct strbuf *out)
{
    char text[VALUE_TEXT_MAX];

    number_print(value, text);
    strbuf_printf(out, f->type == CONF_PERCENT ? "\"%s%%\"" : "%s", text);
}

static void
put_rate(const struct conf_rate *rate, struct strbuf *out)
{
    char text[VALUE_TEXT_MAX];

    rate_print(rate->events, rate->per_ms, text);
    strbuf_printf(out, "\"%s\"", text);
}

static void
put_map(struct printer *p, const struct conf_field *f, const struct conf_map *map)
{
    strbuf_puts(p->out, "{");
    for (size_t i = 0; i < map->n; i++) {
        strbuf_puts(p->out, i ? ", " : " ");
        conf_put_string(p->out, map->items[i].key);
        strbuf_puts(p->out, ": ");
        put_shown(p, f, map->items[i].key, map->items[i].value);
    }
    strbuf_puts(p->out, map->n ? " }" : "}");
}

static void
put_value(struct printer *p, const struct conf_field *f, const void *at, unsigned depth)
{
    struct strbuf *out = p->out;

    switch (f->type) {
    case CONF_BOOL:
        strbuf_puts(out, *(const bool *)at ? "true" : "false");
        break;
    case CONF_MAYBE:
        strbuf_puts(out, *(const uint32_t *)at == CONF_TRUE ? "true" : "false");
        break;
    case CONF_UINT:
        put_number(f, *(const uint32_t *)at, out);
        break;
    case CONF_INT:
        put_number(f, *(const int64_t *)at, out);
        break;
    case CONF_SIZE:
        put_number(f, (int64_t) * (const uint64_t *)at, out);
        break;
    case CONF_DURATION:
        put_number(f, *(const int64_t *)at, out);
        break;
    case CONF_STRING:
        put_shown(p, f, "", *(const char *const *)at);
        break;
    case CONF_ENUM:
        conf_put_string(out, field_word(f, *(const uint32_t *)at));
        break;
    case CONF_RATE:
        put_rate(at, out);
        break;
    case CONF_OBJECT:
        put_object(p, f->sub, at, depth);
        break;
    case CONF_LIST:
    case CONF_DICT:
        put_list(p, f, at, depth);
        break;
    case CONF_NUMBER:
    case CONF_PERCENT:
        put_real(f, *(const double *)at, out);
        break;
    case CONF_MAP:
        put_map(p, f, at);
        break;
    }
}

/* What the file does not have and what printing must not add: it would mean something,
 * or could not be read again. */
static bool
is_absent(const struct conf_field *f, const void *at)
{
    if (f->type == CONF_STRING)
        return !*(const char *const *)at;
    if (f->type == CONF_MAYBE)
        return *(const uint32_t *)at == CONF_UNSET;
    if (f->type == CONF_RATE)
        return ((const struct conf_rate *)at)->events == 0 && !f->def;
    if (f->type == CONF_OBJECT && f->sub->tag_key)
        return !conf_variant_of(f->sub, at);
    if (f->type == CONF_OBJECT)
        return f->sub->optional && !*(const bool *)((const char *)at + f->sub->on_at);
    if (f->type == CONF_LIST || f->type == CONF_DICT)
        return ((const struct conf_list *)at)->n == 0 && (f->min > 0 || f->one_ok);
    return false;
}

/* before: what stands before the first key. Returns what stands before the next one. */
static const char *
put_keys(struct printer *p, const struct conf_struct *type, const void *obj,
         unsigned depth, const char *before)
{
    const struct printer held = *p;

    for (const struct conf_field *f = type->fields; f->key; f++) {
        const void *at = (const char *)obj + f->at;

        if (is_absent(f, at))
            continue;
        strbuf_puts(p->out, before);
        put_indent(p->out, depth + 1);
        strbuf_printf(p->out, "\"%s\": ", f->key);
        p->hidden = held.hidden || (p->safe && f->hide == CONF_HIDE);
        p->told = held.told || (f->type == CONF_OBJECT && f->hide == CONF_SHOW);
        put_value(p, f, at, depth + 1);
        before = ",\n";
        *p = held;
    }
    return before;
}

static void
put_object(struct printer *p, const struct conf_struct *type, const void *obj,
           unsigned depth)
{
    const void *value = conf_variant_value(type, obj);
    const char *before;

    strbuf_puts(p->out, "{");
    before = put_keys(p, type, obj, depth, "\n");
    if (value)
        before = put_keys(p, conf_variant_of(type, obj)->type, value, depth, before);
    if (*before == ',') {
        strbuf_puts(p->out, "\n");
        put_indent(p->out, depth);
    }
    strbuf_puts(p->out, "}");
}

void
conf_print(const struct conf_struct *root, const void *obj, struct strbuf *out)
{
    struct printer p = { .out = out };

    put_object(&p, root, obj, 0);
    strbuf_puts(out, "\n");
}

void
conf_print_shown(const struct conf_struct *root, const void *obj, struct strbuf *out)
{
    struct printer p = { .out = out, .safe = true };

    put_object(&p, root, obj, 0);
    strbuf_puts(out, "\n");
}

/* --- the commented file ------------------------------------------------------ */

static void
put_comment(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    struct strbuf text;
    char prefix[64];

    strbuf_init(&text, 8192);
    strbuf_puts(&text, f->help);
    if (field_word(f, 0)) {
        strbuf_puts(&text, " (");
        field_print_type(f, &text);
        strbuf_puts(&text, ")");
    } else if (f->type != CONF_LIST && f->type != CONF_MAP && f->type != CONF_DICT &&
               f->min != f->max) {
        strbuf_puts(&text, " (");
        field_print_range(f, &text);
        strbuf_puts(&text, ")");
    }
    snprintf(prefix, sizeof prefix, "%*s// ", (int)(2 * depth), "");
    conf_put_wrapped(out, prefix, COMMENT_WIDTH, text.s);
    strbuf_done(&text);
}

static void
template_object(const struct conf_struct *type, unsigned depth, struct strbuf *out);
static void
template_keys(const struct conf_struct *type, unsigned depth, struct strbuf *out);

/* Shown by its example, commented out: what it would add is not the default. */
static bool
template_is_example(const struct conf_field *f)
{
    if (!f->sub)
        return false;
    if (f->sub->optional || f->sub->tag_key || f->type == CONF_DICT)
        return true;
    if (f->type == CONF_OBJECT && conf_is_short(f))
        return !f->sub->fields->def && !f->sub->fields->required;
    return f->type == CONF_LIST && f->min == 0 && (conf_is_short(f) || f->one_ok);
}

static void
template_value(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    bool bare = conf_is_bare(f);

    if (conf_is_short(f) || template_is_example(f)) {
        strbuf_puts(out, f->example);
    } else if (f->type == CONF_OBJECT) {
        template_object(f->sub, depth, out);
    } else if (f->type == CONF_LIST) {
        strbuf_puts(out, "[\n");
        put_indent(out, depth + 1);
        template_object(f->sub, depth + 1, out);
        strbuf_puts(out, "\n");
        put_indent(out, depth);
        strbuf_puts(out, "]");
    } else if (f->def) {
        strbuf_printf(out, bare ? "%s" : "\"%s\"", f->def);
    } else {
        strbuf_puts(out, f->example);
    }
}

/* One kind of a tagged struct as an object, in a comment: it is one of many. */
static void
template_variant(const struct conf_struct *type, const struct conf_variant *v,
                 unsigned depth, struct strbuf *out)
{
    size_t indent = 2 * (size_t)depth;
    struct strbuf text;
    char prefix[64];
    const char *line, *end;

    snprintf(prefix, sizeof prefix, "%*s", (int)indent, "");
    strbuf_init(&text, TEXT_MAX);
    conf_put_wrapped(&text, prefix, COMMENT_WIDTH, v->help);
    strbuf_printf(&text, "%s{\n%s  \"%s\": \"%s\",\n", prefix, prefix, type->tag_key,
                  v->tag);
    template_keys(v->type, depth, &text);
    strbuf_printf(&text, "%s}\n", prefix);
    strbuf_printf(out, "%s//\n", prefix);
    for (line = text.s; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        int n =
            end - line > (ptrdiff_t)indent ? (int)(end - line - (ptrdiff_t)indent) : 0;

        strbuf_printf(out, "%s//%s%.*s\n", prefix, n ? " " : "", n,
                      line + (n ? indent : 0));
    }
    strbuf_done(&text);
}

static void
template_variants(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    put_indent(out, depth);
    strbuf_printf(out, "// Each \"%s\" has keys of its own:\n", f->sub->tag_key);
    for (const struct conf_variant *v = conf_variants(f->sub); v->tag; v++)
        template_variant(f->sub, v, depth, out);
}

static void
template_keys(const struct conf_struct *type, unsigned depth, struct strbuf *out)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        /* A value that is no default would change what the file says. */
        bool unset = !f->def && !f->required && (!f->sub || template_is_example(f));

        if (f > type->fields && (f->sub || depth == 0))
            strbuf_puts(out, "\n");
        put_comment(f, depth + 1, out);
        put_indent(out, depth + 1);
        strbuf_printf(out, "%s\"%s\": ", unset ? "// " : "", f->key);
        template_value(f, depth + 1, out);
        strbuf_puts(out, f[1].key || unset ? ",\n" : "\n");
        if (f->sub && f->sub->tag_key && !f->see)
            template_variants(f, depth + 1, out);
    }
}

static void
template_object(const struct conf_struct *type, unsigned depth, struct strbuf *out)
{
    strbuf_puts(out, "{\n");
    template_keys(type, depth, out);
    put_indent(out, depth);
    strbuf_puts(out, "}");
}

void
conf_print_template(const struct conf_struct *root, struct strbuf *out)
{
    template_object(root, 0, out);
    strbuf_puts(out, "\n");
}

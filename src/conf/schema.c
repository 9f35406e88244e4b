/* SPDX-License-Identifier: Apache-2.0 */
/* conf/schema.c - one JSON Schema object per row. */
#include "conf/schema.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/print.h"

/* Values with a variable are known only when they are loaded. */
#define VARIABLE "\\\\$\\\\{"
#define NUMBER   "[0-9]+(\\\\.[0-9]+)?"
#define DURATION "^(" NUMBER "(ns|us|ms|s|m|h|d))+$|" VARIABLE
#define PERCENT  "^" NUMBER "%$|" VARIABLE
#define SIZE     "^" NUMBER "(B|[KMGT]iB?|[kKMGT]B)$|" VARIABLE

#define RATE        "^" NUMBER "/[smhd]$|" VARIABLE
#define IS_VARIABLE "\"type\": \"string\", \"pattern\": \"" VARIABLE "\""

static void schema_object(const struct conf_struct *type, unsigned depth, bool root,
                          struct strbuf *out);

static void
put_line(struct strbuf *out, unsigned depth)
{
    strbuf_printf(out, "\n%*s", (int)(2 * depth), "");
}

/* Without the comma behind it. */
static void
schema_required_list(const struct conf_struct *type, struct strbuf *out)
{
    const char *before = "\"required\": [";

    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (!f->required)
            continue;
        strbuf_printf(out, "%s\"%s\"", before, f->key);
        before = ", ";
    }
    strbuf_puts(out, "]");
}

static bool
has_required(const struct conf_struct *type)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (f->required)
            return true;
    }
    return false;
}

static void
schema_required(const struct conf_struct *type, unsigned depth, struct strbuf *out);
static void schema_rows(const struct conf_struct *type, const char *but, unsigned depth,
                        struct strbuf *out);

/* One kind of a tagged struct. What it needs, it needs only when it is not off. */
static void
schema_variant(const struct conf_struct *type, const struct conf_variant *v,
               unsigned depth, struct strbuf *out)
{
    strbuf_puts(out, "\"type\": \"object\",");
    put_line(out, depth);
    schema_required(type, depth, out);
    if (has_required(v->type)) {
        strbuf_puts(out, "\"anyOf\": [{ ");
        if (type->off_key)
            strbuf_printf(out,
                          "\"required\": [\"%s\"], \"properties\": { \"%s\": { "
                          "\"enum\": [true] } } }, { ",
                          type->off_key, type->off_key);
        schema_required_list(v->type, out);
        strbuf_puts(out, " }],");
        put_line(out, depth);
    }
    strbuf_puts(out, "\"additionalProperties\": false,");
    put_line(out, depth);
    strbuf_puts(out, "\"patternProperties\": { \"^x-\": {} },");
    put_line(out, depth);
    strbuf_puts(out, "\"properties\": {");
    put_line(out, depth + 1);
    strbuf_printf(out, "\"%s\": { \"description\": ", type->tag_key);
    conf_put_string(out, v->help);
    strbuf_printf(out, ", \"enum\": [\"%s\"] }", v->tag);
    schema_rows(type, type->tag_key, depth + 1, out);
    schema_rows(v->type, type->tag_key, depth + 1, out);
    put_line(out, depth);
    strbuf_puts(out, "}");
}

/* `"oneOf": [...]`: a branch per kind, which editors choose by the tag; a bare string for
 * a kind that needs nothing else; and a variable, of which nothing is known. */
static void
schema_tagged(const struct conf_struct *type, unsigned depth, struct strbuf *out)
{
    const char *before = "{ \"enum\": [";

    strbuf_puts(out, "\"oneOf\": [");
    put_line(out, depth + 1);
    for (const struct conf_variant *v = conf_variants(type); type->short_key && v->tag;
         v++) {
        if (has_required(v->type))
            continue;
        strbuf_printf(out, "%s\"%s\"", before, v->tag);
        before = ", ";
    }
    if (*before == ',') {
        strbuf_puts(out, "] },");
        put_line(out, depth + 1);
    }
    if (type->short_key) {
        strbuf_puts(out, "{ " IS_VARIABLE " },");
        put_line(out, depth + 1);
    }
    strbuf_printf(out,
                  "{ \"type\": \"object\", \"required\": [\"%s\"], \"properties\": { "
                  "\"%s\": { " IS_VARIABLE " } } }",
                  type->tag_key, type->tag_key);
    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        strbuf_puts(out, ",");
        put_line(out, depth + 1);
        strbuf_puts(out, "{");
        put_line(out, depth + 2);
        schema_variant(type, v, depth + 2, out);
        put_line(out, depth + 1);
        strbuf_puts(out, "}");
    }
    put_line(out, depth);
    strbuf_puts(out, "]");
}

/* The keywords of an object that may also be a bare string: `"anyOf": [...]` without
 * braces around. */
static void
schema_struct(const struct conf_struct *type, unsigned depth, struct strbuf *out)
{
    if (type->tag_key) {
        schema_tagged(type, depth, out);
        return;
    }
    if (!type->short_key) {
        schema_object(type, depth, false, out);
        return;
    }
    strbuf_puts(out, "\"anyOf\": [");
    put_line(out, depth + 1);
    strbuf_puts(out, field_find(type, type->short_key)->bare_ok
                         ? "{ \"type\": [\"string\", \"integer\"] },"
                         : "{ \"type\": \"string\" },");
    put_line(out, depth + 1);
    strbuf_puts(out, "{ ");
    schema_object(type, depth + 1, false, out);
    strbuf_puts(out, " }");
    put_line(out, depth);
    strbuf_puts(out, "]");
}

static void
schema_words(const struct conf_field *f, struct strbuf *out)
{
    strbuf_puts(out, "\"anyOf\": [{ \"enum\": [");
    for (size_t i = 0; field_word(f, i); i++) {
        strbuf_puts(out, i ? ", " : "");
        conf_put_string(out, field_word(f, i));
    }
    strbuf_puts(out, "] }, { \"type\": \"string\", \"pattern\": \"" VARIABLE "\" }]");
}

static void
schema_uint(const struct conf_field *f, struct strbuf *out)
{
    strbuf_printf(out,
                  "\"anyOf\": [{ \"type\": \"integer\", \"minimum\": %" PRId64
                  ", \"maximum\": %" PRId64 " }, ",
                  f->min, f->max ? f->max : (int64_t)UINT32_MAX);
    strbuf_puts(out, "{ \"type\": \"string\", \"pattern\": \"" VARIABLE "\" }]");
}

static void
schema_number(const struct conf_field *f, struct strbuf *out)
{
    strbuf_printf(out, "\"anyOf\": [{ \"type\": \"number\", \"minimum\": %" PRId64,
                  f->min);
    if (f->max)
        strbuf_printf(out, ", \"maximum\": %" PRId64, f->max);
    strbuf_puts(out, " }, { \"type\": \"string\", \"pattern\": \"" VARIABLE "\" }]");
}

/* An object with free keys. */
static void
schema_dict(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    strbuf_puts(out, "\"type\": \"object\",");
    put_line(out, depth);
    if (f->min > 0)
        strbuf_printf(out, "\"minProperties\": %" PRId64 ", ", f->min);
    if (f->max > 0)
        strbuf_printf(out, "\"maxProperties\": %" PRId64 ",", f->max);
    put_line(out, depth);
    strbuf_puts(out, "\"additionalProperties\": {");
    put_line(out, depth + 1);
    schema_struct(f->sub, depth + 1, out);
    put_line(out, depth);
    strbuf_puts(out, "}");
}

/* "listeners[].filters", whose items are described there, as a pointer. */
static void
schema_see(const char *path, struct strbuf *out)
{
    strbuf_puts(out, "\"$ref\": \"#");
    while (*path) {
        size_t n = strcspn(path, ".[");
        bool list = path[n] == '[';

        strbuf_printf(out, "/properties/%.*s%s", (int)n, path, list ? "/items" : "");
        path += n + (list ? 2 : 0);
        path += *path == '.';
    }
    strbuf_puts(out, "/items\"");
}

static void
schema_list(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    strbuf_puts(out, "\"type\": \"array\",");
    put_line(out, depth);
    if (f->min > 0)
        strbuf_printf(out, "\"minItems\": %" PRId64 ", ", f->min);
    if (f->max > 0)
        strbuf_printf(out, "\"maxItems\": %" PRId64 ",", f->max);
    put_line(out, depth);
    strbuf_puts(out, "\"items\": {");
    put_line(out, depth + 1);
    if (f->see)
        schema_see(f->see, out);
    else
        schema_struct(f->sub, depth + 1, out);
    put_line(out, depth);
    strbuf_puts(out, "}");
}

static void
schema_list_or_one(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    if (!f->one_ok) {
        schema_list(f, depth, out);
        return;
    }
    strbuf_puts(out, "\"anyOf\": [");
    put_line(out, depth + 1);
    strbuf_puts(out, "{ ");
    schema_list(f, depth + 1, out);
    strbuf_puts(out, " },");
    put_line(out, depth + 1);
    strbuf_puts(out, "{ ");
    schema_struct(f->sub, depth + 1, out);
    strbuf_puts(out, " }");
    put_line(out, depth);
    strbuf_puts(out, "]");
}

static void
schema_int(const struct conf_field *f, struct strbuf *out)
{
    strbuf_puts(out, "\"anyOf\": [{ \"type\": \"integer\"");
    if (f->min != 0 || f->max != 0)
        strbuf_printf(out, ", \"minimum\": %" PRId64 ", \"maximum\": %" PRId64, f->min,
                      f->max);
    strbuf_puts(out, " }, { \"type\": \"string\", \"pattern\": \"" VARIABLE "\" }]");
}

static void
schema_default(const struct conf_field *f, struct strbuf *out)
{
    strbuf_puts(out, "\"default\": ");
    if (conf_is_bare(f))
        strbuf_puts(out, f->def);
    else
        conf_put_string(out, f->def);
    strbuf_puts(out, ",");
}

/* A size that may also be a plain number of bytes. */
static void
schema_bytes(const struct conf_field *f, struct strbuf *out)
{
    strbuf_printf(out,
                  "\"anyOf\": [{ \"type\": \"integer\", \"minimum\": %" PRId64
                  ", \"maximum\": %" PRId64 " }, { \"type\": \"string\", "
                  "\"pattern\": \"" SIZE "\" }]",
                  f->min, f->max);
}

/* The keywords that say which values there may be. */
static void
schema_value(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    switch (f->type) {
    case CONF_BOOL:
    case CONF_MAYBE:
        strbuf_puts(out, "\"anyOf\": [{ \"type\": \"boolean\" }, { \"type\": \"string\", "
                         "\"pattern\": \"" VARIABLE "\" }]");
        break;
    case CONF_UINT:
        schema_uint(f, out);
        break;
    case CONF_SIZE:
        if (f->bare_ok)
            schema_bytes(f, out);
        else
            strbuf_puts(out, "\"type\": \"string\", \"pattern\": \"" SIZE "\"");
        break;
    case CONF_DURATION:
        strbuf_puts(out, "\"type\": \"string\", \"pattern\": \"" DURATION "\"");
        break;
    case CONF_STRING:
        if (f->words)
            schema_words(f, out);
        else
            strbuf_puts(out, f->bare_ok ? "\"type\": [\"string\", \"integer\"]"
                                        : "\"type\": \"string\"");
        break;
    case CONF_ENUM:
        schema_words(f, out);
        break;
    case CONF_OBJECT:
        schema_struct(f->sub, depth, out);
        break;
    case CONF_LIST:
        schema_list_or_one(f, depth, out);
        break;
    case CONF_DICT:
        schema_dict(f, depth, out);
        break;
    case CONF_INT:
        schema_int(f, out);
        break;
    case CONF_NUMBER:
        schema_number(f, out);
        break;
    case CONF_PERCENT:
        strbuf_puts(out, "\"type\": \"string\", \"pattern\": \"" PERCENT "\"");
        break;
    case CONF_RATE:
        strbuf_puts(out, "\"type\": \"string\", \"pattern\": \"" RATE "\"");
        break;
    case CONF_MAP:
        strbuf_puts(out, "\"type\": \"object\", \"additionalProperties\": { \"type\": "
                         "\"string\" }");
        break;
    }
}

static void
schema_field(const struct conf_field *f, unsigned depth, struct strbuf *out)
{
    strbuf_puts(out, "\"description\": ");
    conf_put_string(out, f->help);
    strbuf_puts(out, ",");
    put_line(out, depth);
    if (f->def) {
        schema_default(f, out);
        put_line(out, depth);
    }
    if (f->example) {
        strbuf_printf(out, "\"examples\": [%s],", f->example);
        put_line(out, depth);
    }
    schema_value(f, depth, out);
}

static void
schema_required(const struct conf_struct *type, unsigned depth, struct strbuf *out)
{
    if (!has_required(type))
        return;
    schema_required_list(type, out);
    strbuf_puts(out, ",");
    put_line(out, depth);
}

/* The rows as properties; a comma before each but the first of an object: but NULL. `but`
 * is left out. */
static void
schema_rows(const struct conf_struct *type, const char *but, unsigned depth,
            struct strbuf *out)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (but && strcmp(f->key, but) == 0)
            continue;
        if (but || f > type->fields) {
            strbuf_puts(out, ",");
            put_line(out, depth);
        }
        strbuf_printf(out, "\"%s\": {", f->key);
        put_line(out, depth + 1);
        schema_field(f, depth + 1, out);
        put_line(out, depth);
        strbuf_puts(out, "}");
    }
}

/* The keywords of an object, without braces around. */
static void
schema_object(const struct conf_struct *type, unsigned depth, bool root,
              struct strbuf *out)
{
    strbuf_puts(out, "\"type\": \"object\",");
    put_line(out, depth);
    schema_required(type, depth, out);
    strbuf_puts(out, "\"additionalProperties\": false,");
    put_line(out, depth);
    strbuf_puts(out, "\"patternProperties\": { \"^x-\": {} },");
    put_line(out, depth);
    strbuf_puts(out, "\"properties\": {");
    put_line(out, depth + 1);
    if (root) {
        strbuf_puts(out, "\"$schema\": { \"description\": \"Where an editor finds this "
                         "schema. Not looked at.\" },");
        put_line(out, depth + 1);
    }
    schema_rows(type, NULL, depth + 1, out);
    put_line(out, depth);
    strbuf_puts(out, "}");
}

void
conf_print_schema(const struct conf_struct *root, struct strbuf *out)
{
    strbuf_puts(out, "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
                     "  \"title\": \"Configuration of outrigger\",\n  ");
    schema_object(root, 1, true, out);
    strbuf_puts(out, "\n}\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* conf/man.c - rows to mdoc. */
#include "conf/man.h"

#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/print.h"

enum { PATH_TEXT_MAX = 256 };

void
man_put_text(struct strbuf *out, const char *text)
{
    bool line_start = out->len == 0 || out->s[out->len - 1] == '\n';

    for (; *text; text++) {
        /* A dot or an apostrophe at the start of a line would be a command. */
        if (line_start && (*text == '.' || *text == '\''))
            strbuf_puts(out, "\\&");
        line_start = *text == '\n';
        if (*text == '\\')
            strbuf_puts(out, "\\e");
        else if (*text == '-')
            strbuf_puts(out, "\\-");
        else if (*text == '"')
            strbuf_puts(out, "\\(dq");
        else
            strbuf_add(out, text, 1);
    }
}

/* A sentence per line, as man pages have it. */
static void
put_sentences(struct strbuf *out, const char *text)
{
    const char *end;

    for (; (end = strstr(text, ". ")); text = end + 2) {
        char part[1024];

        snprintf(part, sizeof part, "%.*s", (int)(end + 1 - text), text);
        man_put_text(out, part);
        strbuf_puts(out, "\n");
    }
    man_put_text(out, text);
    strbuf_puts(out, "\n");
}

static void
man_field(const struct conf_field *f, struct strbuf *out)
{
    struct strbuf facts;

    strbuf_init(&facts, 4096);
    field_print_type(f, &facts);
    if (f->type != CONF_LIST && f->type != CONF_MAP && f->type != CONF_DICT &&
        (f->min || f->max)) {
        strbuf_puts(&facts, ", ");
        field_print_range(f, &facts);
    }
    if (f->required)
        strbuf_puts(&facts, "; required");
    else if (f->def)
        strbuf_printf(&facts, conf_is_bare(f) ? "; default %s" : "; default \"%s\"",
                      f->def);
    strbuf_printf(out, ".It Cm %s\n", f->key);
    put_sentences(out, f->help);
    if (f->see) {
        strbuf_puts(out, "The keys are those of\n");
        man_put_text(out, f->see);
        strbuf_puts(out, " .\n");
    }
    strbuf_puts(out, "(");
    man_put_text(out, facts.s);
    strbuf_puts(out, ")\n");
    strbuf_done(&facts);
}

static void
man_keys(const struct conf_struct *type, const char *path, struct strbuf *out);

static void
man_struct(const struct conf_struct *type, const char *path, struct strbuf *out)
{
    if (*path)
        /* A bracket at the end would be taken for punctuation. */
        strbuf_printf(out, ".Ss %s%s\n", path,
                      path[strlen(path) - 1] == ']' ? "\\&" : "");
    else
        strbuf_puts(out, ".Ss The whole file\n");
    man_keys(type, path, out);
    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        char kind[PATH_TEXT_MAX];
        const char *brackets = strrchr(path, '[');
        size_t n = strlen(path);

        /* "filters[]" to "filters.jwt" */
        if (brackets && strcmp(brackets, "[]") == 0)
            n -= 2;
        snprintf(kind, sizeof kind, "%.*s.%s", (int)n, path, v->tag);
        strbuf_printf(out, ".Ss %s\n", kind);
        strbuf_printf(out, "An object with\n.Cm %s\n.Dq %s .\n", type->tag_key, v->tag);
        put_sentences(out, v->help);
        man_keys(v->type, kind, out);
    }
}

/* The keys of one object, and then of those below it. */
static void
man_keys(const struct conf_struct *type, const char *path, struct strbuf *out)
{
    if (type->fields[0].key)
        strbuf_puts(out, ".Bl -tag -width Ds\n");
    for (const struct conf_field *f = type->fields; f->key; f++)
        man_field(f, out);
    if (type->fields[0].key)
        strbuf_puts(out, ".El\n");
    for (const struct conf_field *f = type->fields; f->key; f++) {
        char below[PATH_TEXT_MAX];

        if (!f->sub || f->see)
            continue;
        snprintf(below, sizeof below, "%s%s%s%s", path, *path ? "." : "", f->key,
                 f->type == CONF_LIST   ? "[]"
                 : f->type == CONF_DICT ? ".<key>"
                                        : "");
        man_struct(f->sub, below, out);
    }
}

void
conf_print_man(const struct conf_struct *root, struct strbuf *out)
{
    man_struct(root, "", out);
}

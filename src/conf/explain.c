/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain.c - finds what was asked for and prints it for a terminal. */
#include "conf/explain.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/near.h"
#include "conf/print.h"

enum { WIDTH = 90, PATHS_MAX = 512, PATH_TEXT_MAX = 192 };

/* Every path of the rows, so that near ones can be named. */
struct paths {
    char text[PATHS_MAX][PATH_TEXT_MAX];
    const char *last[PATHS_MAX]; /* last key of each */
    size_t n;
};

static void
paths_collect(struct paths *p, const struct conf_struct *type, const char *prefix)
{
    for (const struct conf_field *f = type->fields; f->key && p->n < PATHS_MAX; f++) {
        char *path = p->text[p->n];
        char below[PATH_TEXT_MAX];

        snprintf(path, PATH_TEXT_MAX, "%s%s%s", prefix, *prefix ? "." : "", f->key);
        p->last[p->n] = strrchr(path, '.') ? strrchr(path, '.') + 1 : path;
        p->n++;
        if (!f->sub)
            continue;
        snprintf(below, sizeof below, "%s", path);
        paths_collect(p, f->sub, below);
    }
}

static void
put_example(struct strbuf *out, const char *title, const char *text)
{
    strbuf_printf(out, "\n%s\n", title);
    for (;;) {
        size_t n = strcspn(text, "\n");

        strbuf_printf(out, "    %.*s\n", (int)n, text);
        if (text[n] == '\0')
            break;
        text += n + 1;
    }
}

static void
explain_code(const struct explain_code *c, struct strbuf *out)
{
    strbuf_printf(out, "%s: %s\n\n", c->code, c->title);
    conf_put_wrapped(out, "", WIDTH, c->text);
    if (c->bad)
        put_example(out, "bad:", c->bad);
    if (c->good)
        put_example(out, "good:", c->good);
}

static void
put_facts(const struct conf_field *f, struct strbuf *out)
{
    strbuf_puts(out, "  ");
    field_print_type(f, out);
    if (f->min || f->max) {
        strbuf_puts(out, ", ");
        field_print_range(f, out);
    }
    if (f->required)
        strbuf_puts(out, ", required");
    else if (f->def)
        strbuf_printf(out, conf_is_bare(f) ? "; default %s" : "; default \"%s\"", f->def);
    strbuf_puts(out, "\n");
}

static void
explain_field(const struct conf_field *f, const char *path, struct strbuf *out)
{
    size_t width = 0;

    strbuf_printf(out, "%s\n", path);
    put_facts(f, out);
    strbuf_puts(out, "\n");
    conf_put_wrapped(out, "  ", WIDTH, f->help);
    if (f->example)
        strbuf_printf(out, "\n  example: \"%s\": %s\n", f->key, f->example);
    if (!f->sub)
        return;
    strbuf_puts(out, "\n  keys:\n");
    for (const struct conf_field *sub = f->sub->fields; sub->key; sub++)
        width = strlen(sub->key) > width ? strlen(sub->key) : width;
    for (const struct conf_field *sub = f->sub->fields; sub->key; sub++) {
        strbuf_printf(out, "  %-*s", (int)width + 2, sub->key);
        put_facts(sub, out);
    }
}

/* "pools[0].name" to "pools.name". */
static void
path_plain(const char *what, char out[PATH_TEXT_MAX])
{
    size_t n = 0;

    for (; *what && n + 1 < PATH_TEXT_MAX; what++) {
        if (*what == '[')
            what += strcspn(what, "]");
        else
            out[n++] = *what;
        if (*what == '\0')
            break;
    }
    out[n] = '\0';
}

/* Exact words first; then the same letters. Returns how many paths end in this key,
 * *ret_i: the last of them. */
static size_t
paths_find_last(const struct paths *p, const char *key, size_t *ret_i)
{
    size_t hits = 0;

    for (int loose = 0; loose < 2 && hits == 0; loose++) {
        for (size_t i = 0; i < p->n; i++) {
            if (loose ? near_same_letters(p->last[i], key) ||
                            near_same_letters(p->text[i], key)
                      : strcmp(p->last[i], key) == 0) {
                *ret_i = i;
                hits++;
            }
        }
    }
    return hits;
}

static int
explain_unknown(const struct paths *p, const struct conf_struct *root, const char *what,
                struct strbuf *out)
{
    const char *words[PATHS_MAX];
    const char *near;
    size_t n = 0;

    if ((what[0] == 'E' || what[0] == 'W') &&
        strspn(what + 1, "0123456789") == strlen(what) - 1) {
        strbuf_printf(out, "there is no code %s; the codes are", what);
        for (size_t i = 0; explain_codes[i].code; i++)
            strbuf_printf(out, " %s", explain_codes[i].code);
        strbuf_puts(out, "\n");
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < p->n; i++)
        words[i] = strchr(what, '.') ? p->text[i] : p->last[i];
    near = near_find(what, words, p->n);
    strbuf_printf(out, "there is no key \"%.80s\"", what);
    if (near) {
        strbuf_printf(out, "; did you mean \"%s\"?\n", near);
        return ERR_SYNTAX;
    }
    for (const struct conf_field *f = root->fields; f->key && n < PATHS_MAX; f++)
        words[n++] = f->key;
    near_suggest(out, what, words, n, "at the top of the file are");
    strbuf_puts(out, "\n");
    return ERR_SYNTAX;
}

int
conf_explain(const struct conf_struct *root, const char *what, struct strbuf *out)
{
    static const struct paths none;
    struct paths p = none;
    char plain[PATH_TEXT_MAX];
    const struct conf_field *f;
    size_t hits, at = 0;

    for (const struct explain_code *c = explain_codes; c->code; c++) {
        if (strcasecmp(c->code, what) == 0) {
            explain_code(c, out);
            return 0;
        }
    }
    path_plain(what, plain);
    paths_collect(&p, root, "");
    f = field_find_path(root, plain);
    if (f) {
        explain_field(f, plain, out);
        return 0;
    }
    hits = paths_find_last(&p, plain, &at);
    if (hits == 0)
        return explain_unknown(&p, root, plain, out);
    if (hits == 1) {
        explain_field(field_find_path(root, p.text[at]), p.text[at], out);
        return 0;
    }
    strbuf_printf(out, "several keys are called \"%s\":\n", plain);
    for (size_t i = 0; i < p.n; i++) {
        if (strcmp(p.last[i], p.last[at]) == 0)
            strbuf_printf(out, "  %s\n", p.text[i]);
    }
    return 0;
}

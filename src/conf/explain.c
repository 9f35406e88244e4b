/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain.c - finds what was asked for and prints it for a terminal. */
#include "conf/explain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/near.h"
#include "conf/print.h"

enum { WIDTH = 90, PATHS_MAX = 1536, PATH_TEXT_MAX = 192 };

/* Every path of the rows, so that near ones can be named. */
struct paths {
    char text[PATHS_MAX][PATH_TEXT_MAX];
    size_t n;
};

static const char *
paths_add(struct paths *p, const char *prefix, const char *key)
{
    char *path = p->text[p->n++];

    snprintf(path, PATH_TEXT_MAX, "%s%s%s", prefix, *prefix ? "." : "", key);
    return path;
}

/* Also of the kinds of tagged structs: "filters.jwt". */
static void
paths_collect(struct paths *p, const struct conf_struct *type, const char *prefix)
{
    for (const struct conf_field *f = type->fields; f->key && p->n < PATHS_MAX; f++) {
        const char *path = paths_add(p, prefix, f->key);

        if (f->sub && !f->see)
            paths_collect(p, f->sub, path);
    }
    for (const struct conf_variant *v = conf_variants(type); v->tag && p->n < PATHS_MAX;
         v++)
        paths_collect(p, v->type, paths_add(p, prefix, v->tag));
}

/* The end of a path, with as many keys as `like` has. */
static const char *
path_tail(const char *path, const char *like)
{
    const char *at = path + strlen(path);
    unsigned dots = 0;

    for (; *like; like++)
        dots += *like == '.';
    for (; at > path; at--) {
        if (at[-1] == '.' && dots-- == 0)
            break;
    }
    return at;
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
        strbuf_puts(out, "; required");
    else if (f->def)
        strbuf_printf(out, conf_is_bare(f) ? "; default %s" : "; default \"%s\"", f->def);
    strbuf_puts(out, "\n");
}

static void
put_keys(const struct conf_struct *type, struct strbuf *out)
{
    size_t width = 0;

    if (!type->fields[0].key)
        return;
    strbuf_puts(out, "\n  keys:\n");
    for (const struct conf_field *sub = type->fields; sub->key; sub++)
        width = strlen(sub->key) > width ? strlen(sub->key) : width;
    for (const struct conf_field *sub = type->fields; sub->key; sub++) {
        strbuf_printf(out, "  %-*s", (int)width + 2, sub->key);
        put_facts(sub, out);
    }
}

static void
explain_variant(const struct conf_variant *v, const char *path, struct strbuf *out)
{
    strbuf_printf(out, "%s\n\n", path);
    conf_put_wrapped(out, "  ", WIDTH, v->help);
    put_keys(v->type, out);
}

static void
put_variants(const struct conf_struct *type, const char *path, struct strbuf *out)
{
    const struct conf_variant *v = conf_variants(type);

    if (v->tag)
        strbuf_printf(out, "\n  Each %s has keys of its own; ask for them as in %s.%s:\n",
                      type->tag_key, path, v->tag);
    for (; v->tag; v++) {
        strbuf_printf(out, "\n  %s\n", v->tag);
        conf_put_wrapped(out, "    ", WIDTH, v->help);
    }
}

static void
explain_field(const struct conf_field *f, const char *path, struct strbuf *out)
{
    strbuf_printf(out, "%s\n", path);
    put_facts(f, out);
    strbuf_puts(out, "\n");
    conf_put_wrapped(out, "  ", WIDTH, f->help);
    if (f->example)
        strbuf_printf(out, "\n  example: \"%s\": %s\n", f->key, f->example);
    if (!f->sub)
        return;
    put_keys(f->sub, out);
    put_variants(f->sub, path, out);
}

/* False: there is nothing at the path. */
static bool
explain_path(const struct conf_struct *root, const char *path, struct strbuf *out)
{
    const struct conf_variant *v = conf_variant_find_path(root, path);
    const struct conf_field *f = field_find_path(root, path);

    if (f)
        explain_field(f, path, out);
    else if (v)
        explain_variant(v, path, out);
    return f || v;
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

/* Exact words first; then the same letters. Returns how many paths end in this key, or
 * these keys, *ret_i: the last of them. */
static size_t
paths_find_last(const struct paths *p, const char *key, size_t *ret_i)
{
    size_t hits = 0;

    for (int loose = 0; loose < 2 && hits == 0; loose++) {
        for (size_t i = 0; i < p->n; i++) {
            const char *tail = path_tail(p->text[i], key);

            if (loose ? near_same_letters(tail, key) : strcmp(tail, key) == 0) {
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
        for (size_t i = 0; explain_code_at(i); i++)
            strbuf_printf(out, " %s", explain_code_at(i)->code);
        strbuf_puts(out, "\n");
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < p->n; i++)
        words[i] = strchr(what, '.') ? p->text[i] : path_tail(p->text[i], what);
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
    size_t hits, at = 0;

    for (size_t i = 0; explain_code_at(i); i++) {
        if (strcasecmp(explain_code_at(i)->code, what) == 0) {
            explain_code(explain_code_at(i), out);
            return 0;
        }
    }
    path_plain(what, plain);
    paths_collect(&p, root, "");
    if (explain_path(root, plain, out))
        return 0;
    hits = paths_find_last(&p, plain, &at);
    if (hits == 0)
        return explain_unknown(&p, root, plain, out);
    if (hits == 1 && explain_path(root, p.text[at], out))
        return 0;
    strbuf_printf(out, "several keys are called \"%s\":\n", plain);
    for (size_t i = 0; i < p.n; i++) {
        if (strcmp(path_tail(p.text[i], plain), path_tail(p.text[at], plain)) == 0)
            strbuf_printf(out, "  %s\n", p.text[i]);
    }
    return 0;
}

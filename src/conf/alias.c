/* SPDX-License-Identifier: Apache-2.0 */
/* conf/alias.c - the hint behind an unknown key. Order: same letters, words of other
 * proxies, a near word, the same key elsewhere. */
#include "conf/alias.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/alias_words.h"
#include "conf/field.h"
#include "conf/near.h"

enum { KEYS_MAX = 64, PATH_MAX_TEXT = 256 };

/* The path of the only key with these letters below `type`; false: none or several. */
static unsigned
path_search(const struct conf_struct *type, const char *word, const char *prefix,
            char found[PATH_MAX_TEXT], unsigned depth)
{
    unsigned hits = 0;

    for (const struct conf_field *f = type->fields; f->key && depth < 8; f++) {
        char path[PATH_MAX_TEXT];

        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", f->key);
        if (near_same_letters(word, f->key)) {
            snprintf(found, PATH_MAX_TEXT, "%s", path);
            hits++;
        }
        if (!f->sub || f->see)
            continue;
        hits += path_search(f->sub, word, path, found, depth + 1);
        for (const struct conf_variant *v = conf_variants(f->sub); v->tag; v++) {
            char below[PATH_MAX_TEXT];

            if (snprintf(below, sizeof below, "%s.%s", path, v->tag) < PATH_MAX_TEXT)
                hits += path_search(v->type, word, below, found, depth + 1);
        }
    }
    return hits;
}

/* The row of a word in an object of `type` and its variant, if any; NULL: none. A row of
 * this very level wins. */
static const struct alias *
alias_find(const struct conf_struct *type, const struct conf_struct *variant,
           const char *word)
{
    const struct alias *any = NULL;

    for (const struct alias *a = alias_words; a->word; a++) {
        bool here = !a->path || field_find_path(type, a->path) ||
                    (variant && field_find_path(variant, a->path));

        if (!here || !near_same_letters(word, a->word))
            continue;
        if (a->level && (strcmp(a->level, type->name) == 0 ||
                         (variant && strcmp(a->level, variant->name) == 0)))
            return a;
        if (!a->level && !any)
            any = a;
    }
    return any;
}

/* --- kinds of tagged structs --------------------------------------------------------- */

bool
alias_is_kind(const struct conf_variant *v, const char *word)
{
    if (near_same_letters(v->tag, word))
        return true;
    for (const struct alias_value *a = alias_values; a->value; a++) {
        if (strcmp(a->word, v->tag) == 0 && near_same_letters(a->value, word))
            return true;
    }
    return false;
}

/* A word that is a key here, and no key of `type`, but the kind of an item of a list: of
 * one below `type`, at `path`. */
static const struct conf_variant *
kind_search(const struct conf_struct *type, const char *word, const char *prefix,
            const struct conf_field **ret_list, char path[PATH_MAX_TEXT], unsigned depth)
{
    const struct conf_variant *v = NULL;

    for (const struct conf_field *f = type->fields; f->key && depth < 8 && !v; f++) {
        char below[PATH_MAX_TEXT];

        if (!f->sub || (f->see && depth > 0) ||
            snprintf(below, sizeof below, "%s%s%s", prefix, *prefix ? "." : "", f->key) >=
                PATH_MAX_TEXT)
            continue;
        for (v = conf_variants(f->sub); v->tag && !alias_is_kind(v, word); v++)
            ;
        if (v->tag) {
            memcpy(path, below, PATH_MAX_TEXT);
            *ret_list = f;
        } else {
            v = kind_search(f->sub, word, below, ret_list, path, depth + 1);
        }
    }
    return v;
}

/* In an object of `type`, or else anywhere. */
static const struct conf_variant *
kind_find(const struct conf_struct *root, const struct conf_struct *type,
          const char *word, const struct conf_field **ret_list, char path[PATH_MAX_TEXT])
{
    const struct conf_variant *v = kind_search(type, word, "", ret_list, path, 0);

    return v ? v : kind_search(root, word, "", ret_list, path, 0);
}

const char *
alias_later(const struct conf_struct *root, const struct conf_struct *type,
            const char *word)
{
    const struct conf_field *list;
    char path[PATH_MAX_TEXT];

    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (near_same_letters(word, f->key))
            return NULL;
    }
    if (alias_find(type, NULL, word) || kind_find(root, type, word, &list, path))
        return NULL;
    for (const struct alias_later *l = alias_laters; l->word; l++) {
        if (near_same_letters(word, l->word))
            return l->what;
    }
    return NULL;
}

void
alias_suggest_word(struct strbuf *out, const char *value, const char *const *words,
                   size_t n, const char *what)
{
    for (const struct alias_value *v = alias_values; v->value; v++) {
        if (!near_same_letters(value, v->value))
            continue;
        for (size_t i = 0; i < n; i++) {
            if (strcmp(words[i], v->word) == 0) {
                strbuf_printf(out, "; in outrigger this is \"%s\"", v->word);
                return;
            }
        }
    }
    near_suggest(out, value, words, n, what);
}

const char *
alias_suggest(struct strbuf *out, const struct conf_struct *root,
              const struct conf_struct *type, const struct conf_struct *variant,
              const char *word)
{
    const struct conf_struct *parts[] = { variant ? variant : type, type };
    const char *keys[KEYS_MAX];
    const struct alias *alias;
    const struct conf_variant *kind;
    const struct conf_field *list;
    char path[PATH_MAX_TEXT];
    size_t n = 0;

    for (size_t i = variant ? 0 : 1; i < ARRAY_LEN(parts); i++) {
        for (const struct conf_field *f = parts[i]->fields; f->key && n < KEYS_MAX; f++) {
            if (near_same_letters(word, f->key)) {
                strbuf_printf(out, "; did you mean \"%s\"?", f->key);
                return f->key;
            }
            keys[n++] = f->key;
        }
    }
    alias = alias_find(type, variant, word);
    if (alias && !alias->path) {
        strbuf_printf(out, "; %s", alias->say);
        return NULL;
    }
    if (alias) {
        strbuf_printf(out, "; in outrigger this is \"%s\"", alias->path);
        return strchr(alias->path, '.') ? NULL : alias->path;
    }
    kind = kind_find(root, type, word, &list, path);
    if (kind) {
        strbuf_printf(out, "; it is a %s: write { \"%s\": \"%s\" } into \"%s\"",
                      list->sub->name, list->sub->tag_key, kind->tag, path);
        return NULL;
    }
    if (near_find(word, keys, n)) {
        near_suggest(out, word, keys, n, NULL);
        return near_find(word, keys, n);
    }
    if (path_search(parts[0], word, "", path, 0) == 1) {
        strbuf_printf(out, "; did you mean \"%s\"?", path);
    } else if (path_search(root, word, "", path, 0) == 1) {
        strbuf_printf(out, "; this key belongs to \"%s\"", path);
    } else {
        near_suggest(out, word, keys, n, "keys here");
    }
    return NULL;
}

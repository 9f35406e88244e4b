/* SPDX-License-Identifier: Apache-2.0 */
/* filter/claims.c - one walk over the tree, done twice: it counts, then it writes. */
#include "filter/claims.h"

#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/json.h"

enum { NUMBER_TEXT_MAX = 32 };

struct walk {
    struct claim *v; /* NULL: it only counts */
    char *at;        /* where the next text goes */
    size_t n, bytes;
    bool over;
    /* the dotted name so far, as parts */
    const char *parts[CLAIMS_DEPTH_MAX];
    size_t depth;
    struct slice name; /* written for the value before, when it has the same name */
};

static size_t
name_len(const struct walk *w)
{
    size_t n = w->depth - 1;

    for (size_t i = 0; i < w->depth; i++)
        n += strlen(w->parts[i]);
    return n;
}

static struct slice
walk_put(struct walk *w, const char *p, size_t n)
{
    char *start = w->at;

    memcpy(start, p, n);
    w->at += n;
    return slice_make(start, n);
}

static struct slice
name_put(struct walk *w)
{
    char *start = w->at;

    for (size_t i = 0; i < w->depth; i++) {
        if (i > 0)
            walk_put(w, ".", 1);
        walk_put(w, w->parts[i], strlen(w->parts[i]));
    }
    return slice_make(start, (size_t)(w->at - start));
}

static void
walk_leaf(struct walk *w, const char *text, size_t n)
{
    if (w->v) {
        if (!w->name.p)
            w->name = name_put(w);
        w->v[w->n].name = w->name;
        w->v[w->n].value = walk_put(w, text, n);
    } else {
        if (!w->name.p) { /* only a mark that it is counted */
            w->name.p = (const uint8_t *)"";
            w->bytes += name_len(w);
        }
        w->bytes += n;
        w->over |= w->n >= CLAIMS_MAX || w->bytes > CLAIMS_TEXT_MAX;
    }
    w->n++;
}

static void walk_object(struct walk *w, const struct json_t *object);

static void
walk_value(struct walk *w, const struct json_t *v, unsigned lists)
{
    char number[NUMBER_TEXT_MAX];
    const char *text = jtree_string(v);
    int64_t whole;
    double real;

    if (w->over)
        return;
    if (jtree_is_list(v)) {
        w->over |= lists >= CLAIMS_DEPTH_MAX;
        for (size_t i = 0; i < jtree_count(v) && !w->over; i++)
            walk_value(w, jtree_item(v, i), lists + 1);
        return;
    }
    if (jtree_is_object(v)) {
        walk_object(w, v);
        return;
    }
    if (!text && jtree_is_bool(v)) {
        text = jtree_bool(v, false) ? "true" : "false";
    } else if (!text && jtree_int(v, &whole)) {
        snprintf(number, sizeof(number), "%" PRId64, whole);
        text = number;
    } else if (!text && jtree_real(v, &real)) {
        snprintf(number, sizeof(number), "%.17g", real);
        text = number;
    }
    if (text)
        walk_leaf(w, text, strlen(text));
}

static void
walk_object(struct walk *w, const struct json_t *object)
{
    if (w->depth == CLAIMS_DEPTH_MAX) {
        w->over = true;
        return;
    }
    w->depth++;
    for (void *at = jtree_first(object); at && !w->over; at = jtree_next(object, at)) {
        w->parts[w->depth - 1] = jtree_key(at);
        w->name = (struct slice){ 0 };
        walk_value(w, jtree_value(at), 0);
    }
    w->depth--;
    w->name = (struct slice){ 0 };
}

size_t
claims_size(const struct json_t *object)
{
    struct walk w = { 0 };

    walk_object(&w, object);
    return w.over ? 0 : w.n * sizeof(struct claim) + w.bytes + 1;
}

struct claims
claims_fill(const struct json_t *object, void *memory, size_t size)
{
    struct walk count = { 0 }, w = { 0 };

    walk_object(&count, object);
    w.v = memory;
    w.at = (char *)memory + count.n * sizeof(struct claim);
    walk_object(&w, object);
    assert(w.n == count.n && w.at < (char *)memory + size);
    return (struct claims){ .n = w.n, .v = w.v };
}

const struct claim *
claims_find(const struct claims *c, struct slice name, size_t *at)
{
    while (c && *at < c->n) {
        const struct claim *one = &c->v[(*at)++];

        if (slice_eq(one->name, name))
            return one;
    }
    return NULL;
}

bool
claims_has(const struct claims *c, struct slice name, struct slice value)
{
    const struct claim *one;
    size_t at = 0;

    while ((one = claims_find(c, name, &at)))
        if (slice_eq(one->value, value))
            return true;
    return false;
}

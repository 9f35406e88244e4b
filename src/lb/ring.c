/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ring.c - builds the ring. */
#include "lb/ring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "lb/hash.h"

enum { NUMBER_MAX = 12 }; /* "_8388608" */

struct ring_member {
    const char *key;
    size_t length;
    uint32_t index, weight;
};

static int
ring_member_compare(const void *a, const void *b)
{
    const struct ring_member *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int
ring_entry_compare(const void *a, const void *b)
{
    const struct ring_entry *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Sorted by key, so that the same endpoints in another order give the same ring. */
static struct ring_member *
ring_members(const struct lb_list *l, size_t *ret_longest)
{
    struct ring_member *m = xcalloc(l->n, sizeof(*m));

    *ret_longest = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct lb_endpoint *e = l->v[i];

        m[i] = (struct ring_member){ .key = e->key,
                                     .length = strlen(e->key),
                                     .index = (uint32_t)i,
                                     .weight = e->weight };
        if (m[i].length > *ret_longest)
            *ret_longest = m[i].length;
    }
    qsort(m, l->n, sizeof(*m), ring_member_compare);
    return m;
}

/* How many entries stand for weight 1 of all weights together: so many that the smallest weight has whole entries, within the bounds. With a fixed
 * number for each endpoint its places do not depend on the others, so that one that leaves moves only its own keys. */
static double
ring_scale(const struct ring_member *m, size_t n, double sum,
           const struct ring_size *size)
{
    double least = INFINITY, scale;

    for (size_t i = 0; i < n; i++)
        least = fmin(least, m[i].weight / sum);
    scale =
        size->each ? size->each * sum / LB_WEIGHT_ONE : ceil(least * size->least) / least;
    return fmin(scale, size->most);
}

/* Appends "_<number>" at text[length]; returns the whole length. */
static size_t
ring_number(char *text, size_t length, uint32_t number)
{
    char digits[NUMBER_MAX];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text[length++] = '_';
    while (n)
        text[length++] = digits[--n];
    return length;
}

void
ring_build(struct ring *r, const struct lb_list *l, const struct ring_size *how)
{
    size_t longest;
    struct ring_member *m;
    double sum = 0, scale, target = 0, current = 0;
    char *text;

    ring_free(r);
    if (l->n == 0)
        return;
    m = ring_members(l, &longest);
    for (size_t i = 0; i < l->n; i++)
        sum += m[i].weight;
    scale = ring_scale(m, l->n, sum, how);
    /* More than it says: each part may be rounded up, and their sum may be a hair larger than the whole. */
    r->v = xcalloc((size_t)ceil(scale) + l->n + 1, sizeof(*r->v));
    text = xcalloc(1, longest + NUMBER_MAX);
    for (size_t i = 0; i < l->n; i++) {
        memcpy(text, m[i].key, m[i].length);
        target = how->each ? current + fmax(1, rint(scale * (m[i].weight / sum)))
                           : target + scale * (m[i].weight / sum);
        for (uint32_t k = 0; current < target; k++, current++) {
            size_t n = ring_number(text, m[i].length, k);

            r->v[r->n++] =
                (struct ring_entry){ .hash = lb_hash(text, n), .index = m[i].index };
        }
    }
    xfree(text);
    xfree(m);
    qsort(r->v, r->n, sizeof(*r->v), ring_entry_compare);
}

void
ring_free(struct ring *r)
{
    xfree(r->v);
    *r = (struct ring){ 0 };
}

size_t
ring_find(const struct ring *r, uint64_t hash)
{
    const struct ring_entry *v = r->v;
    size_t n = r->n;

    /* Halves without a branch to guess wrong: the answer stays in [v, v + n]. */
    while (n > 1) {
        size_t half = n / 2;

        v += v[half - 1].hash < hash ? half : 0;
        n -= half;
    }
    v += v->hash < hash;
    return v == r->v + r->n ? 0 : (size_t)(v - r->v);
}

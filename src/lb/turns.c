/* SPDX-License-Identifier: Apache-2.0 */
/* lb/turns.c - READY endpoints in turn. */
#include "lb/turns.h"

#include "base/compat.h"
#include "base/xalloc.h"

enum { TURNS_TRIES = 8 }; /* endpoints without room that a pick passes over by weight */

void
turns_begin(struct turns *t, const struct lb_list *l)
{
    struct lb_ready *r = &t->ready;

    t->next = t->stride.at < r->n ? r->v[t->stride.at] : 0;
    ready_build(r, l);
    if (t->size < r->size) {
        xfree(t->w);
        t->w = xcalloc(r->size, sizeof(*t->w));
        t->size = r->size;
    }
    for (size_t i = 0; i < r->n; i++)
        t->w[i] = l->v[r->v[i]]->weight;
}

void
turns_end(struct turns *t, const struct lb_list *l)
{
    const struct lb_ready *r = &t->ready;
    size_t low = 0, high = r->n;

    stride_build(&t->stride, t->w, r->n);
    if (!t->begun && r->n) {
        stride_seed(&t->stride, rng_next(t->rng));
        t->begun = r->n == l->n; /* the first to be ready shall not be first for ever */
        return;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (r->v[middle] < t->next)
            low = middle + 1;
        else
            high = middle;
    }
    t->stride.at = low < r->n ? low : 0;
}

int
turns_pick(struct turns *t, const struct lb_list *l, const struct lb_pick *how)
{
    const struct lb_ready *r = &t->ready;
    size_t at = 0;
    int i;

    for (int k = 0; k < TURNS_TRIES && r->n; k++) {
        at = stride_next(&t->stride);
        if (LIKELY(ready_suits(l, r->v[at], how)))
            return (int)r->v[at];
    }
    i = ready_from(r, l, at, how, &at);
    if (i >= 0)
        t->stride.at = at + 1 < r->n ? at + 1 : 0;
    return i;
}

void
turns_free(struct turns *t)
{
    ready_free(&t->ready);
    stride_free(&t->stride);
    xfree(t->w);
    *t = (struct turns){ 0 };
}

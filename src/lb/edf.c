/* SPDX-License-Identifier: Apache-2.0 */
/* lb/edf.c - a binary heap of deadlines. */
#include "lb/edf.h"

#include "base/xalloc.h"

static void
edf_sink(struct edf *q, size_t at)
{
    struct edf_entry e = q->v[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= q->n)
            break;
        if (child + 1 < q->n && q->v[child + 1].deadline < q->v[child].deadline)
            child++;
        if (e.deadline <= q->v[child].deadline)
            break;
        q->v[at] = q->v[child];
        at = child;
    }
    q->v[at] = e;
}

void
edf_build(struct edf *q, const double *weights, const double *chance, size_t n)
{
    if (q->size < n) {
        xfree(q->v);
        q->v = xcalloc(n, sizeof(*q->v));
        q->size = n;
    }
    q->n = n;
    q->now = 0;
    for (size_t i = 0; i < n; i++)
        q->v[i] = (struct edf_entry){ .deadline = chance[i] / weights[i],
                                      .position = (uint32_t)i };
    for (size_t i = n / 2; i-- > 0;)
        edf_sink(q, i);
}

void
edf_free(struct edf *q)
{
    xfree(q->v);
    *q = (struct edf){ 0 };
}

uint32_t
edf_first(const struct edf *q)
{
    return q->v[0].position;
}

void
edf_turn(struct edf *q, double weight)
{
    q->now = q->v[0].deadline;
    q->v[0].deadline = q->now + 1 / weight;
    edf_sink(q, 0);
}

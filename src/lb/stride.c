/* SPDX-License-Identifier: Apache-2.0 */
/* lb/stride.c - static-stride scheduling. */
#include "lb/stride.h"

#include <math.h>

#include "base/xalloc.h"

enum { STRIDE_MAX = 65535, STRIDE_OFFSET = STRIDE_MAX / 2 };

void
stride_build(struct stride *s, const double *weights, size_t n)
{
    double most = 0;

    if (s->size < n) {
        xfree(s->w);
        s->w = xcalloc(n, sizeof(*s->w));
        s->size = n;
    }
    if (s->n != n)
        s->at = n ? s->at % n : 0;
    s->n = n;
    s->even = true;
    for (size_t i = 0; i < n; i++)
        most = weights[i] > most ? weights[i] : most;
    for (size_t i = 0; i < n; i++) {
        double w = most > 0 ? round(weights[i] / most * STRIDE_MAX) : STRIDE_MAX;

        s->w[i] = (uint16_t)(w < 1 ? 1 : w); /* none starves */
        s->even &= s->w[i] == s->w[0];
    }
}

void
stride_free(struct stride *s)
{
    xfree(s->w);
    *s = (struct stride){ 0 };
}

void
stride_seed(struct stride *s, uint64_t r)
{
    s->generation = (r >> 32) % STRIDE_MAX;
    s->at = s->n ? (uint32_t)r % s->n : 0;
}

size_t
stride_next(struct stride *s)
{
    for (;;) {
        size_t i = s->at;
        uint64_t turn;

        if (++s->at >= s->n) {
            s->at = 0;
            s->generation++;
        }
        if (s->even)
            return i;
        /* at has moved on, so the generation of i is one less after a wrap. */
        turn = s->at ? s->generation : s->generation - 1;
        if ((s->w[i] * turn + i * STRIDE_OFFSET) % STRIDE_MAX >=
            (uint64_t)(STRIDE_MAX - s->w[i]))
            return i;
    }
}

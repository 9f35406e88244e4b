/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency.c - the bin of a time is made of its highest bit and the four below it. */
#include "filter/latency.h"

#include <stdatomic.h>

enum { SUB_BITS = 4, US_BITS = 32 };

static unsigned
bin_of(int64_t us)
{
    uint32_t v = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    unsigned top;

    if (v < LATENCY_SUB)
        return v;
    top = US_BITS - 1 - (unsigned)__builtin_clz(v);
    return (top - SUB_BITS + 1) * LATENCY_SUB +
           ((v >> (top - SUB_BITS)) & (LATENCY_SUB - 1));
}

/* The middle of a bin, rounded down. */
static int64_t
bin_middle(unsigned bin)
{
    unsigned shift;

    if (bin < LATENCY_SUB)
        return bin;
    shift = bin / LATENCY_SUB - 1;
    return ((int64_t)(LATENCY_SUB + bin % LATENCY_SUB) << shift) +
           (((INT64_C(1) << shift) - 1) >> 1);
}

uint32_t
latency_add(struct latency *l, int64_t us)
{
    /* First n: it is never less than what latency_drop takes from it. */
    uint32_t n = atomic_fetch_add_explicit(&l->n, 1, memory_order_relaxed) + 1;

    atomic_fetch_add_explicit(&l->bins[bin_of(us)], 1, memory_order_relaxed);
    return n;
}

uint32_t
latency_count(const struct latency *l)
{
    return atomic_load_explicit(&l->n, memory_order_relaxed);
}

int64_t
latency_quantile(const struct latency *l, unsigned q)
{
    uint64_t rank = ((uint64_t)latency_count(l) * q + 99) / 100, seen = 0;
    unsigned last = 0;

    if (rank == 0)
        return 0;
    for (unsigned i = 0; i < LATENCY_BINS && seen < rank; i++) {
        uint32_t n = atomic_load_explicit(&l->bins[i], memory_order_relaxed);

        if (n)
            last = i;
        seen += n;
    }
    return bin_middle(last);
}

static void
latency_drop(struct latency *l, unsigned shift)
{
    uint32_t dropped = 0;

    for (unsigned i = 0; i < LATENCY_BINS; i++) {
        uint32_t n = atomic_load_explicit(&l->bins[i], memory_order_relaxed);

        n -= n >> shift;
        if (n == 0)
            continue;
        atomic_fetch_sub_explicit(&l->bins[i], n, memory_order_relaxed);
        dropped += n;
    }
    atomic_fetch_sub_explicit(&l->n, dropped, memory_order_relaxed);
}

void
latency_fade(struct latency *l)
{
    latency_drop(l, 1);
}

void
latency_clear(struct latency *l)
{
    latency_drop(l, 31);
}

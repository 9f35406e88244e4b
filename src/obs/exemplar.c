/* SPDX-License-Identifier: Apache-2.0 */
/* obs/exemplar.c - a sequence lock whose values are atomics, too, so that a torn read is only a wrong value, which the number tells. */
#include "obs/exemplar.h"

#include <string.h>

enum { TRIES = 4, WORDS = EXEMPLAR_TRACE / 8 };

void
exemplar_put(struct exemplar_slot *s, struct slice trace, int64_t us, int64_t wall_us)
{
    uint32_t n = atomic_load_explicit(&s->changes, memory_order_relaxed);
    uint64_t words[WORDS];

    if (trace.n != EXEMPLAR_TRACE)
        return;
    memcpy(words, trace.p, sizeof(words));
    atomic_store_explicit(&s->changes, n + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&s->us, us, memory_order_relaxed);
    atomic_store_explicit(&s->wall_us, wall_us, memory_order_relaxed);
    for (int i = 0; i < WORDS; i++)
        atomic_store_explicit(&s->trace[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&s->changes, n + 2, memory_order_release);
}

bool
exemplar_get(const struct exemplar_slot *s, struct exemplar *ret)
{
    for (int tries = 0; tries < TRIES; tries++) {
        uint32_t n = atomic_load_explicit(&s->changes, memory_order_acquire);
        uint64_t words[WORDS];
        struct exemplar e;

        if (n == 0)
            return false;
        e.us = atomic_load_explicit(&s->us, memory_order_relaxed);
        e.wall_us = atomic_load_explicit(&s->wall_us, memory_order_relaxed);
        for (int i = 0; i < WORDS; i++)
            words[i] = atomic_load_explicit(&s->trace[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (n & 1 || n != atomic_load_explicit(&s->changes, memory_order_relaxed))
            continue;
        memcpy(e.trace, words, sizeof(words));
        *ret = e;
        return true;
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_levels.h - how full a pool is, all workers together: for limits of the whole process. A level is only kept when its limit is set. */
#ifndef OUTRIGGER_UPSTREAM_POOL_LEVELS_H
#define OUTRIGGER_UPSTREAM_POOL_LEVELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "upstream/retry_guard.h"

struct pool_levels {
    _Alignas(64) _Atomic uint32_t
        calls; /* with a backend, without those that count as streams */
    _Alignas(64) _Atomic uint32_t streams;
    _Alignas(64) _Atomic uint32_t retries;
    _Alignas(64) _Atomic uint32_t connections;
    _Atomic uint32_t panics; /* lists that ignore health; always kept */
    struct retry_guard retry_guard;
    struct retry_load loads[]; /* one for each worker; always kept */
};

/* One more, unless that would be more than max. 0: no limit, and nothing is counted. Exact for any number of threads. */
static inline bool
level_take(_Atomic uint32_t *level, uint32_t max)
{
    if (max == 0)
        return true;
    if (atomic_fetch_add_explicit(level, 1, memory_order_relaxed) < max)
        return true;
    atomic_fetch_sub_explicit(level, 1, memory_order_relaxed);
    return false;
}

static inline void
level_give(_Atomic uint32_t *level, uint32_t max)
{
    if (max)
        atomic_fetch_sub_explicit(level, 1, memory_order_relaxed);
}

#endif

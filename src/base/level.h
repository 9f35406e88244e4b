/* SPDX-License-Identifier: Apache-2.0 */
/* base/level.h - a number of bytes that one thread changes and any thread may read. For the one thread it costs what a plain number costs. */
#ifndef OUTRIGGER_BASE_LEVEL_H
#define OUTRIGGER_BASE_LEVEL_H

#include <stdatomic.h>
#include <stddef.h>

static inline size_t
size_level_get(const _Atomic size_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

/* Only by its own thread. n may be "negative": -size. */
static inline void
size_level_add(_Atomic size_t *v, size_t n)
{
    atomic_store_explicit(v, size_level_get(v) + n, memory_order_relaxed);
}

#endif

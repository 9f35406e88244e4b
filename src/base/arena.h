/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h - bump memory of one call: everything in it ends at once. The first
 * block is inline memory of the owner (recycled with it); further blocks come from a
 * slab and are counted against `cap`.  Nothing is freed singly. One thread. */
#ifndef OUTRIGGER_BASE_ARENA_H
#define OUTRIGGER_BASE_ARENA_H

#include <stddef.h>

#include "base/compat.h"

struct slab;
struct arena_block;

struct arena {
    struct slab *slab;
    struct arena_block *more; /* further blocks, newest first */
    char *at, *end;           /* free part of the current block */
    char *first;
    size_t first_size;
    size_t used, cap; /* bytes in further blocks; most they may be */
};

/* `first` (first_size bytes, aligned to 16) stays the caller's; may be NULL/0. cap:
 * most bytes from the slab. */
void arena_init(struct arena *a, struct slab *slab, void *first, size_t first_size,
                size_t cap);
/* 16-byte aligned, not zeroed. NULL when the cap or memory is reached. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
/* Copies n bytes; NULL as arena_alloc. */
void *arena_copy(struct arena *a, const void *p, size_t n) MUST_CHECK;
/* Gives all further blocks back; the arena is empty and usable again. */
void arena_reset(struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.c - bump allocation.  Blocks have the size of the slab's biggest class,
 * so that they come from and go to its free list without a system call. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/slab.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_ALIGN = 16, ARENA_BLOCK = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* with this head */
};

_Static_assert(sizeof(struct arena_block) == ARENA_ALIGN,
               "what follows the head is aligned");

void
arena_init(struct arena *a, struct slab *slab, void *first, size_t first_size, size_t cap)
{
    *a = (struct arena){
        .slab = slab,
        .first = first,
        .first_size = first_size,
        .at = first,
        .end = first ? (char *)first + first_size : NULL,
        .cap = cap,
    };
}

/* Takes a block with `room` bytes behind its head and puts it on the list. */
static char *
arena_add_block(struct arena *a, size_t room)
{
    size_t size;

    if (__builtin_add_overflow(room, sizeof(struct arena_block), &size) ||
        size > a->cap || a->used > a->cap - size)
        return NULL;

    struct arena_block *block = slab_malloc(a->slab, size);

    if (!block)
        return NULL;
    block->size = size;
    block->next = a->more;
    a->more = block;
    a->used += size;
    return (char *)(block + 1);
}

static void *
arena_alloc_slow(struct arena *a, size_t n)
{
    const size_t block_room = ARENA_BLOCK - sizeof(struct arena_block);
    char *p;

    /* A big piece gets a block of its own: the rest of the current one stays useful. */
    if (n > block_room / 4)
        return arena_add_block(a, n);
    p = arena_add_block(a, block_room);
    if (!p)
        return arena_add_block(a, n); /* close to the cap: only what is needed */
    a->at = p + n;
    a->end = p + block_room;
    ASAN_POISON_MEMORY_REGION(a->at, (size_t)(a->end - a->at));
    return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

    if (UNLIKELY(rounded < n))
        return NULL;
    if (rounded == 0)
        rounded = ARENA_ALIGN;
    if (UNLIKELY(a->at == NULL || (size_t)(a->end - a->at) < rounded))
        return arena_alloc_slow(a, rounded);

    char *p = a->at;

    if (p == a->first)
        ASAN_POISON_MEMORY_REGION(p, a->first_size);
    a->at = p + rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *
arena_copy(struct arena *a, const void *p, size_t n)
{
    void *copy = arena_alloc(a, n);

    if (copy && n > 0)
        memcpy(copy, p, n);
    return copy;
}

void
arena_reset(struct arena *a)
{
    while (a->more) {
        struct arena_block *block = a->more;

        a->more = block->next;
        ASAN_UNPOISON_MEMORY_REGION(block, block->size);
        slab_give(a->slab, block);
    }
    if (a->first)
        ASAN_UNPOISON_MEMORY_REGION(a->first, a->first_size);
    a->at = a->first;
    a->end = a->first ? a->first + a->first_size : NULL;
    a->used = 0;
}

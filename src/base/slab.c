/* SPDX-License-Identifier: Apache-2.0 */
/* base/slab.c - size classes, each with pages of 64 KiB that have their own free list
 * and live counter. The 8 bytes before an object hold its page, or, for an object that
 * malloc made, its size with the lowest bit set.  Slots begin 8 bytes off a 16-byte
 * line, so objects are aligned to 16 and a slot of 16*k bytes holds 16*k-8 usable
 * ones. */
#include "base/slab.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compat.h"
#include "base/level.h"
#include "base/list.h"
#include "base/xalloc.h"

enum {
    SLAB_PAGE = 65536,
    SLAB_HEAD = 8,
    SLAB_FINE = 33,      /* slots of 16, 32, ... 528 bytes */
    SLAB_FINE_MAX = 520, /* biggest request they serve */
    SLAB_CLASSES = SLAB_FINE + 12,
    SLAB_MAX = 4096,
    SLAB_LARGE_HEAD = 16,
};

struct slab_page {
    struct list link; /* in its class, while it has a free slot */
    void *free;       /* first given-back object; the next one is at its start */
    char *fresh;      /* slots never used; the system gave them zeroed */
    char *end;
    uint32_t live;
    uint32_t stride;
    uint64_t class;
};

enum { SLAB_FIRST = 64 }; /* offset of the first object in its page */

_Static_assert(sizeof(struct slab_page) + SLAB_HEAD <= SLAB_FIRST,
               "the page head is in front");

struct slab {
    _Atomic size_t live, held;         /* read by other threads */
    struct list classes[SLAB_CLASSES]; /* pages with a free slot */
};

#ifdef OUT_SANITIZED
static const bool slab_pooled = false;
#else
static const bool slab_pooled = true;
#endif

static uintptr_t *
slab_head(void *p)
{
    return (uintptr_t *)(void *)((char *)p - SLAB_HEAD);
}

static bool
slab_is_large(uintptr_t head)
{
    return head & 1;
}

static unsigned
slab_class(size_t n)
{
    if (LIKELY(n <= SLAB_FINE_MAX))
        return (unsigned)((n + SLAB_HEAD + 15) / 16 - 1);

    /* Four steps in each power of two: 640, 768, 896, 1024, 1280, ... 4096. */
    unsigned power = 63u - (unsigned)__builtin_clzll(n - 1);
    unsigned step = (unsigned)((n - 1) >> (power - 2)) + 1;

    return SLAB_FINE + (power - 9) * 4 + (step - 5);
}

static uint32_t
slab_stride(unsigned class)
{
    if (class < SLAB_FINE)
        return (class + 1) * 16;

    unsigned power = 9 + (class - SLAB_FINE) / 4, step = 5 + (class - SLAB_FINE) % 4;

    return (step << (power - 2)) + 16;
}

struct slab *
slab_new(void)
{
    struct slab *s = xcalloc(1, sizeof(*s));

    for (size_t i = 0; i < SLAB_CLASSES; i++)
        list_init(&s->classes[i]);
    return s;
}

void
slab_free(struct slab *s)
{
    if (!s)
        return;
    assert(s->live == 0);
    slab_trim(s);
    free(s);
}

static struct slab_page *
slab_add_page(struct slab *s, unsigned class)
{
    struct slab_page *page =
        mmap(NULL, SLAB_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    page->fresh = (char *)page + SLAB_FIRST;
    page->end = (char *)page + SLAB_PAGE;
    page->stride = slab_stride(class);
    page->class = class;
    list_prepend(&s->classes[class], &page->link);
    size_level_add(&s->held, SLAB_PAGE);
    return page;
}

/* A request above the classes (in a sanitizer build: any): malloc with a head. */
static void *
slab_take_large(struct slab *s, void *old, size_t n)
{
    size_t old_size = old ? *slab_head(old) >> 1 : 0;
    char *raw;

    if (n > SIZE_MAX / 4)
        return NULL;
    raw = realloc(old ? (char *)old - SLAB_LARGE_HEAD : NULL, n + SLAB_LARGE_HEAD);
    if (!raw)
        return NULL;
    raw += SLAB_LARGE_HEAD;
    *slab_head(raw) = n << 1 | 1;
    size_level_add(&s->live, n - old_size);
    size_level_add(&s->held, n - old_size);
    return raw;
}

/* *ret_zeroed: the memory is fresh from the system. */
static ALWAYS_INLINE void *
slab_take(struct slab *s, size_t n, bool *ret_zeroed)
{
    *ret_zeroed = false;
    if (UNLIKELY(n > SLAB_MAX || !slab_pooled))
        return slab_take_large(s, NULL, n);

    unsigned class = slab_class(n);
    struct list *pages = &s->classes[class];
    struct slab_page *page;
    void *p;

    if (UNLIKELY(list_empty(pages))) {
        page = slab_add_page(s, class);
        if (!page)
            return NULL;
    } else {
        page = CONTAINER_OF(pages->next, struct slab_page, link);
    }
    p = page->free;
    if (LIKELY(p != NULL)) {
        memcpy(&page->free, p, sizeof(page->free));
    } else {
        p = page->fresh;
        page->fresh += page->stride;
        *slab_head(p) = (uintptr_t)page;
        *ret_zeroed = true;
    }
    page->live++;
    size_level_add(&s->live, page->stride);
    if (UNLIKELY(!page->free && page->fresh + page->stride - SLAB_HEAD > page->end))
        list_remove(&page->link);
    return p;
}

void *
slab_malloc(struct slab *s, size_t n)
{
    bool zeroed;

    return slab_take(s, n, &zeroed);
}

void *
slab_calloc(struct slab *s, size_t n, size_t size)
{
    size_t all;
    bool zeroed;

    if (UNLIKELY(__builtin_mul_overflow(n, size, &all)))
        return NULL;

    void *p = slab_take(s, all, &zeroed);

    if (p && !zeroed)
        memset(p, 0, all);
    return p;
}

void
slab_give(struct slab *s, void *p)
{
    if (!p)
        return;

    uintptr_t head = *slab_head(p);

    if (UNLIKELY(slab_is_large(head))) {
        size_level_add(&s->live, -(size_t)(head >> 1));
        size_level_add(&s->held, -(size_t)(head >> 1));
        free((char *)p - SLAB_LARGE_HEAD);
        return;
    }

    struct slab_page *page = (struct slab_page *)head;

    assert(page->live > 0);
    memcpy(p, &page->free, sizeof(page->free));
    page->free = p;
    page->live--;
    size_level_add(&s->live, -(size_t)page->stride);
    if (UNLIKELY(!list_linked(&page->link)))
        list_append(&s->classes[page->class], &page->link);
}

void *
slab_realloc(struct slab *s, void *p, size_t n)
{
    if (!p)
        return slab_malloc(s, n);

    uintptr_t head = *slab_head(p);
    size_t room;

    if (slab_is_large(head)) {
        if (n > SLAB_MAX || !slab_pooled)
            return slab_take_large(s, p, n);
        room = head >> 1;
    } else {
        room = ((struct slab_page *)head)->stride - SLAB_HEAD;
        /* Shrinking in place, unless most of the slot would lie idle. */
        if (n <= room && n >= room / 4)
            return p;
    }

    void *to = slab_malloc(s, n);

    if (!to)
        return NULL;
    memcpy(to, p, n < room ? n : room);
    slab_give(s, p);
    return to;
}

size_t
slab_bytes_live(const struct slab *s)
{
    return size_level_get(&s->live);
}

size_t
slab_bytes_held(const struct slab *s)
{
    return size_level_get(&s->held);
}

void
slab_trim(struct slab *s)
{
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        struct list *next;

        for (struct list *at = s->classes[i].next; at != &s->classes[i]; at = next) {
            struct slab_page *page = CONTAINER_OF(at, struct slab_page, link);

            next = at->next;
            if (page->live > 0)
                continue;
            list_remove(at);
            munmap(page, SLAB_PAGE);
            size_level_add(&s->held, -(size_t)SLAB_PAGE);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* obs/ring.c - two positions, each with one writer. Who finds the ring empty begins again at its first byte, so that in quiet times the same few pages are used
 * over and over: `start` tells the reader what was left out. It moves only while the reader has nothing to read. */
#include "obs/ring.h"

#include <assert.h>
#include <string.h>

#include "base/xalloc.h"

void
ring_init(struct ring *r, size_t size)
{
    assert(size > 0 && (size & (size - 1)) == 0);
    *r = (struct ring){ .bytes = xmalloc(size), .size = size };
}

void
ring_done(struct ring *r)
{
    xfree(r->bytes);
    r->bytes = NULL;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool
ring_put(struct ring *r, const void *p, size_t n)
{
    uint64_t mask = r->size - 1;
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint64_t start = atomic_load_explicit(&r->start, memory_order_relaxed);
    size_t at, first;

    if (n > r->size)
        return false;
    tail = later(tail, start);
    if (tail == head && (head & mask) != 0) {
        head = tail = (head + mask) & ~mask;
        atomic_store_explicit(&r->start, head, memory_order_relaxed);
    }
    if (n > r->size - (head - tail))
        return false;
    at = head & mask;
    first = r->size - at < n ? r->size - at : n;
    memcpy(r->bytes + at, p, first);
    if (first < n)
        memcpy(r->bytes, (const char *)p + first, n - first);
    /* With it `start` becomes visible as well. */
    atomic_store_explicit(&r->head, head + n, memory_order_release);
    return true;
}

struct slice
ring_peek(struct ring *r)
{
    uint64_t mask = r->size - 1;
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t start = atomic_load_explicit(&r->start, memory_order_relaxed);
    size_t at, n;

    if (tail >= head)
        return (struct slice){ 0 };
    if (tail < start) {
        tail = start;
        atomic_store_explicit(&r->tail, tail, memory_order_relaxed);
    }
    at = tail & mask;
    n = head > tail ? (size_t)(head - tail) : 0;
    if (n > r->size - at)
        n = r->size - at;
    return slice_make(r->bytes + at, n);
}

void
ring_take(struct ring *r, size_t n)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    /* The bytes were read before the writer may put others in their place. */
    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
}

size_t
ring_used(const struct ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);

    tail = later(tail, atomic_load_explicit(&r->start, memory_order_relaxed));
    return head > tail ? (size_t)(head - tail) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.c - a queue of counted chunks. Only while keeping may a chunk without
 * unread bytes stay in the queue, and only as the sole one: its room is still used by
 * the next append, so that many small kept messages share a chunk. */
#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/level.h"
#include "base/xalloc.h"

enum { BUF_SIZES = 3, BUF_JOIN_MAX = 512, BUF_CUT_SHARE = 16 };

static const uint32_t buf_sizes[BUF_SIZES] = { 480, 4000, 16384 + 64 };

struct buf_pool {
    struct chunk *spare[BUF_SIZES];
    size_t keep;
    _Atomic size_t live, spare_bytes; /* read by other threads */
};

struct buf_pool *
buf_pool_new(size_t keep)
{
    struct buf_pool *p = xcalloc(1, sizeof(*p));

#ifdef OUT_SANITIZED
    keep = 0; /* each chunk goes straight back, so that a late use is seen */
#endif
    p->keep = keep;
    return p;
}

void
buf_pool_free(struct buf_pool *p)
{
    if (!p)
        return;
    assert(p->live == 0);
    buf_pool_trim(p);
    free(p);
}

size_t
buf_pool_live(const struct buf_pool *p)
{
    return size_level_get(&p->live);
}

size_t
buf_pool_spare(const struct buf_pool *p)
{
    return size_level_get(&p->spare_bytes);
}

void
buf_pool_trim(struct buf_pool *p)
{
    for (int i = 0; i < BUF_SIZES; i++) {
        struct chunk *c;

        while ((c = p->spare[i]) != NULL) {
            p->spare[i] = c->next;
            free(c);
        }
    }
    size_level_add(&p->spare_bytes, -size_level_get(&p->spare_bytes));
}

static inline int
chunk_class(size_t room)
{
    return room <= buf_sizes[0] ? 0 : room <= buf_sizes[1] ? 1 : 2;
}

struct chunk *
chunk_take(struct buf_pool *p, size_t room)
{
    int class = chunk_class(room);
    struct chunk *c = p->spare[class];

    if (LIKELY(c != NULL)) {
        p->spare[class] = c->next;
        size_level_add(&p->spare_bytes, -(size_t)c->size);
    } else {
        c = malloc(sizeof(*c) + buf_sizes[class]);
        if (!c)
            return NULL;
        c->size = buf_sizes[class];
    }
    c->next = NULL;
    c->start = c->off = c->len = 0;
    size_level_add(&p->live, c->size);
    return c;
}

void
chunk_give(struct buf_pool *p, struct chunk *c)
{
    int class = chunk_class(c->size);

    size_level_add(&p->live, -(size_t)c->size);
    if (size_level_get(&p->spare_bytes) + c->size > p->keep) {
        free(c);
        return;
    }
    c->next = p->spare[class];
    p->spare[class] = c;
    size_level_add(&p->spare_bytes, c->size);
}

static void
chunk_give_all(struct buf_pool *p, struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;

        chunk_give(p, c);
        c = next;
    }
}

void
buf_init(struct buf *b)
{
    *b = (struct buf){ 0 };
}

void
buf_done(struct buf *b, struct buf_pool *p)
{
    chunk_give_all(p, b->head);
    chunk_give_all(p, b->kept);
    buf_init(b);
}

/* Takes the first chunk off the queue, and gives it back or keeps it. */
static void
buf_retire_head(struct buf *b, struct buf_pool *p)
{
    struct chunk *c = b->head;

    b->head = c->next;
    if (!b->head)
        b->tail = NULL;
    if (!b->keep) {
        chunk_give(p, c);
        return;
    }
    c->next = NULL;
    if (b->kept_tail)
        b->kept_tail->next = c;
    else
        b->kept = c;
    b->kept_tail = c;
}

static void
buf_link_chunks(struct buf *b, struct buf_pool *p, struct chunk *first,
                struct chunk *last)
{
    if (b->head && b->head->off == b->head->len)
        buf_retire_head(b, p);
    if (b->tail)
        b->tail->next = first;
    else
        b->head = first;
    b->tail = last;
}

void
buf_append_chunk(struct buf *b, struct buf_pool *p, struct chunk *c)
{
    c->next = NULL;
    c->start = c->off;
    b->len += c->len - c->off;
    buf_link_chunks(b, p, c, c);
}

/* A chain of empty chunks with room for n bytes. False: no memory. */
static bool
buf_take_chain(struct buf *b, struct buf_pool *p, size_t n, struct chunk **ret_first)
{
    struct chunk *first = NULL, **at = &first;

    while (n > 0) {
        /* A queue that has grown gets bigger chunks than its next few bytes need. */
        struct chunk *c = chunk_take(p, n > b->len / 4 ? n : b->len / 4);

        if (!c) {
            chunk_give_all(p, first);
            return false;
        }
        *at = c;
        at = &c->next;
        n -= n < c->size ? n : c->size;
    }
    *ret_first = first;
    return true;
}

static size_t
chunk_fill(struct chunk *c, const uint8_t *data, size_t n)
{
    size_t room = c->size - c->len;

    if (n > room)
        n = room;
    memcpy(c->data + c->len, data, n);
    c->len += (uint32_t)n;
    return n;
}

/* The tail has `room` for less than n bytes, and one chunk would not take the rest. */
static int
buf_append_chain(struct buf *b, struct buf_pool *p, const uint8_t *from, size_t n,
                 size_t room)
{
    struct chunk *first, *last;
    size_t left = n - room;

    if (!buf_take_chain(b, p, left, &first))
        return ERR_NOMEM;
    if (room > 0)
        from += chunk_fill(b->tail, from, room);
    last = first;
    for (struct chunk *c = first; c; c = c->next) {
        size_t done = chunk_fill(c, from, left);

        from += done;
        left -= done;
        last = c;
    }
    buf_link_chunks(b, p, first, last);
    b->len += n;
    return ERR_OK;
}

int
buf_append(struct buf *b, struct buf_pool *p, const void *data, size_t n, size_t cap)
{
    const uint8_t *from = data;
    struct chunk *tail = b->tail;
    size_t room = tail ? tail->size - tail->len : 0;

    if (UNLIKELY(n > cap || b->len > cap - n))
        return n == 0 ? ERR_OK : ERR_LIMIT; /* the cap may have come down meanwhile */
    if (n <= room) {
        if (LIKELY(n > 0)) {
            memcpy(tail->data + tail->len, from, n);
            tail->len += (uint32_t)n;
            b->len += n;
        }
        return ERR_OK;
    }
    /* The usual case, a message for an empty queue, takes one chunk and no loop. A little room at
     * the end of a full frame is left: what is cut there would have to be joined again later. */
    if (UNLIKELY(room > n / BUF_CUT_SHARE || n > buf_sizes[BUF_SIZES - 1]))
        return buf_append_chain(b, p, from, n, room);

    struct chunk *c = chunk_take(p, n > b->len / 4 ? n : b->len / 4);

    if (UNLIKELY(!c))
        return ERR_NOMEM;
    memcpy(c->data, from, n);
    c->len = (uint32_t)n;
    if (!tail)
        b->head = b->tail = c;
    else
        buf_link_chunks(b, p, c, c);
    b->len += n;
    return ERR_OK;
}

void
buf_splice(struct buf *dst, struct buf_pool *p, struct buf *src)
{
    assert(!src->keep);
    if (src->len == 0)
        return;
    if (src->len <= BUF_JOIN_MAX && dst->tail &&
        src->len <= dst->tail->size - dst->tail->len) {
        for (struct chunk *c = src->head; c; c = c->next)
            chunk_fill(dst->tail, c->data + c->off, c->len - c->off);
        dst->len += src->len;
        buf_done(src, p);
        return;
    }
    src->head->start = src->head->off; /* what was read from src stays read */
    buf_link_chunks(dst, p, src->head, src->tail);
    dst->len += src->len;
    buf_init(src);
}

size_t
buf_peek(const struct buf *b, const uint8_t **ret_p)
{
    const struct chunk *c = b->head;

    if (b->len == 0)
        return 0;
    *ret_p = c->data + c->off;
    return c->len - c->off;
}

void
buf_consume(struct buf *b, struct buf_pool *p, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->keep)
        b->kept_len += n;
    while (n > 0) {
        struct chunk *c = b->head;
        uint32_t part = c->len - c->off;

        if (n < part) {
            c->off += (uint32_t)n;
            return;
        }
        n -= part;
        c->off = c->len;
        if (!b->keep || c->next || c->len == c->size)
            buf_retire_head(b, p);
    }
}

struct chunk *
buf_take_chunk(struct buf *b)
{
    struct chunk *c = b->head;

    if (b->len == 0 || b->keep)
        return NULL;
    b->head = c->next;
    if (!b->head)
        b->tail = NULL;
    b->len -= c->len - c->off;
    c->next = NULL;
    return c;
}

void
buf_keep_start(struct buf *b)
{
    if (b->keep)
        return;
    if (b->head)
        b->head->start = b->head->off;
    b->keep = 1;
    b->kept_len = 0;
}

void
buf_keep_stop(struct buf *b, struct buf_pool *p)
{
    b->keep = 0;
    b->kept_len = 0;
    chunk_give_all(p, b->kept);
    b->kept = b->kept_tail = NULL;
    if (b->head && b->len == 0)
        buf_retire_head(b, p);
}

void
buf_rewind(struct buf *b)
{
    if (!b->keep || b->kept_len == 0)
        return;
    /* Only the kept chunks and the current head have read bytes. */
    for (struct chunk *c = b->kept; c; c = c->next)
        c->off = c->start;
    if (b->head)
        b->head->off = b->head->start;
    if (b->kept) {
        b->kept_tail->next = b->head;
        if (!b->tail)
            b->tail = b->kept_tail;
        b->head = b->kept;
        b->kept = b->kept_tail = NULL;
    }
    b->len += b->kept_len;
    b->kept_len = 0;
}

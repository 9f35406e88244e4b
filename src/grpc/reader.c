/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reader.c - prefix, then body in place or copied together. */
#include "grpc/reader.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/slab.h"
#include "grpc/frame.h"

enum { READER_FIRST_ROOM = 4096 };

void
reader_init(struct reader *r, struct slab *slab, uint32_t max)
{
    *r = (struct reader){ .slab = slab, .max = max };
}

static void
reader_drop_body(struct reader *r)
{
    slab_give(r->slab, r->body);
    r->body = NULL;
    r->body_n = r->body_room = 0;
}

void
reader_done(struct reader *r)
{
    reader_drop_body(r);
}

/* Reads what is missing of the prefix. True when it is complete. */
static bool
reader_take_prefix(struct reader *r, struct buf *in, struct buf_pool *pool, size_t *taken)
{
    while (r->have < FRAME_PREFIX) {
        const uint8_t *p;
        size_t n = buf_peek(in, &p);

        if (n == 0)
            return false;
        if (n > (size_t)(FRAME_PREFIX - r->have))
            n = (size_t)(FRAME_PREFIX - r->have);
        memcpy(r->prefix + r->have, p, n);
        r->have = (uint8_t)(r->have + n);
        buf_consume(in, pool, n);
        *taken += n;
    }
    r->len = (uint32_t)r->prefix[1] << 24 | (uint32_t)r->prefix[2] << 16 |
             (uint32_t)r->prefix[3] << 8 | r->prefix[4];
    return true;
}

static int
reader_check_prefix(const struct reader *r)
{
    if (r->prefix[0] > 1)
        return ERR_SYNTAX;
    if (r->prefix[0] == 1)
        return ERR_PROTOCOL;
    return r->len > r->max ? ERR_LIMIT : 0;
}

/* Makes room for n more bytes of the body. */
static int
reader_grow(struct reader *r, size_t n)
{
    size_t room = r->body_room ? r->body_room : READER_FIRST_ROOM;
    uint8_t *body;

    if (r->body_n + n <= r->body_room)
        return 0;
    while (room < r->body_n + n)
        room *= 2;
    if (room > r->len)
        room = r->len;
    body = slab_realloc(r->slab, r->body, room);
    if (!body)
        return ERR_NOMEM;
    r->body = body;
    r->body_room = room;
    return 0;
}

/* Moves what is there to the body. ERR_AGAIN: not complete yet. */
static int
reader_gather(struct reader *r, struct buf *in, struct buf_pool *pool, size_t *taken)
{
    while (r->body_n < r->len) {
        const uint8_t *p;
        size_t n = buf_peek(in, &p);

        if (n == 0)
            return ERR_AGAIN;
        if (n > r->len - r->body_n)
            n = r->len - r->body_n;
        if (reader_grow(r, n) != 0)
            return ERR_NOMEM;
        memcpy(r->body + r->body_n, p, n);
        r->body_n += n;
        buf_consume(in, pool, n);
        *taken += n;
    }
    return 0;
}

int
reader_take(struct reader *r, struct buf *in, struct buf_pool *pool,
            struct slice *ret_message, size_t *ret_taken)
{
    const uint8_t *p = NULL;
    size_t n;
    int err;

    *ret_taken = 0;
    if (r->in_place) {
        buf_consume(in, pool, r->in_place);
        *ret_taken = r->in_place;
        r->in_place = 0;
    }
    if (r->have == FRAME_PREFIX && r->body_n == r->len && r->body) {
        reader_drop_body(r); /* handed out last time */
        r->have = 0;
    }
    if (!reader_take_prefix(r, in, pool, ret_taken))
        return ERR_AGAIN;
    err = reader_check_prefix(r);
    if (err != 0)
        return err;
    n = buf_peek(in, &p);
    if (r->body_n == 0 && (r->len == 0 || n >= r->len)) {
        *ret_message = slice_make(p, r->len);
        r->in_place = r->len;
        r->have = 0;
        return 0;
    }
    err = reader_gather(r, in, pool, ret_taken);
    if (err == 0)
        *ret_message = slice_make(r->body, r->body_n);
    return err;
}

bool
reader_at_border(const struct reader *r, const struct buf *in)
{
    if (in->len > r->in_place)
        return false;
    return r->have == 0 || (r->body && r->body_n == r->len);
}

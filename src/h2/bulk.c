/* SPDX-License-Identifier: Apache-2.0 */
/* h2/bulk.c - reads of a connection that sends large messages, without a copy of their bytes. A peer that cuts a message into frames makes them
 * all of one size. So inside or behind a large DATA frame the next ones are guessed to be like it, and the bytes are read into chunks of which
 * each has room for one such frame, its head in front. What was read goes through the one reader of frames, in order, whatever it is; a payload
 * that reaches to the end of its chunk is then not copied into the stream's queue: the queue takes the chunk (bulk_take). A wrong guess costs
 * the copy that would have been made anyway, a shift by a few bytes costs a copy of these few. */
#include "h2/conn_int.h"

#include "base/buf.h"

enum {
    BULK_READ_MIN = 16 * 1024, /* less in the last read: it is not worth it */
    BULK_FRAME_MIN = 8 * 1024, /* a smaller payload would leave most of a chunk empty */
};

static bool
bulk_wanted(const struct h2_conn *c)
{
    const struct recv *r = &c->recv;

    return c->last_read >= BULK_READ_MIN && r->f.type == FRAME_DATA &&
           r->f.len >= BULK_FRAME_MIN && (r->mode == RECV_DATA || r->mode == RECV_HEAD);
}

static bool
bulk_add(struct bulk *b, struct buf_pool *bufs, size_t n)
{
    struct chunk *ch = chunk_take(bufs, n);

    if (!ch)
        return false;
    b->chunks[b->n] = ch;
    b->v[b->n++] = (struct iovec){ .iov_base = ch->data, .iov_len = n };
    return true;
}

/* The first ones are warm: they go on top again. */
static void
bulk_end(struct h2_conn *c)
{
    struct bulk *b = &c->w->bulk;

    while (b->n > 0) {
        struct chunk *ch = b->chunks[--b->n];

        if (ch)
            chunk_give(c->w->bufs, ch);
    }
}

/* Room for twice the last read: the rest of the frame that the reader is in, then whole ones. */
bool
bulk_begin(struct h2_conn *c)
{
    struct bulk *b = &c->w->bulk;
    size_t rest = c->recv.mode == RECV_DATA ? c->recv.left : 0;
    size_t frame = FRAME_HEAD + c->recv.f.len, frames;

    if (!bulk_wanted(c))
        return false;
    frames = 1 + 2 * (size_t)c->last_read / frame;
    b->at = 0;
    if (rest > 0 && !bulk_add(b, c->w->bufs, rest))
        return false;
    while (frames-- > 0 && b->n < BULK_PIECES && bulk_add(b, c->w->bufs, frame))
        ;
    if (b->n == 0)
        return false;                               /* no memory: copying may still do */
    b->v[0].iov_len -= rest > 0 ? 0 : c->recv.have; /* of a head that came in part */
    return true;
}

ssize_t
bulk_read(struct h2_conn *c)
{
    ssize_t n = transport_readv(c->t, c->w->bulk.v, c->w->bulk.n);

    if (n <= 0)
        bulk_end(c);
    return n;
}

/* The pieces that n bytes fill; the last one is made as short as its bytes. */
static int
bulk_filled(struct bulk *b, size_t n)
{
    int filled = 0;

    for (; n > 0; filled++) {
        struct iovec *v = &b->v[filled];

        v->iov_len = v->iov_len < n ? v->iov_len : n;
        n -= v->iov_len;
    }
    return filled;
}

void
bulk_feed(struct h2_conn *c, size_t n)
{
    struct bulk *b = &c->w->bulk;
    int filled = bulk_filled(b, n);
    bool yield = false;

    for (; b->at < filled; b->at++) {
        struct iovec *v = &b->v[b->at];
        size_t k = recv_feed(c, v->iov_base, v->iov_len, &yield);

        if (k < v->iov_len) { /* the turn's share is used up, or the connection ends */
            v->iov_base = (uint8_t *)v->iov_base + k;
            v->iov_len -= k;
            break;
        }
    }
    conn_fed(c, &b->v[b->at], yield ? filled - b->at : 0);
    bulk_end(c);
}

struct chunk *
bulk_take(struct bulk *b, const uint8_t *p, size_t n)
{
    struct chunk *ch = b->at < b->n ? b->chunks[b->at] : NULL;

    if (!ch || n < ch->size / 2 ||
        p + n != (uint8_t *)b->v[b->at].iov_base + b->v[b->at].iov_len)
        return NULL;
    b->chunks[b->at] = NULL;
    ch->off = (uint32_t)(p - ch->data);
    ch->len = ch->off + (uint32_t)n;
    return ch;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* h2/output.c - gathers one flush of a connection: small pieces are copied together, large chunks go by reference, one writev.
 * What the socket does not take is copied to the connection's outq; until that is empty nothing new is made. */
#include "h2/conn_int.h"

enum { OUT_COPY_MAX = 2048 }; /* copying less costs less than an entry of its own */

void
output_bytes(struct output *o, const void *p, size_t n)
{
    struct iovec *last = o->n ? &o->iov[o->n - 1] : NULL;
    uint8_t *to = o->scratch + o->used;

    memcpy(to, p, n);
    o->used += n;
    o->total += n;
    if (last && (uint8_t *)last->iov_base + last->iov_len == to) {
        last->iov_len += n; /* scratch grows upwards without a hole: the entries join */
        return;
    }
    o->iov[o->n++] = (struct iovec){ .iov_base = to, .iov_len = n };
}

static void
output_refer(struct output *o, const uint8_t *p, size_t n)
{
    o->iov[o->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = n };
    o->total += n;
}

/* Drops n bytes, all in the first chunk. The chunk lives until the write: entries may point into it, also into a part that went before. Kept
 * bytes and a chunk that is not used up stay in the queue, and no owner runs before the write. */
static void
output_consume(struct output *o, struct h2_worker *w, struct buf *from, size_t n)
{
    struct chunk *c = from->head;

    if (from->keep || n < c->len - c->off) {
        buf_consume(from, w->bufs, n);
        return;
    }
    c = buf_take_chunk(from);
    c->next = o->spent;
    o->spent = c;
}

/* The first n bytes of a queue: large pieces by reference, the rest copied. The caller made sure of room. */
void
output_from(struct output *o, struct h2_worker *w, struct buf *from, size_t n)
{
    while (n) {
        const uint8_t *p;
        size_t k = buf_peek(from, &p);

        k = k < n ? k : n;
        if (k >= OUT_COPY_MAX && o->n + 4 < OUT_IOV)
            output_refer(o, p, k);
        else
            output_bytes(o, p, k);
        output_consume(o, w, from, k);
        n -= k;
    }
}

/* Room for one more frame (header, payload copied, and two entries) must be left. */
bool
output_full(const struct output *o, size_t limit)
{
    return o->total >= limit || o->used + 17 * 1024 + 64 > OUT_SCRATCH ||
           o->n + 6 > OUT_IOV;
}

static void
output_reset(struct h2_conn *c)
{
    struct output *o = &c->w->out;

    while (o->spent) {
        struct chunk *next = o->spent->next;

        chunk_give(c->w->bufs, o->spent);
        o->spent = next;
    }
    o->n = 0;
    o->used = o->total = 0;
}

static void
output_written(struct h2_conn *c, size_t n)
{
    c->out_written += n;
    c->write_progress_us = loop_now_us(c->w->loop);
}

/* Copies what was not written to outq. */
static int
output_keep_rest(struct h2_conn *c, size_t done)
{
    struct output *o = &c->w->out;

    for (int i = 0; i < o->n; i++) {
        const uint8_t *p = o->iov[i].iov_base;
        size_t n = o->iov[i].iov_len;
        size_t skip = done < n ? done : n;

        done -= skip;
        if (n > skip &&
            buf_append(&c->outq, c->w->bufs, p + skip, n - skip, SIZE_MAX) != 0)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

int
output_write(struct h2_conn *c)
{
    struct output *o = &c->w->out;
    ssize_t k = 0;
    int rv = ERR_OK;

    if (o->n == 0)
        return ERR_OK;
    c->out_made += o->total;
    k = transport_writev(c->t, o->iov, o->n);
    if (k > 0)
        output_written(c, (size_t)k);
    else if (k == ERR_AGAIN)
        k = 0;
    else
        rv = (int)k;
    if (rv == ERR_OK && (size_t)k < o->total) {
        if (k == 0 && c->outq.len == 0)
            c->write_progress_us = loop_now_us(c->w->loop);
        rv = output_keep_rest(c, (size_t)k);
        if (rv == ERR_OK)
            rv = ERR_AGAIN;
    }
    output_reset(c);
    return rv;
}

int
output_write_rest(struct h2_conn *c)
{
    UNINITIALIZED struct iovec iov[OUT_IOV];
    int n = 0;
    ssize_t k;

    for (const struct chunk *ch = c->outq.head; ch && n < OUT_IOV; ch = ch->next) {
        if (ch->len > ch->off)
            iov[n++] = (struct iovec){ (void *)(ch->data + ch->off), ch->len - ch->off };
    }
    if (n == 0)
        return ERR_OK;
    k = transport_writev(c->t, iov, n);
    if (k < 0)
        return (int)k;
    output_written(c, (size_t)k);
    buf_consume(&c->outq, c->w->bufs, (size_t)k);
    return c->outq.len ? ERR_AGAIN : ERR_OK;
}

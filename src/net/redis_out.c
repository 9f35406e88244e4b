/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis_out.c - one growing piece of memory, which is given back when much of it was needed. */
#include "net/redis_out.h"

#include <stdio.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/transport.h"

enum { ROOM_KEPT = 64 * 1024, NUMBER_ROOM = 32 };

static void
out_put(struct redis_out *o, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (o->room - o->n < n) {
        o->room = (o->room + n) * 2;
        o->bytes = xrealloc(o->bytes, o->room);
    }
    memcpy(o->bytes + o->n, p, n);
    o->n += n;
}

static void
out_put_count(struct redis_out *o, char mark, size_t n)
{
    char text[NUMBER_ROOM];

    out_put(o, text, (size_t)snprintf(text, sizeof(text), "%c%zu\r\n", mark, n));
}

void
redis_out_begin(struct redis_out *o, size_t words)
{
    out_put_count(o, '*', words);
}

void
redis_out_word(struct redis_out *o, struct slice word)
{
    out_put_count(o, '$', word.n);
    out_put(o, word.p, word.n);
    out_put(o, "\r\n", 2);
}

size_t
redis_out_left(const struct redis_out *o)
{
    return o->n - o->at;
}

int
redis_out_write(struct redis_out *o, struct transport *t)
{
    while (o->at < o->n) {
        struct iovec v = { .iov_base = o->bytes + o->at, .iov_len = o->n - o->at };
        ssize_t n = transport_writev(t, &v, 1);

        if (n == ERR_AGAIN)
            return ERR_OK;
        if (n < 0)
            return (int)n;
        o->at += (size_t)n;
    }
    o->n = o->at = 0;
    if (o->room > ROOM_KEPT)
        redis_out_done(o);
    return ERR_OK;
}

void
redis_out_done(struct redis_out *o)
{
    xfree(o->bytes);
    *o = (struct redis_out){ 0 };
}

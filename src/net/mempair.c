/* SPDX-License-Identifier: Apache-2.0 */
/* net/mempair.c - two transports in memory for tests, as exact as sockets: level
 * triggered, partial, half-closed. An end that is wanted and ready starts a timer of
 * no delay on its own loop, so its callback runs in a later turn, the order of
 * callbacks is the order of events, and close leaves nothing behind. */
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/transport.h"

struct mempair;

struct memend {
    struct transport t;
    struct ref ref;
    struct loop *loop;
    struct mempair *pair;
    struct memend *peer;
    struct timer tell;
    char *in; /* ring of `room` bytes that this end reads */
    size_t in_at, in_len;
    bool want_read, want_write;
    bool shut; /* we send no more */
    bool closed;
};

struct mempair {
    size_t room, step;
    int alive; /* ends not yet reaped: the two may sit on different loops */
    struct memend ends[2];
    char bytes[];
};

static struct memend *
memend_of(struct transport *t)
{
    return CONTAINER_OF(t, struct memend, t);
}

static int
memend_ready(const struct memend *e)
{
    const struct memend *peer = e->peer;
    bool gone = peer->shut || peer->closed;
    int what = 0;

    if (e->want_read && (e->in_len > 0 || gone))
        what |= TRANSPORT_READABLE;
    if (e->want_write && (peer->closed || peer->in_len < e->pair->room))
        what |= TRANSPORT_WRITABLE;
    return what;
}

/* Starts or keeps the telling of an end whose state may have changed. */
static void
memend_update(struct memend *e)
{
    if (!e->closed && memend_ready(e) != 0 && !timer_running(&e->tell))
        timer_start(e->loop, &e->tell, 0);
}

static void
memend_on_tell(struct timer *t)
{
    struct memend *e = CONTAINER_OF(t, struct memend, tell);
    int what = memend_ready(e);

    if (what != 0)
        e->t.fn(e->t.arg, what);
    memend_update(e);
}

static size_t
memend_limit(const struct memend *e, size_t n)
{
    return e->pair->step > 0 && n > e->pair->step ? e->pair->step : n;
}

static void
memend_get(struct memend *e, void *to, size_t n)
{
    size_t room = e->pair->room, part = room - e->in_at;

    if (part > n)
        part = n;
    memcpy(to, e->in + e->in_at, part);
    memcpy((char *)to + part, e->in, n - part);
    e->in_at = (e->in_at + n) % room;
    e->in_len -= n;
}

static ssize_t
memend_readv(struct transport *t, const struct iovec *v, int n)
{
    struct memend *e = memend_of(t);
    size_t left = memend_limit(e, e->in_len), sum = 0;

    if (e->closed)
        return ERR_CONN_LOST;
    if (e->in_len == 0)
        return e->peer->shut || e->peer->closed ? ERR_EOF : ERR_AGAIN;
    for (int i = 0; i < n && left > 0; i++) {
        size_t k = v[i].iov_len < left ? v[i].iov_len : left;

        memend_get(e, v[i].iov_base, k);
        sum += k;
        left -= k;
    }
    memend_update(e->peer);
    return (ssize_t)sum;
}

static ssize_t
memend_read(struct transport *t, void *to, size_t room)
{
    struct iovec v = { .iov_base = to, .iov_len = room };

    return memend_readv(t, &v, 1);
}

static size_t
memend_put(struct memend *to, const void *from, size_t n)
{
    size_t room = to->pair->room;
    size_t at = (to->in_at + to->in_len) % room;
    size_t part = room - at;

    if (n > room - to->in_len)
        n = room - to->in_len;
    if (part > n)
        part = n;
    memcpy(to->in + at, from, part);
    memcpy(to->in, (const char *)from + part, n - part);
    to->in_len += n;
    return n;
}

static ssize_t
memend_writev(struct transport *t, const struct iovec *v, int n)
{
    struct memend *e = memend_of(t);
    size_t left = memend_limit(e, SIZE_MAX), sum = 0;

    if (e->closed || e->shut || e->peer->closed)
        return ERR_CONN_LOST;
    for (int i = 0; i < n && left > 0; i++) {
        size_t ask = v[i].iov_len < left ? v[i].iov_len : left;
        size_t done = ask > 0 ? memend_put(e->peer, v[i].iov_base, ask) : 0;

        sum += done;
        left -= done;
        if (done < ask)
            break;
    }
    if (sum == 0)
        return ERR_AGAIN;
    memend_update(e->peer);
    return (ssize_t)sum;
}

static void
memend_want(struct transport *t, bool read, bool write)
{
    struct memend *e = memend_of(t);

    e->want_read = read;
    e->want_write = write;
    memend_update(e);
}

static void
memend_shut(struct transport *t)
{
    struct memend *e = memend_of(t);

    e->shut = true;
    memend_update(e->peer);
}

static void
memend_close(struct transport *t)
{
    struct memend *e = memend_of(t);

    if (e->closed)
        return;
    e->closed = true;
    timer_stop(e->loop, &e->tell);
    t->fn = NULL;
    memend_update(e->peer);
    ref_drop(&e->ref, loop_reaper(e->loop));
}

static void
memend_free(struct ref *r)
{
    struct mempair *pair = CONTAINER_OF(r, struct memend, ref)->pair;

    if (--pair->alive == 0)
        xfree(pair);
}

static const struct transport_ops memend_ops = {
    .read = memend_read,
    .readv = memend_readv,
    .writev = memend_writev,
    .want = memend_want,
    .shut = memend_shut,
    .close = memend_close,
};

void
mempair_new(struct loop *a_loop, struct loop *b_loop, size_t room, size_t step,
            struct transport **ret_a, struct transport **ret_b)
{
    struct mempair *pair = xcalloc(1, sizeof(*pair) + 2 * room);

    pair->room = room;
    pair->step = step;
    pair->alive = 2;
    for (int i = 0; i < 2; i++) {
        struct memend *e = &pair->ends[i];

        e->t.ops = &memend_ops;
        ref_init(&e->ref, memend_free);
        timer_init(&e->tell, memend_on_tell);
        e->loop = i == 0 ? a_loop : b_loop;
        e->pair = pair;
        e->peer = &pair->ends[1 - i];
        e->in = pair->bytes + (size_t)i * room;
    }
    *ret_a = &pair->ends[0].t;
    *ret_b = &pair->ends[1].t;
}

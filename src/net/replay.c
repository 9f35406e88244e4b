/* SPDX-License-Identifier: Apache-2.0 */
/* net/replay.c - bytes that were read before, then the transport below. That they wait is told by a timer of no delay, since the socket may have nothing more. */
#include "net/replay.h"

#include <assert.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/transport.h"

struct replay {
    struct transport t;
    struct ref ref;
    struct loop *loop;
    struct transport *below; /* NULL: closed */
    struct timer waiting;    /* runs while bytes wait and somebody wants them */
    size_t at, n;
    uint8_t bytes[];
};

static struct replay *
replay_of(struct transport *t)
{
    return CONTAINER_OF(t, struct replay, t);
}

static void
replay_on_timer(struct timer *timer)
{
    struct replay *r = CONTAINER_OF(timer, struct replay, waiting);

    if (r->t.fn)
        r->t.fn(r->t.arg, TRANSPORT_READABLE);
}

static void
replay_on_below(void *arg, int what)
{
    struct replay *r = arg;

    if (r->t.fn)
        r->t.fn(r->t.arg, what);
}

static ssize_t
replay_readv(struct transport *t, const struct iovec *v, int n)
{
    struct replay *r = replay_of(t);
    size_t got = 0;

    if (!r->below)
        return ERR_CONN_LOST;
    if (r->at == r->n) {
        ssize_t rv = transport_readv(r->below, v, n);

        t->sys_errno = r->below->sys_errno;
        return rv;
    }
    for (int i = 0; i < n && r->at < r->n; i++) {
        size_t k = v[i].iov_len < r->n - r->at ? v[i].iov_len : r->n - r->at;

        memcpy(v[i].iov_base, r->bytes + r->at, k);
        r->at += k;
        got += k;
    }
    return (ssize_t)got;
}

static ssize_t
replay_read(struct transport *t, void *to, size_t room)
{
    const struct iovec v = { .iov_base = to, .iov_len = room };

    return replay_readv(t, &v, 1);
}

static ssize_t
replay_writev(struct transport *t, const struct iovec *v, int n)
{
    struct replay *r = replay_of(t);
    ssize_t rv = r->below ? transport_writev(r->below, v, n) : ERR_CONN_LOST;

    if (r->below)
        t->sys_errno = r->below->sys_errno;
    return rv;
}

static void
replay_want(struct transport *t, bool read, bool write)
{
    struct replay *r = replay_of(t);

    if (!r->below)
        return;
    if (read && r->at < r->n)
        timer_start(r->loop, &r->waiting, 0);
    else
        timer_stop(r->loop, &r->waiting);
    transport_want(r->below, read, write);
}

static void
replay_shut(struct transport *t)
{
    struct replay *r = replay_of(t);

    if (r->below)
        transport_shut(r->below);
}

static void
replay_close(struct transport *t)
{
    struct replay *r = replay_of(t);

    if (!r->below)
        return;
    timer_stop(r->loop, &r->waiting);
    transport_close(r->below);
    r->below = NULL;
    t->fn = NULL;
    ref_drop(&r->ref, loop_reaper(r->loop));
}

static void
replay_set_user_timeout(struct transport *t, int64_t us)
{
    struct replay *r = replay_of(t);

    if (r->below)
        transport_set_user_timeout(r->below, us);
}

static void
replay_set_probes(struct transport *t)
{
    struct replay *r = replay_of(t);

    if (r->below)
        transport_set_probes(r->below);
}

static void
replay_free(struct ref *ref)
{
    xfree(CONTAINER_OF(ref, struct replay, ref));
}

static const struct transport_ops replay_ops = {
    .read = replay_read,
    .readv = replay_readv,
    .writev = replay_writev,
    .want = replay_want,
    .shut = replay_shut,
    .close = replay_close,
    .set_user_timeout = replay_set_user_timeout,
    .set_probes = replay_set_probes,
};

struct transport *
replay_new(struct loop *l, struct transport *below, const void *bytes, size_t n)
{
    struct replay *r = xcalloc(1, sizeof(*r) + n);

    assert(n <= REPLAY_MAX);
    r->t.ops = &replay_ops;
    ref_init(&r->ref, replay_free);
    r->loop = l;
    r->below = below;
    r->n = n;
    if (n > 0)
        memcpy(r->bytes, bytes, n);
    timer_init(&r->waiting, replay_on_timer);
    transport_bind(below, replay_on_below, r);
    return &r->t;
}

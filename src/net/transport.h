/* SPDX-License-Identifier: Apache-2.0 */
/* net/transport.h - a byte stream to one peer; plain socket, memory pair for tests,
 * TLS later: the same five calls. The owner gets readiness through its callback and
 * asks for it with transport_want.  No call of this file ever calls the callback
 * before it returned.  transport_close is idempotent; afterwards the callback never
 * runs; the memory goes at the end of the turn. Loop's thread only. */
#ifndef OUTRIGGER_NET_TRANSPORT_H
#define OUTRIGGER_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compat.h"

struct addr;
struct loop;
struct socket_facts;
struct transport;

enum {
    TRANSPORT_READABLE = 1,
    TRANSPORT_WRITABLE = 2,
    TRANSPORT_CONNECTED = 4,
    TRANSPORT_FAILED = 8
};
typedef void transport_fn(void *arg, int what); /* bits of the enum above */

struct transport_ops {
    ssize_t (*read)(struct transport *, void *to, size_t room);
    ssize_t (*readv)(struct transport *, const struct iovec *, int n);
    ssize_t (*writev)(struct transport *, const struct iovec *, int n);
    void (*want)(struct transport *, bool read, bool write);
    void (*shut)(struct transport *); /* half-close of our sending side */
    void (*close)(struct transport *);
    void (*set_user_timeout)(struct transport *, int64_t us); /* NULL: has none */
    void (*set_probes)(struct transport *);                   /* NULL: has none */
    bool (*facts)(struct transport *,
                  struct socket_facts *); /* NULL: there is no socket */
};

struct transport { /* first field of every implementation */
    const struct transport_ops *ops;
    transport_fn *fn;
    void *arg;
    int sys_errno; /* why the last call failed, for the log */
};

/* > 0 bytes; ERR_AGAIN; ERR_EOF; ERR_CONN_LOST. */
static inline ssize_t
transport_read(struct transport *t, void *to, size_t room)
{
    return t->ops->read(t, to, room);
}

/* The same into several pieces, which are filled in their order. */
static inline ssize_t
transport_readv(struct transport *t, const struct iovec *v, int n)
{
    return t->ops->readv(t, v, n);
}

/* > 0 bytes taken (maybe fewer than asked); ERR_AGAIN; ERR_CONN_LOST. Never raises
 * SIGPIPE. */
static inline ssize_t
transport_writev(struct transport *t, const struct iovec *v, int n)
{
    return t->ops->writev(t, v, n);
}

static inline void
transport_want(struct transport *t, bool read, bool write)
{
    t->ops->want(t, read, write);
}

static inline void
transport_shut(struct transport *t)
{
    t->ops->shut(t);
}

/* Bytes that the peer does not acknowledge, or a window of zero, for this long end the
 * connection (TCP_USER_TIMEOUT, gRFC A18). */
static inline void
transport_set_user_timeout(struct transport *t, int64_t us)
{
    if (t->ops->set_user_timeout)
        t->ops->set_user_timeout(t, us);
}

/* The kernel looks after a silent peer: TCP keepalive 10 s + 3 x 5 s and
 * TCP_USER_TIMEOUT 20 s (reliability.md limits sheet). For connections that nobody
 * sends PINGs on. */
static inline void
transport_set_probes(struct transport *t)
{
    if (t->ops->set_probes)
        t->ops->set_probes(t);
}

static inline void
transport_close(struct transport *t)
{
    if (t)
        t->ops->close(t);
}

/* Sets who is told. Must be called before the first transport_want. */
static inline void
transport_bind(struct transport *t, transport_fn *fn, void *arg)
{
    t->fn = fn;
    t->arg = arg;
}

/* net/plain.c: a connected, non-blocking socket becomes a transport, which owns the
 * fd. Sets TCP_NODELAY and close-on-exec. */
struct transport *transport_from_fd(struct loop *l, int fd);
/* net/plain.c: starts a connect. The callback gets TRANSPORT_CONNECTED or
 * TRANSPORT_FAILED (sys_errno set) in a later turn, never inside this call, also when
 * it fails at once; afterwards it works like any other. Never NULL. The caller has the
 * connect timer. Sets TCP_NODELAY and transport_set_probes. */
struct transport *transport_connect(struct loop *l, const struct addr *to);
/* net/mempair.c: two transports joined by two queues of `room` bytes each. Readiness
 * is told by timers of no delay, so callbacks run in a later turn and in the order of
 * events. Either end may sit on another loop object of the same thread. Reads and
 * writes can be made small: `step` = most bytes per call (0: no limit). */
void mempair_new(struct loop *a_loop, struct loop *b_loop, size_t room, size_t step,
                 struct transport **ret_a, struct transport **ret_b);

#endif

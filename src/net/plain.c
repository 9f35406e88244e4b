/* SPDX-License-Identifier: Apache-2.0 */
/* net/plain.c - a TCP or unix socket as a transport. The result of a connect that ends
 * at once is told by a timer of no delay, which runs in a later turn and which close
 * can stop. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "net/socket_facts.h"
#include "net/transport.h"

enum {
    PLAIN_KEEP_IDLE_S = 10,
    PLAIN_KEEP_INTERVAL_S = 5,
    PLAIN_KEEP_COUNT = 3,
    PLAIN_USER_TIMEOUT_MS = 20000,
    PLAIN_IOV_MAX = 1024, /* readv and sendmsg refuse more */
};

enum plain_state { PLAIN_CONNECTING, PLAIN_OPEN, PLAIN_FAILED, PLAIN_CLOSED };

struct plain {
    struct transport t;
    struct ref ref;
    struct loop *loop;
    struct fdwatch *watch; /* NULL while there is no fd */
    struct timer at_once;  /* tells the result of a connect that did not have to wait */
    int fd;                /* -1: none */
    enum plain_state state;
    bool want_read, want_write; /* asked for while connecting */
};

static struct plain *
plain_of(struct transport *t)
{
    return CONTAINER_OF(t, struct plain, t);
}

static void
plain_set_int(int fd, int level, int option, int value)
{
    /* Unix sockets have no TCP options; a missing option is never a reason to fail. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static ssize_t
plain_fail_io(struct plain *p)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ERR_AGAIN;
    p->t.sys_errno = errno;
    return ERR_CONN_LOST;
}

static ssize_t
plain_refuse_io(const struct plain *p)
{
    return p->state == PLAIN_CONNECTING ? ERR_AGAIN : ERR_CONN_LOST;
}

static ssize_t
plain_read(struct transport *t, void *to, size_t room)
{
    struct plain *p = plain_of(t);
    ssize_t n;

    if (UNLIKELY(p->state != PLAIN_OPEN))
        return plain_refuse_io(p);
    do
        n = recv(p->fd, to, room, 0);
    while (UNLIKELY(n < 0 && errno == EINTR));
    if (LIKELY(n > 0))
        return n;
    return n == 0 ? ERR_EOF : plain_fail_io(p);
}

static ssize_t
plain_readv(struct transport *t, const struct iovec *v, int n)
{
    struct plain *p = plain_of(t);
    ssize_t got;

    if (UNLIKELY(p->state != PLAIN_OPEN))
        return plain_refuse_io(p);
    do
        got = readv(p->fd, v, n < PLAIN_IOV_MAX ? n : PLAIN_IOV_MAX);
    while (UNLIKELY(got < 0 && errno == EINTR));
    if (LIKELY(got > 0))
        return got;
    return got == 0 ? ERR_EOF : plain_fail_io(p);
}

static ssize_t
plain_writev(struct transport *t, const struct iovec *v, int n)
{
    struct plain *p = plain_of(t);
    struct msghdr msg = {
        .msg_iov = (struct iovec *)(uintptr_t)v, /* sendmsg only reads it */
        .msg_iovlen = (size_t)(n < PLAIN_IOV_MAX ? n : PLAIN_IOV_MAX),
    };
    ssize_t done;

    if (UNLIKELY(p->state != PLAIN_OPEN))
        return plain_refuse_io(p);
    do
        done = sendmsg(p->fd, &msg, MSG_NOSIGNAL);
    while (UNLIKELY(done < 0 && errno == EINTR));
    return LIKELY(done >= 0) ? done : plain_fail_io(p);
}

static void
plain_want(struct transport *t, bool read, bool write)
{
    struct plain *p = plain_of(t);

    if (p->state == PLAIN_CONNECTING) {
        p->want_read = read;
        p->want_write = write;
    } else if (p->state == PLAIN_OPEN) {
        fdwatch_want(p->watch, read, write);
    }
}

static void
plain_shut(struct transport *t)
{
    struct plain *p = plain_of(t);

    if (p->state == PLAIN_OPEN)
        shutdown(p->fd, SHUT_WR);
}

static void
plain_drop_fd(struct plain *p)
{
    fdwatch_close(p->watch);
    p->watch = NULL;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void
plain_close(struct transport *t)
{
    struct plain *p = plain_of(t);

    if (p->state == PLAIN_CLOSED)
        return;
    p->state = PLAIN_CLOSED;
    timer_stop(p->loop, &p->at_once);
    plain_drop_fd(p);
    t->fn = NULL;
    ref_drop(&p->ref, loop_reaper(p->loop));
}

static void
plain_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct plain, ref));
}

static void
plain_set_user_timeout(struct transport *t, int64_t us)
{
    int64_t ms = us / 1000;

    plain_set_int(plain_of(t)->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                  ms < 1           ? 1
                  : ms < INT32_MAX ? (int)ms
                                   : INT32_MAX);
}

static void
plain_set_probes(struct transport *t)
{
    int fd = plain_of(t)->fd;

    plain_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    plain_set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, PLAIN_KEEP_IDLE_S);
    plain_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, PLAIN_KEEP_INTERVAL_S);
    plain_set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, PLAIN_KEEP_COUNT);
    plain_set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, PLAIN_USER_TIMEOUT_MS);
}

static bool
plain_facts(struct transport *t, struct socket_facts *ret)
{
    const struct plain *p = plain_of(t);
    socklen_t n = sizeof(ret->tcp);

    if (p->state != PLAIN_OPEN)
        return false;
    *ret = (struct socket_facts){ .local.len = sizeof(ret->local.sa) };
    if (getsockname(p->fd, (struct sockaddr *)&ret->local.sa, &ret->local.len) != 0)
        ret->local.len = 0;
    ret->has_tcp = !addr_is_unix(&ret->local) &&
                   getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &ret->tcp, &n) == 0;
    return true;
}

static const struct transport_ops plain_ops = {
    .read = plain_read,
    .readv = plain_readv,
    .writev = plain_writev,
    .want = plain_want,
    .shut = plain_shut,
    .close = plain_close,
    .set_user_timeout = plain_set_user_timeout,
    .set_probes = plain_set_probes,
    .facts = plain_facts,
};

/* On loopback a connect to a free port of the ephemeral range may meet itself: both
 * ends are one socket. */
static bool
plain_is_self(int fd)
{
    struct addr us = { .len = sizeof(us.sa) }, them = { .len = sizeof(them.sa) };

    return getsockname(fd, (struct sockaddr *)&us.sa, &us.len) == 0 &&
           getpeername(fd, (struct sockaddr *)&them.sa, &them.len) == 0 &&
           !addr_is_unix(&us) && addr_is_local(&us) && addr_equal(&us, &them);
}

/* The connect ended: reason is 0 or an errno. */
static void
plain_end_connect(struct plain *p, int reason)
{
    if (reason == 0 && plain_is_self(p->fd))
        reason = ECONNREFUSED;
    if (reason != 0) {
        p->state = PLAIN_FAILED;
        p->t.sys_errno = reason;
        plain_drop_fd(p);
        p->t.fn(p->t.arg, TRANSPORT_FAILED);
        return;
    }
    p->state = PLAIN_OPEN;
    fdwatch_want(p->watch, p->want_read, p->want_write);
    p->t.fn(p->t.arg, TRANSPORT_CONNECTED);
}

static void
plain_on_at_once(struct timer *t)
{
    struct plain *p = CONTAINER_OF(t, struct plain, at_once);

    plain_end_connect(p, p->t.sys_errno);
}

static void
plain_on_ready(void *arg, int what)
{
    struct plain *p = arg;
    int reason = 0;
    socklen_t len = sizeof(reason);

    if (LIKELY(p->state == PLAIN_OPEN)) {
        p->t.fn(p->t.arg, (what & FD_READ ? TRANSPORT_READABLE : 0) |
                              (what & FD_WRITE ? TRANSPORT_WRITABLE : 0));
        return;
    }
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &reason, &len) < 0)
        reason = errno;
    plain_end_connect(p, reason);
}

static struct plain *
plain_new(struct loop *l, int fd, enum plain_state state)
{
    struct plain *p = xcalloc(1, sizeof(*p));

    p->t.ops = &plain_ops;
    ref_init(&p->ref, plain_free);
    timer_init(&p->at_once, plain_on_at_once);
    p->loop = l;
    p->fd = fd;
    p->state = state;
    if (fd >= 0)
        p->watch = fdwatch_open(l, fd, plain_on_ready, p);
    return p;
}

struct transport *
transport_from_fd(struct loop *l, int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    plain_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return &plain_new(l, fd, PLAIN_OPEN)->t;
}

struct transport *
transport_connect(struct loop *l, const struct addr *to)
{
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int reason = fd < 0 ? errno : 0;
    struct plain *p = plain_new(l, fd, PLAIN_CONNECTING);

    if (fd >= 0) {
        plain_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        plain_set_probes(&p->t);
        if (connect(fd, (const struct sockaddr *)&to->sa, to->len) < 0)
            reason = errno;
    }
    if (reason == EINPROGRESS) {
        fdwatch_want(p->watch, false, true);
    } else {
        p->t.sys_errno = reason;
        timer_start(l, &p->at_once, 0);
    }
    return &p->t;
}

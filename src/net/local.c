/* SPDX-License-Identifier: Apache-2.0 */
/* net/local.c - unix sockets between processes of one host. */
#include "net/local.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "net/addr.h"

enum { PASS_MAX = 4 };

int
local_datagram_open(int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return ERR_SYS;
    *ret_fd = fd;
    return ERR_OK;
}

int
local_send_to(int fd, const struct addr *to, const void *p, size_t n)
{
    return sendto(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to->sa,
                  to->len) < 0
               ? ERR_SYS
               : ERR_OK;
}

int
local_connect(const struct addr *to, int64_t wait_ms, int *ret_fd)
{
    const struct timeval wait = { .tv_sec = wait_ms / 1000,
                                  .tv_usec = wait_ms % 1000 * 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return ERR_SYS;
    /* SO_SNDTIMEO bounds connect too, socket(7). */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
        connect(fd, (const struct sockaddr *)&to->sa, to->len) < 0) {
        int e = errno;

        close(fd);
        errno = e;
        return ERR_SYS;
    }
    *ret_fd = fd;
    return ERR_OK;
}

int
local_peer_uid(int fd, uid_t *ret_uid)
{
    struct ucred who;
    socklen_t n = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
        return ERR_SYS;
    *ret_uid = who.uid;
    return ERR_OK;
}

bool
local_peer_trusted(int fd)
{
    uid_t uid;

    return local_peer_uid(fd, &uid) == ERR_OK && (uid == 0 || uid == geteuid());
}

int
local_send(int fd, const void *p, size_t n, int pass)
{
    union {
        struct cmsghdr head; /* for its alignment */
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec piece = { (void *)(uintptr_t)p, n };
    struct msghdr m = { .msg_iov = &piece, .msg_iovlen = 1 };

    if (pass >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof(control.room);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &pass, sizeof(pass));
    }
    while (piece.iov_len > 0) {
        ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_AGAIN : ERR_SYS;
        piece.iov_base = (char *)piece.iov_base + sent;
        piece.iov_len -= (size_t)sent;
        m.msg_control = NULL;
        m.msg_controllen = 0;
    }
    return ERR_OK;
}

static void
pass_collect(struct msghdr *m, int *ret_pass)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
                       ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                       : 0;

        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (*ret_pass < 0)
                *ret_pass = fd;
            else
                close(fd);
        }
    }
}

ssize_t
local_recv(int fd, void *p, size_t room, int *ret_pass)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(PASS_MAX * sizeof(int))];
    } control;
    struct iovec piece = { p, room };
    struct msghdr m = { .msg_iov = &piece,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof(control.room) };
    ssize_t n;

    *ret_pass = -1;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_AGAIN : ERR_SYS;
    pass_collect(&m, ret_pass);
    return n == 0 ? ERR_EOF : n;
}

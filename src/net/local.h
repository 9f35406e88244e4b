/* SPDX-License-Identifier: Apache-2.0 */
/* net/local.h - unix sockets between processes of one host: datagrams to a service manager, and short lines that may carry a file
 * descriptor (SCM_RIGHTS, unix(7)). Any thread; the caller owns each fd. */
#ifndef OUTRIGGER_NET_LOCAL_H
#define OUTRIGGER_NET_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compat.h"

struct addr;

/* A socket for local_send_to. ERR_SYS with errno. */
int local_datagram_open(int *ret_fd) MUST_CHECK;
/* One datagram, or ERR_SYS with errno; never waits. */
int local_send_to(int fd, const struct addr *to, const void *p, size_t n) MUST_CHECK;

/* A stream to a unix socket whose calls give up after `wait_ms`. ERR_SYS with errno: ENOENT and ECONNREFUSED say that nobody
 * listens there. */
int local_connect(const struct addr *to, int64_t wait_ms, int *ret_fd) MUST_CHECK;
/* The user of the process at the other end (when it connected or began to listen). ERR_SYS. */
int local_peer_uid(int fd, uid_t *ret_uid) MUST_CHECK;
/* True: the other end runs as the same user as we do, or as root. */
bool local_peer_trusted(int fd);
/* All n bytes, with the descriptor `pass` (-1: none) at the first. ERR_SYS; ERR_AGAIN when the socket's buffer is full or the time
 * is over. */
int local_send(int fd, const void *p, size_t n, int pass) MUST_CHECK;
/* Up to `room` bytes; at most one descriptor in *ret_pass (-1: none), close-on-exec; further ones are closed. > 0 bytes; ERR_EOF; ERR_AGAIN;
 * ERR_SYS. */
ssize_t local_recv(int fd, void *p, size_t room, int *ret_pass) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/listener.h - accepts connections: at most 16 per turn, survives EMFILE (spare fd
 * closes one of those that wait, then a pause of 100 ms, no spin; a line in the log says so). SO_REUSEADDR, backlog 4096,
 * IPV6_V6ONLY off for ":port". A unix socket file left by a dead process is replaced;
 * one that still answers gives an error. Loop's thread only. */
#ifndef OUTRIGGER_NET_LISTENER_H
#define OUTRIGGER_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "net/addr.h"

struct loop;
struct listener;
/* fd is non-blocking, close-on-exec and the callback's from now on. */
typedef void listener_fn(void *arg, int fd, const struct addr *peer);

/* What to do about an errno of bind or listen, as a sentence. */
const char *listener_bind_why(int e);

/* Binds and listens, but accepts nothing before listener_start. ERR_SYS with errno
 * set; *ret_why: plain sentence (static text). */
int listener_open(struct loop *l, const struct addr *at, listener_fn *fn, void *arg,
                  struct listener **ret, const char **ret_why) MUST_CHECK;
/* The same with a socket that already listens: from systemd, or from the process before this one. fd is
 * the listener's from now on, also on failure. owns_file: a unix socket's file is removed
 * at the end, as if it had been made here; but not when it was never started: the process before
 * this one serves on then. Nothing that waits in its queue is lost. ERR_SYS as above. */
int listener_adopt(struct loop *l, int fd, bool owns_file, listener_fn *fn, void *arg,
                   struct listener **ret, const char **ret_why) MUST_CHECK;
/* For a unix socket: makes way by removing the file of a process that is dead. ERR_SYS with errno and a plain sentence: another process listens there, or a file that is no
 * socket is in the way. listener_open does it by itself. */
int listener_clear_path(const struct addr *at, const char **ret_why) MUST_CHECK;
void listener_start(struct listener *li);
/* stop accepting, keep the socket and its queue */
void listener_pause(struct listener *li);
/* real address, also when the port was 0 */
const struct addr *listener_addr(const struct listener *li);
/* Times that accept failed for lack of fds or memory since start. */
unsigned long listener_failures(const struct listener *li);
/* Of all listeners of the process, also those that are gone. Any thread. */
uint64_t listener_all_failures(void);
/* For handing the socket over; it stays the listener's. Any thread. */
int listener_fd(const struct listener *li);
/* True: close removes the file of the unix socket, if it is still ours. */
bool listener_owns_file(const struct listener *li);
/* Another process has the socket too now: close leaves the file alone. The connections that
 * wait in the queue are that process's. */
void listener_leave(struct listener *li);
/* Accepts what waits in the queue, past all shares, unless the socket was left to another
 * process; else closing would reset those connections. NULL is fine */
void listener_sweep(struct listener *li);
/* removes a unix socket file it made. NULL is fine */
void listener_close(struct listener *li);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/sockets.h - listening sockets that this process did not open: systemd's (sd_listen_fds(3)) and those of
 * the process that it replaces. They wait here until a listener of the config takes them; what nobody took is closed with
 * the set. Start-up only, one thread. */
#ifndef OUTRIGGER_NET_SOCKETS_H
#define OUTRIGGER_NET_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct addr;
struct sockets;

enum { SOCKETS_MAX = 1024, SOCKETS_NAME_MAX = 256, SOCKETS_FIRST_FD = 3 };

/* What the environment says; pure. pid, fds, names: values of LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, or NULL. Returns how many
 * descriptors from SOCKETS_FIRST_FD on are meant for the process `self`; 0: none; ERR_SYNTAX with *ret_why (static text) when the values make no sense. */
int sockets_count(const char *pid, const char *fds, long self, const char **ret_why);
/* The i-th of the names, which are separated by colons; "" when there is none. */
void sockets_name(const char *names, size_t i, char out[SOCKETS_NAME_MAX]);

struct sockets *sockets_new(void);
/* Takes systemd's descriptors from the environment and unsets its variables, so that no child takes them for its own. Returns how many;
 * ERR_SYNTAX with *ret_why when the variables make no sense (then nothing is taken). */
int sockets_add_env(struct sockets *s, const char **ret_why);
/* fd is the set's from now on. text: the value of "listen" that it belongs to, also "fd:NAME"; owns_file: see listener_adopt. ERR_LIMIT when the set is full:
 * fd is closed then. */
int sockets_add(struct sockets *s, int fd, const char *text, bool owns_file) MUST_CHECK;
/* The socket for a listener: first by the text of its "listen", then by address (at: NULL for "fd:NAME"). It is the caller's from now on. -1: none. */
int
sockets_take(struct sockets *s, const char *text, const struct addr *at, bool *ret_owns);
/* The next that nobody took, for a warning: its text, or its address. NULL behind the last. Start with *at = 0. */
const char *sockets_left(const struct sockets *s, size_t *at);
void sockets_free(struct sockets *s); /* NULL is fine */
/* True for "fd:NAME"; *ret_why says what is wrong with a bad name, and is untouched without "fd:". */
bool sockets_is_name(const char *listen, const char **ret_why);

#endif

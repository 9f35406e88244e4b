/* SPDX-License-Identifier: Apache-2.0 */
/* main/takeover.h - a binary upgrade, the side of the new process: it gets the listening sockets of the one that runs (handover.h), and later tells it
 * to leave. Waits for answers, 5 s each at most, so only while nothing else runs on the main thread. Main thread. */
#ifndef OUTRIGGER_MAIN_TAKEOVER_H
#define OUTRIGGER_MAIN_TAKEOVER_H

#include "base/compat.h"

struct sockets;
struct takeover;

/* Asks at the unix socket `path`. ERR_OK with *ret NULL: nobody listens there, this is an ordinary start. Else all sockets of the process there are in
 * `into`, and it goes on as if nothing had happened until takeover_finish. ERR_SYS with *ret_why (valid until the next call): there is a process, but it does not hand over: do not start. */
int takeover_begin(const char *path, struct sockets *into, struct takeover **ret,
                   const char **ret_why) MUST_CHECK;
/* This process serves: the other accepts no more, drains and ends. Returns its pid; 0 with *ret_why (valid until the next call) when it did not say that it
 * does: it may have ended itself, or serve too. Frees. */
long takeover_finish(struct takeover *t, const char **ret_why);
/* Gives up: the other goes on. NULL is fine. */
void takeover_drop(struct takeover *t);

#endif

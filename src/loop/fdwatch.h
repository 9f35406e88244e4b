/* SPDX-License-Identifier: Apache-2.0 */
/* loop/fdwatch.h - readiness of one file descriptor. Level triggered, raw libevent
 * events (no bufferevents: they cost 2.3x the system calls). Read is a persistent
 * event; write is added only while wanted. The callback may close its own watch.
 * Loop's thread only. */
#ifndef OUTRIGGER_LOOP_FDWATCH_H
#define OUTRIGGER_LOOP_FDWATCH_H

#include <stdbool.h>

struct loop;
struct fdwatch;
enum { FD_READ = 1, FD_WRITE = 2 };
typedef void fdwatch_fn(void *arg, int what); /* what: FD_READ | FD_WRITE */

/* watches nothing yet */
struct fdwatch *fdwatch_open(struct loop *l, int fd, fdwatch_fn *fn, void *arg);
/* idempotent, cheap when nothing changes */
void fdwatch_want(struct fdwatch *w, bool read, bool write);
/* no callback afterwards; memory goes at the end of the turn. Does not close fd. NULL
 * is fine */
void fdwatch_close(struct fdwatch *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/handover.h - a binary upgrade, the side of the process that leaves: it listens on a unix socket (mode 0600, same user or root only) and gives
 * its listening sockets to the process that is to replace it. That process listens and accepts beside this one from then on; only
 * when it says that it serves does this one leave, and an end before that changes nothing. The accept queues are shared all the time, so no connection is
 * refused or lost. takeover.h is the other side, handover_line.h the lines between them. Main thread. */
#ifndef OUTRIGGER_MAIN_HANDOVER_H
#define OUTRIGGER_MAIN_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct handover;
struct loop;
struct sockets;

struct handover_socket {
    int fd;           /* stays the owner's */
    bool owns_file;   /* see listener_adopt */
    const char *text; /* the value of its key in the config */
};

enum { HANDOVER_SOCKETS_MAX = 512 };

struct handover_ops {
    /* NULL: the sockets may be had; else why not. */
    const char *(*refuse)(void *arg);
    /* Fills `to`, at most `most`; returns how many. */
    size_t (*list)(void *arg, struct handover_socket *to, size_t most);
    /* The new process (pid) serves: accept no more, leave all socket files alone, drain and end. The upgrade socket is closed already. */
    void (*leave)(void *arg, long pid);
};

/* Opens the socket at `path`, or takes it from `inherited` when the process before left it; nothing is answered before handover_start. The file of a dead
 * process is replaced. Before threads are started: it changes the umask for a moment. ERR_SYS with *ret_why: a plain sentence. */
int handover_open(struct loop *loop, const char *path, struct sockets *inherited,
                  const struct handover_ops *ops, void *arg, struct handover **ret,
                  const char **ret_why) MUST_CHECK;
void handover_start(struct handover *h);
/* Removes the file, if it is still ours to remove. Also from within ops->leave. NULL is fine. */
void handover_close(struct handover *h);

#endif

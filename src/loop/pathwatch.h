/* SPDX-License-Identifier: Apache-2.0 */
/* loop/pathwatch.h - tells when the file at a path may have changed: written in place,
 * replaced by a rename, or reached through a symlink that now points elsewhere (as in a
 * mounted Kubernetes ConfigMap, whose ..data link is swapped). It watches the directory of
 * the file and the directory of each symlink on the way (inotify), and looks by itself from
 * time to time, since network file systems tell nothing and renamed parents are not seen.
 * It never opens the file: the owner reads it and compares. Loop's thread only. */
#ifndef OUTRIGGER_LOOP_PATHWATCH_H
#define OUTRIGGER_LOOP_PATHWATCH_H

#include <stdbool.h>

enum {
    /* After a change was told, further ones wait this long: programs that write in several
     * steps are read once, at the end, and a file that changes all the time costs two reads
     * per second. The first change after a silence is told at once. */
    PATHWATCH_PAUSE_MS = 500,
    PATHWATCH_POLL_MS = 10000,      /* told without a reason: a safety net */
    PATHWATCH_POLL_BLIND_MS = 5000, /* the same when the system gives us no watch */
};

struct loop;
struct pathwatch;
typedef void pathwatch_fn(void *arg);

/* Calls fn in the next turn for a first look, then after changes and at each poll. path is
 * copied; it begins with '/'. Never NULL: without inotify it polls. */
struct pathwatch *
pathwatch_open(struct loop *l, const char *path, pathwatch_fn *fn, void *arg);
/* Directories watched now. 0: it only polls. For tests and logs. */
unsigned pathwatch_count(const struct pathwatch *w);
/* No callback afterwards; also from inside the callback. NULL is fine. */
void pathwatch_close(struct pathwatch *w);

#endif

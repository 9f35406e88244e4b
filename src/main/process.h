/* SPDX-License-Identifier: Apache-2.0 */
/* main/process.h - the running proxy: workers, listeners, admin port, signals, drain. Main thread only.
 * process_start makes everything and accepts; process_run serves until a drain ended. */
#ifndef OUTRIGGER_MAIN_PROCESS_H
#define OUTRIGGER_MAIN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct addr;
struct conf_snapshot;
struct loop;
struct process;
struct strbuf;

/* Where the config came from, so that it can be loaded again. */
struct config_source {
    /* As conf_load_file. */
    int (*load)(void *arg, struct strbuf *problems, struct conf_snapshot **ret);
    void *arg;
    const char *
        file; /* "-": stdin, which cannot; NULL: the command line. Outlives the process */
};

/* Holds the snapshot, whose root is a struct config, while it is the current one. admin_required: a busy admin port is an error (it stands in the config) and not only a warning.
 * source: from where SIGHUP, POST /reload and, when the config says "watch", changes of the file load it again; NULL: nothing does. Logs what is wrong; NULL then. The line "ready" is logged when every listener accepts. */
struct process *process_start(struct conf_snapshot *snapshot,
                              const struct config_source *source, bool admin_required);
/* Until TERM, INT or QUIT and the drain that follows (features.md 2.11). Returns the exit code; frees everything. */
int process_run(struct process *p);
struct loop *
process_loop(struct process *p); /* the main thread's loop, for what else lives there */
const struct addr *
process_listen_addr(const struct process *p, size_t i); /* of listener i */
void process_drain(struct process *p); /* as SIGTERM does; a second call ends at once */

#endif

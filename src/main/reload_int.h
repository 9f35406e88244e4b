/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload_int.h - what the files of the reload share. Main thread only. */
#ifndef OUTRIGGER_MAIN_RELOAD_INT_H
#define OUTRIGGER_MAIN_RELOAD_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/timer.h"
#include "main/config.h"
#include "main/guard.h"
#include "main/process.h"
#include "main/reload.h"

struct conf_snapshot;
struct pathwatch;
struct signal_watch;

struct reload {
    struct process *process;
    struct config_source source;
    struct signal_watch *hup;
    bool applying; /* workers have not all applied the last config */
    bool again;    /* asked for once more since */
    /* What cannot change while the process runs, as it was at the start. */
    uint32_t workers;
    struct process_limits_conf limits;
    struct metrics_root_conf metrics;
    char *admin_listen, *upgrade_socket; /* "": none */
    /* Status. */
    uint64_t hash;             /* of the config in force */
    int64_t loaded_us;         /* wall clock */
    int64_t asked_us;          /* of the last reload, 0: none */
    enum reload_result result; /* of the last reload */
    bool rolled_back;
    char *text; /* what it said, NULL: nothing */
    /* watch */
    struct pathwatch *watch;
    char *path;         /* absolute */
    uint64_t file_hash; /* of what was read last */
    bool file_known;
    /* guard */
    struct guard guard;
    struct timer guard_timer;
    struct conf_snapshot *before; /* held while the config in force is guarded */
};

/* reload.c */
/* Makes a snapshot (one hold, taken over when it is taken) the config in force. */
enum reload_result reload_take(struct reload *r, struct conf_snapshot *s,
                               const char *cause, struct strbuf *out);

/* reload_watch.c: follows the "watch" of the config in force. */
void reload_watch_set(struct reload *r, bool on);

/* reload_guard.c */
/* A config comes into force; `old` (one hold, taken over) was it before. */
void reload_guard_begin(struct reload *r, struct conf_snapshot *old);
/* The config before is not kept any more. */
void reload_guard_forget(struct reload *r);
/* The window of the config in force, and samples as long as it guards. */
void reload_guard_set(struct reload *r);
void reload_guard_open(struct reload *r);
void reload_guard_close(struct reload *r);

/* reload_status.c: /config/status and /config/status.json */
void reload_status_open(struct reload *r);
/* text: what was said of the file; kept without its lines. */
void reload_note(struct reload *r, enum reload_result result, const char *text);
uint64_t reload_hash(const struct config *conf);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/drain.h - how the process stops to serve: the phases, their clock and what is said of them. It knows no listener and no worker; what a
 * phase means is done by its owner through drain_ops (process_drain.c), so that the whole machine runs on a virtual clock in tests. Main thread.
 *
 *     SERVING -> ANNOUNCED   drain.delay: not ready any more, still serves, so that others can learn that we go
 *     ANNOUNCED -> GOAWAY    clients of inbound listeners are told to go, spread over drain.spread
 *     GOAWAY -> STOPPING     only when the process ends: all calls ended, or drain.timeout is over
 *
 * An operator's drain (drain_ask) stays in GOAWAY until drain_undo or until the process is told to end. When it ends, inbound listeners close as soon as
 * the spread is over; outbound ones serve until no inbound connection is left, since the application may need them to finish its calls, and
 * leave then. Sources: features.md 2.11, ecosystem.md 6. */
#ifndef OUTRIGGER_MAIN_DRAIN_H
#define OUTRIGGER_MAIN_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/timer.h"

struct loop;

enum drain_phase { /* the value of outrigger_drain_state */
                   DRAIN_SERVING,
                   DRAIN_ANNOUNCED,
                   DRAIN_GOAWAY,
                   DRAIN_STOPPING,
};

struct drain_left {    /* what is still open */
    unsigned inbound;  /* client connections of inbound listeners */
    unsigned outbound; /* of outbound ones */
    unsigned calls;    /* that have not ended, of all */
};

struct drain_times {
    int64_t delay_us, spread_us, timeout_us;
};

struct drain_ops {
    /* The phase changed (also back to SERVING). */
    void (*on_phase)(void *arg, enum drain_phase phase);
    /* The clients of all listeners of one direction are told to go, spread over this time; who connects later is told soon after. */
    void (*tell)(void *arg, bool outbound, int64_t spread_us);
    /* Who was not told yet stays; inbound only. */
    void (*untell)(void *arg);
    /* No new connections for the listeners of one direction. */
    void (*close)(void *arg, bool outbound);
    struct drain_left (*left)(void *arg);
    /* Ends what is still open with UNAVAILABLE, then the process. Called once, last. */
    void (*stop)(void *arg, struct drain_left left);
    /* Of the config as it is now. */
    struct drain_times (*times)(void *arg);
};

struct drain {
    struct loop *loop;
    const struct drain_ops *ops;
    void *arg;
    struct timer timer;
    enum drain_phase phase;
    bool ending;         /* the process ends; else an operator asked */
    bool replaced;       /* another process has the listeners */
    bool inbound_closed; /* no new connections */
    bool outbound_told;
    int64_t told_us;   /* when the GOAWAYs began */
    int64_t spread_us; /* over how long they go */
    int64_t end_us;    /* what is open then is ended */
    int64_t log_us;    /* next line about the progress */
};

void
drain_init(struct drain *d, struct loop *loop, const struct drain_ops *ops, void *arg);
/* An operator wants this proxy out of the way; the process stays. False: *ret_why (static text) says why not. Again: nothing new. */
bool drain_ask(struct drain *d, const char **ret_why);
/* Takes it back. False with *ret_why: there is nothing to take back, or it is too late. */
bool drain_undo(struct drain *d, const char **ret_why);
/* The process ends; when it ends already: now. */
void drain_end(struct drain *d);
/* Another process serves on the same sockets: everybody is told at once, nothing is accepted, and the process ends. */
void drain_replaced(struct drain *d);
/* No more steps. Idempotent. */
void drain_stop(struct drain *d);
/* "serving", "announced", "goaway", "stopping" */
const char *drain_word(enum drain_phase phase);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/live.h - what happens now: rates and percentiles of the last seconds, and the state of the process in a sentence, for GET /stats.json, GET /events and all that
 * shows them (the live page, outriggerctl). docs/stats-json.md is the description of what is printed.
 *
 * Once a second the counters of workers, pools, methods and routes are read on the main thread, and the differences go into slots (obs/slots.h). A call pays nothing for
 * it, and what is kept is bounded: LIVE_POOLS_MAX pools, LIVE_ENDPOINTS_MAX endpoints, LIVE_METHODS_MAX methods (more are shown as one, "_OTHER"), LIVE_WAYS_MAX routes
 * and targets; what is over is shown without rates. Main thread only. */
#ifndef OUTRIGGER_MAIN_LIVE_H
#define OUTRIGGER_MAIN_LIVE_H

#include <stdbool.h>
#include <stdint.h>

struct hub;
struct live;
struct process;

enum {
    LIVE_POOLS_MAX = 1000,
    LIVE_ENDPOINTS_MAX = 20000,
    LIVE_METHODS_MAX = 500,
    LIVE_METHODS_SHOWN = 50,
    LIVE_WAYS_MAX = 20000,
};

/* For a process with an admin port; else nobody could look. */
struct live *live_open(struct process *p);
/* Attempts of a pool since it is there, also of endpoints that went. */
struct live_calls {
    uint64_t started, good;
    int64_t
        last_us; /* when one began last, to the second, of the loop's clock; 0: none did */
};
/* False: this pool is not followed. l NULL is fine. */
bool live_pool_calls(const struct live *l, const struct hub *hub, struct live_calls *ret);
/* Before the admin port and the pools go. NULL is fine. */
void live_close(struct live *l);

#endif

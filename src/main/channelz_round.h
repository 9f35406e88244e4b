/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_round.h - asks workers for channelz and waits, with a bound, until all have answered. A round owns the question and a place for each answer; a worker that is late keeps
 * them alive, not the one who asked. At most ROUNDS_MAX rounds exist at one time, the late ones included. Main thread. */
#ifndef OUTRIGGER_MAIN_CHANNELZ_ROUND_H
#define OUTRIGGER_MAIN_CHANNELZ_ROUND_H

#include <stdbool.h>
#include <stddef.h>

#include "main/channelz_look.h"

struct loop;
struct round;
struct rounds;
struct worker;

enum { ROUNDS_MAX = 16, ROUND_WAIT_US = 1000 * 1000 };

struct round_owner {
    /* Once: all have answered (late -1), or worker `late` has not. found: of all workers that were asked, by place; valid during the call. */
    void (*done)(struct round_owner *o, const struct look *q,
                 const struct look_found *found, size_t n, int late);
    struct round *round; /* NULL: none is on its way */
};

struct rounds *rounds_new(struct loop *loop, struct worker *const *workers, size_t n);
/* Asks all workers, or only one (>= 0). q is copied; its servers (an array from xalloc) and its hold of the backend go to the round. False: there are too many, and both are
 * given back at once. done does not come before this returned. */
bool
rounds_ask(struct rounds *r, const struct look *q, int only, struct round_owner *owner);
/* done does not come any more. Idempotent. */
void rounds_forget(struct round_owner *o);
/* Nobody is told any more. Before the workers end. */
void rounds_stop(struct rounds *r);
/* After the workers ended and their posts to this loop ran. NULL is fine. */
void rounds_free(struct rounds *r);

#endif

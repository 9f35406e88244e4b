/* SPDX-License-Identifier: Apache-2.0 */
/* loop/timer.h - timers on one hierarchical wheel per loop (4 levels x 64 slots, 1 ms
 * ticks). Start, restart and stop are O(1) and allocate nothing: the timer is embedded
 * in its owner, whose close stops it.  One timerfd wakes the loop for the next
 * occupied slot.  A callback may start and stop any timer, also its own; due timers
 * are first moved to a local list (libuv's way).  A timer never fires early; it may
 * fire up to 1 ms late plus loop lag.  Loop's thread only. */
#ifndef OUTRIGGER_LOOP_TIMER_H
#define OUTRIGGER_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
    struct list link; /* linked: running */
    int64_t due_ms;
    timer_fn *fn; /* gets the owner with CONTAINER_OF */
};

struct timer_wheel;
struct timer_wheel *timer_wheel_new(int64_t now_us);
void timer_wheel_free(struct timer_wheel *w);
/* Runs all timers due at now_us. Returns how many ran. For the loop and for tests. */
unsigned timer_wheel_run(struct timer_wheel *w, int64_t now_us);
/* Microseconds until the wheel must run again; -1: no timer. May be earlier than the
 * next due time (a cascade), never later. */
int64_t timer_wheel_next_us(const struct timer_wheel *w, int64_t now_us);
unsigned timer_wheel_count(const struct timer_wheel *w);

void timer_init(struct timer *t, timer_fn *fn);
/* (Re)starts: fires once, at least after_us from loop_now_us. Values below 0 count as
 * 0, which means the next turn; above 365 days are capped. */
void timer_start(struct loop *l, struct timer *t, int64_t after_us);
void timer_stop(struct loop *l, struct timer *t); /* idempotent */
bool timer_running(const struct timer *t);

#endif

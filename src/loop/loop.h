/* SPDX-License-Identifier: Apache-2.0 */
/* loop/loop.h - one thread's event loop on libevent: turns, tasks from other threads,
 * the time of the turn. A turn is: wait for events (or the next timer, or a post), run
 * their callbacks (and of what became ready meanwhile, see loop_look), run due timers, run posted tasks, run the turn hooks in the order
 * they were added, then free what was closed (reap).  The clock is read once when the
 * wait returns; loop_now_us is that time. All functions are for the loop's own thread,
 * except loop_post and loop_stop, which any thread may call. */
#ifndef OUTRIGGER_LOOP_LOOP_H
#define OUTRIGGER_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "loop/reap.h"

struct loop;
struct timer_wheel;

/* NULL: clock_real. Aborts when libevent cannot start. */
const char *loop_library_version(void); /* of libevent, the one that runs. Any thread */
struct loop *loop_new(const struct clock_source *clock);
/* after loop_run returned; runs the reaper a last time */
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
/* one turn; wait=false polls. For tests and loop_run. */
void loop_turn(struct loop *l, bool wait);
void loop_stop(struct loop *l);
int64_t loop_now_us(const struct loop *l); /* monotonic, of this turn */
/* Runs fn(arg) on the loop's thread in a later turn, in order of posting. Never runs
 * before loop_post returned. What still waits when the loop is freed is dropped unrun. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);
/* Called at the end of each turn. At most 8 hooks. */
void loop_add_turn_hook(struct loop *l, void (*fn)(void *arg), void *arg);
/* There is more to do: the next wait polls only. */
void loop_again(struct loop *l);
/* For callbacks of fds. more: this turn did little so far, so other fds that became
 * ready meanwhile may still join it, before its timers, tasks and hooks (up to four
 * times, only where that pays, never on a clock of a test). false: this turn has had
 * its share, nobody joins it any more, whoever asks. */
void loop_look(struct loop *l, bool more);
struct reaper *loop_reaper(struct loop *l);
struct timer_wheel *loop_wheel(struct loop *l);
/* for loop/fdwatch.c and for admin (evhttp) only */
struct event_base *loop_event_base(struct loop *l);
/* The wait is over. First thing in each callback that libevent calls (ours in this room, and
 * evhttp's): reads the clock of the turn and collects what is due in it. Only the first call
 * of a turn does anything; without any the turn looks shorter than it was. */
void loop_note_wake(struct loop *l);
/* How busy the loop is. Any thread. */
struct loop_load {
    int64_t busy_us; /* spent in turns so far */
    int64_t
        worst_us; /* the longest turn of the last 10 to 20 seconds: what became ready when it began had to wait for its end */
};
void loop_load_read(const struct loop *l, struct loop_load *ret);

#endif

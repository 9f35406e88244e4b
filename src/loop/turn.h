/* SPDX-License-Identifier: Apache-2.0 */
/* loop/turn.h - what the files of room loop tell each other about a turn. Other rooms
 * do not include it. */
#ifndef OUTRIGGER_LOOP_TURN_H
#define OUTRIGGER_LOOP_TURN_H

#include <stdint.h>

struct timer_wheel;

/* The two halves of timer_wheel_run. Collecting when the wait ends and running after
 * the fd callbacks makes a timer that a callback starts with 0 run in a later turn,
 * never in the same one. */
void timer_wheel_collect(struct timer_wheel *w, int64_t now_us);
unsigned timer_wheel_run_due(struct timer_wheel *w);

#endif

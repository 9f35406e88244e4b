/* SPDX-License-Identifier: Apache-2.0 */
/* main/pulse.h - asks the workers whether their loops still turn: a question is a message to each, an answer is that it ran. For the watchdog of a service manager and
 * for /livez. Main thread. */
#ifndef OUTRIGGER_MAIN_PULSE_H
#define OUTRIGGER_MAIN_PULSE_H

#include <stddef.h>

struct pulse;
struct worker;

/* workers: array of n, outlives the last pulse_ask. */
struct pulse *pulse_new(struct worker *const *workers, size_t n);
/* Asks all who have answered. Returns the first who has not answered the question before; -1: all have. */
int pulse_ask(struct pulse *p);
/* Questions in a row that a worker left open, of the one that left most; *ret_worker is that one. 0: all answered the last but one. */
unsigned pulse_missed(const struct pulse *p, int *ret_worker);
/* After the workers ended, which may hold its questions. NULL is fine. */
void pulse_free(struct pulse *p);

#endif

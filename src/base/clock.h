/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.h - the one seam for time. Only room loop reads a clock; everyone else
 * asks its loop for the time of the turn. A test passes a virtual clock: an object
 * whose time moves only when told. Any thread for the real clock. */
#ifndef OUTRIGGER_BASE_CLOCK_H
#define OUTRIGGER_BASE_CLOCK_H

#include <stdint.h>

struct clock_source {
    int64_t (*now_us)(void *arg); /* monotonic microseconds */
    void *arg;
};

extern const struct clock_source clock_real; /* CLOCK_MONOTONIC */

int64_t clock_wall_us(void); /* CLOCK_REALTIME, for log stamps only */
/* Processor time of this thread so far: what work costs, whoever else is busy. */
int64_t clock_cpu_us(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/guard.h - turns of a real loop until something is true; a failure, not a hang.
 *     TURN_UNTIL(loop, conn.connected);
 * For tests that need real sockets. It waits for events and never sleeps. */
#ifndef OUTRIGGER_TESTS_LIB_GUARD_H
#define OUTRIGGER_TESTS_LIB_GUARD_H

#include <stdbool.h>

#include "loop/loop.h"
#include "loop/timer.h"

enum { GUARD_US = 10 * 1000 * 1000 };

static bool guard_fired;

static inline void
guard_on_timer(struct timer *t)
{
    (void)t;
    guard_fired = true;
}

#define TURN_UNTIL(l, condition)                        \
    do {                                                \
        struct timer guard_timer;                       \
        guard_fired = false;                            \
        timer_init(&guard_timer, guard_on_timer);       \
        timer_start((l), &guard_timer, GUARD_US);       \
        while (!(condition) && !guard_fired)            \
            loop_turn((l), true);                       \
        timer_stop((l), &guard_timer);                  \
        if (guard_fired)                                \
            fail_msg("10 s passed before " #condition); \
    } while (0)

#endif

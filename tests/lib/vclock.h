/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/vclock.h - a clock that moves only when the test says so.
 *     struct vclock clock;
 *     struct loop *l = loop_new(vclock_init(&clock));
 *     vclock_advance_ms(&clock, 30000);
 *     loop_turn(l, true);
 * It begins at an odd number of microseconds: a test must see the rounding to ticks. */
#ifndef OUTRIGGER_TESTS_LIB_VCLOCK_H
#define OUTRIGGER_TESTS_LIB_VCLOCK_H

#include <stdint.h>

#include "base/clock.h"

struct vclock {
    struct clock_source source;
    int64_t now_us;
};

static inline int64_t
vclock_read(void *arg)
{
    return ((struct vclock *)arg)->now_us;
}

static inline const struct clock_source *
vclock_init(struct vclock *c)
{
    *c = (struct vclock){ .source = { .now_us = vclock_read, .arg = c },
                          .now_us = INT64_C(5000000123) };
    return &c->source;
}

static inline void
vclock_advance_us(struct vclock *c, int64_t us)
{
    c->now_us += us;
}

static inline void
vclock_advance_ms(struct vclock *c, int64_t ms)
{
    c->now_us += ms * 1000;
}

#endif

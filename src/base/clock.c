/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.c - the real clocks. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t
clock_read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t
clock_real_now_us(void *arg)
{
    (void)arg;
    return clock_read_us(CLOCK_MONOTONIC);
}

const struct clock_source clock_real = { .now_us = clock_real_now_us, .arg = NULL };

int64_t
clock_wall_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

int64_t
clock_cpu_us(void)
{
    return clock_read_us(CLOCK_THREAD_CPUTIME_ID);
}

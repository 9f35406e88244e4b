/* SPDX-License-Identifier: Apache-2.0 */
/* obs/slots.h - what happened in the last seconds: differences of counters, one slot for each second, for the live page and outriggerctl. Whoever counts pays nothing:
 * once a second the owner reads the counters, which only grow, and the difference goes into the slot of that second. Rates are sums of whole slots, never of the
 * second that is under way, so two readers of the same second see the same number.
 *
 * Bounded by what was asked for: series * (4 * seconds + 8) bytes. Pure arithmetic: the caller brings the time. One thread.
 *
 * The 95th percentile of the last ten seconds comes from the same differences, of histogram buckets (slots_quantile_us): the bucket in which the share is reached,
 * and a straight line within it, as Prometheus' histogram_quantile does it. So it is never more exact than the buckets (metrics.histogram): half of a bucket's
 * width is the error to reckon with, and what is above the last bound shows as the last bound. */
#ifndef OUTRIGGER_OBS_SLOTS_H
#define OUTRIGGER_OBS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct histogram_bounds;

enum {
    SLOTS_WINDOW_S = 10, /* of rates and percentiles */
    SLOTS_LINE_S = 60,   /* of small charts */
};

/* Whole seconds since the start. */
struct slots_clock {
    int64_t start_us;
    uint64_t second; /* number of full seconds */
};

void slots_clock_init(struct slots_clock *c, int64_t now_us);
/* How many seconds became full since the last time. */
unsigned slots_clock_turn(struct slots_clock *c, int64_t now_us);
/* Microseconds until the next one is full. */
int64_t slots_clock_left_us(const struct slots_clock *c, int64_t now_us);
/* Full seconds that there are, at most `seconds`. */
unsigned slots_clock_past(const struct slots_clock *c, unsigned seconds);

struct slots {
    unsigned series, seconds;
    uint64_t *last; /* by series: the counter as it was read last */
    uint32_t *v;    /* seconds * series */
};

/* Counters begin at 0, and so did the past. */
void slots_init(struct slots *s, unsigned series, unsigned seconds);
void slots_done(struct slots *s);
/* These values were there before: what is put next is counted from here. now: as many as series. */
void slots_base(struct slots *s, const uint64_t *now);
/* One series goes on in another ring of the same length. */
void slots_copy(struct slots *to, unsigned to_series, const struct slots *from,
                unsigned from_series);
/* After slots_clock_turn, which said `turned`, when that is not 0. What came in several seconds is spread over them. A counter that is below its last value began
 * again at 0. */
void slots_put(struct slots *s, const struct slots_clock *c, unsigned turned,
               const uint64_t *now);

/* Of the last `seconds`, fewer when the clock is younger or the ring shorter. */
uint64_t slots_sum(const struct slots *s, const struct slots_clock *c, unsigned series,
                   unsigned seconds);
/* The same per second; 0 in the first second. */
double slots_rate(const struct slots *s, const struct slots_clock *c, unsigned series,
                  unsigned seconds);
/* The slot `ago` seconds before the newest one (0), which must be there: below slots_clock_past(seconds). */
uint32_t slots_at(const struct slots *s, const struct slots_clock *c, unsigned series,
                  unsigned ago);

/* counts: bounds->n + 1 of them. share: from 0 to 1. -1: nothing was counted, or there are no bounds. */
double slots_quantile_us(const struct histogram_bounds *bounds, const uint64_t *counts,
                         double share);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency.h - how long things took, for medians and other quantiles: a histogram of 16 bins per power of two, up to 71 minutes, in 1.9 KiB. Quantiles are
 * off by at most 3 %. Any thread adds and asks at any time without a lock; who asks while others add gets an answer of about then. Zeroed: empty. */
#ifndef OUTRIGGER_FILTER_LATENCY_H
#define OUTRIGGER_FILTER_LATENCY_H

#include <stdint.h>

enum {
    LATENCY_SUB =
        16, /* bins per power of two; below 16 us each microsecond has its own */
    LATENCY_BINS = LATENCY_SUB * 29,
};

struct latency {
    _Atomic uint32_t n; /* in all bins */
    _Atomic uint32_t bins[LATENCY_BINS];
};

/* Returns how many there are now. */
uint32_t latency_add(struct latency *l, int64_t us);
uint32_t latency_count(const struct latency *l);
/* The smallest time that at least q percent (1 to 100) did not exceed; 0: nothing was added. A hundred nanoseconds or two. */
int64_t latency_quantile(const struct latency *l, unsigned q);
/* Halves what was added so far, so that what comes next weighs more. This and clear: one thread at a time. */
void latency_fade(struct latency *l);
void latency_clear(struct latency *l);

#endif

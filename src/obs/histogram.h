/* SPDX-License-Identifier: Apache-2.0 */
/* obs/histogram.h - lists of latency buckets, and the bucket of a time. The counts are the owner's: bounds->n + 1 of them, the last for what is above all bounds.
 * Pure; any thread.
 * Sources: grpc/proposal A66 (fine), go-grpc-prometheus (coarse). */
#ifndef OUTRIGGER_OBS_HISTOGRAM_H
#define OUTRIGGER_OBS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 44 };

struct histogram_bounds {
    size_t n;
    int64_t us
        [HISTOGRAM_BOUNDS_MAX]; /* upper bounds, in order; they are part of their buckets */
    const char *text[HISTOGRAM_BOUNDS_MAX]; /* the same in seconds, for the label le */
    uint8_t from[40]; /* by the number of bits of a time: the first bucket it can be in */
};

enum histogram_kind { HISTOGRAM_FINE, HISTOGRAM_COARSE, HISTOGRAM_NONE };

/* Never NULL; NONE has no bounds. */
const struct histogram_bounds *histogram_bounds_get(enum histogram_kind kind);
/* 0 to bounds->n. Times below 0 count as 0. */
size_t histogram_find(const struct histogram_bounds *b, int64_t us);

#endif

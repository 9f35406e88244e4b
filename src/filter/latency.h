/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency.h - how long calls of a method take, as one worker sees it: percentiles of the last one or two thousand, for a bounded number of methods. Buckets
 * are an eighth of a power of two wide, so a percentile is at most 13 % too large and never too small. Methods are known by a hash; two that meet in a place take
 * it from each other, and are learnt again. One thread. */
#ifndef OUTRIGGER_FILTER_LATENCY_H
#define OUTRIGGER_FILTER_LATENCY_H

#include <stdint.h>

struct latency;

struct latency *latency_new(void); /* about 22 KiB */
void latency_free(struct latency *l);
/* A call of this method was answered after so long. */
void latency_add(struct latency *l, uint64_t method, int64_t us);
/* Microseconds in which `percent` (1 to 99) of its calls are answered. -1: too few were seen: a percentile needs as many calls as it takes for one to be above it. */
int64_t latency_find(const struct latency *l, uint64_t method, unsigned percent);

#endif

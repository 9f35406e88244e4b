/* SPDX-License-Identifier: Apache-2.0 */
/* filter/method_times.h - how long calls of a method take until their answer begins, as one worker sees it: percentiles of the last one or two thousand, for a
 * bounded number of methods. Methods are known by a hash; two that meet in a place take it from each other, and are learnt again. One thread. */
#ifndef OUTRIGGER_FILTER_METHOD_TIMES_H
#define OUTRIGGER_FILTER_METHOD_TIMES_H

#include <stdint.h>

struct method_times;

/* Small; each method that is seen takes 2 KiB more, 128 KiB in all. */
struct method_times *method_times_new(void);
void method_times_free(struct method_times *t); /* NULL is fine */
void method_times_add(struct method_times *t, uint64_t method, int64_t us);
/* Microseconds in which `percent` (1 to 99) of its calls are answered. -1: too few were seen, since there must be one above it. */
int64_t
method_times_find(const struct method_times *t, uint64_t method, unsigned percent);

#endif

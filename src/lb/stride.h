/* SPDX-License-Identifier: Apache-2.0 */
/* lb/stride.h - turns by weight without a heap: the static-stride scheduler of gRPC's weighted_round_robin (gRFC A58).
 * A counter runs over generations; in each generation a position has its turn or is passed over, evenly over time. A pick is a few
 * multiplications; it passes over (largest weight / mean weight) positions on average, all of them in the worst case. Worker's thread only. */
#ifndef OUTRIGGER_LB_STRIDE_H
#define OUTRIGGER_LB_STRIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero is a good start. */
struct stride {
    uint16_t *w; /* the largest is 65535 */
    size_t n, size;
    bool even; /* all are equal: plain turns */
    uint64_t generation;
    size_t at; /* in this generation */
};

/* Takes n weights > 0. The turn stays where it is when n does not change. */
void stride_build(struct stride *s, const double *weights, size_t n);
void stride_free(struct stride *s);
/* Starts at position r mod n of a generation that r chooses: many proxies shall not march in step. */
void stride_seed(struct stride *s, uint64_t r);
/* 0 <= result < n; n > 0. */
size_t stride_next(struct stride *s);

#endif

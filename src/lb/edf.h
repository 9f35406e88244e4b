/* SPDX-License-Identifier: Apache-2.0 */
/* lb/edf.h - earliest deadline first: turns by weights that may change at each turn. A heap; one turn costs O(log n). Worker's thread only. */
#ifndef OUTRIGGER_LB_EDF_H
#define OUTRIGGER_LB_EDF_H

#include <stddef.h>
#include <stdint.h>

struct edf_entry {
    double deadline;
    uint32_t position;
};

/* Zero is a good start. */
struct edf {
    struct edf_entry *v; /* heap: the earliest is v[0] */
    size_t n, size;
    double now; /* deadline of the last turn */
};

/* Begins anew with n positions of these weights (> 0). chance: n numbers from 0 to 1: the first deadline of a position is this part of its
 * interval, so that many proxies do not march in step. */
void edf_build(struct edf *q, const double *weights, const double *chance, size_t n);
void edf_free(struct edf *q);
/* Whose turn is it? n > 0. */
uint32_t edf_first(const struct edf *q);
/* The first one had its turn; its next one comes after 1 / weight. */
void edf_turn(struct edf *q, double weight);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ready.h - what the policies that keep all endpoints connected share: an index of those that are READY, so that a pick looks at a few
 * endpoints and not at all of them. Worker's thread only. */
#ifndef OUTRIGGER_LB_READY_H
#define OUTRIGGER_LB_READY_H

#include "base/rand.h"
#include "lb/lb.h"

/* Zero is a good start. Embedded in the state of a policy. */
struct lb_ready {
    uint32_t *v; /* indexes into the list, ascending */
    size_t n, size;
    bool hope; /* some endpoint did not fail: a call may wait */
    bool even; /* all weights in the index are equal */
};

/* Fills the index from the list and sets `wanted` of every endpoint (gRFC A61: all but pick_first and ring_hash keep all connected). */
void ready_build(struct lb_ready *r, const struct lb_list *l);
/* Frees the index; it may be built again. */
void ready_free(struct lb_ready *r);
/* The first of the index with room, from position `at` on and round; the avoided one only when there is no other. Else LB_WAIT or LB_NONE.
 * Usually looks at one endpoint. *ret_at (may be NULL) gets its position in the index. */
int ready_from(const struct lb_ready *r, const struct lb_list *l, size_t at,
               const struct lb_pick *how, size_t *ret_at);

/* 0 <= result < n, for 0 < n < 2^32. Cheaper than rng_below, and uneven by less than n / 2^32, which no share of calls can show. */
static inline uint32_t
ready_draw(struct rng *rng, size_t n)
{
    return (uint32_t)(((rng_next(rng) >> 32) * n) >> 32);
}

/* 0 <= result < 1 */
static inline double
ready_chance(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

/* May this call go there, and not only because there is no other? */
static inline bool
ready_suits(const struct lb_list *l, size_t i, const struct lb_pick *how)
{
    return lb_room(l, i) && l->v[i] != how->avoid;
}

#endif

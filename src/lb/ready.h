/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ready.h - what the policies that keep all endpoints connected share: an index of those that are READY, so that a pick looks at a few
 * endpoints and not at all of them. Worker's thread only. */
#ifndef OUTRIGGER_LB_READY_H
#define OUTRIGGER_LB_READY_H

#include "lb/lb.h"

/* Zero is a good start. Embedded in the state of a policy. */
struct lb_ready {
    uint32_t *v; /* indexes into the list, ascending */
    size_t n, size;
    bool hope; /* some endpoint did not fail: a call may wait */
};

/* Fills the index from the list and sets `wanted` of every endpoint (gRFC A61: all but pick_first and ring_hash keep all connected). */
void ready_build(struct lb_ready *r, const struct lb_list *l);
/* Frees the index; it may be built again. */
void ready_free(struct lb_ready *r);
/* The first of the index with room, from position `at` on and round; the avoided one only when there is no other. Else LB_WAIT or LB_NONE.
 * Usually looks at one endpoint. *ret_at (may be NULL) gets its position in the index. */
int ready_from(const struct lb_ready *r, const struct lb_list *l, size_t at,
               const struct lb_pick *how, size_t *ret_at);

#endif

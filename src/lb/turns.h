/* SPDX-License-Identifier: Apache-2.0 */
/* lb/turns.h - READY endpoints in turn, by weight: what round_robin and weighted_round_robin share. Worker's thread only. */
#ifndef OUTRIGGER_LB_TURNS_H
#define OUTRIGGER_LB_TURNS_H

#include "lb/ready.h"
#include "lb/stride.h"

/* Zeroed, then rng is set. Embedded in the state of a policy. */
struct turns {
    struct lb_ready ready;
    struct stride stride; /* its positions are those of `ready` */
    double *w;            /* weights by position: between turns_begin and turns_end */
    size_t size;
    uint32_t next; /* the endpoint whose turn is next, while the index is made anew */
    bool begun;
    struct rng *rng;
};

/* Makes the index anew and fills `w` with the weights of the endpoints. */
void turns_begin(struct turns *t, const struct lb_list *l);
/* Takes `w`, which the caller may have changed. The turn goes on where it was: an endpoint that comes or goes must not send the calls of a busy pool
 * back to the head of the list. */
void turns_end(struct turns *t, const struct lb_list *l);
int turns_pick(struct turns *t, const struct lb_list *l, const struct lb_pick *how);
void turns_free(struct turns *t);

#endif

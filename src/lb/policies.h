/* SPDX-License-Identifier: Apache-2.0 */
/* lb/policies.h - the policies that exist; only registry.c and the policies include this. */
#ifndef OUTRIGGER_LB_POLICIES_H
#define OUTRIGGER_LB_POLICIES_H

#include "lb/lb.h"

extern const struct lb_policy lb_least_request;
extern const struct lb_policy lb_peak_ewma;
extern const struct lb_policy lb_pick_first;
extern const struct lb_policy lb_random;
extern const struct lb_policy lb_ring_hash;
extern const struct lb_policy lb_round_robin;
extern const struct lb_policy lb_weighted_round_robin;

#endif

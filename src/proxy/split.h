/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/split.h - which of a route's weighted targets a call takes: by chance, or by the value of a header (sticky).
 * By chance: a random number below the sum of the weights (grpc-spec 15.1).
 * Sticky: weighted rendezvous hashing. Each target gets a number from the hash of (value, target) and its weight, and the highest one wins. What holds:
 * the same value takes the same target in every worker, proxy and run, as long as the list of targets is the same; the shares follow the weights;
 * when a target is added, removed or gets another weight, only as many values move as the shares must, and all of them to or from that target. A target is
 * known by its pool and subset, so the order of the list does not matter.
 * Immutable after split_new; any thread. */
#ifndef OUTRIGGER_PROXY_SPLIT_H
#define OUTRIGGER_PROXY_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct rng;
struct split;
struct to_conf;

enum { SPLIT_TARGETS_MAX = 64 };

/* n: 2 to SPLIT_TARGETS_MAX targets whose weights have a sum from 1 to UINT32_MAX. */
struct split *split_new(const struct to_conf *to, size_t n);
void split_free(struct split *s);
/* Index of a target whose weight is not 0. */
unsigned split_random(const struct split *s, struct rng *rng);
unsigned split_sticky(const struct split *s, struct slice value);

#endif

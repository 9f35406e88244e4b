/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ring.h - the ring of ring_hash: equal to gRPC's for the same endpoints, weights and sizes (gRFC A42), unless each endpoint has a number of places of its own. Worker's thread only. */
#ifndef OUTRIGGER_LB_RING_H
#define OUTRIGGER_LB_RING_H

#include <stddef.h>
#include <stdint.h>

#include "lb/lb.h"

struct ring_entry {
    uint64_t hash;  /* XXH64 of "<key>_<number>" */
    uint32_t index; /* into the list */
};

/* How many places there are. */
struct ring_size {
    uint32_t least, most;
    uint32_t
        each; /* for weight 1, whatever the number of endpoints; 0: as gRPC, which keeps the size of the whole ring */
};

/* Zero is a good start. */
struct ring {
    struct ring_entry *v; /* by hash */
    size_t n;
};

/* Replaces the ring by that of the list: keys and weights count, states and order do not. An empty list gives an empty ring. */
void ring_build(struct ring *r, const struct lb_list *l, const struct ring_size *size);
void ring_free(struct ring *r);
/* The first entry at or behind the hash, round the end; n > 0. */
size_t ring_find(const struct ring *r, uint64_t hash);

#endif

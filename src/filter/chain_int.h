/* SPDX-License-Identifier: Apache-2.0 */
/* filter/chain_int.h - what a chain is: for chain_build.c, which makes it, and chain.c, which leads calls through it. */
#ifndef OUTRIGGER_FILTER_CHAIN_INT_H
#define OUTRIGGER_FILTER_CHAIN_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/chain.h"

/* What a slot asks, one after the other: all that is needed for that lies together. */
struct chain_hook {
    union {
        enum filter_verdict (*request)(struct filter_call *fc, void *state);
        enum filter_verdict (*request_data)(struct filter_call *fc, void *state,
                                            const struct buf *in, bool end);
        void (*attempt)(struct filter_call *fc, void *state, unsigned number);
        void (*attempt_end)(struct filter_call *fc, void *state,
                            const struct filter_attempt *a);
        enum filter_verdict (*response)(struct filter_call *fc, void *state,
                                        struct h2_headers *h, bool end);
        enum filter_verdict (*response_data)(struct filter_call *fc, void *state,
                                             const struct buf *in);
        enum filter_verdict (*trailers)(struct filter_call *fc, void *state,
                                        struct h2_headers *h);
        void (*end)(struct filter_call *fc, void *state, const struct filter_result *r);
    } ask;
    const struct filter *filter;
    uint64_t bit;   /* of the filter, in a set of them */
    uint32_t state; /* offset of its state */
    uint8_t step;   /* place of the filter */
};

struct chain {
    uint8_t n;
    unsigned flags;
    bool wants_answer;
    uint64_t all;              /* set of all filters */
    size_t state_size, zeroed; /* the first bytes of the states are zeroed */
    struct filter **filters;
    /* Hooks of a slot, in the order of asking, are from here to the begin of the next slot. */
    struct chain_hook *hooks[SLOT_COUNT + 1];
};

/* The set of the first n filters. */
static inline uint64_t
steps_below(unsigned n)
{
    return n < CHAIN_STEPS_MAX ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

#endif

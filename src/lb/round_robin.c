/* SPDX-License-Identifier: Apache-2.0 */
/* lb/round_robin.c - each endpoint with room in turn, from a random start so that many proxies do not march in step. */
#include "base/rand.h"
#include "lb/policies.h"

struct round_robin {
    size_t next;
};

static void
round_robin_start(void *state, size_t n, struct rng *rng)
{
    struct round_robin *rr = state;

    rr->next = n ? rng_below(rng, n) : 0;
}

static int
round_robin_pick(void *state, const struct lb_endpoint *eps, size_t n)
{
    struct round_robin *rr = state;
    bool hope = false;

    for (size_t tried = 0; tried < n; tried++) {
        size_t i = rr->next < n ? rr->next : 0;

        rr->next = i + 1;
        if (eps[i].room)
            return (int)i;
        hope |= eps[i].state != LB_FAILED;
    }
    return hope ? LB_WAIT : LB_NONE;
}

static bool
round_robin_wants(const void *state, const struct lb_endpoint *eps, size_t n, size_t i)
{
    (void)state, (void)eps, (void)n, (void)i;
    return true;
}

const struct lb_policy lb_round_robin = {
    .name = "round_robin",
    .state_size = sizeof(struct round_robin),
    .start = round_robin_start,
    .pick = round_robin_pick,
    .wants = round_robin_wants,
};

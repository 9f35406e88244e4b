/* SPDX-License-Identifier: Apache-2.0 */
/* lb/round_robin.c - each READY endpoint in turn, from a random start so that many proxies do not march in step. When weights differ (a source gave
 * them, or slow start) an endpoint has its turn as often as its weight says. */
#include "lb/policies.h"
#include "lb/turns.h"

static void
round_robin_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct turns *t = state;

    (void)conf;
    t->rng = rng;
}

static void
round_robin_stop(void *state)
{
    turns_free(state);
}

static int64_t
round_robin_update(void *state, const struct lb_list *l, int64_t now_us)
{
    (void)now_us;
    turns_begin(state, l);
    turns_end(state, l);
    return -1;
}

static int
round_robin_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    return turns_pick(state, l, how);
}

const struct lb_policy lb_round_robin = {
    .name = "round_robin",
    .state_size = sizeof(struct turns),
    .start = round_robin_start,
    .stop = round_robin_stop,
    .update = round_robin_update,
    .pick = round_robin_pick,
};

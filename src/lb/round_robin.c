/* SPDX-License-Identifier: Apache-2.0 */
/* lb/round_robin.c - each READY endpoint in turn, from a random start so that many proxies do not march in step. */
#include "base/rand.h"
#include "lb/policies.h"
#include "lb/ready.h"

struct round_robin {
    struct lb_ready ready;
    struct rng *rng;
    size_t next; /* position in `ready` */
    bool begun;
};

static void
round_robin_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct round_robin *rr = state;

    (void)conf;
    rr->rng = rng;
}

static void
round_robin_stop(void *state)
{
    struct round_robin *rr = state;

    ready_free(&rr->ready);
}

/* The turn goes on where it was: an endpoint that comes or goes must not send the calls of a busy pool back to the head of the list. */
static int64_t
round_robin_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct round_robin *rr = state;
    struct lb_ready *r = &rr->ready;
    size_t turn = rr->next < r->n ? r->v[rr->next] : 0;

    (void)now_us;
    ready_build(r, l);
    if (!rr->begun && r->n) {
        rr->next = rng_below(rr->rng, r->n);
        rr->begun = r->n == l->n; /* the first to be ready shall not be first for ever */
        return -1;
    }
    rr->next = 0;
    while (rr->next < r->n && r->v[rr->next] < turn)
        rr->next++;
    return -1;
}

static int
round_robin_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct round_robin *rr = state;
    size_t at = rr->next;
    int i = ready_from(&rr->ready, l, at, how, &at);

    if (i >= 0)
        rr->next = at + 1 < rr->ready.n ? at + 1 : 0;
    return i;
}

const struct lb_policy lb_round_robin = {
    .name = "round_robin",
    .state_size = sizeof(struct round_robin),
    .start = round_robin_start,
    .stop = round_robin_stop,
    .update = round_robin_update,
    .pick = round_robin_pick,
};

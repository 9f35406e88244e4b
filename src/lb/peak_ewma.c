/* SPDX-License-Identifier: Apache-2.0 */
/* lb/peak_ewma.c - of two endpoints drawn by chance the one that costs less: its round trip times the calls under way, as linkerd does it.
 * The round trip is a moving average that jumps up with a slow answer and falls by and by; while no answers come it falls too, so that an endpoint
 * that was slow is tried again. An endpoint that we know nothing of counts as slow (1 s), so that it gets few calls at first. */
#include <math.h>

#include "lb/lb_conf.h"
#include "lb/policies.h"
#include "lb/ready.h"

static const double FIRST_RTT_US = 1e6;
static const double FAILURE_US = 5e6; /* a failed call counts as at least this slow */

struct peak_ewma {
    struct lb_ready ready;
    struct rng *rng;
    double decay_us;
};

static void
peak_ewma_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct peak_ewma *s = state;

    s->rng = rng;
    s->decay_us = (double)conf->decay_ms * 1000;
}

static void
peak_ewma_stop(void *state)
{
    struct peak_ewma *s = state;

    ready_free(&s->ready);
}

static int64_t
peak_ewma_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct peak_ewma *s = state;

    ready_build(&s->ready, l);
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i]->load.ewma_at_us == 0) {
            l->v[i]->load.ewma_us = FIRST_RTT_US;
            l->v[i]->load.ewma_at_us = now_us;
        }
    }
    return -1;
}

/* Which part of the average is left now. */
static double
peak_ewma_left(const struct peak_ewma *s, const struct lb_endpoint *e, int64_t now_us)
{
    double age = (double)(now_us - e->load.ewma_at_us);

    return age > 0 ? exp(-age / s->decay_us) : 1;
}

static double
peak_ewma_cost(const struct peak_ewma *s, const struct lb_endpoint *e, int64_t now_us)
{
    return e->load.ewma_us * peak_ewma_left(s, e, now_us) * (e->active + 1.0) / e->weight;
}

static int
peak_ewma_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct peak_ewma *s = state;
    const struct lb_ready *r = &s->ready;
    size_t a, b;
    bool first, second;

    if (r->n < 2)
        return ready_from(r, l, 0, how, NULL);
    a = ready_draw(s->rng, r->n);
    b = ready_draw(s->rng, r->n - 1);
    b += b >= a; /* another one */
    first = ready_suits(l, r->v[a], how);
    second = ready_suits(l, r->v[b], how);
    if (first && second) {
        double x = peak_ewma_cost(s, l->v[r->v[a]], how->now_us);
        double y = peak_ewma_cost(s, l->v[r->v[b]], how->now_us);

        return (int)r->v[x <= y ? a : b];
    }
    return first || second ? (int)r->v[first ? a : b] : ready_from(r, l, a, how, NULL);
}

static void
peak_ewma_ended(void *state, struct lb_endpoint *e, const struct lb_result *res,
                int64_t now_us)
{
    struct peak_ewma *s = state;
    double rtt = (double)res->duration_us;
    double left = peak_ewma_left(s, e, now_us);

    if (res->failed && rtt < FAILURE_US)
        rtt = FAILURE_US;
    if (rtt >= e->load.ewma_us * left)
        e->load.ewma_us = rtt; /* the peak */
    else
        e->load.ewma_us = e->load.ewma_us * left + rtt * (1 - left);
    e->load.ewma_at_us = now_us;
}

const struct lb_policy lb_peak_ewma = {
    .name = "peak_ewma",
    .state_size = sizeof(struct peak_ewma),
    .start = peak_ewma_start,
    .stop = peak_ewma_stop,
    .update = peak_ewma_update,
    .pick = peak_ewma_pick,
    .ended = peak_ewma_ended,
};

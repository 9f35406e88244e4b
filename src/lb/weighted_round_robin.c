/* SPDX-License-Identifier: Apache-2.0 */
/* lb/weighted_round_robin.c - turns by weights that come from the backends' own load reports (gRFC A58): calls per second for each unit of load.
 * As long as fewer than two endpoints have such a weight, the weights of the source count; when those are equal it is plain round robin. */
#include "lb/lb_conf.h"
#include "lb/policies.h"
#include "lb/turns.h"

struct weighted {
    struct turns turns;
    int64_t blackout_us, expiration_us, period_us;
    double penalty;
};

static void
weighted_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct weighted *s = state;

    s->turns.rng = rng;
    s->blackout_us = conf->blackout_period_ms * 1000;
    s->expiration_us = conf->weight_expiration_period_ms * 1000;
    s->period_us = conf->weight_update_period_ms * 1000;
    s->penalty = conf->error_utilization_penalty;
}

static void
weighted_stop(void *state)
{
    struct weighted *s = state;

    turns_free(&s->turns);
}

static bool
report_valid(const struct lb_report *r)
{
    return r->qps > 0 && r->utilization > 0;
}

/* 0: none. Forgets what is too old. */
static double
weighted_of(const struct weighted *s, struct lb_endpoint *e, int64_t now_us)
{
    const struct lb_report *r = &e->load.report;

    if (e->load.non_empty_us == 0)
        return 0;
    /* Connected anew: it has to prove itself again. */
    if (e->ready_us > e->load.non_empty_us ||
        now_us - e->load.updated_us >= s->expiration_us) {
        e->load.non_empty_us = 0;
        return 0;
    }
    if (now_us - e->load.non_empty_us < s->blackout_us)
        return 0;
    return r->qps / (r->utilization + r->eps / r->qps * s->penalty);
}

static int64_t
weighted_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct weighted *s = state;
    struct turns *t = &s->turns;
    size_t known = 0;
    double sum = 0;

    turns_begin(t, l);
    for (size_t i = 0; i < t->ready.n; i++) {
        double w = weighted_of(s, l->v[t->ready.v[i]], now_us);

        known += w > 0;
        sum += w;
    }
    for (size_t i = 0; i < t->ready.n && known >= 2; i++) {
        double w = weighted_of(s, l->v[t->ready.v[i]], now_us);

        t->w[i] = w > 0 ? w : sum / (double)known;
    }
    turns_end(t, l);
    return t->ready.n >= 2 ? s->period_us : -1;
}

static int
weighted_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct weighted *s = state;

    return turns_pick(&s->turns, l, how);
}

static void
weighted_reported(void *state, struct lb_endpoint *e, const struct lb_report *r,
                  int64_t now_us)
{
    (void)state;
    if (!report_valid(r))
        return;
    e->load.report = *r;
    e->load.updated_us = now_us;
    if (e->load.non_empty_us == 0 || e->ready_us > e->load.non_empty_us)
        e->load.non_empty_us = now_us;
}

const struct lb_policy lb_weighted_round_robin = {
    .name = "weighted_round_robin",
    .state_size = sizeof(struct weighted),
    .wants_reports = true,
    .start = weighted_start,
    .stop = weighted_stop,
    .update = weighted_update,
    .pick = weighted_pick,
    .reported = weighted_reported,
};

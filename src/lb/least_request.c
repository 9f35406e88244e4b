/* SPDX-License-Identifier: Apache-2.0 */
/* lb/least_request.c - the endpoint with fewer calls under way (gRFC A48): of some that are drawn by chance, or of all with fullScan.
 * When weights differ, turns by weight / (active + 1) ^ bias, as Envoy does it: a draw by chance would ignore the weights of idle endpoints. */
#include <math.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "lb/edf.h"
#include "lb/lb_conf.h"
#include "lb/policies.h"
#include "lb/ready.h"

enum { LEAST_TURNS = 8 }; /* endpoints without room that a pick by turns passes over */

struct least_request {
    struct lb_ready ready;
    struct rng *rng;
    uint32_t choices;
    double bias;
    bool full_scan;
    struct edf turns; /* only when weights differ */
    double *w, *chance;
    size_t size;
};

static void
least_request_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct least_request *s = state;

    s->rng = rng;
    s->choices = conf->choices;
    s->bias = conf->active_request_bias;
    s->full_scan = conf->full_scan;
}

static void
least_request_stop(void *state)
{
    struct least_request *s = state;

    ready_free(&s->ready);
    edf_free(&s->turns);
    xfree(s->w);
    xfree(s->chance);
    s->w = s->chance = NULL;
    s->size = 0;
}

/* Its share of the calls now; > 0. */
static double
least_request_share(const struct least_request *s, const struct lb_endpoint *e)
{
    double load = (double)e->active + 1;

    if (s->bias < 1 || s->bias > 1)
        load = s->bias > 0 ? pow(load, s->bias) : 1;
    return e->weight / load;
}

static int64_t
least_request_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct least_request *s = state;

    (void)now_us;
    ready_build(&s->ready, l);
    if (s->ready.even || s->full_scan)
        return -1;
    if (s->size < s->ready.size) {
        xfree(s->w);
        xfree(s->chance);
        s->size = s->ready.size;
        s->w = xcalloc(s->size, sizeof(*s->w));
        s->chance = xcalloc(s->size, sizeof(*s->chance));
    }
    for (size_t i = 0; i < s->ready.n; i++) {
        s->w[i] = least_request_share(s, l->v[s->ready.v[i]]);
        s->chance[i] = ready_chance(s->rng);
    }
    edf_build(&s->turns, s->w, s->chance, s->ready.n);
    return -1;
}

/* Of `choices` draws with repetition the one with the fewest calls; the first of equals. LB_NONE: none suits. */
static int
least_request_draw(struct least_request *s, const struct lb_list *l,
                   const struct lb_pick *how)
{
    int best = LB_NONE;

    for (uint32_t k = 0; k < s->choices; k++) {
        uint32_t i = s->ready.v[ready_draw(s->rng, s->ready.n)];

        if (!ready_suits(l, i, how))
            continue;
        if (best < 0 || l->v[i]->active < l->v[best]->active)
            best = (int)i;
    }
    return best;
}

static int
least_request_scan(struct least_request *s, const struct lb_list *l,
                   const struct lb_pick *how)
{
    size_t n = s->ready.n, at = ready_draw(s->rng, n);
    double most = 0;
    int best = LB_NONE;

    /* From a random place on, or the head of the list would have all the calls of an idle pool. */
    for (size_t k = 0; k < n; k++, at++) {
        uint32_t i = s->ready.v[at < n ? at : at - n];
        double share;

        if (!ready_suits(l, i, how))
            continue;
        share = least_request_share(s, l->v[i]);
        if (share > most) {
            most = share;
            best = (int)i;
        }
    }
    return best;
}

static int
least_request_turn(struct least_request *s, const struct lb_list *l,
                   const struct lb_pick *how)
{
    for (int k = 0; k < LEAST_TURNS; k++) {
        uint32_t i = s->ready.v[edf_first(&s->turns)];

        edf_turn(&s->turns, least_request_share(s, l->v[i]));
        if (ready_suits(l, i, how))
            return (int)i;
    }
    return LB_NONE;
}

static int
least_request_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct least_request *s = state;
    int i = LB_NONE;

    if (s->ready.n == 0)
        return s->ready.hope ? LB_WAIT : LB_NONE;
    if (s->full_scan)
        i = least_request_scan(s, l, how);
    else if (s->ready.even)
        i = least_request_draw(s, l, how);
    else
        i = least_request_turn(s, l, how);
    if (LIKELY(i >= 0))
        return i;
    return ready_from(&s->ready, l, ready_draw(s->rng, s->ready.n), how, NULL);
}

const struct lb_policy lb_least_request = {
    .name = "least_request",
    .state_size = sizeof(struct least_request),
    .start = least_request_start,
    .stop = least_request_stop,
    .update = least_request_update,
    .pick = least_request_pick,
};

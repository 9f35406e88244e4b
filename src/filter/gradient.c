/* SPDX-License-Identifier: Apache-2.0 */
/* filter/gradient.c - a state machine of two states, measuring and following, that is looked at when its time has come. */
#include "filter/gradient.h"

#include <math.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/rand.h"
#include "base/xalloc.h"
#include "filter/latency.h"

enum { LINE = 64, AT_MIN_MAX = 5, MEDIAN = 50 };

struct gradient {
    struct gradient_conf conf;
    alignas(LINE) _Atomic uint32_t flying;
    /* read by all, written once per update */
    alignas(LINE) _Atomic uint32_t limit;
    _Atomic bool measuring;
    _Atomic int64_t since_us; /* calls that began before do not count */
    _Atomic int64_t look_at_us;
    _Atomic int64_t min_rtt_us;
    /* under the lock */
    alignas(LINE) pthread_mutex_t lock;
    uint32_t kept; /* limit from before measuring */
    unsigned at_min;
    int64_t update_at_us, measure_at_us;
    struct latency samples;
};

uint32_t
gradient_next(const struct gradient_conf *conf, uint32_t limit, int64_t min_rtt_us,
              int64_t median_us)
{
    double allowed = (double)min_rtt_us * (1 + conf->buffer / 100);
    double gradient = allowed / (double)(median_us > 0 ? median_us : 1);
    double next;

    gradient = gradient < 0.5 ? 0.5 : gradient > 2 ? 2 : gradient;
    next = gradient * limit;
    next += sqrt(next);
    if (next < conf->min_limit)
        return conf->min_limit;
    return next > conf->max_limit ? conf->max_limit : (uint32_t)next;
}

/* --- the machine, locked --------------------------------------------------------------- */

static void
follow(struct gradient *g, uint32_t limit, int64_t now_us, struct rng *rng)
{
    double more = g->conf.jitter / 100 * (double)g->conf.interval_us;

    atomic_store(&g->measuring, false);
    atomic_store(&g->limit, limit);
    latency_clear(&g->samples);
    g->at_min = 0;
    g->update_at_us = now_us + g->conf.update_us;
    g->measure_at_us = g->conf.min_rtt_us
                           ? INT64_MAX
                           : now_us + g->conf.interval_us +
                                 (rng ? (int64_t)rng_below(rng, (uint64_t)more + 1) : 0);
}

static void
measure(struct gradient *g, int64_t now_us)
{
    g->kept = gradient_limit(g);
    atomic_store(&g->since_us, now_us);
    latency_clear(&g->samples);
    atomic_store(&g->limit, g->conf.min_limit);
    atomic_store(&g->measuring, true);
    g->measure_at_us = now_us + g->conf.interval_us; /* its end at the latest */
}

static void
measured(struct gradient *g, int64_t now_us, struct rng *rng)
{
    int64_t median = latency_quantile(&g->samples, MEDIAN);

    if (latency_count(&g->samples) > 0)
        atomic_store(&g->min_rtt_us, median > 0 ? median : 1);
    follow(g, g->kept, now_us, rng);
}

static void
update(struct gradient *g, int64_t now_us)
{
    uint32_t limit = gradient_limit(g);
    int64_t min_rtt_us = gradient_min_rtt_us(g);

    g->update_at_us = now_us + g->conf.update_us;
    if (latency_count(&g->samples) == 0 || min_rtt_us == 0)
        return;
    limit =
        gradient_next(&g->conf, limit, min_rtt_us, latency_quantile(&g->samples, MEDIAN));
    atomic_store(&g->limit, limit);
    latency_clear(&g->samples);
    g->at_min = limit == g->conf.min_limit ? g->at_min + 1 : 0;
    if (g->at_min >= AT_MIN_MAX && !g->conf.min_rtt_us &&
        g->conf.min_limit < g->conf.max_limit)
        measure(g, now_us);
}

static bool
is_measured(const struct gradient *g)
{
    return atomic_load_explicit(&g->measuring, memory_order_relaxed) &&
           latency_count(&g->samples) >= g->conf.requests;
}

static void
look(struct gradient *g, int64_t now_us, struct rng *rng)
{
    if (pthread_mutex_trylock(&g->lock) != 0)
        return; /* somebody else does it */
    if (atomic_load(&g->measuring)) {
        if (is_measured(g) || now_us >= g->measure_at_us)
            measured(g, now_us, rng);
    } else if (now_us >= g->measure_at_us) {
        measure(g, now_us);
    } else if (now_us >= g->update_at_us) {
        update(g, now_us);
    }
    atomic_store(&g->look_at_us,
                 atomic_load(&g->measuring) || g->measure_at_us < g->update_at_us
                     ? g->measure_at_us
                     : g->update_at_us);
    pthread_mutex_unlock(&g->lock);
}

static void
look_if_due(struct gradient *g, int64_t now_us, struct rng *rng)
{
    if (now_us >= atomic_load_explicit(&g->look_at_us, memory_order_relaxed) ||
        is_measured(g))
        look(g, now_us, rng);
}

/* --- for calls -------------------------------------------------------------------------- */

struct gradient *
gradient_new(const struct gradient_conf *conf, int64_t now_us)
{
    struct gradient *g = xcalloc_aligned(LINE, sizeof(*g));

    g->conf = *conf;
    pthread_mutex_init(&g->lock, NULL);
    atomic_init(&g->limit, conf->min_limit);
    atomic_init(&g->min_rtt_us, conf->min_rtt_us);
    if (conf->min_rtt_us)
        follow(g, conf->min_limit, now_us, NULL);
    else
        measure(g, now_us);
    return g;
}

void
gradient_free(struct gradient *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    xfree(g);
}

bool
gradient_take(struct gradient *g, int64_t now_us, struct rng *rng)
{
    uint32_t flying = gradient_flying(g);

    look_if_due(g, now_us, rng);
    while (flying < gradient_limit(g)) {
        if (atomic_compare_exchange_weak_explicit(&g->flying, &flying, flying + 1,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

void
gradient_give(struct gradient *g)
{
    atomic_fetch_sub_explicit(&g->flying, 1, memory_order_relaxed);
}

void
gradient_tell(struct gradient *g, int64_t begun_us, int64_t now_us, struct rng *rng)
{
    if (begun_us < atomic_load_explicit(&g->since_us, memory_order_relaxed))
        return; /* it was disturbed by calls from before */
    latency_add(&g->samples, now_us - begun_us);
    look_if_due(g, now_us, rng);
}

uint32_t
gradient_limit(const struct gradient *g)
{
    return atomic_load_explicit(&g->limit, memory_order_relaxed);
}

uint32_t
gradient_flying(const struct gradient *g)
{
    return atomic_load_explicit(&g->flying, memory_order_relaxed);
}

int64_t
gradient_min_rtt_us(const struct gradient *g)
{
    return atomic_load_explicit(&g->min_rtt_us, memory_order_relaxed);
}

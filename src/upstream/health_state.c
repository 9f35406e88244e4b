/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_state.c - thresholds, intervals and jitter of active checks. */
#include "upstream/health_state.h"

#include "base/rand.h"

static const int64_t SECOND_US = 1000 * 1000;
static const int64_t SOON_US = 100 * 1000;
enum { BACKOFF_TRIES_MAX = 32, BACKOFF_JITTER = 20, RISES_FREE = 2 };

void
health_state_init(struct health_state *s, const struct health_conf *conf)
{
    *s = (struct health_state){ .conf = conf, .healthy = !conf->wait_for_first };
}

static bool
state_set(struct health_state *s, bool healthy)
{
    bool changed = s->healthy != healthy || !s->answered;

    s->answered = true;
    s->healthy = healthy;
    if (healthy)
        s->was_good = true;
    return changed;
}

bool
health_state_probe(struct health_state *s, bool good)
{
    const struct health_conf *c = s->conf;

    s->held = false;
    s->good = good ? s->good + 1 : 0;
    s->bad = good ? 0 : s->bad + 1;
    if (good && (s->healthy || !s->was_good || s->good >= c->healthy_after))
        return state_set(s, true);
    /* One that was never good has nothing to lose: its first failure is its state. */
    if (!good && (!s->healthy || s->bad >= c->unhealthy_after))
        return state_set(s, false);
    if (!s->answered) /* used before its first answer, which is a failure */
        s->answered = true;
    return false;
}

bool
health_state_word(struct health_state *s, bool serving, int64_t now_us)
{
    int64_t interval_us = s->conf->interval_ms * 1000;

    s->good = serving ? s->good + 1 : 0;
    s->bad = serving ? 0 : s->bad + 1;
    if (!serving || s->healthy) {
        s->held = s->held && serving;
        return state_set(s, serving);
    }
    if (now_us - s->rises_from_us >= interval_us) {
        s->rises_from_us = now_us;
        s->rises = 0;
    }
    if (s->was_good && ++s->rises > RISES_FREE) {
        if (!s->held)
            s->hold_until_us = now_us + interval_us;
        s->held = true;
        return false;
    }
    return state_set(s, true);
}

int64_t
health_state_hold_us(const struct health_state *s, int64_t now_us)
{
    if (!s->held)
        return -1;
    return s->hold_until_us > now_us ? s->hold_until_us - now_us : 0;
}

bool
health_state_release(struct health_state *s, int64_t now_us)
{
    if (!s->held || now_us < s->hold_until_us)
        return false;
    s->held = false;
    s->rises = 0;
    s->rises_from_us = now_us;
    return state_set(s, true);
}

int64_t
health_state_first_us(const struct health_state *s, struct rng *rng)
{
    int64_t most_us = s->conf->initial_jitter_ms * 1000;

    return most_us > 0 ? (int64_t)rng_below(rng, (uint64_t)most_us + 1) : 0;
}

/* 1 s, 1.6 s, 2.56 s ... at most most_us. */
static int64_t
state_backoff(struct health_state *s, int64_t most_us, struct rng *rng)
{
    double wait = (double)SECOND_US;

    for (uint32_t i = 0; i < s->tries && wait < (double)most_us; i++)
        wait *= 1.6;
    if (s->tries < BACKOFF_TRIES_MAX)
        s->tries++;
    if (wait > (double)most_us)
        wait = (double)most_us;
    return rng_jitter(rng, (int64_t)wait, BACKOFF_JITTER);
}

int64_t
health_state_next_us(struct health_state *s, bool traffic, struct rng *rng)
{
    const struct health_conf *c = s->conf;
    int64_t ms = c->interval_ms;

    if (!s->was_good)
        return state_backoff(s, ms * 1000, rng);
    s->tries = 0;
    if (!s->healthy && c->unhealthy_interval_ms)
        ms = c->unhealthy_interval_ms;
    else if (s->healthy && !traffic && c->no_traffic_interval_ms)
        ms = c->no_traffic_interval_ms;
    return rng_jitter(rng, ms * 1000, (int)c->interval_jitter_percent);
}

int64_t
health_state_again_us(struct health_state *s, bool had_message, struct rng *rng)
{
    if (had_message) {
        s->tries = 0;
        return SOON_US;
    }
    return state_backoff(s, s->conf->interval_ms * 1000, rng);
}

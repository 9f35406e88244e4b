/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/breaker.c - one endpoint's breaker. */
#include "upstream/breaker.h"

#include <string.h>

#include "base/rand.h"
#include "upstream/outlier_conf.h"

enum { DOUBLINGS_MAX = 30 };

void
breaker_count(struct breaker *b, const struct breaker_conf *c, uint64_t good,
              uint64_t bad, int64_t now_us)
{
    int64_t slot = now_us / (c->window_ms * 1000 / BREAKER_SLOTS);
    int64_t ahead = slot - b->slot;

    if (ahead < 0)
        ahead = 0;
    for (int64_t i = 1; i <= ahead && i <= BREAKER_SLOTS; i++)
        b->good[(b->slot + i) % BREAKER_SLOTS] = b->bad[(b->slot + i) % BREAKER_SLOTS] =
            0;
    b->slot += ahead;
    b->good[b->slot % BREAKER_SLOTS] += good;
    b->bad[b->slot % BREAKER_SLOTS] += bad;
}

bool
breaker_rate_is_low(const struct breaker *b, const struct breaker_conf *c)
{
    uint64_t good = 0, bad = 0;

    for (int i = 0; i < BREAKER_SLOTS; i++) {
        good += b->good[i];
        bad += b->bad[i];
    }
    return good + bad >= c->minimum_calls &&
           100.0 * (double)good < c->success_rate * (double)(good + bad);
}

void
breaker_trip(struct breaker *b, const struct breaker_conf *c, int64_t now_us,
             struct rng *rng)
{
    int64_t wait_us = c->min_wait_ms * 1000, most_us = c->max_wait_ms * 1000;
    int64_t extra_us;

    for (uint32_t i = 0; i < b->trips && wait_us < most_us; i++)
        wait_us *= 2;
    if (wait_us > most_us)
        wait_us = most_us;
    extra_us = wait_us * c->jitter_percent / 100;
    if (extra_us > 0)
        wait_us += (int64_t)rng_below(rng, (uint64_t)extra_us + 1);
    if (b->trips < DOUBLINGS_MAX)
        b->trips++;
    b->state = BREAKER_WAITING;
    b->wait_until_us = now_us + wait_us;
}

void
breaker_probe(struct breaker *b)
{
    b->state = BREAKER_PROBING;
}

void
breaker_close(struct breaker *b)
{
    b->state = BREAKER_CLOSED;
    b->trips = 0;
    memset(b->good, 0, sizeof(b->good));
    memset(b->bad, 0, sizeof(b->bad));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* base/rand.c - xoshiro256** (Blackman and Vigna, 2018, public domain algorithm),
 * seeded by splitmix64, because the all-zero state must never occur and similar seeds
 * must give unlike streams. */
#include "base/rand.h"

#include <assert.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/compat.h"

static uint64_t
rng_splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void
rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = rng_splitmix(&seed);
}

void
rng_seed_system(struct rng *r)
{
    uint64_t seed;

    /* Early at boot the pool may not be ready; jitter needs no secret, so the clock
     * will do. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)clock_wall_us() ^ (uint64_t)(uintptr_t)r;
    rng_seed(r, seed);
}

uint64_t
rng_next(struct rng *r)
{
    uint64_t out = rng_rotate(r->s[1] * 5, 7) * 9;

    rng_step(r->s);
    return out;
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
    assert(n > 0);

    /* Values below 2^64 mod n would make small results more likely: draw again. */
    uint64_t reject = -n % n;
    uint64_t x;

    do
        x = rng_next(r);
    while (x < reject);
    return x % n;
}

int64_t
rng_jitter(struct rng *r, int64_t value, int percent)
{
    if (value <= 0 || percent <= 0)
        return value;
    if (percent > 100)
        percent = 100;

    /* In two parts, so that value * percent cannot overflow. */
    int64_t spread = value / 100 * percent + value % 100 * percent / 100;

    return value - spread + (int64_t)rng_below(r, (uint64_t)spread * 2 + 1);
}

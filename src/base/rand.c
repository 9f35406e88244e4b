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

static uint64_t
rng_rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
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

static ALWAYS_INLINE void
rng_step(uint64_t s[4])
{
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotate(s[3], 45);
}

uint64_t
rng_next(struct rng *r)
{
    uint64_t out = rng_rotate(r->s[1] * 5, 7) * 9;

    rng_step(r->s);
    return out;
}

/* The scrambler of xoshiro256**, the one of xoshiro256++, and the first one on another word. */
void
rng_three(struct rng *r, uint64_t out[3])
{
    out[0] = rng_rotate(r->s[1] * 5, 7) * 9;
    out[1] = rng_rotate(r->s[0] + r->s[3], 23) + r->s[0];
    out[2] = rng_rotate(r->s[2] * 5, 7) * 9;
    rng_step(r->s);
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

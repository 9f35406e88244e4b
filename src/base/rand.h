/* SPDX-License-Identifier: Apache-2.0 */
/* base/rand.h - fast pseudo random numbers (xoshiro256**) for jitter and choices;
 * never for secrets. Seeded from the system or by a number, so that a failing random
 * test replays from its seed. One thread per object. */
#ifndef OUTRIGGER_BASE_RAND_H
#define OUTRIGGER_BASE_RAND_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
void rng_seed_system(struct rng *r);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 <= result < n; n > 0 */
/* uniform in value * [100-percent, 100+percent] % */
int64_t rng_jitter(struct rng *r, int64_t value, int percent);

/* --- inline: on the path of a call ------------------------------------------------- */

static inline uint64_t
rng_rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline void
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

/* Three numbers for little more than the price of one: of one state by the scramblers of xoshiro256** (of two words of it) and of xoshiro256++. For ids, which have to differ. */
static inline void
rng_three(struct rng *r, uint64_t out[3])
{
    out[0] = rng_rotate(r->s[1] * 5, 7) * 9;
    out[1] = rng_rotate(r->s[0] + r->s[3], 23) + r->s[0];
    out[2] = rng_rotate(r->s[2] * 5, 7) * 9;
    rng_step(r->s);
}

#endif

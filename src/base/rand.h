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
/* Three numbers for the price of little more than one: of one state by three functions. For ids, which have to differ; the next draw does not depend on how many were taken. */
void rng_three(struct rng *r, uint64_t out[3]);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 <= result < n; n > 0 */
/* uniform in value * [100-percent, 100+percent] % */
int64_t rng_jitter(struct rng *r, int64_t value, int percent);

#endif

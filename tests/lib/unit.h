/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/unit.h - cmocka behind the headers that it needs, and seeds for random tests.
 * A random test prints its seed; SEED=number in the environment plays that run again. */
#ifndef OUTRIGGER_TESTS_LIB_UNIT_H
#define OUTRIGGER_TESTS_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"

static inline void
unit_seed(struct rng *r)
{
    const char *given = getenv("SEED");
    uint64_t seed;

    rng_seed_system(r);
    seed = given ? strtoull(given, NULL, 0) : rng_next(r) & 0xffffffff;
    rng_seed(r, seed);
    print_message("SEED=%llu\n", (unsigned long long)seed);
}

#endif

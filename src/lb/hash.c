/* SPDX-License-Identifier: Apache-2.0 */
/* lb/hash.c - the only file that knows libxxhash. */
#include "lb/hash.h"

#include <xxhash.h>

uint64_t
lb_hash(const void *p, size_t n)
{
    return XXH64(p, n, 0);
}

uint64_t
lb_hash_seeded(const void *p, size_t n, uint64_t seed)
{
    return XXH64(p, n, seed);
}

uint64_t
lb_hash_join(uint64_t so_far, uint64_t next)
{
    return ((so_far << 1) | (so_far >> 63)) ^ next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* lb/hash.h - hashes that must be equal in all proxies: XXH64, as gRPC (gRFC A42) and Envoy use it. Pure functions; any thread. */
#ifndef OUTRIGGER_LB_HASH_H
#define OUTRIGGER_LB_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH64 with seed 0: of the value of a hash header, of a place on a ring. */
uint64_t lb_hash(const void *p, size_t n);
/* XXH64 with another seed: for an order by chance (gRFC A68). */
uint64_t lb_hash_seeded(const void *p, size_t n, uint64_t seed);
/* Adds the hash of one more value to the hash of those before, which starts at 0 (gRFC A42: rotate left by one, then xor). */
uint64_t lb_hash_join(uint64_t so_far, uint64_t next);

#endif

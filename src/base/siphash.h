/* SPDX-License-Identifier: Apache-2.0 */
/* base/siphash.h - SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): for tables whose keys a peer chooses (reliability.md E2). Who does not know the
 * secret can neither make keys that fall into one slot nor two keys with one hash, so a table may keep the hash in place of the key. Pure functions; any
 * thread. */
#ifndef OUTRIGGER_BASE_SIPHASH_H
#define OUTRIGGER_BASE_SIPHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sip_secret {
    uint64_t k0, k1;
};

struct sip_hash {
    uint64_t lo, hi;
};

/* From the system's generator, which is waited for early at boot; aborts when there is none. */
void sip_secret_make(struct sip_secret *s);
struct sip_hash sip_hash(const struct sip_secret *s, const void *p, size_t n);

static inline bool
sip_hash_equal(struct sip_hash a, struct sip_hash b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

#endif

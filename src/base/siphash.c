/* SPDX-License-Identifier: Apache-2.0 */
/* base/siphash.c - written after the paper; the test compares with the authors' vectors. */
#include "base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

void
sip_secret_make(struct sip_secret *s)
{
    ssize_t n;

    do
        n = getrandom(s, sizeof(*s), 0);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(*s))
        return;
    log_at(NULL, LOG_ERROR, "no random numbers", LS("why", strerror(errno)));
    abort();
}

static inline uint64_t
sip_rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

static inline void
sip_round(struct sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
    s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
    s->v0 = sip_rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
    s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
    s->v2 = sip_rotate(s->v2, 32);
}

static inline void
sip_word(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static uint64_t
sip_end(struct sip_state *s)
{
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct sip_hash
sip_hash(const struct sip_secret *secret, const void *p, size_t n)
{
    struct sip_state s = {
        .v0 = secret->k0 ^ 0x736f6d6570736575u,
        .v1 = secret->k1 ^ 0x646f72616e646f6du ^
              0xee, /* 0xee, 0xdd: the form with 128 bits */
        .v2 = secret->k0 ^ 0x6c7967656e657261u,
        .v3 = secret->k1 ^ 0x7465646279746573u,
    };
    const uint8_t *at = p;
    size_t left = n;
    uint64_t word;
    struct sip_hash h;

    for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sip_word(&s, le64toh(word));
    }
    word = 0;
    if (left > 0)
        memcpy(&word, at, left);
    sip_word(&s, le64toh(word) | (uint64_t)n << 56);
    s.v2 ^= 0xee;
    h.lo = sip_end(&s);
    s.v1 ^= 0xdd;
    h.hi = sip_end(&s);
    return h;
}

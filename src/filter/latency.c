/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency.c - a histogram that forgets: when it is full, all counts are halved. */
#include "filter/latency.h"

#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"

enum {
    METHODS = 64,
    FIRST_BIT = 7, /* below 2^7 us there is one bucket */
    LAST_BIT = 26, /* 2^27 us and more: the last */
    PARTS_BITS = 3,
    PARTS = 1 << PARTS_BITS, /* of a power of two */
    BUCKETS = 1 + (LAST_BIT - FIRST_BIT + 1) * PARTS,
    FULL = 2000,
};

struct latency_method {
    uint64_t key; /* 0: free */
    uint32_t total;
    uint16_t counts[BUCKETS];
};

struct latency {
    struct latency_method methods[METHODS];
};

struct latency *
latency_new(void)
{
    return xcalloc(1, sizeof(struct latency));
}

void
latency_free(struct latency *l)
{
    xfree(l);
}

static unsigned
bucket_of(int64_t us)
{
    unsigned bit;

    if (us < 1 << FIRST_BIT)
        return 0;
    bit = 63u - (unsigned)__builtin_clzll((unsigned long long)us);
    if (bit > LAST_BIT)
        return BUCKETS - 1;
    return 1 + (bit - FIRST_BIT) * PARTS +
           ((unsigned)(us >> (bit - PARTS_BITS)) & (PARTS - 1));
}

/* The first time that belongs to the next bucket. */
static int64_t
bucket_end(unsigned i)
{
    unsigned bit, part;

    if (i == 0)
        return 1 << FIRST_BIT;
    bit = FIRST_BIT + (i - 1) / PARTS;
    part = (i - 1) % PARTS;
    return (int64_t)(PARTS + part + 1) << (bit - PARTS_BITS);
}

static void
method_halve(struct latency_method *m)
{
    m->total = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        m->counts[i] /= 2;
        m->total += m->counts[i];
    }
}

void
latency_add(struct latency *l, uint64_t method, int64_t us)
{
    struct latency_method *m = &l->methods[method % METHODS];

    if (UNLIKELY(m->key != method)) {
        memset(m, 0, sizeof(*m));
        m->key = method;
    }
    m->counts[bucket_of(us)]++;
    if (++m->total == FULL)
        method_halve(m);
}

int64_t
latency_find(const struct latency *l, uint64_t method, unsigned percent)
{
    const struct latency_method *m = &l->methods[method % METHODS];
    uint64_t below = 0;

    if (m->key != method || m->total * (100 - percent) < 100)
        return -1;
    for (unsigned i = 0; i < BUCKETS; i++) {
        below += m->counts[i];
        if (below * 100 >= (uint64_t)m->total * percent)
            return bucket_end(i);
    }
    return bucket_end(BUCKETS - 1);
}

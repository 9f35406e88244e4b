/* SPDX-License-Identifier: Apache-2.0 */
/* obs/names.c - the list is an array that only grows: a name is complete before its number can be seen, so readers need no lock. */
#include "obs/names.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/xalloc.h"

enum { INDEX_FIRST = 16 };

struct names {
    pthread_mutex_t lock; /* of adding */
    unsigned max;
    uint64_t seed; /* nobody outside can make names that collide */
    struct name_index own;
    _Atomic unsigned count;
    struct slice all[]; /* by id; all[0] stays empty */
};

/* --- hash --------------------------------------------------------------------------- */

__extension__ typedef unsigned __int128 wide;

static uint64_t
fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
load(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Eight bytes at a time; the last eight may overlap those before, so no byte is read alone. */
static uint32_t
name_hash(uint64_t seed, struct slice name)
{
    const uint64_t mix = UINT64_C(0x9e3779b97f4a7c15) ^ seed;
    uint64_t h = seed ^ name.n;
    const uint8_t *p = name.p, *end = p + name.n;

    if (LIKELY(name.n >= sizeof(h))) {
        for (; end - p > (ptrdiff_t)sizeof(h); p += sizeof(h))
            h = fold(h ^ load(p), mix);
        h = fold(h ^ load(end - sizeof(h)), mix);
    } else {
        uint64_t word = 0;

        while (p < end)
            word = word << 8 | *p++;
        h = fold(h ^ word, mix);
    }
    return (uint32_t)(h ^ h >> 32);
}

/* --- the list ----------------------------------------------------------------------- */

struct names *
names_new(unsigned max)
{
    struct names *n;
    struct rng rng;

    assert(max >= 1 && max <= NAMES_MAX);
    n = xcalloc(1, sizeof(*n) + (max + 1) * sizeof(n->all[0]));
    pthread_mutex_init(&n->lock, NULL);
    n->max = max;
    rng_seed_system(&rng);
    n->seed = rng_next(&rng) | 1;
    name_index_init(&n->own, n);
    return n;
}

void
names_free(struct names *n)
{
    if (!n)
        return;
    for (unsigned i = 1; i <= names_count(n); i++)
        xfree((void *)(uintptr_t)n->all[i].p);
    name_index_done(&n->own);
    pthread_mutex_destroy(&n->lock);
    xfree(n);
}

unsigned
names_count(const struct names *n)
{
    return atomic_load_explicit(&n->count, memory_order_acquire);
}

unsigned
names_max(const struct names *n)
{
    return n->max;
}

struct slice
names_get(const struct names *n, unsigned id)
{
    return n->all[id];
}

/* --- an index ----------------------------------------------------------------------- */

void
name_index_init(struct name_index *x, struct names *names)
{
    *x = (struct name_index){ .names = names };
}

void
name_index_done(struct name_index *x)
{
    xfree(x->slots);
    x->slots = NULL;
}

static unsigned
index_find(const struct name_index *x, uint32_t hash, struct slice name)
{
    if (!x->slots)
        return NAME_OTHER;
    for (unsigned at = hash & x->mask;; at = (at + 1) & x->mask) {
        const struct name_slot *s = &x->slots[at];

        if (s->id == NAME_OTHER)
            return NAME_OTHER;
        if (s->hash == hash && slice_eq(x->names->all[s->id], name))
            return s->id;
    }
}

unsigned
name_index_find(const struct name_index *x, struct slice name)
{
    return index_find(x, name_hash(x->names->seed, name), name);
}

static void
index_put(struct name_index *x, uint32_t hash, unsigned id)
{
    unsigned at = hash & x->mask;

    while (x->slots[at].id != NAME_OTHER)
        at = (at + 1) & x->mask;
    x->slots[at] = (struct name_slot){ .hash = hash, .id = (uint16_t)id };
    x->used++;
}

/* At most half of the slots are used. */
static void
index_add(struct name_index *x, uint32_t hash, unsigned id)
{
    struct name_slot *old = x->slots;
    unsigned n = old ? x->mask + 1 : 0;

    if (x->used * 2 >= n) {
        x->mask = n ? n * 2 - 1 : INDEX_FIRST - 1;
        x->slots = xcalloc(x->mask + 1, sizeof(*x->slots));
        x->used = 0;
        for (unsigned i = 0; i < n; i++) {
            if (old[i].id != NAME_OTHER)
                index_put(x, old[i].hash, old[i].id);
        }
        xfree(old);
    }
    index_put(x, hash, id);
}

static unsigned
names_add(struct names *n, uint32_t hash, struct slice name)
{
    unsigned id, count;

    pthread_mutex_lock(&n->lock);
    id = index_find(&n->own, hash, name);
    count = names_count(n);
    if (id == NAME_OTHER && count < n->max) {
        id = count + 1;
        n->all[id] = slice_make(xstrndup((const char *)name.p, name.n), name.n);
        index_add(&n->own, hash, id);
        atomic_store_explicit(&n->count, id, memory_order_release);
    }
    pthread_mutex_unlock(&n->lock);
    return id;
}

/* The list is full: what others have added is taken over, once, and nothing is asked any more. */
static void
index_complete(struct name_index *x)
{
    for (unsigned id = 1; id <= x->names->max; id++) {
        struct slice name = x->names->all[id];
        uint32_t hash = name_hash(x->names->seed, name);

        if (index_find(x, hash, name) == NAME_OTHER)
            index_add(x, hash, id);
    }
    x->whole = true;
}

unsigned
name_index_learn(struct name_index *x, struct slice name)
{
    uint32_t hash = name_hash(x->names->seed, name);
    unsigned id = index_find(x, hash, name);

    if (id != NAME_OTHER || x->whole || name.n == 0 || name.n > NAME_BYTES_MAX)
        return id;
    if (names_count(x->names) == x->names->max) {
        index_complete(x);
        return index_find(x, hash, name);
    }
    id = names_add(x->names, hash, name);
    if (id != NAME_OTHER)
        index_add(x, hash, id);
    return id;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/bucket_table.c - shards of chained hash tables whose entries are also in a list by last use. Numbers of entries stand for pointers; 0: none. */
#include "filter/bucket_table.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/xalloc.h"

enum { SHARDS = 16, SHARDED_FROM = 1024, LINE = 64 };

struct entry {
    struct sip_hash key;
    struct shared_bucket bucket;
    uint32_t next;         /* of the same slot */
    uint32_t newer, older; /* by last use */
};

_Static_assert(sizeof(struct entry) + sizeof(uint32_t) == BUCKET_KEY_BYTES,
               "as bucket_table.h says");

struct shard {
    alignas(LINE) pthread_mutex_t lock;
    struct entry *v; /* [1, n] are in use */
    uint32_t *slots; /* first entry of each */
    uint32_t n;
    uint32_t newest, oldest;
};

struct bucket_table {
    struct bucket_rule rule;
    uint32_t max, shards, room, mask; /* room, mask: of each shard */
    struct entry *entries;
    uint32_t *slots;
    alignas(LINE) _Atomic uint32_t count;
    alignas(LINE) struct shared_bucket overflow;
    struct shard shard[];
};

static uint32_t
root(uint32_t n)
{
    uint32_t r = 0;

    while ((r + 1) * (r + 1) <= n)
        r++;
    return r;
}

struct bucket_table *
bucket_table_new(const struct bucket_rule *rule, uint32_t max_keys)
{
    uint32_t shards = max_keys < SHARDED_FROM ? 1 : SHARDS;
    uint32_t share = (max_keys + shards - 1) / shards;
    size_t size = sizeof(struct bucket_table) + shards * sizeof(struct shard);
    struct bucket_table *t = xcalloc_aligned(LINE, size);
    uint32_t slots = 1;

    t->rule = *rule;
    t->max = max_keys;
    t->shards = shards;
    t->room = shards == 1 ? share : share + 4 * root(share);
    while (slots < t->room)
        slots *= 2;
    t->mask = slots - 1;
    t->entries = xcalloc((size_t)shards * (t->room + 1), sizeof(*t->entries));
    t->slots = xcalloc((size_t)shards * slots, sizeof(*t->slots));
    for (uint32_t i = 0; i < shards; i++) {
        struct shard *s = &t->shard[i];

        pthread_mutex_init(&s->lock, NULL);
        s->v = t->entries + (size_t)i * (t->room + 1);
        s->slots = t->slots + (size_t)i * slots;
    }
    return t;
}

void
bucket_table_free(struct bucket_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->shards; i++)
        pthread_mutex_destroy(&t->shard[i].lock);
    xfree(t->entries);
    xfree(t->slots);
    xfree(t);
}

uint32_t
bucket_table_count(const struct bucket_table *t)
{
    return atomic_load_explicit(&t->count, memory_order_relaxed);
}

/* --- one shard, locked ----------------------------------------------------------------- */

static void
use_unlink(struct shard *s, uint32_t i)
{
    struct entry *e = &s->v[i];

    *(e->newer ? &s->v[e->newer].older : &s->newest) = e->older;
    *(e->older ? &s->v[e->older].newer : &s->oldest) = e->newer;
}

static void
use_link(struct shard *s, uint32_t i)
{
    struct entry *e = &s->v[i];

    e->newer = 0;
    e->older = s->newest;
    *(s->newest ? &s->v[s->newest].newer : &s->oldest) = i;
    s->newest = i;
}

static uint32_t *
slot_of(const struct bucket_table *t, struct shard *s, struct sip_hash key)
{
    return &s->slots[key.lo & t->mask];
}

static void
slot_unlink(const struct bucket_table *t, struct shard *s, uint32_t i)
{
    uint32_t *at = slot_of(t, s, s->v[i].key);

    while (*at != i)
        at = &s->v[*at].next;
    *at = s->v[i].next;
}

static bool
count_up(struct bucket_table *t)
{
    if (bucket_table_count(t) >= t->max)
        return false;
    if (atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed) < t->max)
        return true;
    atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
    return false;
}

/* An entry for a new key; 0: there is none to be had. */
static uint32_t
entry_make(struct bucket_table *t, struct shard *s, int64_t now_us,
           enum bucket_place *ret_place)
{
    uint32_t i = s->oldest;

    if (s->n < t->room && count_up(t)) {
        *ret_place = BUCKET_ADDED;
        return ++s->n;
    }
    if (i == 0 || !shared_bucket_is_full(&s->v[i].bucket, now_us)) {
        *ret_place = BUCKET_OVERFLOW;
        return 0;
    }
    *ret_place = BUCKET_REPLACED;
    use_unlink(s, i);
    slot_unlink(t, s, i);
    return i;
}

/* The entry of the key, now the one used last. */
static uint32_t
entry_get(struct bucket_table *t, struct shard *s, struct sip_hash key, int64_t now_us,
          enum bucket_place *ret_place)
{
    uint32_t *slot = slot_of(t, s, key), i = *slot;

    while (i && !sip_hash_equal(s->v[i].key, key))
        i = s->v[i].next;
    if (i) {
        *ret_place = BUCKET_KNOWN;
        if (s->newest == i)
            return i;
        use_unlink(s, i);
    } else {
        i = entry_make(t, s, now_us, ret_place);
        if (i == 0)
            return 0;
        s->v[i] = (struct entry){ .key = key, .next = *slot };
        *slot = i;
    }
    use_link(s, i);
    return i;
}

bool
bucket_table_take(struct bucket_table *t, struct sip_hash key, uint32_t n, int64_t now_us,
                  struct bucket_state *state, enum bucket_place *ret_place)
{
    struct shard *s = &t->shard[key.hi % t->shards];
    bool taken = false;
    uint32_t i;

    pthread_mutex_lock(&s->lock);
    i = entry_get(t, s, key, now_us, ret_place);
    if (i)
        taken = shared_bucket_take(&t->rule, &s->v[i].bucket, n, now_us, state);
    pthread_mutex_unlock(&s->lock);
    return i ? taken : shared_bucket_take(&t->rule, &t->overflow, n, now_us, state);
}

uint32_t
bucket_table_steps(struct bucket_table *t, struct sip_hash key)
{
    struct shard *s = &t->shard[key.hi % t->shards];
    uint32_t steps = 0;

    pthread_mutex_lock(&s->lock);
    for (uint32_t i = *slot_of(t, s, key); i; i = s->v[i].next) {
        steps++;
        if (sip_hash_equal(s->v[i].key, key))
            break;
    }
    pthread_mutex_unlock(&s->lock);
    return steps;
}

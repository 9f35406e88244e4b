/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency_table.c - open addressing with slots that are written once: a slot that is seen has a complete entry behind it. */
#include "filter/latency_table.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/xalloc.h"

struct entry {
    struct sip_hash key;
    struct latency latency;
};

struct latency_table {
    struct sip_secret secret;
    uint32_t max, mask;
    struct entry *entries;
    _Atomic uint32_t
        *slots; /* number of the entry + 1; 0: free. At least half of them are free */
    pthread_mutex_t lock; /* of what adds */
    uint32_t n;
};

struct latency_table *
latency_table_new(uint32_t max)
{
    struct latency_table *t = xcalloc(1, sizeof(*t));
    uint32_t slots = 2;

    while (slots < 2 * max)
        slots *= 2;
    sip_secret_make(&t->secret);
    t->max = max;
    t->mask = slots - 1;
    t->entries = xcalloc(max, sizeof(*t->entries));
    t->slots = xcalloc(slots, sizeof(*t->slots));
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void
latency_table_free(struct latency_table *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    xfree(t->entries);
    xfree(t->slots);
    xfree(t);
}

/* The entry of the key, or NULL with *ret_slot the slot where it belongs. */
static struct entry *
entry_find(const struct latency_table *t, struct sip_hash key, uint32_t *ret_slot)
{
    uint32_t slot = (uint32_t)key.lo & t->mask, i;

    for (;; slot = (slot + 1) & t->mask) {
        i = atomic_load_explicit(&t->slots[slot], memory_order_acquire);
        if (i == 0)
            break;
        if (sip_hash_equal(t->entries[i - 1].key, key))
            return &t->entries[i - 1];
    }
    *ret_slot = slot;
    return NULL;
}

struct sip_hash
latency_table_key(const struct latency_table *t, struct slice method)
{
    return sip_hash(&t->secret, method.p, method.n);
}

const struct latency *
latency_table_find(const struct latency_table *t, struct sip_hash key)
{
    uint32_t slot;
    const struct entry *e = entry_find(t, key, &slot);

    return e ? &e->latency : NULL;
}

/* NULL: the table is full. */
static struct entry *
entry_add(struct latency_table *t, struct sip_hash key)
{
    uint32_t slot;
    struct entry *e;

    pthread_mutex_lock(&t->lock);
    e = entry_find(t, key, &slot); /* another thread may have been faster */
    if (!e && t->n < t->max) {
        e = &t->entries[t->n++];
        e->key = key;
        atomic_store_explicit(&t->slots[slot], t->n, memory_order_release);
    }
    pthread_mutex_unlock(&t->lock);
    return e;
}

void
latency_table_tell(struct latency_table *t, struct sip_hash key, int64_t us)
{
    uint32_t slot;
    struct entry *e = entry_find(t, key, &slot);

    if (!e)
        e = entry_add(t, key);
    /* One thread gets exactly this number, and it is far until the next one does. */
    if (e && latency_add(&e->latency, us) == LATENCY_TABLE_KEEP)
        latency_fade(&e->latency);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/answer_cache.c - chained hash table; the hashes come from a secret, so their low bits are spread evenly whatever peers send. */
#include "filter/answer_cache.h"

#include "base/compat.h"
#include "base/list.h"
#include "base/xalloc.h"

struct entry {
    struct list used; /* cache->used, least recently first */
    struct entry *next;
    struct sip_hash key;
    int64_t until_us;
    size_t n;
    uint8_t bytes[];
};

struct answer_cache {
    uint32_t max_entries, count;
    size_t bytes, max_bytes;
    struct list used;
    size_t mask;
    struct entry *slots[];
};

struct answer_cache *
answer_cache_new(uint32_t max_entries)
{
    size_t slots = 16;
    struct answer_cache *c;

    while (slots < max_entries)
        slots *= 2;
    c = xcalloc(1, sizeof(*c) + slots * sizeof(c->slots[0]));
    c->max_entries = max_entries;
    c->max_bytes = (size_t)max_entries * ANSWER_CACHE_MEAN;
    if (c->max_bytes < ANSWER_CACHE_BYTES_MAX)
        c->max_bytes = ANSWER_CACHE_BYTES_MAX;
    c->mask = slots - 1;
    list_init(&c->used);
    return c;
}

static struct entry **
cache_place(struct answer_cache *c, struct sip_hash key)
{
    struct entry **at = &c->slots[key.lo & c->mask];

    while (*at && !sip_hash_equal((*at)->key, key))
        at = &(*at)->next;
    return at;
}

static void
cache_remove(struct answer_cache *c, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    list_remove(&e->used);
    c->count--;
    c->bytes -= e->n;
    xfree(e);
}

static void
cache_evict(struct answer_cache *c)
{
    cache_remove(c, cache_place(c, CONTAINER_OF(c->used.next, struct entry, used)->key));
}

void
answer_cache_free(struct answer_cache *c)
{
    if (!c)
        return;
    while (!list_empty(&c->used))
        cache_evict(c);
    xfree(c);
}

bool
answer_cache_find(struct answer_cache *c, struct sip_hash key, int64_t now_us,
                  struct slice *ret)
{
    struct entry **at = cache_place(c, key), *e = *at;

    if (!e)
        return false;
    if (e->until_us <= now_us) {
        cache_remove(c, at);
        return false;
    }
    list_remove(&e->used);
    list_append(&c->used, &e->used);
    *ret = slice_make(e->bytes, e->n);
    return true;
}

void
answer_cache_put(struct answer_cache *c, struct sip_hash key, struct slice answer,
                 int64_t until_us)
{
    struct entry **at = cache_place(c, key), *e;

    if (*at)
        cache_remove(c, at);
    if (answer.n > ANSWER_CACHE_BYTES_MAX)
        return;
    while (c->count == c->max_entries || c->bytes + answer.n > c->max_bytes)
        cache_evict(c);
    e = xmalloc(sizeof(*e) + answer.n);
    *e = (struct entry){ .key = key, .until_us = until_us, .n = answer.n };
    if (answer.n)
        memcpy(e->bytes, answer.p, answer.n);
    list_init(&e->used);
    list_append(&c->used, &e->used);
    at = cache_place(c, key);
    *at = e;
    c->count++;
    c->bytes += answer.n;
}

uint32_t
answer_cache_count(const struct answer_cache *c)
{
    return c->count;
}

size_t
answer_cache_bytes(const struct answer_cache *c)
{
    return c->bytes + c->count * sizeof(struct entry);
}

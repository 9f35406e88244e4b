/* SPDX-License-Identifier: Apache-2.0 */
/* filter/token_cache.c - a table of chains and a list by the last use. */
#include "filter/token_cache.h"

#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "base/siphash.h"
#include "base/xalloc.h"
#include "filter/token.h"

enum { HASHED_MAX = 64 /* bytes of the end of a token */ };

struct token_cache {
    struct sip_secret secret;
    struct reaper *reaper;
    size_t max_tokens, max_bytes;
    size_t n, bytes;
    struct list lru;      /* the next to go is the first */
    struct token **slots; /* NULL before the first token */
    size_t mask;
};

struct token_cache *
token_cache_new(size_t max_tokens, size_t max_bytes, struct reaper *r)
{
    struct token_cache *c = xcalloc(1, sizeof(*c));

    sip_secret_make(&c->secret);
    c->reaper = r;
    c->max_tokens = max_tokens;
    c->max_bytes = max_bytes;
    list_init(&c->lru);
    c->mask = 63;
    while (c->mask + 1 < max_tokens)
        c->mask = c->mask * 2 + 1;
    return c;
}

size_t
token_cache_count(const struct token_cache *c)
{
    return c->n;
}

size_t
token_cache_bytes(const struct token_cache *c)
{
    return c->bytes;
}

uint64_t
token_cache_hash(const struct token_cache *c, struct slice text)
{
    size_t n = text.n < HASHED_MAX ? text.n : HASHED_MAX;

    return sip_hash(&c->secret, text.p + text.n - n, n).lo;
}

/* Like CRYPTO_memcmp, eight bytes at a time: tokens have a thousand. */
static bool
text_equal(struct slice a, struct slice b)
{
    uint64_t differ = 0, x, y;
    size_t i = 0;

    if (a.n != b.n)
        return false;
    for (; i + 8 <= a.n; i += 8) {
        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        differ |= x ^ y;
    }
    for (; i < a.n; i++)
        differ |= (uint64_t)(a.p[i] ^ b.p[i]);
    return differ == 0;
}

static void
cache_remove(struct token_cache *c, struct token *t)
{
    struct token **at = &c->slots[t->hash & c->mask];

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->next = NULL;
    list_remove(&t->lru);
    c->n--;
    c->bytes -= t->size;
    token_drop(t, c->reaper);
}

struct token *
token_cache_find(struct token_cache *c, uint64_t hash, struct slice text,
                 const void *owner, uint64_t version, int64_t now_ms)
{
    if (!c->slots)
        return NULL;
    for (struct token *t = c->slots[hash & c->mask]; t; t = t->next) {
        if (t->hash != hash || t->owner != owner || !text_equal(t->text, text))
            continue;
        if (t->version != version || now_ms >= t->until_ms || now_ms < t->from_ms) {
            cache_remove(c, t);
            return NULL;
        }
        list_remove(&t->lru);
        list_append(&c->lru, &t->lru);
        return t;
    }
    return NULL;
}

size_t
token_cache_put(struct token_cache *c, uint64_t hash, struct token *t, const void *owner,
                uint64_t version)
{
    size_t gone = 0;

    t->owner = owner;
    t->version = version;
    t->hash = hash;
    if (c->max_tokens == 0 || t->size > c->max_bytes)
        return 0;
    for (; c->n >= c->max_tokens || c->bytes + t->size > c->max_bytes; gone++)
        cache_remove(c, CONTAINER_OF(c->lru.next, struct token, lru));
    if (!c->slots)
        c->slots = xcalloc(c->mask + 1, sizeof(*c->slots));
    t->next = c->slots[hash & c->mask];
    c->slots[hash & c->mask] = t;
    list_init(&t->lru);
    list_append(&c->lru, &t->lru);
    c->n++;
    c->bytes += t->size;
    ref_hold(&t->ref);
    return gone;
}

void
token_cache_free(struct token_cache *c)
{
    if (!c)
        return;
    c->reaper = NULL;
    while (c->n > 0)
        cache_remove(c, CONTAINER_OF(c->lru.next, struct token, lru));
    xfree(c->slots);
    xfree(c);
}

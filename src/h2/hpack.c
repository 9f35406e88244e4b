/* SPDX-License-Identifier: Apache-2.0 */
/* h2/hpack.c - the dynamic table is a ring of entries found by a hash of name and value: a hint first, else a look at all hashes (at most 124).
 * A wrong hint or two equal hashes cost time only; an index is used after both strings were compared. */
#include "h2/hpack.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/slab.h"
#include "h2/frame.h"
#include "h2/headers.h"

enum {
    ENTRY_COST = 32,   /* RFC 7541 4.1 */
    ENTRIES = 128,     /* HPACK_TABLE / 33 fit; a power of two */
    HINTS = 64,        /* places to look first, by hash */
    SEEN = 32,         /* pairs of hashes of fields that came once */
    STATIC_TABLE = 61, /* indices of the dynamic table follow */
    FIELD_HEAD = 16,   /* most bytes that a literal needs besides its strings */
    COOKIE_SHORT = 20, /* a short secret could be guessed by trying */
};

/* First bits of a field (RFC 7541 6). */
enum {
    INDEXED = 0x80,
    LITERAL_ADD = 0x40,
    TABLE_SIZE = 0x20,
    LITERAL_NEVER = 0x10,
    LITERAL = 0
};

struct hpack_entry {
    uint8_t *bytes; /* name, value */
    uint32_t hash, namelen, valuelen;
};

struct hpack_table {
    uint32_t made,
        gone; /* entries made and evicted so far; the live ones lie between, by number modulo ENTRIES */
    uint32_t size;
    uint8_t hints[HINTS];
    uint32_t seen[SEEN][2];
    struct hpack_entry ring[ENTRIES];
};

_Static_assert(HPACK_TABLE / (ENTRY_COST + 1) < ENTRIES, "a full table fits in the ring");

/* --- hash ---------------------------------------------------------------------------------- */

static inline uint64_t
hash_word(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

/* Eight bytes at a time; the last word may overlap the one before. */
static inline uint64_t
hash_bytes(uint64_t h, const uint8_t *p, size_t n)
{
    uint64_t word = 0;

    h += n;
    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8) {
            memcpy(&word, p + i, 8);
            h = hash_word(h, word);
        }
        memcpy(&word, p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t a, b;

        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        word = (uint64_t)a << 32 | b;
    } else if (n) {
        word = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
    }
    return hash_word(h, word);
}

static uint32_t
hash_field(const struct h2_field *f)
{
    return (uint32_t)hash_bytes(hash_bytes(0, f->name, f->namelen), f->value,
                                f->valuelen);
}

/* --- table ------------------------------------------------------------------------------------ */

static struct hpack_entry *
table_at(struct hpack_table *t, uint32_t number)
{
    return &t->ring[number % ENTRIES];
}

static bool
table_holds(struct hpack_table *t, uint32_t number, uint32_t hash,
            const struct h2_field *f)
{
    const struct hpack_entry *e = table_at(t, number);

    return e->hash == hash && e->namelen == f->namelen && e->valuelen == f->valuelen &&
           memcmp(e->bytes, f->name, f->namelen) == 0 &&
           memcmp(e->bytes + e->namelen, f->value, f->valuelen) == 0;
}

/* Index of the field, 0: not in the table. */
static uint32_t
table_find(struct hpack_table *t, uint32_t hash, const struct h2_field *f)
{
    uint32_t live = t->made - t->gone;
    /* The hint holds the low bits of a number: how far below the newest is it? */
    uint32_t back = (t->made - 1 - t->hints[hash % HINTS]) % ENTRIES;

    if (LIKELY(back < live && table_holds(t, t->made - 1 - back, hash, f)))
        return STATIC_TABLE + 1 + back;
    for (back = 0; back < live; back++) {
        uint32_t number = t->made - 1 - back;

        if (table_at(t, number)->hash == hash && table_holds(t, number, hash, f)) {
            t->hints[hash % HINTS] = (uint8_t)(number % ENTRIES);
            return STATIC_TABLE + 1 + back;
        }
    }
    return 0;
}

static void
table_evict(struct hpack_table *t, struct slab *slab, uint32_t limit)
{
    while (t->size > limit) {
        struct hpack_entry *e = table_at(t, t->gone++);

        t->size -= e->namelen + e->valuelen + ENTRY_COST;
        slab_give(slab, e->bytes);
        e->bytes = NULL;
    }
}

/* False: no memory, the table is as before. cost fits in the limit. */
static bool
table_add(struct hpack *h, struct slab *slab, uint32_t hash, const struct h2_field *f)
{
    struct hpack_table *t = h->table;
    size_t cost = f->namelen + f->valuelen + ENTRY_COST;
    uint8_t *bytes = slab_malloc(slab, f->namelen + f->valuelen);

    if (!bytes)
        return false;
    table_evict(t, slab, h->limit - (uint32_t)cost);
    memcpy(bytes, f->name, f->namelen);
    memcpy(bytes + f->namelen, f->value, f->valuelen);
    t->hints[hash % HINTS] = (uint8_t)(t->made % ENTRIES);
    *table_at(t, t->made++) =
        (struct hpack_entry){ bytes, hash, (uint32_t)f->namelen, (uint32_t)f->valuelen };
    t->size += (uint32_t)cost;
    return true;
}

/* True when this field came before, lately. In pairs: two fields of each call that share a place shall not drive each other out, call after call. */
static bool
table_seen(struct hpack_table *t, uint32_t hash)
{
    uint32_t *pair = t->seen[hash % SEEN];

    if (pair[0] == hash || pair[1] == hash)
        return true;
    pair[1] = pair[0];
    pair[0] = hash;
    return false;
}

/* --- fields ------------------------------------------------------------------------------------- */

#define FIELD_IS(f, n, v)                                               \
    ((f)->namelen == sizeof(n) - 1 && (f)->valuelen == sizeof(v) - 1 && \
     memcmp((f)->name, n, sizeof(n) - 1) == 0 &&                        \
     memcmp((f)->value, v, sizeof(v) - 1) == 0)

/* Whole fields of the static table that gRPC uses in every call. 0: another one. */
static uint32_t
static_field(const struct h2_field *f)
{
    if (f->namelen != 7 || f->name[0] != ':')
        return 0;
    if (FIELD_IS(f, ":status", "200"))
        return 8;
    if (FIELD_IS(f, ":method", "POST"))
        return 3;
    if (FIELD_IS(f, ":scheme", "http"))
        return 6;
    return FIELD_IS(f, ":scheme", "https") ? 7 : 0;
}

/* Names of the static table (RFC 7541 appendix A) that calls carry. 0: sent in letters, which is always right. */
static uint32_t
static_name(const struct h2_field *f)
{
    static const struct {
        const char *name;
        uint8_t n, index;
    } rows[] = {
        { ":path", 5, 4 },          { ":authority", 10, 1 },
        { ":status", 7, 8 },        { "user-agent", 10, 58 },
        { "content-type", 12, 31 }, { "authorization", 13, 23 },
        { "cookie", 6, 32 },        { "content-length", 14, 28 },
        { "date", 4, 33 },          { "accept-encoding", 15, 16 },
        { "server", 6, 54 },        { ":method", 7, 2 },
        { ":scheme", 7, 6 },
    };
    static const uint32_t lengths = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 10 |
                                    1u << 12 | 1u << 13 | 1u << 14 | 1u << 15;

    if (f->namelen > 15 || !(lengths >> f->namelen & 1))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].n == f->namelen && memcmp(rows[i].name, f->name, f->namelen) == 0)
            return rows[i].index;
    }
    return 0;
}

static bool
field_is_secret(const struct h2_field *f)
{
    if (f->namelen == 13)
        return memcmp(f->name, "authorization", 13) == 0;
    if (f->namelen == 6)
        return f->valuelen < COOKIE_SHORT && memcmp(f->name, "cookie", 6) == 0;
    return f->namelen == 19 && memcmp(f->name, "proxy-authorization", 19) == 0;
}

/* An integer behind the pattern of its first byte (RFC 7541 5.1). */
static uint8_t *
put_number(uint8_t *to, uint8_t pattern, unsigned bits, size_t v)
{
    uint8_t full = (uint8_t)((1u << bits) - 1);

    if (v < full) {
        *to++ = (uint8_t)(pattern | v);
        return to;
    }
    *to++ = pattern | full;
    for (v -= full; v >= 128; v >>= 7)
        *to++ = (uint8_t)(v | 128);
    *to++ = (uint8_t)v;
    return to;
}

static uint8_t *
put_text(uint8_t *to, const uint8_t *p, size_t n)
{
    to = put_number(to, 0, 7, n);
    memcpy(to, p, n);
    return to + n;
}

static uint8_t *
put_literal(uint8_t *to, uint8_t pattern, const struct h2_field *f)
{
    uint32_t name = static_name(f);

    to = put_number(to, pattern, pattern == LITERAL_ADD ? 6 : 4, name);
    if (name == 0)
        to = put_text(to, f->name, f->namelen);
    return put_text(to, f->value, f->valuelen);
}

static uint8_t *
put_ready(uint8_t *to, const struct h2_field *f)
{
    size_t n = H2_READY_BEFORE + f->namelen + 1 + f->valuelen;

    memcpy(to, f->name - H2_READY_BEFORE, n);
    return to + n;
}

static uint8_t *
put_field(struct hpack *h, struct slab *slab, const struct h2_field *f, uint8_t *to)
{
    uint32_t hash, index = static_field(f);

    if (index)
        return put_number(to, INDEXED, 7, index);
    if (f->flags & H2_FIELD_NO_INDEX)
        return f->flags & H2_FIELD_READY ? put_ready(to, f)
                                         : put_literal(to, LITERAL_NEVER, f);
    hash = hash_field(f);
    index = table_find(h->table, hash, f);
    if (LIKELY(index != 0))
        return put_number(to, INDEXED, 7, index);
    if (field_is_secret(f))
        return put_literal(to, LITERAL_NEVER, f);
    /* One entry must not push out most of the others. */
    if (f->namelen + f->valuelen + ENTRY_COST > h->limit / 4 * 3 ||
        !table_seen(h->table, hash) || !table_add(h, slab, hash, f))
        return put_literal(to, LITERAL, f);
    return put_literal(to, LITERAL_ADD, f);
}

/* --- for the connection --------------------------------------------------------------------------- */

void
hpack_init(struct hpack *h)
{
    *h = (struct hpack){ .limit = HPACK_TABLE, .low = HPACK_TABLE, .told = HPACK_TABLE };
}

void
hpack_done(struct hpack *h, struct slab *slab)
{
    if (!h->table)
        return;
    table_evict(h->table, slab, 0);
    slab_give(slab, h->table);
    h->table = NULL;
}

void
hpack_resize(struct hpack *h, struct slab *slab, uint32_t size)
{
    h->limit = size < HPACK_TABLE ? size : HPACK_TABLE;
    if (h->limit < h->low)
        h->low = h->limit;
    if (h->table)
        table_evict(h->table, slab, h->limit);
}

/* The peer hears of the smallest limit in between, too: that is how far its table must shrink (RFC 7541 4.2). */
static uint8_t *
put_limits(struct hpack *h, uint8_t *to)
{
    if (h->low == h->told && h->limit == h->told)
        return to;
    if (h->low < h->limit && h->low < h->told)
        to = put_number(to, TABLE_SIZE, 5, h->low);
    to = put_number(to, TABLE_SIZE, 5, h->limit);
    h->low = h->told = h->limit;
    return to;
}

ssize_t
hpack_encode(struct hpack *h, struct slab *slab, const struct h2_field *fields, size_t n,
             uint8_t *to, size_t room)
{
    size_t most = FIELD_HEAD;
    uint8_t *at = to;

    for (size_t i = 0; i < n; i++)
        most += fields[i].namelen + fields[i].valuelen + FIELD_HEAD;
    if (most > room)
        return ERR_LIMIT;
    if (UNLIKELY(!h->table)) {
        h->table = slab_calloc(slab, 1, sizeof(*h->table));
        if (!h->table)
            return ERR_NOMEM;
    }
    at = put_limits(h, at);
    for (size_t i = 0; i < n; i++)
        at = put_field(h, slab, &fields[i], at);
    return at - to;
}

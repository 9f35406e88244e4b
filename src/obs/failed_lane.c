/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_lane.c - records are copied in and out word by word. A word is written behind the odd number of its place and read before the number is looked at again, so who sees a
 * newer word sees that the number changed, and reads again. */
#include "obs/failed_lane.h"

#include <stdatomic.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"

enum {
    GROUPS = 256, /* two in one slot share what one would have */
    TRIES = 16,   /* a write takes a fraction of what comes between two */
    KEY_MAX = 5 * FAILED_NAME_MAX + 2 * FAILED_TEXT_MAX + 16,
};

/* The head comes first, so that it can be read alone. */
struct record {
    struct sip_hash kind;
    struct failed_entry entry;
};

enum {
    WORDS = sizeof(struct record) / sizeof(uint64_t),
    HEAD_END = offsetof(struct record, entry.call.wall_us) + sizeof(int64_t),
    HEAD_WORDS = HEAD_END / sizeof(uint64_t),
};

_Static_assert(sizeof(struct record) % sizeof(uint64_t) == 0, "it is whole words");
_Static_assert(HEAD_END <= 8 * sizeof(uint64_t), "the head is short");

union words {
    struct record record;
    uint64_t at[WORDS];
};

struct place {
    _Atomic uint64_t number; /* odd: it changes */
    _Atomic uint64_t words[WORDS];
};

/* The worker's own notes on a place. */
struct slot {
    int64_t first_us, last_us;
    uint64_t count;
    uint8_t group;
};

struct failed_lane {
    struct sip_hash open[FAILED_KEPT]; /* kinds; 0: takes no more calls */
    struct slot slots[FAILED_KEPT];
    uint8_t in_group[GROUPS]; /* places of each */
    _Atomic uint64_t used;
    struct place places[FAILED_KEPT];
};

_Static_assert(FAILED_KEPT < UINT8_MAX, "in_group counts one more for a moment");

struct failed_lane *
failed_lane_new(void)
{
    return xcalloc(1, sizeof(struct failed_lane));
}

void
failed_lane_free(struct failed_lane *l)
{
    xfree(l);
}

/* --- kinds ---------------------------------------------------------------------------- */

struct key {
    size_t n, group_n; /* the group is the first part of the key */
    char bytes[KEY_MAX];
};

/* With its NUL, so that no two texts run into one. */
static void
key_add(struct key *k, const char *text, size_t max, bool digits)
{
    for (size_t i = 0; i < max && text[i]; i++) {
        if (digits || text[i] < '0' || text[i] > '9')
            k->bytes[k->n++] = text[i];
    }
    k->bytes[k->n++] = '\0';
}

static void
key_make(struct key *k, const struct failed_call *c)
{
    const unsigned char flags[2] = { (unsigned char)c->code, c->cancelled };

    k->n = sizeof(flags);
    memcpy(k->bytes, flags, sizeof(flags));
    key_add(k, c->reason, FAILED_NAME_MAX - 1, true);
    key_add(k, c->listener, sizeof(c->listener) - 1, true);
    key_add(k, c->pool, sizeof(c->pool) - 1, true);
    k->group_n = k->n;
    key_add(k, c->route, sizeof(c->route) - 1, true);
    key_add(k, c->endpoint, sizeof(c->endpoint) - 1, true);
    key_add(k, c->method, sizeof(c->method) - 1, true);
    key_add(k, c->text, sizeof(c->text) - 1, false);
}

/* --- the worker's --------------------------------------------------------------------- */

static void
place_set(struct place *p, const union words *w)
{
    uint64_t number = atomic_load_explicit(&p->number, memory_order_relaxed);

    atomic_store_explicit(&p->number, number + 1, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&p->words[i], w->at[i], memory_order_release);
    atomic_store_explicit(&p->number, number + 2, memory_order_release);
}

/* used: none. */
static size_t
lane_find(const struct failed_lane *l, size_t used, struct sip_hash kind)
{
    size_t i = 0;

    while (i < used && !sip_hash_equal(l->open[i], kind))
        i++;
    return i;
}

/* A place for one more of the group, which is counted already. */
static size_t
lane_room(struct failed_lane *l, size_t used)
{
    size_t victim = 0;

    if (used < FAILED_KEPT)
        return used;
    for (size_t i = 1; i < FAILED_KEPT; i++) {
        const struct slot *s = &l->slots[i], *v = &l->slots[victim];
        int more = l->in_group[s->group] - l->in_group[v->group];

        if (more > 0 || (more == 0 && s->last_us < v->last_us))
            victim = i;
    }
    l->in_group[l->slots[victim].group]--;
    return victim;
}

/* A new entry; used grows when it is written. */
static size_t
lane_begin(struct failed_lane *l, size_t used, uint8_t group, struct sip_hash kind,
           int64_t now_us)
{
    size_t i;

    l->in_group[group]++;
    i = lane_room(l, used);
    l->open[i] = kind;
    l->slots[i] = (struct slot){ .first_us = now_us, .group = group };
    return i;
}

void
failed_lane_put(struct failed_lane *l, const struct sip_secret *secret,
                const struct failed_call *c)
{
    size_t used = atomic_load_explicit(&l->used, memory_order_relaxed), i;
    UNINITIALIZED struct key key;
    UNINITIALIZED union words w;
    struct sip_hash kind;
    struct slot *s;

    key_make(&key, c);
    kind = sip_hash(secret, key.bytes, key.n);
    i = lane_find(l, used, kind);
    if (i < used && c->wall_us - l->slots[i].last_us >= FAILED_FOLD_US) {
        l->open[i] = (struct sip_hash){ 0 };
        i = used;
    }
    if (i == used)
        i = lane_begin(l, used, (uint8_t)sip_hash(secret, key.bytes, key.group_n).lo,
                       kind, c->wall_us);
    s = &l->slots[i];
    s->count++;
    s->last_us = c->wall_us;
    if (s->first_us > s->last_us) /* somebody set the clock */
        s->first_us = s->last_us;
    w.record.kind = kind;
    w.record.entry.first_us = s->first_us;
    w.record.entry.count = s->count;
    w.record.entry.call = *c;
    place_set(&l->places[i], &w);
    if (i == used)
        atomic_store_explicit(&l->used, used + 1, memory_order_release);
}

/* --- the main thread's ---------------------------------------------------------------- */

size_t
failed_lane_used(const struct failed_lane *l)
{
    return (size_t)atomic_load_explicit(&l->used, memory_order_acquire);
}

/* The first n words, of one moment. */
static bool
place_get(const struct place *p, uint64_t *words, size_t n)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t number = atomic_load_explicit(&p->number, memory_order_acquire);

        if (number % 2)
            continue;
        for (size_t k = 0; k < n; k++)
            words[k] = atomic_load_explicit(&p->words[k], memory_order_acquire);
        if (atomic_load_explicit(&p->number, memory_order_relaxed) == number)
            return true;
    }
    return false;
}

bool
failed_lane_head(const struct failed_lane *l, size_t i, struct failed_head *ret)
{
    UNINITIALIZED union words w;

    if (!place_get(&l->places[i], w.at, HEAD_WORDS))
        return false;
    *ret = (struct failed_head){
        .kind = w.record.kind,
        .first_us = w.record.entry.first_us,
        .last_us = w.record.entry.call.wall_us,
        .count = w.record.entry.count,
    };
    return true;
}

bool
failed_lane_get(const struct failed_lane *l, size_t i, struct sip_hash kind,
                struct failed_entry *ret)
{
    UNINITIALIZED union words w;

    if (!place_get(&l->places[i], w.at, WORDS) || !sip_hash_equal(w.record.kind, kind))
        return false;
    *ret = w.record.entry;
    return true;
}

size_t
failed_lane_bytes(const struct failed_lane *l)
{
    return failed_lane_used(l) *
           (sizeof(struct place) + sizeof(struct slot) + sizeof(struct sip_hash));
}

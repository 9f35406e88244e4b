/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_log.c - counts by reason, and one list of what the lanes of all workers keep: what they have of one kind is brought together, then sorted. Both by sorting heads
 * of 48 bytes; whole records are read when they are shown. */
#include "obs/failed_log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "obs/failed_lane.h"
#include "obs/prom.h"

enum { LANES = 2 }; /* per worker: ours, and the others' */

struct reason_count {
    _Atomic(const char *) reason; /* NULL: free, as all behind it */
    _Atomic uint64_t n;
};

struct failed_worker {
    struct reason_count reasons[FAILED_REASONS_MAX];
    struct failed_lane *lanes[LANES];
};

struct failed_log {
    struct sip_secret secret;
    unsigned workers;
    struct failed_worker *of[]; /* apart: no two workers share a cache line */
};

struct failed_log *
failed_log_new(unsigned workers)
{
    struct failed_log *l = xcalloc(1, sizeof(*l) + workers * sizeof(l->of[0]));

    l->workers = workers;
    sip_secret_make(&l->secret);
    for (unsigned i = 0; i < workers; i++) {
        l->of[i] = xcalloc(1, sizeof(*l->of[i]));
        for (unsigned k = 0; k < LANES; k++)
            l->of[i]->lanes[k] = failed_lane_new();
    }
    return l;
}

void
failed_log_free(struct failed_log *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->workers; i++) {
        for (unsigned k = 0; k < LANES; k++)
            failed_lane_free(l->of[i]->lanes[k]);
        xfree(l->of[i]);
    }
    xfree(l);
}

void
failed_text(char *room, size_t size, struct slice text)
{
    size_t n = text.n < size ? text.n : size - 1;

    if (n > 0)
        memcpy(room, text.p, n);
    room[n] = '\0';
}

/* --- the worker's --------------------------------------------------------------------- */

static void
count_up(_Atomic uint64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* The same word may stand at several addresses. */
static void
reason_count(struct failed_worker *w, const char *reason)
{
    for (size_t i = 0; i < FAILED_REASONS_MAX; i++) {
        struct reason_count *c = &w->reasons[i];
        const char *known = atomic_load_explicit(&c->reason, memory_order_relaxed);

        if (!known) {
            known = i + 1 < FAILED_REASONS_MAX ? reason : FAILED_OTHER;
            atomic_store_explicit(&c->reason, known, memory_order_release);
        }
        if (known == reason || strcmp(known, reason) == 0 ||
            i + 1 == FAILED_REASONS_MAX) {
            count_up(&c->n);
            return;
        }
    }
}

void
failed_log_add(struct failed_log *l, unsigned worker, const struct failed_call *c)
{
    struct failed_worker *w = l->of[worker];

    reason_count(w, c->reason[0] ? c->reason : FAILED_BY_BACKEND);
    failed_lane_put(w->lanes[c->local ? 0 : 1], &l->secret, c);
}

/* --- the main thread's ---------------------------------------------------------------- */

struct found {
    struct failed_head head;
    const struct failed_lane *lane;
    size_t place;
};

static int
compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Kinds together, the newest of each first. */
static int
by_kind(const void *x, const void *y)
{
    const struct failed_head *a = &((const struct found *)x)->head;
    const struct failed_head *b = &((const struct found *)y)->head;

    if (a->kind.lo != b->kind.lo)
        return a->kind.lo < b->kind.lo ? -1 : 1;
    if (a->kind.hi != b->kind.hi)
        return a->kind.hi < b->kind.hi ? -1 : 1;
    return compare(b->last_us, a->last_us);
}

static int
by_time(const void *x, const void *y)
{
    return compare(((const struct found *)y)->head.last_us,
                   ((const struct found *)x)->head.last_us);
}

static size_t
found_collect(const struct failed_log *l, struct found *all, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < (size_t)l->workers * LANES; i++) {
        const struct failed_lane *lane = l->of[i / LANES]->lanes[i % LANES];
        size_t used = failed_lane_used(lane);

        for (size_t k = 0; k < used && n < room; k++) {
            all[n] = (struct found){ .lane = lane, .place = k };
            if (failed_lane_head(lane, k, &all[n].head))
                n++;
        }
    }
    return n;
}

/* Calls of one kind went to several workers: the gaps between them are those of all together. */
static size_t
found_fold(struct found *all, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const struct failed_head *h = &all[i].head;
        struct failed_head *to = kept > 0 ? &all[kept - 1].head : NULL;

        if (!to || !sip_hash_equal(to->kind, h->kind) ||
            to->first_us - h->last_us >= FAILED_FOLD_US) {
            all[kept++] = all[i];
            continue;
        }
        to->count += h->count;
        if (h->first_us < to->first_us)
            to->first_us = h->first_us;
    }
    return kept;
}

void
failed_log_walk(const struct failed_log *l,
                bool (*fn)(void *arg, const struct failed_entry *e), void *arg)
{
    size_t room = (size_t)l->workers * LANES * FAILED_KEPT, n;
    struct found *all = xcalloc(room, sizeof(*all));
    struct failed_entry entry;
    bool on = true;

    n = found_collect(l, all, room);
    qsort(all, n, sizeof(*all), by_kind);
    n = found_fold(all, n);
    qsort(all, n, sizeof(*all), by_time);
    for (size_t i = 0; i < n && on; i++) {
        if (!failed_lane_get(all[i].lane, all[i].place, all[i].head.kind, &entry))
            continue;
        entry.first_us = all[i].head.first_us;
        entry.count = all[i].head.count;
        on = fn(arg, &entry);
    }
    xfree(all);
}

static const char *
reason_at(const struct failed_worker *w, size_t i)
{
    return atomic_load_explicit(&w->reasons[i].reason, memory_order_acquire);
}

uint64_t
failed_log_count(const struct failed_log *l, const char *reason)
{
    uint64_t sum = 0;

    for (unsigned w = 0; w < l->workers; w++) {
        for (size_t i = 0; i < FAILED_REASONS_MAX && reason_at(l->of[w], i); i++) {
            if (strcmp(reason_at(l->of[w], i), reason) == 0)
                sum +=
                    atomic_load_explicit(&l->of[w]->reasons[i].n, memory_order_relaxed);
        }
    }
    return sum;
}

/* An earlier worker, or an earlier place, has it. */
static bool
reason_shown(const struct failed_log *l, unsigned worker, size_t at)
{
    const char *reason = reason_at(l->of[worker], at), *other;

    for (unsigned w = 0; w <= worker; w++) {
        for (size_t i = 0; i < FAILED_REASONS_MAX && (other = reason_at(l->of[w], i));
             i++) {
            if (w == worker && i == at)
                return false;
            if (strcmp(other, reason) == 0)
                return true;
        }
    }
    return false;
}

size_t
failed_log_bytes(const struct failed_log *l)
{
    size_t n = 0;

    for (size_t i = 0; i < (size_t)l->workers * LANES; i++)
        n += failed_lane_bytes(l->of[i / LANES]->lanes[i % LANES]);
    return n;
}

void
failed_log_print(const struct failed_log *l, struct prom *p)
{
    prom_family(p, "outrigger_failed_calls_total", PROM_COUNTER,
                "Calls that ended with another code than OK, by the reason that /why and "
                "the access log give. BACKEND_STATUS: a backend said so itself.");
    for (unsigned w = 0; w < l->workers; w++) {
        for (size_t i = 0; i < FAILED_REASONS_MAX && reason_at(l->of[w], i); i++) {
            const char *reason = reason_at(l->of[w], i);

            if (reason_shown(l, w, i))
                continue;
            prom_begin(p);
            prom_label_text(p, "reason", reason);
            prom_value(p, (int64_t)failed_log_count(l, reason));
        }
    }
}

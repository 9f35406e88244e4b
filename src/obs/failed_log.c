/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_log.c - records are copied in and out word by word. A word is written behind the odd number of its place and read before the number is looked at again, so who sees a
 * newer word sees that the number changed, and drops what he has. */
#include "obs/failed_log.h"

#include <stdatomic.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "obs/prom.h"

enum {
    LANES = 2, /* per worker: ours, and the others' */
    WORDS = sizeof(struct failed_call) / sizeof(uint64_t),
};

_Static_assert(sizeof(struct failed_call) % sizeof(uint64_t) == 0, "it is whole words");

struct place {
    _Atomic uint64_t
        number; /* 2 * n: holds the n-th record of the lane, from 1; odd: it changes */
    _Atomic uint64_t words[WORDS];
};

struct lane {
    _Atomic uint64_t
        written; /* records so far; the last one is in places[(written - 1) % FAILED_KEPT] */
    struct place places[FAILED_KEPT];
};

struct reason_count {
    _Atomic(const char *) reason; /* NULL: free, as all behind it */
    _Atomic uint64_t n;
};

struct failed_worker {
    struct reason_count reasons[FAILED_REASONS_MAX];
    struct lane lanes[LANES];
};

struct failed_log {
    unsigned workers;
    struct failed_worker *of[]; /* apart: no two workers share a cache line */
};

union record {
    struct failed_call call;
    uint64_t words[WORDS];
};

struct failed_log *
failed_log_new(unsigned workers)
{
    struct failed_log *l = xcalloc(1, sizeof(*l) + workers * sizeof(l->of[0]));

    l->workers = workers;
    for (unsigned i = 0; i < workers; i++)
        l->of[i] = xcalloc(1, sizeof(*l->of[i]));
    return l;
}

void
failed_log_free(struct failed_log *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->workers; i++)
        xfree(l->of[i]);
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

static void
lane_put(struct lane *l, const struct failed_call *c)
{
    const char *from = (const char *)c;
    uint64_t n = atomic_load_explicit(&l->written, memory_order_relaxed) + 1;
    struct place *p = &l->places[(n - 1) % FAILED_KEPT];

    atomic_store_explicit(&p->number, 2 * n - 1, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word;

        memcpy(&word, from + i * sizeof(word), sizeof(word));
        atomic_store_explicit(&p->words[i], word, memory_order_release);
    }
    atomic_store_explicit(&p->number, 2 * n, memory_order_release);
    atomic_store_explicit(&l->written, n, memory_order_release);
}

void
failed_log_add(struct failed_log *l, unsigned worker, const struct failed_call *c)
{
    struct failed_worker *w = l->of[worker];

    reason_count(w, c->reason[0] ? c->reason : FAILED_BY_BACKEND);
    lane_put(&w->lanes[c->local ? 0 : 1], c);
}

/* --- the main thread's ---------------------------------------------------------------- */

/* False: it is gone, or about to go. */
static bool
place_get(const struct place *p, uint64_t n, union record *ret)
{
    if (atomic_load_explicit(&p->number, memory_order_acquire) != 2 * n)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        ret->words[i] = atomic_load_explicit(&p->words[i], memory_order_acquire);
    return atomic_load_explicit(&p->number, memory_order_relaxed) == 2 * n;
}

/* On the way from the newest record of a lane to its oldest. */
struct cursor {
    const struct lane *lane;
    uint64_t next, end; /* records next, next - 1 ... end + 1 were not read yet */
    bool full;          /* at holds one that was not shown */
    union record at;
};

static void
cursor_step(struct cursor *c)
{
    c->full = false;
    while (!c->full && c->next > c->end) {
        c->full =
            place_get(&c->lane->places[(c->next - 1) % FAILED_KEPT], c->next, &c->at);
        c->next--;
    }
}

static void
cursor_init(struct cursor *c, const struct lane *l)
{
    c->lane = l;
    c->next = atomic_load_explicit(&l->written, memory_order_acquire);
    c->end = c->next > FAILED_KEPT ? c->next - FAILED_KEPT : 0;
    cursor_step(c);
}

void
failed_log_walk(const struct failed_log *l,
                bool (*fn)(void *arg, const struct failed_call *c), void *arg)
{
    size_t n = (size_t)l->workers * LANES;
    struct cursor *all = xcalloc(n, sizeof(*all));

    for (size_t i = 0; i < n; i++)
        cursor_init(&all[i], &l->of[i / LANES]->lanes[i % LANES]);
    for (;;) {
        struct cursor *newest = NULL;

        for (size_t i = 0; i < n; i++) {
            if (all[i].full &&
                (!newest || all[i].at.call.wall_us > newest->at.call.wall_us))
                newest = &all[i];
        }
        if (!newest || !fn(arg, &newest->at.call))
            break;
        cursor_step(newest);
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

    for (size_t i = 0; i < (size_t)l->workers * LANES; i++) {
        const struct lane *lane = &l->of[i / LANES]->lanes[i % LANES];
        uint64_t written = atomic_load_explicit(&lane->written, memory_order_relaxed);

        n += written < FAILED_KEPT ? (size_t)written : FAILED_KEPT;
    }
    return n * sizeof(struct place);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* obs/limit_counts.h - how many calls each rate limit of the config found over it, by where the limit is (scope: "listener inbound") and what it tells calls apart by (key:
 * "header:x-tenant"; what peers wrote in that header is never a label). The main thread asks for a line when a filter is made; the same scope and key get the same
 * line again after a reload, so its counter goes on. Workers add to it, which only calls over a limit pay for.
 * Bounded: LIMIT_COUNTS_MAX lines, which live as long as the object; who comes then shares the line _OTHER. */
#ifndef OUTRIGGER_OBS_LIMIT_COUNTS_H
#define OUTRIGGER_OBS_LIMIT_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct prom;

enum { LIMIT_COUNTS_MAX = 256 };

/* A line, on a cache line of its own: all workers write it. */
struct limit_count {
    _Alignas(64) _Atomic uint64_t refused;
    _Atomic uint64_t passed; /* over the limit, and let through (enforce) */
    char *scope, *key;
};

struct limit_counts;

/* [main] */
struct limit_counts *limit_counts_new(void);
void limit_counts_free(struct limit_counts *l); /* after the workers; NULL is fine */
/* Never NULL; valid until limit_counts_free. scope and key are copied. */
struct limit_count *
limit_counts_get(struct limit_counts *l, const char *scope, const char *key);
size_t limit_counts_used(const struct limit_counts *l); /* lines, without _OTHER */
/* outrigger_ratelimited_total. */
void limit_counts_print(const struct limit_counts *l, struct prom *p);

/* [worker] line NULL: nobody counts (tests). */
static inline void
limit_count_refused(struct limit_count *line)
{
    if (line)
        atomic_fetch_add_explicit(&line->refused, 1, memory_order_relaxed);
}

static inline void
limit_count_passed(struct limit_count *line)
{
    if (line)
        atomic_fetch_add_explicit(&line->passed, 1, memory_order_relaxed);
}

#endif

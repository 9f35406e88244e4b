/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/judge.c - one call's end, counted. */
#include "upstream/judge.h"

#include <stdatomic.h>

#include "grpc/status.h"
#include "upstream/backend.h"
#include "upstream/outlier_conf.h"

static uint32_t
least_of(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

void
judge_init(struct judge *j, const struct outlier_conf *c)
{
    uint32_t trip = c->breaker.on ? c->breaker.consecutive_failures : 0;

    *j = (struct judge){ .statuses = outlier_conf_statuses(c) };
    if (!c->on)
        return;
    j->on = true;
    j->split = c->split_local_errors;
    j->consecutive = least_of(c->consecutive_errors, trip);
    j->consecutive_local =
        j->split ? least_of(c->consecutive_local_errors, trip) : j->consecutive;
}

/* One writer each. */
static void
tally_add(_Atomic uint64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Told at the limit and at each multiple of it: when the first was not acted on (the cap,
 * another reason in the way), a later one may be. */
static bool
count_error(_Atomic uint32_t *count, uint32_t limit)
{
    uint32_t n = atomic_fetch_add_explicit(count, 1, memory_order_relaxed) + 1;

    return limit && n % limit == 0;
}

/* The line is shared by all workers: written only when there is something to clear. */
static void
clear_errors(_Atomic uint32_t *count)
{
    if (atomic_load_explicit(count, memory_order_relaxed) != 0)
        atomic_store_explicit(count, 0, memory_order_relaxed);
}

bool
judge_status(const struct judge *j, struct backend *b, struct backend_tally *t, int code,
             bool *ret_failed)
{
    bool failed = code >= 0 && code < GRPC_CODE_COUNT ? j->statuses >> code & 1
                                                      : j->statuses >> GRPC_UNKNOWN & 1;

    *ret_failed = failed;
    tally_add(failed ? &t->failures : &t->successes);
    if (!j->on)
        return false;
    clear_errors(&b->consecutive_local_errors); /* it answers */
    if (!failed)
        clear_errors(&b->consecutive_errors);
    else if (code != GRPC_RESOURCE_EXHAUSTED) /* busy, not broken: for shares only */
        return count_error(&b->consecutive_errors, j->consecutive);
    return false;
}

bool
judge_lost(const struct judge *j, struct backend *b, struct backend_tally *t)
{
    tally_add(&t->local_failures);
    if (!j->on)
        return false;
    if (j->split)
        return count_error(&b->consecutive_local_errors, j->consecutive_local);
    return count_error(&b->consecutive_errors, j->consecutive);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/retry_guard.c - tokens and slots. */
#include "upstream/retry_guard.h"

static const int64_t TOKEN = 1000; /* thousandths */

/* Three decimals, as gRPC keeps them; never 0 for what is above 0. */
static int64_t
thousandths(double value)
{
    int64_t n = (int64_t)(value * 1000 + 0.5);

    return value > 0 && n == 0 ? 1 : n;
}

void
retry_guard_init(struct retry_guard *g, double max_tokens, double token_ratio,
                 double budget_percent, uint32_t min_open, const struct retry_load *loads,
                 size_t workers)
{
    g->max_tokens = thousandths(max_tokens);
    g->token_ratio = thousandths(token_ratio);
    g->budget_millionths = (uint32_t)(budget_percent * 10000 + 0.5);
    g->min_open = min_open;
    g->loads = loads;
    g->workers = workers;
    atomic_init(&g->tokens, g->max_tokens);
    atomic_init(&g->open, 0);
}

/* --- throttle ----------------------------------------------------------------------------- */

/* Returns what is left. A count that stays as it is, is not written: all workers of a pool in good health only read it. */
static int64_t
guard_move(struct retry_guard *g, int64_t by)
{
    int64_t now = atomic_load_explicit(&g->tokens, memory_order_relaxed), next;

    do {
        next = now + by;
        if (next < 0)
            next = 0;
        if (next > g->max_tokens)
            next = g->max_tokens;
        if (next == now)
            return now;
    } while (!atomic_compare_exchange_weak_explicit(
        &g->tokens, &now, next, memory_order_relaxed, memory_order_relaxed));
    return next;
}

void
retry_guard_success(struct retry_guard *g)
{
    if (g->max_tokens)
        guard_move(g, g->token_ratio);
}

bool
retry_guard_failure(struct retry_guard *g)
{
    return !g->max_tokens || 2 * guard_move(g, -TOKEN) > g->max_tokens;
}

bool
retry_guard_allows(const struct retry_guard *g)
{
    return !g->max_tokens ||
           2 * atomic_load_explicit(&g->tokens, memory_order_relaxed) > g->max_tokens;
}

int64_t
retry_guard_tokens(const struct retry_guard *g)
{
    return g->max_tokens ? atomic_load_explicit(&g->tokens, memory_order_relaxed) : -1;
}

/* --- slots -------------------------------------------------------------------------------- */

static uint64_t
guard_calls(const struct retry_guard *g)
{
    uint64_t n = 0;

    for (size_t i = 0; i < g->workers; i++)
        n += (uint64_t)atomic_load_explicit(&g->loads[i].first, memory_order_relaxed) +
             atomic_load_explicit(&g->loads[i].waiting, memory_order_relaxed);
    return n;
}

uint32_t
retry_guard_room(const struct retry_guard *g)
{
    uint64_t share;

    if (g->budget_millionths == 0)
        return UINT32_MAX;
    share = guard_calls(g) * g->budget_millionths / 1000000;
    if (share < g->min_open)
        return g->min_open;
    return share < UINT32_MAX ? (uint32_t)share : UINT32_MAX;
}

bool
retry_guard_take(struct retry_guard *g)
{
    if (atomic_fetch_add_explicit(&g->open, 1, memory_order_relaxed) <
        retry_guard_room(g))
        return true;
    retry_guard_give(g);
    return false;
}

void
retry_guard_give(struct retry_guard *g)
{
    atomic_fetch_sub_explicit(&g->open, 1, memory_order_relaxed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* base/shared_bucket.c - a bucket with `left` tokens is full in depth - left * token steps. 2^63 steps are 18 years after boot. */
#include "base/shared_bucket.h"

#include <stdatomic.h>
#include <stddef.h>

enum { STEPS_PER_US = 16000, US_PER_S = 1000000, NANO = 1000000000 };

bool
bucket_rule_init(struct bucket_rule *r, double tokens, int64_t per_us, uint32_t burst)
{
    /* Whole numbers are exact up to here and beyond. */
    unsigned __int128 nano =
        tokens <= 0 || tokens > 1e9 ? 0 : (uint64_t)(tokens * 1e9 + 0.5);
    unsigned __int128 token;

    *r = (struct bucket_rule){ 0 };
    if (nano == 0)
        return false;
    token = (unsigned __int128)per_us * STEPS_PER_US * NANO / nano;
    if (token < STEPS_PER_US * (int64_t)US_PER_S / BUCKET_RATE_MAX ||
        token > (unsigned __int128)BUCKET_FILL_MAX_US * STEPS_PER_US / burst)
        return false;
    *r = (struct bucket_rule){ .token = (int64_t)token,
                               .depth = (int64_t)(token * burst) };
    return true;
}

static int64_t
steps_to_us(int64_t steps)
{
    return steps <= 0 ? 0 : (steps + STEPS_PER_US - 1) / STEPS_PER_US;
}

static void
state_set(struct bucket_state *s, const struct bucket_rule *r, int64_t until_full,
          int64_t short_by)
{
    if (!s)
        return;
    *s = (struct bucket_state){ .wait_us = steps_to_us(short_by),
                                .reset_us = steps_to_us(until_full) };
    if (until_full < r->depth)
        s->left = (uint64_t)((r->depth - until_full) / r->token);
}

bool
shared_bucket_take(const struct bucket_rule *r, struct shared_bucket *b, uint32_t n,
                   int64_t now_us, struct bucket_state *state)
{
    int64_t now = now_us * STEPS_PER_US;
    int64_t cost = r->depth / r->token < n ? r->depth + 1 : n * r->token;
    int64_t full_at = atomic_load_explicit(&b->full_at, memory_order_relaxed);

    for (;;) {
        int64_t until_full = full_at > now ? full_at - now : 0;
        int64_t short_by = until_full + cost - r->depth;

        if (short_by > 0) {
            state_set(state, r, until_full, short_by);
            return false;
        }
        if (atomic_compare_exchange_weak_explicit(
                &b->full_at, &full_at, now + until_full + cost, memory_order_relaxed,
                memory_order_relaxed)) {
            state_set(state, r, until_full + cost, 0);
            return true;
        }
    }
}

int64_t
shared_bucket_borrow(const struct bucket_rule *r, struct shared_bucket *b, uint64_t n,
                     int64_t now_us)
{
    const int64_t most = BUCKET_FILL_MAX_US * STEPS_PER_US;
    int64_t now = now_us * STEPS_PER_US;
    int64_t cost = n > (uint64_t)(most / r->token) ? most : (int64_t)n * r->token;
    int64_t full_at = atomic_load_explicit(&b->full_at, memory_order_relaxed);
    int64_t until_full;

    do {
        until_full = (full_at > now ? full_at - now : 0) + cost;
        if (until_full > most + r->depth)
            until_full = most + r->depth;
    } while (!atomic_compare_exchange_weak_explicit(
        &b->full_at, &full_at, now + until_full, memory_order_relaxed,
        memory_order_relaxed));
    return steps_to_us(until_full - r->depth);
}

bool
shared_bucket_is_full(const struct shared_bucket *b, int64_t now_us)
{
    return atomic_load_explicit(&b->full_at, memory_order_relaxed) <=
           now_us * STEPS_PER_US;
}

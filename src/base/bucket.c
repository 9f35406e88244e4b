/* SPDX-License-Identifier: Apache-2.0 */
/* base/bucket.c - a rate of N tokens per second is N millionths of a token per
 * microsecond: exact in integers. */
#include "base/bucket.h"

enum { BUCKET_MICRO = 1000000 };

void
bucket_init(struct bucket *b, uint32_t burst, uint32_t rate, int64_t now_us)
{
    *b = (struct bucket){
        .burst = burst,
        .rate = rate,
        .micro = (int64_t)burst * BUCKET_MICRO,
        .last_us = now_us,
    };
}

static void
bucket_refill(struct bucket *b, int64_t now_us)
{
    int64_t full = (int64_t)b->burst * BUCKET_MICRO;
    int64_t passed = now_us - b->last_us;

    if (passed <= 0)
        return;
    b->last_us = now_us;
    /* After a long rest the product could overflow; the bucket is then full anyway. */
    if (b->rate > 0 && passed > (full - b->micro) / b->rate)
        b->micro = full;
    else
        b->micro += passed * b->rate;
}

bool
bucket_take(struct bucket *b, uint32_t n, int64_t now_us)
{
    int64_t want = (int64_t)n * BUCKET_MICRO;

    bucket_refill(b, now_us);
    if (b->micro < want)
        return false;
    b->micro -= want;
    return true;
}

uint32_t
bucket_left(const struct bucket *b)
{
    return (uint32_t)(b->micro / BUCKET_MICRO);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* base/shared_bucket.h - a token bucket that any number of threads use without a lock and without losing or making a token; base/bucket.h is the
 * one for one thread. What is kept is one number, the time at which the bucket is full again (GCRA, ITU-T I.371); zero is a full bucket. So a bucket that was
 * not used for that long is the same as a new one, and a table may forget it.
 * Times are microseconds of a clock that does not go back; threads may be behind each other: who is behind sees fewer tokens, never more.
 * Steps are sixteenths of a nanosecond: 10,000,000 a second are off by less than 0.1 %, rates that divide 16,000,000,000 are exact. */
#ifndef OUTRIGGER_BASE_SHARED_BUCKET_H
#define OUTRIGGER_BASE_SHARED_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUCKET_RATE_MAX = 10000000 }; /* tokens per second */
#define BUCKET_FILL_MAX_US (INT64_C(366) * 86400 * 1000000)

/* What buckets of one limit have in common. */
struct bucket_rule {
    int64_t token; /* steps in which one token comes back */
    int64_t depth; /* steps in which an empty bucket gets full */
};

struct shared_bucket {
    _Atomic int64_t full_at; /* step */
};

/* How a take went. */
struct bucket_state {
    int64_t
        wait_us; /* until there are as many tokens as were asked for; 0: they were taken */
    int64_t reset_us; /* until the bucket is full */
    uint64_t left;    /* whole tokens */
};

/* tokens (also parts of one, to a billionth) per per_us come back, burst at most are there. False: not more than 0, more than BUCKET_RATE_MAX, or an empty bucket
 * needs more than BUCKET_FILL_MAX_US to get full. per_us and burst at least 1. */
bool
bucket_rule_init(struct bucket_rule *r, double tokens, int64_t per_us, uint32_t burst);
/* Takes n tokens if they are there. n of more than the burst never succeeds. state may be NULL. */
bool shared_bucket_take(const struct bucket_rule *r, struct shared_bucket *b, uint32_t n,
                        int64_t now_us, struct bucket_state *state);
/* Takes n tokens, also those that only come later. Returns in how many microseconds all of them are there; at most BUCKET_FILL_MAX_US or so, however many they are. */
int64_t shared_bucket_borrow(const struct bucket_rule *r, struct shared_bucket *b,
                             uint64_t n, int64_t now_us);
bool shared_bucket_is_full(const struct shared_bucket *b, int64_t now_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/retry_guard.h - what keeps retries and hedges from making a bad hour worse: one per pool, for the whole process. Two rules, and each may stop one:
 *   throttle  gRFC A6: a count of tokens in thousandths. A failure takes one, a success gives tokenRatio back; above half of maxTokens calls may be tried again.
 *   budget    those under way at one time, in their backoff too, are at most a share of the calls that are with a backend, or wait for one, for the first time;
 *             minRetryConcurrency are allowed in any case.
 * Pure: atomics alone, so any thread. The counts of calls have one writer each, the worker (struct retry_load); they are only read when a call is about to be tried again. */
#ifndef OUTRIGGER_UPSTREAM_RETRY_GUARD_H
#define OUTRIGGER_UPSTREAM_RETRY_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

/* What became of a retry that a retryPolicy wanted. */
enum retry_result {
    RETRY_RESULT_OK,      /* the call ended with OK by it */
    RETRY_RESULT_FAILED,  /* it was made, and did not help */
    RETRY_RESULT_REFUSED, /* it was not made: budget, throttle, deadline ... */
    RETRY_RESULTS,
};

/* One worker's calls of the pool: a cache line of its own. */
struct retry_load {
    _Alignas(64) _Atomic uint32_t first;     /* with a backend for the first time */
    _Atomic uint32_t waiting;                /* for a connection */
    _Atomic uint64_t retries;                /* ever begun; for pages alone */
    _Atomic uint64_t results[RETRY_RESULTS]; /* of retryPolicy, for pages alone */
};

struct retry_guard {
    /* Set once. */
    int64_t max_tokens, token_ratio; /* thousandths; max_tokens 0: no throttle */
    uint32_t budget_millionths;      /* 200000: 20 %; 0: there is no budget */
    uint32_t min_open;               /* minRetryConcurrency */
    const struct retry_load *loads;
    size_t workers;
    /* All threads. */
    _Alignas(64) _Atomic int64_t tokens;
    _Alignas(64) _Atomic uint32_t open; /* slots taken */
};

/* max_tokens 0: no throttle; tokens and ratio are kept with three decimals. budget_percent 0: no budget. loads: one for each worker, the caller's. */
void retry_guard_init(struct retry_guard *g, double max_tokens, double token_ratio,
                      double budget_percent, uint32_t min_open,
                      const struct retry_load *loads, size_t workers);

/* A call ended well. */
void retry_guard_success(struct retry_guard *g);
/* An attempt failed in a way that counts. True: what is left allows another one. */
bool retry_guard_failure(struct retry_guard *g);
/* The same question without a failure, for hedges. */
bool retry_guard_allows(const struct retry_guard *g);
/* Tokens in thousandths; -1: no throttle. */
int64_t retry_guard_tokens(const struct retry_guard *g);

/* Takes a slot for one more attempt. True must be followed by one retry_guard_give. */
bool retry_guard_take(struct retry_guard *g) MUST_CHECK;
void retry_guard_give(struct retry_guard *g);
/* How many slots there are now, taken or not; UINT32_MAX: no budget. */
uint32_t retry_guard_room(const struct retry_guard *g);

#endif

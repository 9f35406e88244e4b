/* SPDX-License-Identifier: Apache-2.0 */
/* filter/retry_policy.h - when a call is tried again (gRFC A6): what config says, made ready, and the decision after each attempt. No sockets, no clock, no memory:
 * the proxy (proxy/retry.c, proxy/hedge.c) says what happened and does what comes out. A policy is immutable; any thread. */
#ifndef OUTRIGGER_FILTER_RETRY_POLICY_H
#define OUTRIGGER_FILTER_RETRY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct h2_headers;
struct hedging_conf;
struct retry_conf;
struct retry_guard;
struct rng;

struct retry_policy {
    bool hedging; /* else: one attempt after the other */
    bool only_first_hop;
    uint8_t max_attempts; /* with the first */
    uint8_t percentile;   /* hedging: the delay is this one of the method; 0: delay_us */
    uint32_t codes;       /* bit per gRPC code: retryable, or not fatal for a hedge */
    int64_t initial_us, max_us, per_try_us; /* per_try_us 0: none */
    double multiplier;
    int64_t delay_us; /* hedging: between attempts */
};

/* Of the one that is on. False: none is, *p is untouched. */
bool retry_policy_make(struct retry_policy *p, const struct retry_conf *r,
                       const struct hedging_conf *h);
/* A call with this value of grpc-previous-rpc-attempts (p NULL: none) is ours to try again. */
bool retry_policy_applies(const struct retry_policy *p, struct slice previous);

/* grpc-retry-pushback-ms in the trailers of a failed attempt. */
struct retry_pushback {
    enum { PUSHBACK_NONE, PUSHBACK_AFTER, PUSHBACK_NEVER } kind;
    int64_t us; /* of PUSHBACK_AFTER */
};

/* A number that is negative or none, or several of them: never. */
struct retry_pushback retry_pushback_parse(struct slice value);
struct retry_pushback retry_pushback_find(const struct h2_headers *trailers);

/* What became of an attempt. */
struct retry_end {
    int code;       /* not OK */
    bool timed_out; /* perTryTimeout: tried again whatever the codes are */
    struct retry_pushback pushback;
};

/* A call on its way. Zeroed, then attempts = 1 when the first one begins. */
struct retry_progress {
    unsigned attempts; /* made; without those that no backend saw */
    unsigned step;     /* retries since the backoff began */
};

enum retry_verdict {
    RETRY_AGAIN, /* after the delay; when there is room in the pool's budget, too */
    RETRY_NOT_RETRYABLE,
    RETRY_PUSHBACK, /* the backend asked for none */
    RETRY_THROTTLED,
    RETRY_USED_UP, /* maxAttempts */
    RETRY_TOO_LATE,
};

/* Not with a hedging policy. left_us: until the deadline; INT64_MAX: there is none. With RETRY_AGAIN *ret_delay_us is set, and the caller counts the attempt. */
enum retry_verdict retry_decide(const struct retry_policy *p, struct retry_progress *at,
                                const struct retry_end *end, struct retry_guard *guard,
                                int64_t left_us, struct rng *rng, int64_t *ret_delay_us);
/* The code is one of those that are tried again, or not fatal. */
bool retry_policy_lists(const struct retry_policy *p, int code);
/* Time before the retry number n (1, 2, ...) without chance. */
int64_t retry_backoff_us(const struct retry_policy *p, unsigned n);

enum hedge_verdict {
    HEDGE_FATAL,     /* this is the answer; the others end */
    HEDGE_NEXT_NOW,  /* the next attempt begins at once */
    HEDGE_NEXT_LATE, /* ... after pushback.us, the ones behind it at their distance */
    HEDGE_NO_MORE,   /* those under way go on, no new ones */
};

/* Only with a hedging policy. maxAttempts, deadline and budget are the caller's. */
enum hedge_verdict hedge_decide(const struct retry_policy *p, const struct retry_end *end,
                                struct retry_guard *guard);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/rls.h - messages of envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit. What is read and what is built lies in an arena of the caller. Pure; any
 * thread. */
#ifndef OUTRIGGER_GRPC_RLS_H
#define OUTRIGGER_GRPC_RLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct arena;
struct strbuf;

#define RLS_PATH "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"

enum { RLS_HEADERS_MAX = 64 }; /* in one list of an answer */

struct rls_pair {
    struct slice name, value;
};

struct rls_descriptor {
    const struct rls_pair *entries;
    size_t n;
};

/* Appends a RateLimitRequest. Texts become UTF-8: each byte that is none becomes '!'. ERR_NOMEM: the arena is full; ERR_LIMIT: out's cap is reached. */
int rls_request_encode(struct slice domain, const struct rls_descriptor *v, size_t n,
                       uint32_t hits, struct arena *a, struct strbuf *out) MUST_CHECK;

/* The limit that says most: of those that are over, the one that lasts longest; else the one with the least left. */
struct rls_limit {
    bool known;
    uint32_t requests, remaining;
    int64_t unit_s; /* seconds of its unit; 0: unknown */
    struct slice name;
    bool reset_known;
    int64_t reset_ms; /* until it starts afresh */
};

struct rls_answer {
    bool over;
    struct rls_limit limit;
    const struct rls_pair *response; /* headers for the client; names in lower case */
    size_t response_count;
    const struct rls_pair *request; /* for the backend */
    size_t request_count;
};

/* Reads a RateLimitResponse into the arena. ERR_SYNTAX: not such a message, or one that says neither OK nor OVER_LIMIT; ERR_LIMIT: more than RLS_HEADERS_MAX
 * headers; ERR_NOMEM. *ret is as before then. */
int rls_answer_decode(struct slice message, struct arena *a,
                      struct rls_answer *ret) MUST_CHECK;

#endif

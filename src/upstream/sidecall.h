/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/sidecall.h - one unary gRPC call of our own over a worker's pool: a filter asks an outside service and waits for the answer. It has the pool's
 * balancing, connections, TLS, limits and health like any call, and counts for outlier detection. What the service has provably not seen (GOAWAY, a refused
 * stream) is sent again within the same time. One worker's thread. */
#ifndef OUTRIGGER_UPSTREAM_SIDECALL_H
#define OUTRIGGER_UPSTREAM_SIDECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct pool;
struct sidecall;

enum {
    SIDECALL_ANSWER_MAX = 64 * 1024,   /* bytes of the answer's message */
    SIDECALL_REQUEST_MAX = 256 * 1024, /* of the request's */
    SIDECALL_ATTEMPTS_MAX = 3,
};

struct sidecall_result {
    int code; /* gRPC code: the service's; or what its loss, its silence or a full pool means */
    bool own;         /* the service said it */
    bool retry_known; /* and how long it wants to be left alone (RetryInfo) */
    int64_t retry_ms;
    struct slice message; /* with GRPC_OK: the one message; valid during the callback */
    const char *
        why; /* else: a plain sentence for the log. It may hold addresses and what the service wrote */
};

/* The end. Once, never inside sidecall_start; the sidecall is dead afterwards. The owner may do anything here. */
typedef void sidecall_fn(void *arg, const struct sidecall_result *r);

/* path: "/package.Service/Method", a literal. message is copied. timeout_us > 0 covers everything, also the wait for a connection. NULL: no memory, or the
 * message is longer than SIDECALL_REQUEST_MAX; nothing follows then. */
struct sidecall *
sidecall_start(struct pool *p, const char *path, struct slice message, int64_t timeout_us,
               sidecall_fn *done, void *arg) MUST_CHECK;
/* The answer is not wanted any more: `done` is not called. The stream is reset. Not after `done`. */
void sidecall_cancel(struct sidecall *c);

#endif

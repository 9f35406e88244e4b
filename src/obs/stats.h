/* SPDX-License-Identifier: Apache-2.0 */
/* obs/stats.h - single-writer counters: each worker (and the main thread) has one block and is its only writer; whoever wants
 * figures sums the blocks. A counter is one row of stats.c, which gives it its metric name and help. Adding costs one plain add.
 * Levels (gauges) are rows too: they go up and down, and the sum over the blocks is the level of the process. */
#ifndef OUTRIGGER_OBS_STATS_H
#define OUTRIGGER_OBS_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAT_TLS_RESULTS = 21, STAT_JWT_RESULTS = 21, STAT_CLOSE_REASONS = 16 };

enum stat_id {
    /* calls */
    STAT_CALLS_STARTED,
    STAT_CALLS_FLYING, /* level */
    STAT_CODE_0,       /* calls ended, by gRPC code 0..16 */
    STAT_CODE_LAST = STAT_CODE_0 + 16,
    STAT_LOCAL_REPLIES,
    STAT_CALLS_CANCELLED,
    STAT_DEADLINES,
    STAT_NO_ROUTE,
    STAT_MATCH_GAVE_UP,
    STAT_ROUTE_STATUS,
    STAT_EDITS_FAILED,
    STAT_FILTERS_FAILED,
    /* filters */
    STAT_FILTER_FILES_READ,
    STAT_FILTER_FILES_REFUSED,
    STAT_API_KEYS_GOOD,
    STAT_API_KEYS_MISSING,
    STAT_API_KEYS_UNKNOWN,
    STAT_RBAC_ALLOWED,
    STAT_RBAC_DENIED,
    STAT_RBAC_SHADOW_DENIED,
    STAT_RBAC_LINES_DROPPED,
    STAT_FAULT_DELAYS,
    STAT_FAULT_ABORTS,
    STAT_FAULTS_ACTIVE, /* level */
    STAT_FAULTS_OVER_LIMIT,
    STAT_MESSAGES_TOO_LARGE,
    STAT_SIDE_CALLS,
    STAT_SIDE_CALLS_FLYING, /* level */
    STAT_SIDE_CALLS_FAILED,
    STAT_GLOBAL_RATE_OK,
    STAT_GLOBAL_RATE_OVER,
    STAT_GLOBAL_RATE_SHADOWED,
    STAT_GLOBAL_RATE_ERRORS,
    STAT_GLOBAL_RATE_FAILED_OPEN,
    STAT_GLOBAL_RATE_HEADERS_LOST,
    STAT_AUTHZ_ALLOWED,
    STAT_AUTHZ_DENIED,
    STAT_AUTHZ_ERRORS,
    STAT_AUTHZ_FAILED_OPEN,
    STAT_AUTHZ_CACHE_HITS,
    STAT_AUTHZ_CACHE_MISSES,
    STAT_AUTHZ_CACHE_BYTES, /* level */
    STAT_AUTHZ_EDITS_REFUSED,
    STAT_MIRRORS_STARTED,
    STAT_MIRRORS_FLYING, /* level */
    STAT_MIRRORS_DROPPED,
    STAT_MIRRORS_FAILED,
    STAT_REPLAYS,
    STAT_REPLAYS_REFUSED_LIMIT,
    STAT_RETRIES,
    STAT_RETRIES_SUCCEEDED,
    STAT_HEDGES,
    STAT_HEDGES_WON,
    STAT_RETRIES_REFUSED_BUDGET,
    STAT_RETRIES_REFUSED_THROTTLE,
    STAT_RETRIES_REFUSED_DEADLINE,
    STAT_RETRIES_REFUSED_COMMIT,
    STAT_RETRIES_REFUSED_PUSHBACK,
    STAT_RETRIES_REFUSED_ATTEMPTS,
    STAT_STATUS_SYNTHESIZED,
    STAT_INTERIM_DROPPED,
    /* refused requests */
    STAT_BAD_PROTOCOL_HTTP1,
    STAT_BAD_PROTOCOL_TLS,
    STAT_BAD_PROTOCOL_OTHER,
    STAT_BAD_CONTENT_TYPE,
    STAT_BAD_METHOD,
    STAT_BAD_PATH,
    STAT_BAD_HEADERS,
    STAT_BAD_TIMEOUT,
    STAT_HEADERS_TOO_LARGE,
    /* connections */
    STAT_DOWN_ACCEPTED,
    STAT_DOWN_OPEN, /* level */
    STAT_DOWN_OVER_LIMIT,
    STAT_UP_CONNECTS,
    STAT_UP_CONNECT_FAILED,
    STAT_UP_OPEN, /* level */
    STAT_UP_LOST,
    STAT_UP_NOT_HTTP2,
    STAT_GOAWAY_RECEIVED,
    STAT_GOAWAY_SENT,
    /* why connections ended, in the order of h2/ending.c */
    STAT_CLOSED_DOWN_0,
    STAT_CLOSED_DOWN_LAST = STAT_CLOSED_DOWN_0 + STAT_CLOSE_REASONS - 1,
    STAT_CLOSED_UP_0,
    STAT_CLOSED_UP_LAST = STAT_CLOSED_UP_0 + STAT_CLOSE_REASONS - 1,
    /* limits */
    STAT_STREAMS_REFUSED,
    STAT_GLITCHES,
    STAT_FLOOD_CLOSED,
    STAT_RESETS_RECEIVED,
    STAT_STALL_CLOSED,
    STAT_IDLE_CLOSED,
    STAT_AGE_CLOSED,
    STAT_REQUESTS_CLOSED,
    STAT_KEEPALIVE_PINGS_DOWN,
    STAT_KEEPALIVE_PINGS_UP,
    STAT_KEEPALIVE_TIMEOUTS_DOWN,
    STAT_KEEPALIVE_TIMEOUTS_UP,
    STAT_PING_STRIKES,
    STAT_PINGS_CLOSED,
    STAT_HANDSHAKE_TIMEOUTS,
    STAT_HEADER_TIMEOUTS,
    STAT_WINDOW_HELD_BACK,
    STAT_READS_PAUSED,
    STAT_TURN_YIELDS,
    STAT_PENDING, /* level */
    STAT_PENDING_FULL,
    STAT_PENDING_TIMEOUTS,
    STAT_RATE_LIMITED,
    STAT_RATE_OVER_SHADOW,
    STAT_RATE_KEY_MISSING,
    STAT_RATE_KEYS, /* level */
    STAT_RATE_KEYS_REPLACED,
    STAT_RATE_KEYS_OVERFLOW,
    STAT_MESSAGE_RATE_HELD,
    STAT_MESSAGE_RATE_REFUSED,
    STAT_CONCURRENCY_LIMITED,
    STAT_CONCURRENCY_FLYING, /* level */
    STAT_CONCURRENCY_LIMIT,  /* level */
    STAT_DEADLINE_GIVEN,
    STAT_DEADLINE_CUT,
    STAT_DEADLINE_MISSING,
    STAT_DOOMED_REFUSED,
    STAT_DOOMED_PROBES,
    STAT_DOOMED_SAVED_MS,
    STAT_LIMIT_ROUTE,
    STAT_LIMIT_REQUESTS,
    STAT_LIMIT_STREAMS,
    STAT_LIMIT_RETRIES,
    STAT_LIMIT_ENDPOINT,
    STAT_LIMIT_CONNECTIONS,
    STAT_PANIC, /* level */
    STAT_PANICS,
    STAT_BUFFERED_BYTES, /* level */
    STAT_REPLAY_BYTES,   /* level */
    STAT_WINDOW_GROWN,
    STAT_HEALTH_CHECKS,
    STAT_HEALTH_FAILURES,
    STAT_EJECTIONS_ERRORS,
    STAT_EJECTIONS_LOCAL_ERRORS,
    STAT_EJECTIONS_RATE,
    STAT_EJECTIONS_SHARE,
    STAT_EJECTIONS_CAPPED,
    STAT_EJECTED, /* level */
    STAT_BREAKER_TRIPS,
    /* config; of the main thread */
    STAT_CONFIG_GOOD, /* level */
    STAT_CONFIG_TIME, /* level */
    STAT_RELOADS_OK,
    STAT_RELOADS_REFUSED,
    STAT_RELOADS_ROLLED_BACK,
    STAT_CONFIGS_ALIVE, /* level */
    STAT_TABLES_ALIVE,  /* level */
    STAT_BYTES_FROM_DOWN,
    STAT_BYTES_TO_DOWN,
    STAT_MESSAGES_FROM_DOWN,
    STAT_MESSAGES_TO_DOWN,
    /* TLS: how handshakes ended, in the order of enum tls_refusal (net/tls.h); the last is
     * that it took too long */
    STAT_TLS_DOWN_0,
    STAT_TLS_DOWN_LAST = STAT_TLS_DOWN_0 + STAT_TLS_RESULTS - 1,
    STAT_TLS_UP_0,
    STAT_TLS_UP_LAST = STAT_TLS_UP_0 + STAT_TLS_RESULTS - 1,
    STAT_TLS_RESUMED_DOWN,
    STAT_TLS_RESUMED_UP,
    STAT_TLS_RELOADED,
    STAT_TLS_RELOAD_FAILED,
    STAT_TLS_INSECURE, /* level */
    /* jwt: what calls were, in the order of enum jwt_result (filter/jwt_result.h) */
    STAT_JWT_0,
    STAT_JWT_LAST = STAT_JWT_0 + STAT_JWT_RESULTS - 1,
    STAT_JWT_EVICTED,
    STAT_JWT_CACHE_BYTES, /* level */
    STAT_JWT_VALUES_LOST,
    STAT_JWT_WAITED,
    STAT_JWKS_READ,
    STAT_JWKS_FAILED,
    STAT_JWKS_BAD,    /* level */
    STAT_DRAIN_STATE, /* level */
    /* what watches calls */
    STAT_ACCESS_LOG_LINES,
    STAT_ACCESS_LOG_FULL,
    STAT_ACCESS_LOG_LOST,
    STAT_TAIL_DROPPED,
    STAT_ADMIN_EVICTED,
    STAT_ADMIN_BUSY,
    STAT_ADMIN_RPC_OPEN, /* level */
    STAT_SPANS_FULL,
    STAT_SPANS_LIMITED,
    STAT_SPANS_SENT,
    STAT_SPANS_REFUSED,
    STAT_SPANS_LOST,
    STAT_EXPORTS_FAILED,
    STAT_PUSHES_OK,
    STAT_PUSHES_FAILED,
    STAT_PUSHES_SKIPPED,
    STAT_POINTS_SENT,
    STAT_POINTS_REFUSED,
    STAT_PROBE_OPEN, /* level */
    STAT_PROBE_ANSWERS_GOOD,
    STAT_PROBE_ANSWERS_BAD,
    STAT_PROBE_CLOSED_FULL,
    STAT_PROBE_CLOSED_LATE,
    STAT_PROBE_CLOSED_BAD,
    STAT_COUNT
};

struct stats {
    _Atomic int64_t v[STAT_COUNT];
};

/* Only by the block's own thread. */
static inline void
stat_add(struct stats *s, enum stat_id id, int64_t n)
{
    atomic_store_explicit(&s->v[id],
                          atomic_load_explicit(&s->v[id], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void
stat_inc(struct stats *s, enum stat_id id)
{
    stat_add(s, id, 1);
}

static inline int64_t
stat_get(const struct stats *s, enum stat_id id)
{
    return atomic_load_explicit(&s->v[id], memory_order_relaxed);
}

struct stat_row {
    enum stat_id id;
    const char *metric; /* Prometheus name */
    const char *labels; /* "reason=\"http1\"" or NULL */
    bool level;
    bool milliseconds; /* it is counted in them, and told in seconds */
    const char *help;
};

/* All rows, in the order of output; NULL behind the last. Every id has exactly one (a unit test checks it). Any thread. */
const struct stat_row *stat_row_at(size_t i);

#endif

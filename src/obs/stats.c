/* SPDX-License-Identifier: Apache-2.0 */
/* obs/stats.c - name and help of every counter. Rows of one metric stand together, as the text format wants it. */
#include "obs/stats.h"

#include "base/compat.h"

#define COUNTER(i, m, h)                      \
    {                                         \
        .id = (i), .metric = (m), .help = (h) \
    }
#define MILLISECONDS(i, m, h)                                       \
    {                                                               \
        .id = (i), .metric = (m), .milliseconds = true, .help = (h) \
    }
#define LABELED(i, m, l, h)                                  \
    {                                                        \
        .id = (i), .metric = (m), .labels = (l), .help = (h) \
    }
#define LEVEL(i, m, l, h)                                                   \
    {                                                                       \
        .id = (i), .metric = (m), .labels = (l), .level = true, .help = (h) \
    }

#define HANDSHAKE(first, side, i, result)                                    \
    LABELED((enum stat_id)((first) + (i)), "outrigger_tls_handshakes_total", \
            "side=\"" side "\",result=\"" result "\"",                       \
            "TLS handshakes that ended, by how: ok, or why they failed.")
#define HANDSHAKES(first, side)                                                         \
    HANDSHAKE(first, side, 0, "ok"), HANDSHAKE(first, side, 1, "not_tls"),              \
        HANDSHAKE(first, side, 2, "version"), HANDSHAKE(first, side, 3, "cipher"),      \
        HANDSHAKE(first, side, 4, "alpn"), HANDSHAKE(first, side, 5, "no_certificate"), \
        HANDSHAKE(first, side, 6, "expired"),                                           \
        HANDSHAKE(first, side, 7, "not_yet_valid"),                                     \
        HANDSHAKE(first, side, 8, "self_signed"),                                       \
        HANDSHAKE(first, side, 9, "unknown_ca"), HANDSHAKE(first, side, 10, "revoked"), \
        HANDSHAKE(first, side, 11, "crl"), HANDSHAKE(first, side, 12, "purpose"),       \
        HANDSHAKE(first, side, 13, "name"), HANDSHAKE(first, side, 14, "san"),          \
        HANDSHAKE(first, side, 15, "pin"), HANDSHAKE(first, side, 16, "certificate"),   \
        HANDSHAKE(first, side, 17, "by_peer"), HANDSHAKE(first, side, 18, "closed"),    \
        HANDSHAKE(first, side, 19, "other"), HANDSHAKE(first, side, 20, "timeout")

#define CLOSED(first, side, i, reason)                                              \
    LABELED((enum stat_id)((first) + (i)), "outrigger_connections_closed_total",    \
            "side=\"" side "\",reason=\"" reason "\"",                              \
            "Connections that ended, by why; those of health checks and resolvers " \
            "are among the ones to backends (side up).")
#define CLOSED_ALL(first, side)                                                          \
    CLOSED(first, side, 0, "peer"), CLOSED(first, side, 1, "goaway"),                    \
        CLOSED(first, side, 2, "drain"), CLOSED(first, side, 3, "idle"),                 \
        CLOSED(first, side, 4, "age"), CLOSED(first, side, 5, "closed"),                 \
        CLOSED(first, side, 6, "removed"), CLOSED(first, side, 7, "not_http2"),          \
        CLOSED(first, side, 8, "protocol"), CLOSED(first, side, 9, "flood"),             \
        CLOSED(first, side, 10, "stall"), CLOSED(first, side, 11, "handshake_timeout"),  \
        CLOSED(first, side, 12, "keepalive"), CLOSED(first, side, 13, "too_many_pings"), \
        CLOSED(first, side, 14, "no_memory"), CLOSED(first, side, 15, "other")

#define JWT(i, result)                                                     \
    LABELED((enum stat_id)(STAT_JWT_0 + (i)), "outrigger_jwt_calls_total", \
            "result=\"" result "\"",                                       \
            "Calls that came to a jwt filter, by what their token was.")
#define GLOBAL_RATE                                                                     \
    "Calls that globalRateLimit asked about: shadowed, over the limit and let through " \
    "by "                                                                               \
    "enforce; error, refused for want of an answer; failed_open, let through for want " \
    "of "                                                                               \
    "one."

#define EXT_AUTHZ                                                                     \
    "Calls that extAuthz judged: error, refused for want of an answer; failed_open, " \
    "let "                                                                            \
    "through for want of one."
#define FILTER_FILES \
    "Files of filters (API keys, policies) that were read, or refused as bad."
#define API_KEYS "Calls that the filter apiKey looked at, by what it found."
#define RBAC                                                                            \
    "Calls that the filter rbac decided, shadow_denied: those that it only would have " \
    "denied."
#define PROBE_ANSWERS \
    "HTTP/1.1 answers of the probe port: ok for status 200, other for all else."
#define PROBE_CLOSED                                                                     \
    "Connections that the probe port ended: full, for a newer one; timeout, no request " \
    "in time; protocol, neither HTTP/1.1 nor HTTP/2."
#define FAULTS "Faults that the filter fault made on purpose."

static const struct stat_row rows[] = {
    COUNTER(STAT_CALLS_STARTED, "outrigger_calls_started_total",
            "Calls that clients began."),
    LEVEL(
        STAT_CALLS_FLYING, "outrigger_calls_in_flight", NULL,
        "Calls that have not ended, also those whose backend stream is being cancelled."),
    LABELED(STAT_CODE_0, "outrigger_calls_handled_total", "grpc_code=\"OK\"",
            "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 1), "outrigger_calls_handled_total",
            "grpc_code=\"Canceled\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 2), "outrigger_calls_handled_total",
            "grpc_code=\"Unknown\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 3), "outrigger_calls_handled_total",
            "grpc_code=\"InvalidArgument\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 4), "outrigger_calls_handled_total",
            "grpc_code=\"DeadlineExceeded\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 5), "outrigger_calls_handled_total",
            "grpc_code=\"NotFound\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 6), "outrigger_calls_handled_total",
            "grpc_code=\"AlreadyExists\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 7), "outrigger_calls_handled_total",
            "grpc_code=\"PermissionDenied\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 8), "outrigger_calls_handled_total",
            "grpc_code=\"ResourceExhausted\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 9), "outrigger_calls_handled_total",
            "grpc_code=\"FailedPrecondition\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 10), "outrigger_calls_handled_total",
            "grpc_code=\"Aborted\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 11), "outrigger_calls_handled_total",
            "grpc_code=\"OutOfRange\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 12), "outrigger_calls_handled_total",
            "grpc_code=\"Unimplemented\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 13), "outrigger_calls_handled_total",
            "grpc_code=\"Internal\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 14), "outrigger_calls_handled_total",
            "grpc_code=\"Unavailable\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 15), "outrigger_calls_handled_total",
            "grpc_code=\"DataLoss\"", "Calls that ended, by gRPC code."),
    LABELED((enum stat_id)(STAT_CODE_0 + 16), "outrigger_calls_handled_total",
            "grpc_code=\"Unauthenticated\"", "Calls that ended, by gRPC code."),
    COUNTER(STAT_LOCAL_REPLIES, "outrigger_local_replies_total",
            "Answers that the proxy made itself."),
    COUNTER(STAT_CALLS_CANCELLED, "outrigger_calls_cancelled_total",
            "Calls that the client ended before their answer was complete."),
    COUNTER(STAT_DEADLINES, "outrigger_deadlines_total",
            "Calls whose deadline passed in the proxy."),
    COUNTER(STAT_NO_ROUTE, "outrigger_no_route_total", "Calls that no route matched."),
    COUNTER(
        STAT_MATCH_GAVE_UP, "outrigger_match_gave_up_total",
        "Header values that were too long to be compared with a route, or took a regular "
        "expression too many steps; they count as not matching."),
    COUNTER(STAT_ROUTE_STATUS, "outrigger_route_status_total",
            "Calls that a route with status answered."),
    COUNTER(STAT_EDITS_FAILED, "outrigger_header_edits_failed_total",
            "Header edits and status texts that became too long for their call."),
    COUNTER(STAT_FILTERS_FAILED, "outrigger_filters_failed_total",
            "Calls that ended with INTERNAL because a filter broke its own rules."),
    LABELED(STAT_FILTER_FILES_READ, "outrigger_filter_files_total", "result=\"read\"",
            FILTER_FILES),
    LABELED(STAT_FILTER_FILES_REFUSED, "outrigger_filter_files_total",
            "result=\"refused\"", FILTER_FILES),
    LABELED(STAT_API_KEYS_GOOD, "outrigger_api_keys_total", "result=\"good\"", API_KEYS),
    LABELED(STAT_API_KEYS_MISSING, "outrigger_api_keys_total", "result=\"missing\"",
            API_KEYS),
    LABELED(STAT_API_KEYS_UNKNOWN, "outrigger_api_keys_total", "result=\"unknown\"",
            API_KEYS),
    LABELED(STAT_RBAC_ALLOWED, "outrigger_rbac_total", "result=\"allowed\"", RBAC),
    LABELED(STAT_RBAC_DENIED, "outrigger_rbac_total", "result=\"denied\"", RBAC),
    LABELED(STAT_RBAC_SHADOW_DENIED, "outrigger_rbac_total", "result=\"shadow_denied\"",
            RBAC),
    COUNTER(STAT_RBAC_LINES_DROPPED, "outrigger_rbac_audit_dropped_total",
            "Audit lines that were not written because of auditPerSecond."),
    LABELED(STAT_FAULT_DELAYS, "outrigger_faults_total", "kind=\"delay\"", FAULTS),
    LABELED(STAT_FAULT_ABORTS, "outrigger_faults_total", "kind=\"abort\"", FAULTS),
    LEVEL(STAT_FAULTS_ACTIVE, "outrigger_faults_active", NULL,
          "Calls that the filter fault delays now."),
    COUNTER(STAT_FAULTS_OVER_LIMIT, "outrigger_faults_over_limit_total",
            "Faults that were left out because of maxActive."),
    COUNTER(STAT_MESSAGES_TOO_LARGE, "outrigger_messages_too_large_total",
            "Calls that ended because of a message over the limit of their route."),
    COUNTER(STAT_SIDE_CALLS, "outrigger_side_calls_total",
            "Questions to outside services (extAuthz, globalRateLimit) that began."),
    LEVEL(STAT_SIDE_CALLS_FLYING, "outrigger_side_calls_in_flight", NULL,
          "Questions to outside services under way."),
    COUNTER(STAT_SIDE_CALLS_FAILED, "outrigger_side_calls_failed_total",
            "Questions that got no good answer: late, lost, an error, or none that can "
            "be read."),
    LABELED(STAT_GLOBAL_RATE_OK, "outrigger_global_rate_limit_total", "result=\"ok\"",
            GLOBAL_RATE),
    LABELED(STAT_GLOBAL_RATE_OVER, "outrigger_global_rate_limit_total",
            "result=\"over_limit\"", GLOBAL_RATE),
    LABELED(STAT_GLOBAL_RATE_SHADOWED, "outrigger_global_rate_limit_total",
            "result=\"shadowed\"", GLOBAL_RATE),
    LABELED(STAT_GLOBAL_RATE_ERRORS, "outrigger_global_rate_limit_total",
            "result=\"error\"", GLOBAL_RATE),
    LABELED(STAT_GLOBAL_RATE_FAILED_OPEN, "outrigger_global_rate_limit_total",
            "result=\"failed_open\"", GLOBAL_RATE),
    COUNTER(
        STAT_GLOBAL_RATE_HEADERS_LOST,
        "outrigger_global_rate_limit_headers_refused_total",
        "Headers that a rate limit service wanted to give and may not, or that had no "
        "room."),
    LABELED(STAT_AUTHZ_ALLOWED, "outrigger_ext_authz_total", "result=\"allowed\"",
            EXT_AUTHZ),
    LABELED(STAT_AUTHZ_DENIED, "outrigger_ext_authz_total", "result=\"denied\"",
            EXT_AUTHZ),
    LABELED(STAT_AUTHZ_ERRORS, "outrigger_ext_authz_total", "result=\"error\"",
            EXT_AUTHZ),
    LABELED(STAT_AUTHZ_FAILED_OPEN, "outrigger_ext_authz_total", "result=\"failed_open\"",
            EXT_AUTHZ),
    LABELED(STAT_AUTHZ_CACHE_HITS, "outrigger_ext_authz_cache_total", "result=\"hit\"",
            "Calls that had a key for the cache of extAuthz."),
    LABELED(STAT_AUTHZ_CACHE_MISSES, "outrigger_ext_authz_cache_total", "result=\"miss\"",
            "Calls that had a key for the cache of extAuthz."),
    LEVEL(STAT_AUTHZ_CACHE_BYTES, "outrigger_ext_authz_cache_bytes", NULL,
          "Answers that the caches of extAuthz keep."),
    COUNTER(STAT_AUTHZ_EDITS_REFUSED, "outrigger_ext_authz_edits_refused_total",
            "Changes of headers that an authorization service wanted and may not make."),
    COUNTER(STAT_MIRRORS_STARTED, "outrigger_mirrors_total", "Calls that were copied."),
    LEVEL(STAT_MIRRORS_FLYING, "outrigger_mirrors_in_flight", NULL,
          "Copies of calls under way."),
    COUNTER(STAT_MIRRORS_DROPPED, "outrigger_mirrors_dropped_total",
            "Copies left out or given up at a bound: their number, maxBuffer or memory."),
    COUNTER(STAT_MIRRORS_FAILED, "outrigger_mirrors_failed_total",
            "Copies without an answer: no endpoint, reset, connection lost, too late."),
    COUNTER(STAT_REPLAYS, "outrigger_transparent_retries_total",
            "Attempts replayed because no backend had processed the one before."),
    COUNTER(STAT_REPLAYS_REFUSED_LIMIT, "outrigger_transparent_retries_exhausted_total",
            "Calls that were refused on every attempt."),
    COUNTER(STAT_RETRIES, "outrigger_retries_started_total",
            "Attempts made by a retryPolicy because the one before had failed, when they "
            "begin."),
    COUNTER(STAT_RETRIES_SUCCEEDED, "outrigger_retries_succeeded_total",
            "Calls that ended with OK after at least one such attempt."),
    COUNTER(STAT_HEDGES, "outrigger_hedges_total",
            "Attempts made by a hedgingPolicy beside the first."),
    COUNTER(STAT_HEDGES_WON, "outrigger_hedges_won_total",
            "Calls that ended with OK from such an attempt."),
    LABELED(STAT_RETRIES_REFUSED_BUDGET, "outrigger_retries_refused_total",
            "reason=\"budget\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    LABELED(STAT_RETRIES_REFUSED_THROTTLE, "outrigger_retries_refused_total",
            "reason=\"throttle\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    LABELED(STAT_RETRIES_REFUSED_DEADLINE, "outrigger_retries_refused_total",
            "reason=\"deadline\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    LABELED(STAT_RETRIES_REFUSED_COMMIT, "outrigger_retries_refused_total",
            "reason=\"commit\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    LABELED(STAT_RETRIES_REFUSED_PUSHBACK, "outrigger_retries_refused_total",
            "reason=\"pushback\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    LABELED(STAT_RETRIES_REFUSED_ATTEMPTS, "outrigger_retries_refused_total",
            "reason=\"attempts\"",
            "Retries and hedges that a policy wanted and that were not sent, by reason."),
    COUNTER(
        STAT_STATUS_SYNTHESIZED, "outrigger_status_synthesized_total",
        "Answers without a grpc-status, or not gRPC at all, that were turned into one."),
    COUNTER(STAT_INTERIM_DROPPED, "outrigger_interim_responses_dropped_total",
            "1xx header blocks of backends."),
    LABELED(STAT_BAD_PROTOCOL_HTTP1, "outrigger_bad_requests_total", "reason=\"http1\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_PROTOCOL_TLS, "outrigger_bad_requests_total", "reason=\"tls\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_PROTOCOL_OTHER, "outrigger_bad_requests_total",
            "reason=\"not_http2\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_CONTENT_TYPE, "outrigger_bad_requests_total",
            "reason=\"content_type\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_METHOD, "outrigger_bad_requests_total", "reason=\"method\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_PATH, "outrigger_bad_requests_total", "reason=\"path\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_HEADERS, "outrigger_bad_requests_total", "reason=\"headers\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_BAD_TIMEOUT, "outrigger_bad_requests_total", "reason=\"grpc_timeout\"",
            "Requests and connections refused for what the client sent, by reason."),
    LABELED(STAT_HEADERS_TOO_LARGE, "outrigger_bad_requests_total",
            "reason=\"headers_too_large\"",
            "Requests and connections refused for what the client sent, by reason."),
    COUNTER(STAT_DOWN_ACCEPTED, "outrigger_connections_accepted_total",
            "Client connections accepted."),
    COUNTER(STAT_DOWN_OVER_LIMIT, "outrigger_connections_refused_total",
            "Client connections closed at once because of maxConnections."),
    LEVEL(STAT_DOWN_OPEN, "outrigger_connections", "side=\"down\"", "Open connections."),
    LEVEL(STAT_UP_OPEN, "outrigger_connections", "side=\"up\"", "Open connections."),
    COUNTER(STAT_UP_CONNECTS, "outrigger_upstream_connects_total",
            "Connections to backends that were begun."),
    COUNTER(STAT_UP_CONNECT_FAILED, "outrigger_upstream_connect_failures_total",
            "Connections to backends that never became usable."),
    COUNTER(STAT_UP_LOST, "outrigger_upstream_connections_lost_total",
            "Usable connections to backends that broke."),
    COUNTER(STAT_UP_NOT_HTTP2, "outrigger_upstream_not_http2_total",
            "Backends that did not speak HTTP/2."),
    COUNTER(STAT_GOAWAY_RECEIVED, "outrigger_goaway_received_total",
            "GOAWAY frames received."),
    COUNTER(STAT_GOAWAY_SENT, "outrigger_goaway_sent_total", "GOAWAY frames sent."),
    CLOSED_ALL(STAT_CLOSED_DOWN_0, "down"),
    CLOSED_ALL(STAT_CLOSED_UP_0, "up"),
    COUNTER(STAT_STREAMS_REFUSED, "outrigger_streams_refused_total",
            "Streams refused at maxConcurrentStreams."),
    COUNTER(STAT_GLITCHES, "outrigger_glitches_total",
            "Protocol oddities charged to peers (glitchBurst, glitchRate)."),
    COUNTER(STAT_FLOOD_CLOSED, "outrigger_flood_closed_total",
            "Connections closed for floods, resets or oversized header blocks."),
    COUNTER(STAT_RESETS_RECEIVED, "outrigger_resets_received_total",
            "RST_STREAM frames from clients (resetBurst, resetRate)."),
    COUNTER(STAT_STALL_CLOSED, "outrigger_write_stalls_total",
            "Streams and connections ended because the peer took no data "
            "(writeStallTimeout, memory pressure)."),
    COUNTER(STAT_IDLE_CLOSED, "outrigger_idle_closed_total",
            "Connections closed after idleTimeout."),
    COUNTER(STAT_AGE_CLOSED, "outrigger_max_age_closed_total",
            "Client connections told to go after maxConnectionAge."),
    COUNTER(STAT_REQUESTS_CLOSED, "outrigger_max_requests_closed_total",
            "Client connections told to go after maxRequestsPerConnection."),
    LABELED(STAT_KEEPALIVE_PINGS_DOWN, "outrigger_keepalive_pings_total", "side=\"down\"",
            "Keepalive PINGs sent to silent peers (keepalive.time)."),
    LABELED(STAT_KEEPALIVE_PINGS_UP, "outrigger_keepalive_pings_total", "side=\"up\"",
            "Keepalive PINGs sent to silent peers (keepalive.time)."),
    LABELED(STAT_KEEPALIVE_TIMEOUTS_DOWN, "outrigger_keepalive_timeouts_total",
            "side=\"down\"",
            "Connections closed because a keepalive PING got no answer "
            "(keepalive.timeout)."),
    LABELED(STAT_KEEPALIVE_TIMEOUTS_UP, "outrigger_keepalive_timeouts_total",
            "side=\"up\"",
            "Connections closed because a keepalive PING got no answer "
            "(keepalive.timeout)."),
    COUNTER(STAT_PING_STRIKES, "outrigger_ping_strikes_total",
            "PINGs of clients that came too early (keepalive.minClientInterval)."),
    COUNTER(STAT_PINGS_CLOSED, "outrigger_too_many_pings_closed_total",
            "Client connections closed with too_many_pings "
            "(keepalive.minClientInterval, keepalive.permitWithoutCalls)."),
    COUNTER(STAT_HANDSHAKE_TIMEOUTS, "outrigger_handshake_timeouts_total",
            "Clients without preface or SETTINGS in handshakeTimeout."),
    COUNTER(STAT_HEADER_TIMEOUTS, "outrigger_header_timeouts_total",
            "Header blocks not completed in headerTimeout."),
    COUNTER(STAT_WINDOW_HELD_BACK, "outrigger_windows_held_back_total",
            "Times that a connection window was held back at maxConnectionBuffer or "
            "maxBufferedBytes."),
    COUNTER(STAT_READS_PAUSED, "outrigger_reads_paused_total",
            "Times that a client with waiting messages was not read for a while at "
            "maxBufferedBytes."),
    COUNTER(STAT_TURN_YIELDS, "outrigger_turn_yields_total",
            "Times that a connection used up its share of a loop turn "
            "(maxStreamsPerTurn, maxFramesPerTurn)."),
    LEVEL(STAT_PENDING, "outrigger_pending_requests", NULL,
          "Calls that wait for a backend connection."),
    COUNTER(STAT_PENDING_FULL, "outrigger_pending_overflow_total",
            "Calls refused at maxPendingRequests."),
    COUNTER(STAT_PENDING_TIMEOUTS, "outrigger_pending_timeouts_total",
            "Calls that waited longer than pendingTimeout."),
    LABELED(STAT_RATE_LIMITED, "outrigger_rate_limit_total", "result=\"refused\"",
            "Calls that a rateLimit filter found over its limit, or without a part of "
            "its key."),
    LABELED(STAT_RATE_OVER_SHADOW, "outrigger_rate_limit_total", "result=\"passed\"",
            "Calls that a rateLimit filter found over its limit, or without a part of "
            "its key."),
    LABELED(STAT_RATE_KEY_MISSING, "outrigger_rate_limit_total", "result=\"key_missing\"",
            "Calls that a rateLimit filter found over its limit, or without a part of "
            "its key."),
    LEVEL(STAT_RATE_KEYS, "outrigger_rate_limit_keys", NULL,
          "Keys of rateLimit filters that have a bucket."),
    COUNTER(STAT_RATE_KEYS_REPLACED, "outrigger_rate_limit_keys_replaced_total",
            "Keys that gave their full bucket to another one at maxKeys."),
    COUNTER(STAT_RATE_KEYS_OVERFLOW, "outrigger_rate_limit_overflow_total",
            "Calls whose key found no bucket at maxKeys and shared one with others."),
    COUNTER(STAT_MESSAGE_RATE_HELD, "outrigger_message_rate_held_total",
            "Times that a messageRate filter held a stream back."),
    COUNTER(STAT_MESSAGE_RATE_REFUSED, "outrigger_message_rate_refused_total",
            "Calls that a messageRate filter ended."),
    COUNTER(STAT_CONCURRENCY_LIMITED, "outrigger_concurrency_limit_refused_total",
            "Calls refused by concurrencyLimit filters."),
    LEVEL(STAT_CONCURRENCY_FLYING, "outrigger_concurrency_limit_in_flight", NULL,
          "Calls that count at concurrencyLimit filters."),
    LEVEL(STAT_CONCURRENCY_LIMIT, "outrigger_concurrency_limit", NULL,
          "Present limits of the concurrencyLimit filters, added up."),
    COUNTER(STAT_DEADLINE_GIVEN, "outrigger_deadlines_given_total",
            "Calls without any time limit that got one by default of the filter "
            "deadline."),
    COUNTER(STAT_DEADLINE_CUT, "outrigger_deadlines_cut_total",
            "Calls whose time was cut to max of the filter deadline."),
    COUNTER(STAT_DEADLINE_MISSING, "outrigger_deadlines_missing_total",
            "Calls without grpc-timeout that the filter deadline refused (required)."),
    COUNTER(STAT_DOOMED_REFUSED, "outrigger_doomed_calls_refused_total",
            "Calls that doomedCall refused, since they could not end in time."),
    COUNTER(STAT_DOOMED_PROBES, "outrigger_doomed_calls_tried_total",
            "Calls that doomedCall let go on to learn, though it took them for doomed."),
    MILLISECONDS(
        STAT_DOOMED_SAVED_MS, "outrigger_doomed_calls_saved_seconds_total",
        "Work that backends were spared: the time until the deadlines of the calls that "
        "doomedCall refused."),
    COUNTER(STAT_LIMIT_ROUTE, "outrigger_route_limit_total",
            "Calls refused by limits.maxConcurrentRequests of their route."),
    LABELED(STAT_LIMIT_REQUESTS, "outrigger_pool_limit_total",
            "limit=\"maxConcurrentRequests\"",
            "Times that a limit of a pool refused a call or a connection."),
    LABELED(STAT_LIMIT_STREAMS, "outrigger_pool_limit_total", "limit=\"maxStreams\"",
            "Times that a limit of a pool refused a call or a connection."),
    LABELED(STAT_LIMIT_RETRIES, "outrigger_pool_limit_total", "limit=\"maxRetries\"",
            "Times that a limit of a pool refused a call or a connection."),
    LABELED(STAT_LIMIT_ENDPOINT, "outrigger_pool_limit_total",
            "limit=\"maxRequestsPerEndpoint\"",
            "Times that a limit of a pool refused a call or a connection."),
    LABELED(STAT_LIMIT_CONNECTIONS, "outrigger_pool_limit_total",
            "limit=\"maxConnections\"",
            "Times that a limit of a pool refused a call or a connection."),
    LEVEL(STAT_PANIC, "outrigger_panic_lists", NULL,
          "Lists of endpoints (one per worker, subset and priority in use) of which too "
          "few are healthy, so that health is ignored."),
    COUNTER(STAT_PANICS, "outrigger_panics_total",
            "Times that such a list began to ignore health."),
    LEVEL(STAT_BUFFERED_BYTES, "outrigger_buffered_bytes", NULL,
          "Bytes received whose window was not given back yet."),
    LEVEL(STAT_REPLAY_BYTES, "outrigger_replay_bytes", NULL, "Bytes kept for replays."),
    COUNTER(STAT_WINDOW_GROWN, "outrigger_windows_grown_total",
            "Times that a receive window was doubled by the bandwidth-delay estimate."),
    COUNTER(STAT_HEALTH_CHECKS, "outrigger_health_checks_total",
            "Active checks of endpoints that ended, and words of their Watches."),
    COUNTER(STAT_HEALTH_FAILURES, "outrigger_health_check_failures_total",
            "Those of them that did not say SERVING."),
    LABELED(STAT_EJECTIONS_ERRORS, "outrigger_endpoint_ejections_total",
            "reason=\"consecutive_errors\"",
            "Endpoints ejected by outlier detection, by why."),
    LABELED(STAT_EJECTIONS_LOCAL_ERRORS, "outrigger_endpoint_ejections_total",
            "reason=\"consecutive_local_errors\"",
            "Endpoints ejected by outlier detection, by why."),
    LABELED(STAT_EJECTIONS_RATE, "outrigger_endpoint_ejections_total",
            "reason=\"success_rate\"", "Endpoints ejected by outlier detection, by why."),
    LABELED(STAT_EJECTIONS_SHARE, "outrigger_endpoint_ejections_total",
            "reason=\"failure_percentage\"",
            "Endpoints ejected by outlier detection, by why."),
    COUNTER(STAT_EJECTIONS_CAPPED, "outrigger_endpoint_ejections_capped_total",
            "Ejections that maxEjected did not allow."),
    LEVEL(STAT_EJECTED, "outrigger_endpoints_ejected", NULL,
          "Endpoints that are ejected now."),
    COUNTER(STAT_BREAKER_TRIPS, "outrigger_breaker_trips_total",
            "Breakers of endpoints that tripped."),
    LEVEL(
        STAT_CONFIG_GOOD, "outrigger_config_last_reload_successful", NULL,
        "1 when the last reload was taken, or none was asked for; 0 when it was refused "
        "or rolled back."),
    LEVEL(STAT_CONFIG_TIME, "outrigger_config_last_reload_success_timestamp_seconds",
          NULL, "When the config in force was loaded, in seconds since 1970."),
    LABELED(STAT_RELOADS_OK, "outrigger_config_reloads_total", "result=\"ok\"",
            "Reloads of the config."),
    LABELED(STAT_RELOADS_REFUSED, "outrigger_config_reloads_total", "result=\"refused\"",
            "Reloads of the config."),
    LABELED(STAT_RELOADS_ROLLED_BACK, "outrigger_config_reloads_total",
            "result=\"rolled_back\"", "Reloads of the config."),
    LEVEL(STAT_CONFIGS_ALIVE, "outrigger_configs_alive", NULL,
          "Configs in memory: the one in force, and the one before while it is guarded."),
    LEVEL(STAT_TABLES_ALIVE, "outrigger_route_tables_alive", NULL,
          "Route tables in use: one per listener, and those that open calls still hold."),
    COUNTER(STAT_BYTES_FROM_DOWN, "outrigger_request_bytes_total",
            "Request body bytes passed to backends."),
    COUNTER(STAT_BYTES_TO_DOWN, "outrigger_response_bytes_total",
            "Response body bytes passed to clients."),
    COUNTER(STAT_MESSAGES_FROM_DOWN, "outrigger_request_messages_total",
            "Request messages of ended calls."),
    COUNTER(STAT_MESSAGES_TO_DOWN, "outrigger_response_messages_total",
            "Response messages of ended calls."),
    HANDSHAKES(STAT_TLS_DOWN_0, "down"),
    HANDSHAKES(STAT_TLS_UP_0, "up"),
    LABELED(STAT_TLS_RESUMED_DOWN, "outrigger_tls_resumed_total", "side=\"down\"",
            "Handshakes that resumed an earlier session; they are in "
            "outrigger_tls_handshakes_total, too."),
    LABELED(STAT_TLS_RESUMED_UP, "outrigger_tls_resumed_total", "side=\"up\"",
            "Handshakes that resumed an earlier session; they are in "
            "outrigger_tls_handshakes_total, too."),
    LABELED(STAT_TLS_RELOADED, "outrigger_tls_reloads_total", "result=\"ok\"",
            "Times that changed certificate files were read: taken as a whole, or not."),
    LABELED(STAT_TLS_RELOAD_FAILED, "outrigger_tls_reloads_total", "result=\"failed\"",
            "Times that changed certificate files were read: taken as a whole, or not."),
    LEVEL(STAT_TLS_INSECURE, "outrigger_tls_insecure_pools", NULL,
          "Pools that do not verify their backends (tls.insecureSkipVerify)."),
    JWT(0, "ok"),
    JWT(1, "cached"),
    JWT(2, "excepted"),
    JWT(3, "none"),
    JWT(4, "missing"),
    JWT(5, "twice"),
    JWT(6, "too_large"),
    JWT(7, "malformed"),
    JWT(8, "algorithm"),
    JWT(9, "extension"),
    JWT(10, "issuer"),
    JWT(11, "unknown_key"),
    JWT(12, "signature"),
    JWT(13, "no_expiry"),
    JWT(14, "expired"),
    JWT(15, "not_yet"),
    JWT(16, "audience"),
    JWT(17, "claim"),
    JWT(18, "no_keys"),
    JWT(19, "old_keys"),
    JWT(20, "no_memory"),
    COUNTER(STAT_JWT_EVICTED, "outrigger_jwt_cache_evicted_total",
            "Verified tokens that left a full cache before they expired (tokenCache)."),
    LEVEL(STAT_JWT_CACHE_BYTES, "outrigger_jwt_cache_bytes", NULL,
          "Verified tokens that are kept (tokenCache), of all workers."),
    COUNTER(STAT_JWT_VALUES_LOST, "outrigger_jwt_headers_left_out_total",
            "Headers of claimToHeaders that were not set because no header can hold what "
            "the token says."),
    COUNTER(STAT_JWT_WAITED, "outrigger_jwt_waited_total",
            "Calls that waited for keys that were on their way."),
    LABELED(STAT_JWKS_READ, "outrigger_jwks_reads_total", "result=\"ok\"",
            "Sets of keys for tokens that were read, from files and URLs."),
    LABELED(STAT_JWKS_FAILED, "outrigger_jwks_reads_total", "result=\"failed\"",
            "Sets of keys for tokens that were read, from files and URLs."),
    LEVEL(STAT_JWKS_BAD, "outrigger_jwks_bad", NULL,
          "Files and URLs with keys for tokens that could not be read or were no good "
          "the last time."),
    LEVEL(STAT_DRAIN_STATE, "outrigger_drain_state", NULL,
          "How far the end is: 0 serving, 1 drain announced, 2 clients are told to go, 3 "
          "stopping."),
    COUNTER(STAT_ACCESS_LOG_LINES, "outrigger_access_log_lines_total",
            "Lines of access logs that were made."),
    LABELED(
        STAT_ACCESS_LOG_FULL, "outrigger_access_log_dropped_total", "reason=\"full\"",
        "Lines of access logs that are lost: too many waited (full), or a write failed "
        "(write)."),
    LABELED(
        STAT_ACCESS_LOG_LOST, "outrigger_access_log_dropped_total", "reason=\"write\"",
        "Lines of access logs that are lost: too many waited (full), or a write failed "
        "(write)."),
    COUNTER(STAT_ADMIN_EVICTED, "outrigger_admin_connections_ended_total",
            "Connections of the admin port that had to make room for new ones."),
    COUNTER(STAT_ADMIN_BUSY, "outrigger_admin_requests_refused_total",
            "Requests for large pages, and gRPC calls that take long, that the admin "
            "port refused because it was busy."),
    LEVEL(STAT_ADMIN_RPC_OPEN, "outrigger_admin_grpc_connections", NULL,
          "Open gRPC connections of the admin port."),
    COUNTER(STAT_TAIL_DROPPED, "outrigger_tail_lines_dropped_total",
            "Lines for GET /tail that were left out because a ring was full."),
    COUNTER(STAT_SPANS_SENT, "outrigger_spans_exported_total",
            "Spans that the trace collector has taken."),
    LABELED(
        STAT_SPANS_FULL, "outrigger_spans_dropped_total", "reason=\"full\"",
        "Spans that are lost: too many waited (full), the collector did not want them "
        "(refused), or it did not answer in time again and again (export)."),
    LABELED(
        STAT_SPANS_REFUSED, "outrigger_spans_dropped_total", "reason=\"refused\"",
        "Spans that are lost: too many waited (full), the collector did not want them "
        "(refused), or it did not answer in time again and again (export)."),
    LABELED(
        STAT_SPANS_LOST, "outrigger_spans_dropped_total", "reason=\"export\"",
        "Spans that are lost: too many waited (full), the collector did not want them "
        "(refused), or it did not answer in time again and again (export)."),
    COUNTER(STAT_SPANS_LIMITED, "outrigger_traces_limited_total",
            "Calls that were to be traced and are not, because of tracing.maxPerSecond."),
    COUNTER(
        STAT_EXPORTS_FAILED, "outrigger_trace_exports_failed_total",
        "Requests to the trace collector that failed, also those that are tried again."),
    LABELED(STAT_PUSHES_OK, "outrigger_metric_pushes_total", "result=\"ok\"",
            "Pushes of all metrics to a collector: taken (ok), not taken (failed), or "
            "left out because the one before was still under way, or because the "
            "collector asked for a pause (skipped)."),
    LABELED(STAT_PUSHES_FAILED, "outrigger_metric_pushes_total", "result=\"failed\"",
            "Pushes of all metrics to a collector: taken (ok), not taken (failed), or "
            "left out because the one before was still under way, or because the "
            "collector asked for a pause (skipped)."),
    LABELED(STAT_PUSHES_SKIPPED, "outrigger_metric_pushes_total", "result=\"skipped\"",
            "Pushes of all metrics to a collector: taken (ok), not taken (failed), or "
            "left out because the one before was still under way, or because the "
            "collector asked for a pause (skipped)."),
    LABELED(STAT_POINTS_SENT, "outrigger_metric_points_total", "result=\"taken\"",
            "Points of metrics that were pushed, by what the collector did with them."),
    LABELED(STAT_POINTS_REFUSED, "outrigger_metric_points_total", "result=\"refused\"",
            "Points of metrics that were pushed, by what the collector did with them."),
    LEVEL(STAT_PROBE_OPEN, "outrigger_probe_connections", NULL,
          "Open connections of the probe port."),
    LABELED(STAT_PROBE_ANSWERS_GOOD, "outrigger_probe_answers_total", "result=\"ok\"",
            PROBE_ANSWERS),
    LABELED(STAT_PROBE_ANSWERS_BAD, "outrigger_probe_answers_total", "result=\"other\"",
            PROBE_ANSWERS),
    LABELED(STAT_PROBE_CLOSED_FULL, "outrigger_probe_connections_closed_total",
            "reason=\"full\"", PROBE_CLOSED),
    LABELED(STAT_PROBE_CLOSED_LATE, "outrigger_probe_connections_closed_total",
            "reason=\"timeout\"", PROBE_CLOSED),
    LABELED(STAT_PROBE_CLOSED_BAD, "outrigger_probe_connections_closed_total",
            "reason=\"protocol\"", PROBE_CLOSED),
};

const struct stat_row *
stat_row_at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

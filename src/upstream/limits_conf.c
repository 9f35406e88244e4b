/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/limits_conf.c - the rows of what a pool may do at once. */
#include "upstream/pool_conf.h"

#define KIB       1024LL
#define MIB       (1024 * KIB)
#define MINUTE_MS 60000LL
#define MOST      10000000

#define LIMIT(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct pool_limits_conf, field)

static const struct conf_field pool_limits_fields[] = {
    { LIMIT("maxConcurrentRequests", CONF_UINT, max_concurrent_requests), .def = "0",
      .min = 0, .max = MOST, .example = "1000",
      .help = "Most calls of this pool that are with a backend at one time, all workers "
              "together. Further ones end with UNAVAILABLE at once. 0: no limit." },
    { LIMIT("maxRequestsPerEndpoint", CONF_UINT, max_requests_per_endpoint), .def = "0",
      .min = 0, .max = MOST, .example = "100",
      .help = "Most calls that are with one endpoint at one time, all workers together. "
              "When all are full, calls wait as maxPendingRequests and pendingTimeout "
              "allow. 0: no limit." },
    { LIMIT("maxConnections", CONF_UINT, max_connections), .def = "0", .min = 0,
      .max = MOST, .example = "1024",
      .help = "Most connections of this pool, all workers together. 0: no limit but "
              "connections.perEndpoint." },
    { LIMIT("maxPendingRequests", CONF_UINT, max_pending_requests), .def = "1024",
      .min = 0, .max = 1000000, .example = "1024",
      .help = "Most calls per worker that wait for a connection. Further ones end with "
              "UNAVAILABLE at once." },
    { LIMIT("pendingTimeout", CONF_DURATION, pending_timeout_ms), .def = "3s", .min = 1,
      .max = 60 * MINUTE_MS, .example = "\"3s\"",
      .help =
          "A call that waits longer than this for a connection ends with UNAVAILABLE." },
    { LIMIT("maxRetries", CONF_UINT, max_retries), .def = "0", .min = 0, .max = MOST,
      .example = "10",
      .help =
          "Most calls at one time, all workers together, that are with a backend once "
          "more: because another one refused them, by a retryPolicy, or as a hedge. "
          "Further ones are not sent again. 0: no limit." },
    { LIMIT("retryBudget", CONF_PERCENT, retry_budget), .def = "20%", .min = 0,
      .max = 100, .example = "\"20%\"",
      .help =
          "Most retries and hedges at one time, all workers together, also those that "
          "wait for their time: this share of the calls that are with a backend, or "
          "wait for one, for the first time. Further ones are not sent, and the "
          "client gets the answer that there is. So a pool whose backends all fail "
          "has at most so much more to do. 0%: no limit." },
    { LIMIT("minRetryConcurrency", CONF_UINT, min_retry_concurrency), .def = "3",
      .min = 0, .max = MOST, .example = "3",
      .help = "So many retries and hedges at one time are allowed in any case, also when "
              "retryBudget of the calls is less." },
    { LIMIT("maxStreams", CONF_UINT, max_streams), .def = "0", .min = 0, .max = MOST,
      .example = "500",
      .help = "Most long streams at one time, all workers together. They have this limit "
              "of their own and do not count for maxConcurrentRequests, so they cannot "
              "keep short calls out. A call is a long stream after longStreamAfter, or "
              "with its second message in one direction; the methods seen to send a "
              "second message are remembered, and their calls are refused at the limit. "
              "0: streams count as all calls." },
    { LIMIT("longStreamAfter", CONF_DURATION, long_stream_after_ms), .def = "10s",
      .min = 10, .max = 1440 * MINUTE_MS, .example = "\"10s\"",
      .help = "A call that is older than this counts as a long stream. Only used with "
              "maxStreams." },
    { LIMIT("replayBytes", CONF_SIZE, replay_bytes), .def = "64KiB", .min = 0,
      .max = 16 * MIB, .example = "\"64KiB\"",
      .help = "Most bytes of a request that are kept to send it again: when a backend "
              "refused it unseen, by a retryPolicy, or as a hedge. A longer request is "
              "sent once." },
    { LIMIT("maxHeaderBytes", CONF_SIZE, max_header_bytes), .def = "64KiB", .min = KIB,
      .max = MIB, .example = "\"64KiB\"",
      .help = "Most bytes of the headers, and of the trailers, of one answer, counted as "
              "HTTP/2 does (32 extra per header). A backend's longer list ends the call "
              "with RESOURCE_EXHAUSTED." },
    { LIMIT("maxHeaderCount", CONF_UINT, max_header_count), .def = "256", .min = 8,
      .max = 10000, .example = "256",
      .help = "Most headers, and most trailers, of one answer." },
    { .key = NULL },
};

const struct conf_struct pool_limits_conf_struct = {
    .name = "pool limits",
    .size = sizeof(struct pool_limits_conf),
    .fields = pool_limits_fields,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_conf.h - what the config file says about one pool. Immutable after loading; owned by the config snapshot.
 * Durations in milliseconds, sizes in bytes; the rows with defaults and help are in pool_conf.c. */
#ifndef OUTRIGGER_UPSTREAM_POOL_CONF_H
#define OUTRIGGER_UPSTREAM_POOL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/field.h"
#include "lb/lb_conf.h"
#include "net/tls_conf.h"
#include "resolve/resolve_conf.h"
#include "upstream/health_conf.h"
#include "upstream/keepalive_conf.h"
#include "upstream/outlier_conf.h"

struct endpoint_conf {
    const char *target;
    uint32_t weight;        /* times the weight that the source gives */
    uint32_t priority;      /* plus the priority that the source gives */
    const char *zone;       /* NULL: the source's */
    struct conf_map labels; /* win over the source's */
};

struct connections_conf {
    uint32_t per_endpoint;
    int64_t connect_timeout_ms, settings_timeout_ms, idle_timeout_ms;
    uint32_t max_requests; /* per connection; 0: no limit */
    int64_t max_age_ms;    /* 0: no limit */
    uint64_t stream_window, connection_window, max_stream_window, max_connection_buffer;
};

struct backoff_conf {
    int64_t base_interval_ms, max_interval_ms;
};

struct pool_limits_conf {
    uint32_t max_pending_requests; /* per worker */
    int64_t pending_timeout_ms;
    uint64_t replay_bytes;
    uint64_t max_header_bytes; /* of an answer */
    uint32_t max_header_count;
    /* Of the whole process; 0: no limit. */
    uint32_t max_concurrent_requests, max_requests_per_endpoint, max_connections,
        max_retries, max_streams;
    int64_t long_stream_after_ms;
    double retry_budget; /* percent; 0: no limit */
    uint32_t min_retry_concurrency;
};

/* gRFC A6 */
struct retry_throttling_conf {
    bool on; /* the object is in the file */
    double max_tokens, token_ratio;
};

enum subset_fallback { SUBSET_FALLBACK_NONE, SUBSET_FALLBACK_ANY };

struct pool_conf {
    const char *name;
    struct conf_list endpoints;  /* of struct endpoint_conf */
    struct resolve_conf resolve; /* keys "dns" and "k8s" */
    struct balance_conf balance;
    struct tls_client_conf tls;
    struct connections_conf connections;
    struct backoff_conf backoff;
    struct pool_limits_conf limits;
    struct retry_throttling_conf retry_throttling;
    struct health_conf health_check;
    struct outlier_conf outlier;
    int64_t drain_on_remove_ms;
    uint32_t subset_fallback; /* enum subset_fallback */
    struct up_keepalive_conf keepalive;
};

extern const struct conf_struct pool_conf_struct, endpoint_conf_struct,
    pool_limits_conf_struct, retry_throttling_conf_struct;

#endif

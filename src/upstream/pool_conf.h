/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_conf.h - what the config file says about one pool. Immutable after loading; owned by the config snapshot.
 * Durations in milliseconds, sizes in bytes; the rows with defaults and help are in pool_conf.c. */
#ifndef OUTRIGGER_UPSTREAM_POOL_CONF_H
#define OUTRIGGER_UPSTREAM_POOL_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "conf/field.h"
#include "upstream/keepalive_conf.h"

struct endpoint_conf {
    const char *target;
};

struct balance_conf {
    const char *policy; /* a name that lb_policy_find knows (checked while loading) */
};

struct connections_conf {
    uint32_t per_endpoint;
    int64_t connect_timeout_ms, settings_timeout_ms, idle_timeout_ms;
    uint64_t stream_window, connection_window, max_stream_window, max_connection_buffer;
};

struct backoff_conf {
    int64_t base_interval_ms, max_interval_ms;
};

struct pool_limits_conf {
    uint32_t max_pending_requests;
    int64_t pending_timeout_ms;
    uint64_t replay_bytes;
};

struct pool_conf {
    const char *name;
    struct conf_list endpoints; /* of struct endpoint_conf */
    struct balance_conf balance;
    struct connections_conf connections;
    struct backoff_conf backoff;
    struct pool_limits_conf limits;
    struct up_keepalive_conf keepalive;
};

extern const struct conf_struct pool_conf_struct;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_conf.h - what the config says about active checks of a pool: the object
 * `healthCheck`. Durations in milliseconds; 0 in no_traffic_interval_ms and
 * unhealthy_interval_ms: as interval_ms. Immutable after loading; owned by the config
 * snapshot. */
#ifndef OUTRIGGER_UPSTREAM_HEALTH_CONF_H
#define OUTRIGGER_UPSTREAM_HEALTH_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum health_type {
    HEALTH_OFF,
    HEALTH_GRPC,       /* Watch, and Check where Watch is not implemented */
    HEALTH_GRPC_CHECK, /* Check only */
    HEALTH_TCP,        /* a connection can be made */
};

struct health_conf {
    uint32_t type; /* enum health_type */
    const char *service;
    const char *authority; /* NULL: the address of the endpoint */
    int64_t interval_ms, timeout_ms;
    int64_t no_traffic_interval_ms, unhealthy_interval_ms, initial_jitter_ms;
    uint32_t interval_jitter_percent;
    uint32_t healthy_after, unhealthy_after;
    bool unimplemented_is_healthy;
    bool wait_for_first;    /* an endpoint gets no calls before its first answer */
    double panic_threshold; /* percent; read by the pool when it builds its lists */
    struct conf_map metadata;
};

extern const struct conf_struct health_conf_struct;

#endif

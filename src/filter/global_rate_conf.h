/* SPDX-License-Identifier: Apache-2.0 */
/* filter/global_rate_conf.h - settings of the filter globalRateLimit. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_GLOBAL_RATE_CONF_H
#define OUTRIGGER_FILTER_GLOBAL_RATE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "filter/redis_limit.h"

struct global_rate_limit_conf {
    const char *pool, *domain;
    struct redis_limit_conf redis;
    struct conf_list descriptors; /* of struct descriptor_conf */
    int64_t timeout_ms;
    uint32_t hits;
    double enforce; /* percent */
    bool failure_mode_deny, pushback, headers;
};

#endif

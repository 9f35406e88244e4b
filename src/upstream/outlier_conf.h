/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier_conf.h - what the config says about passive health: the object
 * `outlierDetection`. Durations in milliseconds, shares in percent. Immutable after
 * loading; owned by the config snapshot. Names and numbers: gRFC A50; the breaker:
 * linkerd's failure accrual. */
#ifndef OUTRIGGER_UPSTREAM_OUTLIER_CONF_H
#define OUTRIGGER_UPSTREAM_OUTLIER_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct outlier_rate_conf { /* successRate */
    bool on;               /* the object is in the file */
    double stdev_factor;   /* 1.9; see outlier_stdev_factor */
    uint32_t minimum_hosts, request_volume;
    double enforcing;
};

struct outlier_share_conf { /* failurePercentage */
    bool on;
    double threshold, enforcing;
    uint32_t minimum_hosts, request_volume;
};

struct breaker_conf {
    bool on;
    uint32_t consecutive_failures; /* 0: never by this */
    double success_rate;           /* 0: never by this */
    int64_t window_ms;
    uint32_t minimum_calls;
    int64_t min_wait_ms, max_wait_ms;
    uint32_t jitter_percent;
    uint32_t min_ready_endpoints;
};

struct outlier_conf {
    bool on;                     /* the object is in the file */
    uint32_t consecutive_errors; /* 0: never by this */
    uint32_t consecutive_local_errors;
    bool split_local_errors;
    int64_t interval_ms, base_ejection_ms, max_ejection_ms;
    double max_ejected;
    bool health_check_unejects;
    struct outlier_rate_conf success_rate;
    struct outlier_share_conf failure_percentage;
    struct breaker_conf breaker;
    struct conf_list statuses; /* of struct outlier_status_conf */
};

struct outlier_status_conf {
    const char *code; /* "UNAVAILABLE" */
};

extern const struct conf_struct outlier_conf_struct;

/* Bit n: gRPC code n of a backend is a failure. Any thread. */
uint32_t outlier_conf_statuses(const struct outlier_conf *c);
/* 1.9 for "1.9" and for gRPC's spelling "1900". */
double outlier_stdev_factor(const struct outlier_rate_conf *c);

#endif

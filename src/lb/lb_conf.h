/* SPDX-License-Identifier: Apache-2.0 */
/* lb/lb_conf.h - the `balance` object of a pool: the policy and its keys. Immutable after loading; owned by the config snapshot.
 * A key of another policy than the chosen one is refused while loading, unless it has its default. Durations in milliseconds. */
#ifndef OUTRIGGER_LB_LB_CONF_H
#define OUTRIGGER_LB_LB_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct metric_name_conf {
    const char *name; /* "named_metrics.queue", ...; gRFC A114 */
};

struct slow_start_conf {
    int64_t window_ms; /* 0: off */
    double aggression, min_weight_percent;
};

struct zone_aware_conf {
    const char *zone; /* our own; NULL: zones are ignored */
    double min_healthy_percent;
};

struct balance_conf {
    const char *policy; /* a name that lb_policy_find knows, in gRPC's spelling */
    /* pick_first */
    bool shuffle;
    int64_t happy_eyeballs_ms;
    /* least_request */
    uint32_t choices;
    double active_request_bias;
    bool full_scan;
    /* ring_hash */
    uint32_t min_ring_size, max_ring_size;
    uint32_t places_per_endpoint; /* 0: by min_ring_size */
    const char *hash_header;      /* lower case; NULL: each call gets a random place */
    uint32_t hash_balance_factor; /* percent; 0: off */
    /* weighted_round_robin */
    bool enable_oob_load_report;
    int64_t oob_reporting_period_ms, blackout_period_ms;
    int64_t weight_expiration_period_ms, weight_update_period_ms;
    double error_utilization_penalty;
    struct conf_list metric_names; /* of struct metric_name_conf */
    /* peak_ewma */
    int64_t decay_ms;
    /* for any policy; the pool applies them when it makes a list */
    uint32_t subset_size; /* 0: all */
    struct slow_start_conf slow_start;
    struct zone_aware_conf zone_aware;
};

extern const struct conf_struct balance_conf_struct;

/* For `valid` of a key that names a zone (code E0232). */
int lb_zone_valid(const char *text, const char **ret_why);

#endif

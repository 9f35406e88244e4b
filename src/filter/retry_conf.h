/* SPDX-License-Identifier: Apache-2.0 */
/* filter/retry_conf.h - what the config says about trying a call again: `retryPolicy` and `hedgingPolicy` of a route or of an entry of methodConfig, in gRPC's own
 * words (gRFC A6, message RetryPolicy and HedgingPolicy of service_config.proto), so that a service config can be pasted. Durations in milliseconds. Immutable
 * after loading. The rows: loading thread. */
#ifndef OUTRIGGER_FILTER_RETRY_CONF_H
#define OUTRIGGER_FILTER_RETRY_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct conf_place;

struct retry_code_conf {
    const char *code; /* "UNAVAILABLE" in any case, or "14" */
};

struct retry_conf {
    bool on; /* the object is in the file */
    uint32_t max_attempts, max_attempts_cap;
    int64_t initial_backoff_ms, max_backoff_ms;
    double backoff_multiplier;
    struct conf_list codes;     /* of struct retry_code_conf; never empty */
    int64_t per_try_timeout_ms; /* 0: none */
    bool only_first_hop;
};

struct hedging_conf {
    bool on;
    uint32_t max_attempts, max_attempts_cap;
    const char *delay;      /* "0.5s" or "p95"; never NULL */
    struct conf_list codes; /* of struct retry_code_conf */
    bool only_first_hop;
};

extern const struct conf_struct retry_conf_struct, hedging_conf_struct;

/* For the check of an object that has both keys: reports (E0362) when both are there. */
void retry_conf_check_one(const struct retry_conf *r, const struct hedging_conf *h,
                          struct conf_place *place);
/* Bit n: gRPC code n is in the list. */
uint32_t retry_conf_codes(const struct conf_list *codes);
/* Reads hedgingDelay: microseconds in *ret_us, or the percentile in *ret_percentile and *ret_us -1. False: *ret_why. */
bool hedging_delay_read(const char *text, int64_t *ret_us, unsigned *ret_percentile,
                        const char **ret_why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route_conf.h - what the config file says about one route. Immutable after loading; owned by the config snapshot. Durations in milliseconds. */
#ifndef OUTRIGGER_PROXY_ROUTE_CONF_H
#define OUTRIGGER_PROXY_ROUTE_CONF_H

#include <stdint.h>

#include "conf/field.h"
#include "filter/edit_conf.h"
#include "filter/retry_conf.h"
#include "proxy/action_conf.h"
#include "proxy/match_conf.h"

struct conf_place;

struct route_conf {
    const char *name; /* NULL when not given */
    struct match_conf match;
    struct conf_list to; /* of struct to_conf; empty: status is on */
    struct split_by_conf split_by;
    struct status_conf status;
    struct mirror_conf mirror;
    struct edit_conf request_headers, response_headers, response_trailers;
    int64_t timeout_ms;          /* 0: none */
    int64_t grpc_timeout_max_ms; /* 0: none */
    struct retry_conf retry;     /* at most one of the two is on */
    struct hedging_conf hedging; /* both win over methodConfig */
    struct route_limits_conf limits;
    struct conf_list filters; /* of struct filter_item; by the names of the listener's */
};

extern const struct conf_struct route_conf_struct;

/* hidden.c: for the check of a listener: warns (W0301) of each route that can never be taken, because an earlier one matches all of its calls. */
void routes_check_hidden(const struct conf_list *routes, struct conf_place *place);

#endif

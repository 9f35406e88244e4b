/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/action_conf.h - what the config file says about the actions of a route: targets, an answer of its own, mirror, limits. Immutable after
 * loading; owned by the config snapshot. Sizes in bytes. */
#ifndef OUTRIGGER_PROXY_ACTION_CONF_H
#define OUTRIGGER_PROXY_ACTION_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct to_conf {
    const char *pool;       /* name of a pool; checked while loading */
    struct conf_map subset; /* labels that the endpoint must have; empty: any */
    uint32_t weight;
};

struct split_by_conf {
    bool on;
    const char *header;
};

struct status_conf {
    bool on;
    const char *code;    /* see status_conf_code */
    const char *message; /* text with variables, template.h; NULL: none */
};

struct mirror_conf {
    bool on;
    struct to_conf to; /* its weight means nothing */
    double share;      /* percent */
    uint64_t max_buffer;
};

struct route_limits_conf {
    uint64_t max_request_message_bytes, max_response_message_bytes; /* 0: none */
    uint32_t max_concurrent_requests;                               /* 0: none */
};

extern const struct conf_struct to_conf_struct, split_by_conf_struct, status_conf_struct,
    mirror_conf_struct, route_limits_conf_struct;

/* 1 to 16 for "UNAVAILABLE" or "14"; 0 for OK, -1 for what is no code. */
int status_conf_code(const char *text);

#endif

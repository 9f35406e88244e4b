/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/keepalive_conf.h - what the config file says about PINGs between us and clients. Immutable after loading; part of its listener.
 * Durations in milliseconds; the rows with defaults and help are in keepalive_conf.c. */
#ifndef OUTRIGGER_PROXY_KEEPALIVE_CONF_H
#define OUTRIGGER_PROXY_KEEPALIVE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct h2_keepalive;

struct down_keepalive_conf {
    int64_t time_ms; /* 0: no PINGs */
    int64_t timeout_ms;
    int64_t min_client_interval_ms;
    bool permit_without_calls;
};

extern const struct conf_struct down_keepalive_conf_struct;

/* The same as a limit of client connections. Any thread. */
void down_keepalive_fill(struct h2_keepalive *to, const struct down_keepalive_conf *conf);

#endif

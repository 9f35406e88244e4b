/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/keepalive_conf.h - what the config file says about PINGs to backends. Immutable after loading; part of its pool.
 * Durations in milliseconds; the rows with defaults and help are in keepalive_conf.c. */
#ifndef OUTRIGGER_UPSTREAM_KEEPALIVE_CONF_H
#define OUTRIGGER_UPSTREAM_KEEPALIVE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct h2_keepalive;

struct up_keepalive_conf {
    int64_t time_ms; /* 0: no PINGs; else at least 10 s (gRFC A8) */
    int64_t timeout_ms;
    bool without_calls;
};

extern const struct conf_struct up_keepalive_conf_struct;

/* The same as a limit of connections to backends. Any thread. */
void up_keepalive_fill(struct h2_keepalive *to, const struct up_keepalive_conf *conf);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_probe.h - the config root "probe". Loading thread only. */
#ifndef OUTRIGGER_MAIN_CONFIG_PROBE_H
#define OUTRIGGER_MAIN_CONFIG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct conf_place;

struct probe_pool_conf {
    const char *name;
};

struct ready_when_conf {
    struct conf_list pools; /* of struct probe_pool_conf */
};

struct probe_conf {
    const char *listen; /* "off": none */
    struct ready_when_conf ready_when;
    int64_t stall_timeout_ms;
    bool metrics;
};

extern const struct conf_struct probe_conf_struct;

/* Reports pools (of struct pool_conf) that are not there (E0295). place: the root. */
void config_check_probe(const struct probe_conf *probe, const struct conf_list *pools,
                        struct conf_place *place);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/fault_conf.h - what the config file says about faults made on purpose. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_FAULT_CONF_H
#define OUTRIGGER_FILTER_FAULT_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum { FAULT_NO_CODE = 17 }; /* behind the codes of gRPC: only a header can abort */

struct fault_delay_conf {
    bool on;
    int64_t duration_ms; /* 0: only a header can delay */
    double percent;
    int64_t max_ms; /* of headers */
};

struct fault_abort_conf {
    bool on;
    uint32_t code; /* gRPC code, or FAULT_NO_CODE */
    double percent;
    const char *message; /* NULL: one that names the filter */
};

struct fault_conf {
    struct fault_delay_conf delay;
    struct fault_abort_conf abort;
    uint32_t max_active; /* 0: no limit */
    bool by_header;
};

extern const struct conf_struct fault_conf_struct;

#endif

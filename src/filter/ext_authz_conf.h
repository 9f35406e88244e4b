/* SPDX-License-Identifier: Apache-2.0 */
/* filter/ext_authz_conf.h - settings of the filter extAuthz. */
#ifndef OUTRIGGER_FILTER_EXT_AUTHZ_CONF_H
#define OUTRIGGER_FILTER_EXT_AUTHZ_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

struct ext_authz_cache_conf {
    bool on;
    struct conf_list key; /* of struct key_part */
    int64_t ttl_ms, denied_ttl_ms;
    uint32_t max_entries; /* per worker */
};

struct ext_authz_conf {
    const char *pool;
    int64_t timeout_ms;
    bool failure_mode_allow, failure_mode_header;
    uint32_t status_on_error;         /* gRPC code - 1 */
    struct conf_list allowed_headers; /* of struct pattern_conf; empty: all */
    struct conf_map context_extensions;
    struct ext_authz_cache_conf cache;
};

#endif

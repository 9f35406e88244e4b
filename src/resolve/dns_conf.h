/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_conf.h - what the config file says about asking DNS: the object "dns" of a
 * pool. Immutable after loading; owned by the config snapshot. Durations in milliseconds. */
#ifndef OUTRIGGER_RESOLVE_DNS_CONF_H
#define OUTRIGGER_RESOLVE_DNS_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum resolve_family { RESOLVE_ALL, RESOLVE_V4, RESOLVE_V6 };
enum resolve_on_failure {
    RESOLVE_KEEP_LAST, /* the list stays whatever happens */
    RESOLVE_FAIL,      /* the pool has no endpoints after on_error; its owner does that */
};

struct resolve_text {
    const char *text;
};

struct dns_conf {
    int64_t min_ttl_ms, max_ttl_ms, refresh_ms, timeout_ms, stale_ms;
    bool respect_ttl;
    uint32_t family;          /* enum resolve_family */
    uint32_t on_failure;      /* enum resolve_on_failure */
    uint32_t tries;           /* of a question that nobody answers */
    struct conf_list servers; /* of struct resolve_text; none: those of resolv.conf */
    struct conf_list allowed_cidrs; /* of struct resolve_text; none: all addresses */
};

extern const struct conf_struct dns_conf_struct; /* named "dns" */

#endif

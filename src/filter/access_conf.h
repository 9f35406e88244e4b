/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_conf.h - what the config file says about the access log: the object log.access, and with the same keys the filter accessLog. Immutable after
 * loading; owned by the config snapshot. Loading thread only. */
#ifndef OUTRIGGER_FILTER_ACCESS_CONF_H
#define OUTRIGGER_FILTER_ACCESS_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum access_rule_kind { ACCESS_RULE_ERROR, ACCESS_RULE_SLOW, ACCESS_RULE_CODE };

struct access_rule_conf { /* of `always` */
    const char *when;     /* "error", "slow:500ms", "code:UNAVAILABLE" */
    /* made from it by the check */
    uint32_t kind; /* enum access_rule_kind */
    int64_t value; /* ms, or the code */
};

struct access_header_conf {
    const char *name;
};

struct access_conf {
    uint64_t
        given; /* of the filter: keys that stand there (conf_given); the others are those of log.access */
    bool on;   /* log.access is in the file, or it is a filter of a listener's list */
    const char *to;           /* "stdout", "stderr", or a full path */
    const char *format;       /* NULL: JSON */
    double sample;            /* percent of all calls */
    struct conf_list always;  /* of struct access_rule_conf */
    struct conf_list headers; /* of struct access_header_conf */
    int64_t interval_ms;      /* 0: no interval lines */
};

extern const struct conf_struct access_root_struct; /* optional: log.access */

/* The keys that are not in own->given get the values of `outer`, whose texts and lists are shared. A format of its own goes without the headers of another place, and
 * the other way round. */
void access_conf_inherit(struct access_conf *own, const struct access_conf *outer);

#endif

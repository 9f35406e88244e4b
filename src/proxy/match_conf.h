/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_conf.h - what the config file says about the calls that take a route. Immutable after loading; owned by the config snapshot. */
#ifndef OUTRIGGER_PROXY_MATCH_CONF_H
#define OUTRIGGER_PROXY_MATCH_CONF_H

#include "conf/field.h"

struct match_conf {
    const char *service; /* NULL: any */
    const char *method;  /* NULL: any */
};

extern const struct conf_struct match_conf_struct;

#endif

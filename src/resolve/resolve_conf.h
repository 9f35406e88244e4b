/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/resolve_conf.h - all that the config of a pool says to its resolvers. */
#ifndef OUTRIGGER_RESOLVE_RESOLVE_CONF_H
#define OUTRIGGER_RESOLVE_RESOLVE_CONF_H

#include "resolve/dns_conf.h"
#include "resolve/k8s_conf.h"

struct resolve_conf {
    struct dns_conf dns; /* key "dns" of a pool */
    struct k8s_conf k8s; /* key "k8s" */
};

#endif

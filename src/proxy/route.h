/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.h - which pool serves a method. First match wins, in the order of the file. Immutable; any thread. */
#ifndef OUTRIGGER_PROXY_ROUTE_H
#define OUTRIGGER_PROXY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct route_conf;

struct route {
    struct slice service, method; /* p NULL: any */
    size_t pool;                  /* index in the config's pools */
    unsigned subset;              /* of pool_subset, the same in each worker */
    int64_t timeout_us;           /* 0: none */
    int64_t grpc_timeout_max_us;  /* 0: none */
};

/* pool_index is the place of conf->to.pool. The strings stay the config's. */
void route_init(struct route *r, const struct route_conf *conf, size_t pool_index);
/* NULL: no route. */
const struct route *route_find(const struct route *routes, size_t n, struct slice service,
                               struct slice method);
/* Microseconds from now that a call may take; 0: for ever, -1: its time is over already. client_ns: its grpc-timeout, -1 when it sent none. The shortest limit wins (grpc-spec 5). */
int64_t route_time_limit_us(const struct route *r, int64_t client_ns);

#endif

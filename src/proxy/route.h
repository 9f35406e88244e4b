/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.h - what is done with the calls that match: where they may go and in what time. First match wins, in the order of the file. Part of a table
 * (proxy/table.h), immutable with it; any thread. */
#ifndef OUTRIGGER_PROXY_ROUTE_H
#define OUTRIGGER_PROXY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct route_conf;

struct route {
    const struct route_conf *conf; /* in the table's copy */
    unsigned index;                /* in table->routes */
    struct slice service, method;  /* p NULL: any */
    unsigned target, target_count; /* range of table->targets */
    int64_t timeout_us;            /* 0: none */
    int64_t grpc_timeout_max_us;   /* 0: none */
};

/* All but the targets. The strings stay those of conf. */
void route_init(struct route *r, const struct route_conf *conf, unsigned index);
/* NULL: no route. */
const struct route *route_find(const struct route *routes, size_t n, struct slice service,
                               struct slice method);
/* Microseconds from now that a call may take; 0: for ever, -1: its time is over already. client_ns: its grpc-timeout, -1 when it sent none. The shortest limit wins (grpc-spec 5). */
int64_t route_time_limit_us(const struct route *r, int64_t client_ns);

#endif

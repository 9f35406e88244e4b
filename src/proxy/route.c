/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.c - one route, and the search for it. */
#include "proxy/route.h"

#include "proxy/listener_conf.h"

void
route_init(struct route *r, const struct route_conf *conf, unsigned index)
{
    *r = (struct route){
        .conf = conf,
        .index = index,
        .service = slice_of(conf->match.service),
        .method = slice_of(conf->match.method),
        .timeout_us = conf->timeout_ms * 1000,
        .grpc_timeout_max_us = conf->grpc_timeout_max_ms * 1000,
    };
}

const struct route *
route_find(const struct route *routes, size_t n, struct slice service,
           struct slice method)
{
    for (size_t i = 0; i < n; i++) {
        const struct route *r = &routes[i];

        if (r->service.p && !slice_eq(r->service, service))
            continue;
        if (r->method.p && !slice_eq(r->method, method))
            continue;
        return r;
    }
    return NULL;
}

int64_t
route_time_limit_us(const struct route *r, int64_t client_ns)
{
    int64_t limit = 0;

    if (client_ns >= 0) {
        limit = client_ns / 1000;
        if (limit == 0)
            limit = -1; /* time is over already */
        if (r->grpc_timeout_max_us && limit > r->grpc_timeout_max_us)
            limit = r->grpc_timeout_max_us;
    }
    if (r->timeout_us && (limit == 0 || limit > r->timeout_us))
        limit = r->timeout_us;
    return limit;
}

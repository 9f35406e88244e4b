/* SPDX-License-Identifier: Apache-2.0 */
/* filter/registry.c - one row per kind: its type in the file, the name of its parts in C (kinds.h), and what the manual says of it. */
#include "filter/registry.h"

#include <string.h>

#include "filter/kinds.h"

#define ROW(type, id, help)                         \
    {                                               \
        type, &id##_conf_struct, help, &filter_##id \
    }

const struct conf_variant filter_variants[] = {
    /* On without being named, in this order: what comes later may give what these tell at the end. */
    ROW("metrics", metrics,
        "Counts calls by method and code, and attempts by pool: grpc_server_* and "
        "grpc_client_* of /metrics. It is on without being named."),
    ROW("accessLog", access_log,
        "Writes a line for each call that ends. On for all listeners with log.access, "
        "which also has what is not said here."),
    ROW("tracing", tracing,
        "Joins or begins the trace of a call and sends its spans to a collector. On for "
        "all listeners with the object tracing, which also has what is not said here."),
    ROW("requestId", request_id,
        "Gives each call an id in a request header, so that the logs of all services "
        "that it passes can be put together."),
    { .tag = NULL },
};

const struct filter_kind *
filter_kind_at(size_t i)
{
    return filter_variants[i].owner;
}

const struct filter_kind *
filter_kind_find(const char *name)
{
    for (const struct conf_variant *v = filter_variants; v->tag; v++) {
        if (strcmp(v->tag, name) == 0)
            return v->owner;
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_names.c - two short tables. */
#include "filter/metrics_names.h"

#include <stddef.h>

#include "base/compat.h"
#include "grpc/status.h"

struct pair {
    const char *from, *to;
};

static const char *
pair_find(const struct pair *pairs, size_t n, struct slice from)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq_str(from, pairs[i].from))
            return pairs[i].to;
    }
    return NULL;
}

bool
metrics_name_is_rpc(struct slice family)
{
    return slice_starts(family, "grpc_server_") || slice_starts(family, "grpc_client_");
}

struct slice
metrics_name_family(struct slice family)
{
    static const struct pair names[] = {
        { "grpc_server_handling_seconds", "rpc.server.call.duration" },
        { "grpc_client_handling_seconds", "rpc.client.call.duration" },
    };
    const char *name = pair_find(names, ARRAY_LEN(names), family);

    return name ? slice_of(name) : family;
}

const char *
metrics_name_key(struct slice label)
{
    static const struct pair keys[] = {
        { "grpc_method", "rpc.method" },
        { "grpc_code", "rpc.status_code" },
        { "pool", "outrigger.pool" },
    };

    return pair_find(keys, ARRAY_LEN(keys), label);
}

struct slice
metrics_name_code(struct slice label_value)
{
    for (int code = 0; code < GRPC_CODE_COUNT; code++) {
        if (slice_eq_str(label_value, grpc_code_label(code)))
            return slice_of(grpc_code_name(code));
    }
    return label_value;
}

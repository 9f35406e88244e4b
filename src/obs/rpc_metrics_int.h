/* SPDX-License-Identifier: Apache-2.0 */
/* obs/rpc_metrics_int.h - what rpc_metrics.c, which counts, and rpc_print.c, which reads, share. */
#ifndef OUTRIGGER_OBS_RPC_METRICS_INT_H
#define OUTRIGGER_OBS_RPC_METRICS_INT_H

#include "obs/rpc_metrics.h"

struct rpc_metrics {
    const struct histogram_bounds *bounds;
    struct names *methods, *pools;
    unsigned max_methods, max_pairs;
    size_t count_size; /* places of a block */
    unsigned workers;
    struct rpc_table tables[];
};

/* pool << 16 | method */
static inline unsigned
rpc_key_pool(uint32_t key)
{
    return key >> 16;
}

static inline unsigned
rpc_key_method(uint32_t key)
{
    return key & 0xffff;
}

#endif

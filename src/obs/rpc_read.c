/* SPDX-License-Identifier: Apache-2.0 */
/* obs/rpc_read.c - the counts of calls as numbers, for those who print them otherwise. The workers go on counting meanwhile. */
#include "obs/rpc_metrics_int.h"

const struct histogram_bounds *
rpc_metrics_bounds(const struct rpc_metrics *m)
{
    return m->bounds;
}

size_t
rpc_metrics_places(const struct rpc_metrics *m)
{
    return m->count_size;
}

const struct names *
rpc_metrics_methods(const struct rpc_metrics *m)
{
    return m->methods;
}

bool
rpc_metrics_add_server(const struct rpc_metrics *m, unsigned method, uint64_t *sum)
{
    bool any = false;

    for (unsigned w = 0; w < m->workers; w++) {
        const struct rpc_counts *c =
            atomic_load_explicit(&m->tables[w].server[method], memory_order_acquire);

        if (!c)
            continue;
        any = true;
        for (size_t i = 0; i < m->count_size; i++)
            sum[i] += atomic_load_explicit(&c->v[i], memory_order_relaxed);
    }
    return any;
}

void
rpc_metrics_each_client(const struct rpc_metrics *m, rpc_client_fn *fn, void *arg)
{
    for (unsigned w = 0; w < m->workers; w++) {
        const struct rpc_table *t = &m->tables[w];
        unsigned n = atomic_load_explicit(&t->client_count, memory_order_acquire);

        for (unsigned i = 0; i < n; i++) {
            const struct rpc_counts *c =
                atomic_load_explicit(&t->client[i], memory_order_relaxed);
            unsigned pool = rpc_key_pool(c->key);

            fn(arg, pool,
               pool == NAME_OTHER ? slice_of("_OTHER") : names_get(m->pools, pool), c);
        }
    }
}

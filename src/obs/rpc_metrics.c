/* SPDX-License-Identifier: Apache-2.0 */
/* obs/rpc_metrics.c - blocks of counts, found by small numbers. A block comes with the first call of its method and stays. */
#include "obs/rpc_metrics.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/xalloc.h"
#include "obs/rpc_metrics_int.h"

static void
table_init(struct rpc_table *t, struct rpc_metrics *m)
{
    unsigned slots = 16;

    while (slots < m->max_pairs * 2)
        slots *= 2;
    *t = (struct rpc_table){
        .metrics = m,
        .bounds = m->bounds,
        .server = xcalloc(m->max_methods + 1, sizeof(*t->server)),
        .client = xcalloc(m->max_pairs, sizeof(*t->client)),
        .last = xcalloc(m->max_methods + 1, sizeof(*t->last)),
        .client_slots = xcalloc(slots, sizeof(*t->client_slots)),
        .client_mask = slots - 1,
    };
    name_index_init(&t->methods, m->methods);
    name_index_init(&t->pools, m->pools);
}

static void
counts_free(struct rpc_counts *c)
{
    if (c)
        xfree(atomic_load(&c->examples));
    xfree(c);
}

static void
table_done(struct rpc_table *t)
{
    for (unsigned i = 0; i <= t->metrics->max_methods; i++)
        counts_free(atomic_load(&t->server[i]));
    for (unsigned i = 0; i < atomic_load(&t->client_count); i++)
        counts_free(atomic_load(&t->client[i]));
    xfree(t->server);
    xfree(t->client);
    xfree(t->client_slots);
    xfree(t->last);
    name_index_done(&t->methods);
    name_index_done(&t->pools);
}

struct rpc_metrics *
rpc_metrics_new(unsigned workers, unsigned max_methods, enum histogram_kind kind)
{
    struct rpc_metrics *m = xcalloc(1, sizeof(*m) + workers * sizeof(m->tables[0]));

    m->bounds = histogram_bounds_get(kind);
    m->methods = names_new(max_methods);
    m->pools = names_new(RPC_POOLS_MAX);
    m->max_methods = max_methods;
    m->max_pairs = 2 * max_methods + 1;
    m->count_size = RPC_BUCKET_0 + (m->bounds->n ? m->bounds->n + 1 : 0);
    m->workers = workers;
    for (unsigned i = 0; i < workers; i++)
        table_init(&m->tables[i], m);
    return m;
}

void
rpc_metrics_free(struct rpc_metrics *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < m->workers; i++)
        table_done(&m->tables[i]);
    names_free(m->methods);
    names_free(m->pools);
    xfree(m);
}

struct rpc_table *
rpc_metrics_table(struct rpc_metrics *m, unsigned worker)
{
    return &m->tables[worker];
}

/* --- counting ----------------------------------------------------------------------- */

static struct rpc_counts *
counts_new(const struct rpc_table *t, uint32_t key)
{
    struct rpc_counts *c =
        xcalloc(1, sizeof(*c) + t->metrics->count_size * sizeof(c->v[0]));

    c->key = key;
    return c;
}

struct rpc_counts *
rpc_table_server(struct rpc_table *t, unsigned method)
{
    struct rpc_counts *c = atomic_load_explicit(&t->server[method], memory_order_relaxed);

    if (UNLIKELY(!c)) {
        c = counts_new(t, method);
        atomic_store_explicit(&t->server[method], c, memory_order_release);
    }
    return c;
}

NOINLINE struct rpc_counts *
rpc_table_known_find(struct rpc_table *t, struct slice path, struct slice *ret_path)
{
    unsigned method = rpc_table_method(t, path);
    struct rpc_lately found;

    if (method == NAME_OTHER)
        return NULL;
    found = (struct rpc_lately){ .path = names_get(t->metrics->methods, method),
                                 .counts = rpc_table_server(t, method) };
    if (path.n >= RPC_LATELY_MIN)
        t->lately[rpc_lately_place(path)] = found;
    *ret_path = found.path;
    return found.counts;
}

static unsigned
key_slot(const struct rpc_table *t, uint32_t key)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->client_mask;
}

/* The last place is kept for _OTHER of _OTHER, key 0. */
static struct rpc_counts *
client_add(struct rpc_table *t, unsigned slot, uint32_t key)
{
    unsigned n = atomic_load_explicit(&t->client_count, memory_order_relaxed);
    struct rpc_counts *c = counts_new(t, key);

    t->client_slots[slot] = (uint16_t)(n + 1);
    atomic_store_explicit(&t->client[n], c, memory_order_relaxed);
    atomic_store_explicit(&t->client_count, n + 1, memory_order_release);
    return c;
}

/* The way by the names: a method has nearly always one pool, so it is seldom taken. */
static struct rpc_counts *
client_find(struct rpc_table *t, struct slice pool, unsigned method)
{
    unsigned id = name_index_find(&t->pools, pool);
    uint32_t key;

    if (UNLIKELY(id == NAME_OTHER))
        id = name_index_learn(&t->pools, pool);
    key = (uint32_t)id << 16 | method;
    for (unsigned slot = key_slot(t, key);; slot = (slot + 1) & t->client_mask) {
        unsigned place = t->client_slots[slot];

        if (place == 0 && key != 0 &&
            atomic_load_explicit(&t->client_count, memory_order_relaxed) >=
                t->metrics->max_pairs - 1) {
            key = 0;
            slot = key_slot(t, key) - 1; /* begins again with the one that has room */
            continue;
        }
        if (place == 0)
            return client_add(t, slot, key);
        struct rpc_counts *c =
            atomic_load_explicit(&t->client[place - 1], memory_order_relaxed);
        if (c->key == key)
            return c;
    }
}

struct rpc_counts *
rpc_table_client(struct rpc_table *t, struct slice pool, unsigned method)
{
    struct rpc_counts *last = t->last[method].counts;

    if (LIKELY(last && rpc_key_method(last->key) == method &&
               slice_eq(names_get(t->metrics->pools, rpc_key_pool(last->key)), pool)))
        return last;
    t->last[method] = (struct rpc_last){ .counts = client_find(t, pool, method) };
    return t->last[method].counts;
}

NOINLINE struct rpc_counts *
rpc_table_attempt_find(struct rpc_table *t, const char *name, uint64_t pool_number,
                       unsigned method)
{
    struct rpc_last *last = &t->last[method];

    last->counts = rpc_table_client(t, slice_of(name), method);
    last->pool_number = pool_number;
    return last->counts;
}

void
rpc_example(const struct rpc_table *t, struct rpc_counts *c, int64_t us,
            struct slice trace_id)
{
    struct exemplar_slot *v = atomic_load_explicit(&c->examples, memory_order_relaxed);

    if (t->bounds->n == 0)
        return;
    if (!v) {
        v = xcalloc(t->bounds->n + 1, sizeof(*v));
        atomic_store_explicit(&c->examples, v, memory_order_release);
    }
    exemplar_put(&v[histogram_find(t->bounds, us)], trace_id, us > 0 ? us : 0,
                 clock_wall_us());
}

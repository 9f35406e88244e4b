/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/table.h - the routes of one listener in one config, and a worker's use of them. A table is immutable and counted: any thread may read, hold and
 * drop. It owns a copy of its part of the config, so it outlives the config that it was made from. A call holds the table_use of its worker: a plain
 * counter, no atomics on the path of a call. */
#ifndef OUTRIGGER_PROXY_TABLE_H
#define OUTRIGGER_PROXY_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct chain;
struct conf_copy;
struct conf_map;
struct filter;
struct filter_services;
struct filter_store;
struct listener_conf;
struct method_table;
struct matcher;
struct pool;
struct route;
struct worker;

struct table_target {                /* what a route may lead to */
    unsigned slot;                   /* of the pool in worker->pools */
    const struct conf_map *selector; /* in the table's copy; NULL: all endpoints */
};

struct table_filter {
    const struct filter *filter;
    unsigned target; /* its pool */
};

struct table {
    _Atomic unsigned holds;
    struct conf_copy *copy;
    const struct listener_conf *conf; /* the root of copy */
    uint64_t version;                 /* of the config that it came with */
    struct method_table *methods;     /* NULL: no methodConfig */
    struct matcher *matcher;          /* by index in routes */
    struct route *routes;
    size_t route_count;
    struct table_target *targets; /* of all routes, then of filters */
    size_t target_count;
    struct chain *
        chain; /* of calls without a route, and of routes that change nothing; NULL: no filters */
    struct chain **own; /* of routes with filters of their own */
    size_t own_count;
    struct table_filter *filters; /* that call a pool */
    size_t filter_count;
    _Atomic(struct table_hits *) hits; /* one for each worker that used it */
    unsigned services; /* number of what filter_env.services was, see filter/instance.h */
    const struct filter_services *
        tell; /* /why and /tail hear of calls there; NULL: nobody wants to (tests). They outlive the table */
    void (*gone)(
        struct table
            *t); /* may be NULL; called by the last drop, before anything is freed */
    void *gone_arg;
};

/* Calls that took each way, of one worker, which alone writes; the main thread reads them while they are written. They go with the table. */
struct table_hits {
    struct table_hits *next;
    unsigned worker;
    _Alignas(64) _Atomic uint64_t n[]; /* as table_hits_get says */
};

/* The slot of a pool by its name; the checks of the config said that it is there. */
typedef unsigned table_slot_fn(void *arg, const char *pool);

/* One hold. store: where its filters are found or made; NULL: it has none, whatever the conf says (tests). Main thread. */
struct table *table_new(const struct listener_conf *conf, uint64_t version,
                        struct filter_store *store, table_slot_fn *slot_of, void *arg);
struct table *table_hold(struct table *t);
void table_drop(struct table *t); /* the last drop frees; NULL is fine */
/* The target that is the pool of this filter, which must have one. */
unsigned table_filter_target(const struct table *t, const struct filter *f);
/* A table made now of this config and these slots would be the same. */
bool table_is_same(const struct table *t, const struct listener_conf *conf,
                   const struct filter_store *store, table_slot_fn *slot_of, void *arg);

/* How many counts table_hits_get gives: those of targets, by their index, then those of routes without a target, by the route's index. */
static inline size_t
table_hits_count(const struct table *t)
{
    return t->target_count + t->route_count;
}
/* The sums of all workers, table_hits_count of them. Any thread that holds the table. */
void table_hits_get(const struct table *t, uint64_t *out);

struct table_place { /* a target as the worker sees it */
    struct pool *pool;
    unsigned subset; /* of pool_subset, held */
};

/* One worker's use of a table. Worker's thread only. */
struct table_use {
    struct table *table; /* held */
    unsigned worker;
    unsigned calls;               /* that hold it */
    bool retired;                 /* another took its place: it goes with its last call */
    struct list link;             /* worker's list */
    struct table_hits *hits;      /* the table's, of this worker */
    struct table_place targets[]; /* as table->targets */
};

/* One more call went this way; n -1 takes it back. */
static inline void
table_use_count(struct table_use *u, unsigned at, int n)
{
    _Atomic uint64_t *v = &u->hits->n[at];

    atomic_store_explicit(
        v, atomic_load_explicit(v, memory_order_relaxed) + (uint64_t)(int64_t)n,
        memory_order_relaxed);
}
/* Takes over the caller's hold of t. */
struct table_use *table_use_new(struct table *t, struct worker *w);
/* Lets go of subsets and filters and frees it. The hold of the table is the caller's again. Not while a call holds it. */
struct table *table_use_free(struct table_use *u);

#endif

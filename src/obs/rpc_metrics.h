/* SPDX-License-Identifier: Apache-2.0 */
/* obs/rpc_metrics.h - counts of calls by method, and of attempts on backends by pool and method, in the spelling of go-grpc-prometheus (ecosystem.md 1.1):
 * grpc_server_started_total, _handled_total, _msg_received_total, _msg_sent_total, _handling_seconds, and the same with grpc_client_.
 *
 * Each worker has a table of its own and is its only writer; counting is plain adds. The main thread reads all tables while they are written: blocks of counts are
 * published by atomic pointers and never go or move. Everything is bounded: methods by max_methods, pairs of pool and method by twice as many; what comes then is
 * counted under "_OTHER". Calls whose trace is recorded leave their trace id beside the bucket they are in (exemplars of OpenMetrics). */
#ifndef OUTRIGGER_OBS_RPC_METRICS_H
#define OUTRIGGER_OBS_RPC_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compat.h"
#include "obs/exemplar.h"
#include "obs/histogram.h"
#include "obs/names.h"

struct prom;

enum {
    RPC_CODES = 17,
    RPC_CODE_UNKNOWN = 2,
    RPC_POOLS_MAX = 1000,
    RPC_LATELY = 64,
    RPC_LATELY_SHIFT = 64 - 6,
    RPC_LATELY_MIN = 8, /* bytes of a path */
};

/* Places in a block of counts. */
enum rpc_count {
    RPC_STARTED,
    RPC_RECEIVED, /* messages */
    RPC_SENT,
    RPC_TIME_US, /* of all that ended */
    RPC_CODE_0,
    RPC_BUCKET_0 = RPC_CODE_0 + RPC_CODES,
};

struct rpc_counts {
    uint32_t key; /* of the pair; a method's number on the server side */
    _Atomic(struct exemplar_slot *) examples; /* by bucket; NULL: no call was traced */
    _Atomic uint64_t v[];
};

/* The block of a method's attempts that was asked for last. */
struct rpc_last {
    struct rpc_counts *counts;
    uint64_t pool_number; /* of its pool; 0: not known */
};

/* A method that was asked for lately. */
struct rpc_lately {
    struct slice path;         /* as names keeps it */
    struct rpc_counts *counts; /* of the server side */
};

struct rpc_metrics; /* of the process */

struct rpc_table { /* of one worker */
    struct rpc_metrics *metrics;
    const struct histogram_bounds *bounds;
    struct name_index methods, pools;
    _Atomic(struct rpc_counts *) *server; /* by method */
    _Atomic(struct rpc_counts *) *client; /* the first client_count */
    _Atomic unsigned client_count;
    struct rpc_last *last;  /* by method */
    uint16_t *client_slots; /* by hash of the key: place in client + 1 */
    unsigned client_mask;
    struct rpc_lately lately[RPC_LATELY]; /* by some bits of the path */
};

struct rpc_metrics *
rpc_metrics_new(unsigned workers, unsigned max_methods, enum histogram_kind kind);
void rpc_metrics_free(struct rpc_metrics *m); /* after the workers; NULL is fine */
struct rpc_table *rpc_metrics_table(struct rpc_metrics *m, unsigned worker);

/* --- the worker's ------------------------------------------------------------------ */

/* path: "/package.Service/Method", as path_split takes it. NAME_OTHER: not learned yet. */
static inline unsigned
rpc_table_method(const struct rpc_table *t, struct slice path)
{
    return name_index_find(&t->methods, path);
}

/* Paths end with the method, and most differ there, or in their length. Whoever makes paths that share a place gains nothing: each costs what the first one did. */
static inline unsigned
rpc_lately_place(struct slice path)
{
    uint64_t end;

    memcpy(&end, path.p + path.n - sizeof(end), sizeof(end));
    return (unsigned)((end * UINT64_C(0x9e3779b97f4a7c15) + path.n) >> RPC_LATELY_SHIFT);
}

/* Both have the same length, of 8 or more. Paths are short, so a call of memcmp would cost more than the comparing. */
static inline bool
rpc_path_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t x, y;

    for (size_t at = 0; n - at > sizeof(x); at += sizeof(x)) {
        memcpy(&x, a + at, sizeof(x));
        memcpy(&y, b + at, sizeof(y));
        if (x != y)
            return false;
    }
    memcpy(&x, a + n - sizeof(x), sizeof(x));
    memcpy(&y, b + n - sizeof(y), sizeof(y));
    return x == y;
}

/* What was asked for lately; NULL: look for it with rpc_table_known. */
static inline const struct rpc_lately *
rpc_table_lately(const struct rpc_table *t, struct slice path)
{
    const struct rpc_lately *l;

    if (UNLIKELY(path.n < RPC_LATELY_MIN))
        return NULL;
    l = &t->lately[rpc_lately_place(path)];
    return LIKELY(l->path.n == path.n && rpc_path_same(l->path.p, path.p, path.n)) ? l
                                                                                   : NULL;
}

struct rpc_counts *
rpc_table_known_find(struct rpc_table *t, struct slice path, struct slice *ret_path);

/* The block of a method that is known, and *ret_path, the path in memory of the process; NULL: it is not learned yet. */
static inline struct rpc_counts *
rpc_table_known(struct rpc_table *t, struct slice path, struct slice *ret_path)
{
    const struct rpc_lately *l = rpc_table_lately(t, path);

    if (UNLIKELY(!l))
        return rpc_table_known_find(t, path, ret_path);
    *ret_path = l->path;
    return l->counts;
}

/* A backend knows this method. NAME_OTHER: there is no room for it. */
static inline unsigned
rpc_table_learn(struct rpc_table *t, struct slice path)
{
    return name_index_learn(&t->methods, path);
}

/* Never NULL. */
struct rpc_counts *rpc_table_server(struct rpc_table *t, unsigned method);
struct rpc_counts *
rpc_table_client(struct rpc_table *t, struct slice pool, unsigned method);
/* The same, for a pool that has a number which no other has (0: it has none): nearly always it is the one that was asked for last. name ends with NUL. */
struct rpc_counts *rpc_table_attempt_find(struct rpc_table *t, const char *name,
                                          uint64_t pool_number, unsigned method);

static ALWAYS_INLINE struct rpc_counts *
rpc_table_attempt(struct rpc_table *t, const char *name, uint64_t pool_number,
                  unsigned method)
{
    const struct rpc_last *last = &t->last[method];

    if (LIKELY(last->pool_number == pool_number && pool_number != 0))
        return last->counts;
    return rpc_table_attempt_find(t, name, pool_number, method);
}

static inline void
rpc_add(struct rpc_counts *c, unsigned at, uint64_t n)
{
    atomic_store_explicit(&c->v[at],
                          atomic_load_explicit(&c->v[at], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* A call or an attempt ended. Codes outside 0..16 count as UNKNOWN (2). */
static inline void
rpc_handled(const struct rpc_table *t, struct rpc_counts *c, int code, int64_t us)
{
    unsigned at = (unsigned)code < RPC_CODES ? (unsigned)code : RPC_CODE_UNKNOWN;

    rpc_add(c, RPC_CODE_0 + at, 1);
    rpc_add(c, RPC_TIME_US, us > 0 ? (uint64_t)us : 0);
    if (LIKELY(t->bounds->n))
        rpc_add(c, RPC_BUCKET_0 + (unsigned)histogram_find(t->bounds, us), 1);
}

/* The call that was just counted is traced: it becomes the example of its bucket. Memory for that comes with the first one and is bounded as the counts are. */
void rpc_example(const struct rpc_table *t, struct rpc_counts *c, int64_t us,
                 struct slice trace_id);

/* --- the main thread's ------------------------------------------------------------- */

/* Memory of all blocks of counts and of their examples. */
size_t rpc_metrics_bytes(const struct rpc_metrics *m);

/* rpc_read.c: the counts as numbers. Places: RPC_BUCKET_0 and, with buckets, bounds->n + 1 more. */
const struct histogram_bounds *rpc_metrics_bounds(const struct rpc_metrics *m);
size_t rpc_metrics_places(const struct rpc_metrics *m);
const struct names *rpc_metrics_methods(const struct rpc_metrics *m);
/* Adds what all workers counted of calls of this method to sum. False: none has. */
bool rpc_metrics_add_server(const struct rpc_metrics *m, unsigned method, uint64_t *sum);
/* Calls fn for each block of attempts of each worker; those of several methods of a pool, and of several workers, come one by one. pool: its number, at
 * most RPC_POOLS_MAX, which it keeps; NAME_OTHER has no name. */
typedef void
rpc_client_fn(void *arg, unsigned pool, struct slice name, const struct rpc_counts *c);
void rpc_metrics_each_client(const struct rpc_metrics *m, rpc_client_fn *fn, void *arg);

/* Adds all series. code_label: "Unavailable" for 14. */
void rpc_metrics_print(const struct rpc_metrics *m, const char *(*code_label)(int code),
                       struct prom *prom);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_int.h - what the files of live.h share. Main thread only. */
#ifndef OUTRIGGER_MAIN_LIVE_INT_H
#define OUTRIGGER_MAIN_LIVE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "loop/timer.h"
#include "main/live.h"
#include "main/process_int.h"
#include "obs/rpc_metrics.h"
#include "obs/slots.h"

struct hub;
struct table;

enum { LIVE_CODES_S = 300 };

/* Counters of the process, SLOTS_LINE_S long. */
enum live_total {
    LIVE_CALLS, /* that ended */
    LIVE_OK,
    LIVE_RETRIES,
    LIVE_LIMITED,
    LIVE_DENIED,
    LIVE_CPU_US,
    LIVE_TOTALS
};

/* Counters of a method or of a pool's attempts, SLOTS_WINDOW_S long; buckets of times follow. */
enum live_call { LIVE_ENDED, LIVE_ENDED_OK, LIVE_BUCKET_0 };

/* The same without metrics, and what only a pool has; SLOTS_WINDOW_S long. */
enum live_pool_count {
    LIVE_POOL_GOOD,
    LIVE_POOL_BAD,
    LIVE_POOL_RETRIES,
    LIVE_POOL_COUNTS
};

/* Of one endpoint: it has these two places in its pool's ring. */
enum live_endpoint { LIVE_STARTED, LIVE_GOOD, LIVE_FAILED, LIVE_ENDPOINT_COUNTS };

struct live_hub {
    const struct hub *hub; /* only compared */
    char *name;
    struct slots line;      /* attempts that began, SLOTS_LINE_S */
    struct slots calls;     /* enum live_call */
    struct slots counts;    /* enum live_pool_count */
    struct slots endpoints; /* in the order of numbers */
    uint64_t *numbers;      /* of backends, by place in the list */
    size_t endpoint_count;  /* in numbers */
    uint64_t list_version;
    uint64_t newest;             /* of numbers, ever */
    uint64_t started, good, bad; /* of all endpoints, ever; those that went stay in it */
    int64_t called_us; /* the second in which `started` rose last; 0: it did not */
    uint64_t *sum;     /* while a second is read: as calls */
};

struct live_method {
    struct slots calls; /* enum live_call; v NULL: nobody called it */
};

/* Where the calls of one listener went. */
struct live_table {
    const struct table *table; /* only compared, with its version */
    uint64_t version;
    struct slots hits; /* as table_hits_count; v NULL: too many */
};

struct live {
    struct process *process;
    struct timer timer;
    struct slots_clock clock;
    int64_t opened_us;
    unsigned cpus;
    struct slots totals; /* enum live_total */
    struct slots codes;  /* of calls that ended, LIVE_CODES_S */
    struct slots times;  /* buckets of all calls, SLOTS_WINDOW_S; v NULL: no histogram */
    const struct rpc_metrics *metrics;
    const struct histogram_bounds *bounds;
    struct live_hub *pools; /* in the order of process->hubs */
    size_t pool_count;
    uint16_t pool_of[RPC_POOLS_MAX + 1]; /* by number of the name; 0: not looked for */
    size_t endpoint_count;               /* of all pools, that are followed */
    struct live_method
        *methods; /* by number of the name; 0: _OTHER, with those that are over */
    unsigned method_count;
    uint64_t *sum;             /* while a second is read: one method's, one table's */
    struct live_table *tables; /* in the order of process->servers */
    size_t table_count;
    size_t way_count;
};

/* live.c: the sum of a counter over all threads. */
int64_t live_stat(const struct live *l, enum stat_id id);
/* Series of a ring of enum live_call. */
unsigned live_call_series(const struct live *l);
/* Adds the counts of one block (obs/rpc_metrics.h) to sum, as enum live_call. */
void live_call_add(const struct live *l, const uint64_t *block, uint64_t *sum);

/* live_pools.c */
void live_pools_put(struct live *l, unsigned turned);
void live_pools_print(const struct live *l, struct strbuf *out);
void live_pools_done(struct live *l);
/* live_methods.c: with them, the times of all calls. */
void live_methods_init(struct live *l);
void live_methods_put(struct live *l, unsigned turned);
void live_methods_print(const struct live *l, struct strbuf *out);
void live_methods_done(struct live *l);
/* live_routes.c */
void live_routes_put(struct live *l, unsigned turned);
void live_routes_print(const struct live *l, struct strbuf *out);
void live_routes_done(struct live *l);
/* live_print.c: the object of /stats.json, without the brace that ends it. */
void live_print(void *arg, struct strbuf *out);
/* live_state.c: its member "process". */
void live_state_print(const struct live *l, struct strbuf *out);

/* Parts that several print; each begins with its comma. */
void live_put_rate(struct strbuf *out, const char *key, double per_s);
/* part of all, from 0 to 1; null when all is 0. */
void live_put_share(struct strbuf *out, const char *key, double part, double all);
/* "key":[1,2,3]: one series of the last minute, oldest first. */
void live_put_line(const struct live *l, struct strbuf *out, const struct slots *s,
                   unsigned series);
/* The time below which this share of the last ten seconds' calls stayed, in ms; null when there were none. The buckets begin at series `first`. */
void live_put_quantile(const struct live *l, struct strbuf *out, const char *key,
                       const struct slots *s, unsigned first, double share);

#endif

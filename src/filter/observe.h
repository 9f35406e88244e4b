/* SPDX-License-Identifier: Apache-2.0 */
/* filter/observe.h - what all filters that watch calls share in the process: the counts by method, the thread that writes access logs, the exporters of traces. One
 * object; it lives from before the first filter to after the last. The filters find it in filter_env. Main thread. */
#ifndef OUTRIGGER_FILTER_OBSERVE_H
#define OUTRIGGER_FILTER_OBSERVE_H

#include <stdint.h>

#include "base/list.h"

struct access_writer;
struct h2_worker;
struct loop;
struct rng;
struct rpc_metrics;
struct stats;
struct strbuf;
struct tls_store;

/* Read at the start only. */
struct observe_args {
    struct loop *loop; /* of the main thread, as all of these */
    struct h2_worker *h2;
    struct rng *rng;
    struct tls_store *tls; /* may be NULL when no collector has TLS */
    struct stats *stats;
    unsigned workers;
    uint32_t max_methods, histogram; /* enum histogram_kind */
    struct loop *writer_loop; /* of access logs; NULL: a thread of its own. For tests */
};

struct observe {
    struct observe_args args;
    struct rpc_metrics *metrics;
    struct access_writer *access;
    struct list exporters; /* trace_export.c */
};

struct observe *observe_new(const struct observe_args *args);
/* After all filters. What still waits goes out if that is possible within a second; the loop turns for it. NULL is fine. */
void observe_free(struct observe *o);
/* Log files are opened anew (SIGUSR1). */
void observe_reopen(struct observe *o);
/* The series of calls as Prometheus text. */
void observe_print(const struct observe *o, struct strbuf *out);
/* Counters of the thread that writes access logs, beside the workers'. */
const struct stats *observe_stats(const struct observe *o);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/services.h - what all filters that watch calls share in the process: the counts by method, the thread that writes access logs, the exporters of traces, and
 * the settings of log.access and tracing, which hold for each listener that does not name these filters itself. One object; it lives from before the first filter to
 * after the last. Filters find it in filter_env. Main thread. */
#ifndef OUTRIGGER_FILTER_SERVICES_H
#define OUTRIGGER_FILTER_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "filter/metrics_push.h"

struct access_conf;
struct access_writer;
struct conf_copy;
struct failed_log;
struct h2_worker;
struct limit_counts;
struct loop;
struct prom;
struct rng;
struct rpc_metrics;
struct stats;
struct tail;
struct tls_store;
struct tracing_conf;

/* All of it outlives the services. */
struct services_args {
    struct loop *loop; /* of the main thread, as what follows */
    struct h2_worker *h2;
    struct rng *rng;
    struct tls_store *tls; /* may be NULL when no collector has TLS */
    struct stats *stats;
    unsigned workers;
    uint32_t max_methods, histogram; /* enum histogram_kind */
    struct loop *writer_loop; /* of access logs; NULL: a thread of its own. For tests */
};

struct filter_services {
    struct services_args args;
    struct rpc_metrics *metrics;
    struct access_writer *access;
    struct failed_log *failed;
    struct limit_counts *limits;
    struct tail *tail;
    struct list exporters;                        /* trace_export.c */
    struct conf_copy *access_conf, *tracing_conf; /* NULL: not set yet */
    struct metrics_push *push;                    /* NULL: metrics are not pushed */
    unsigned pushes_ending;
    int64_t since_us; /* when all counts began, since 1970 */
};

struct filter_services *services_new(const struct services_args *args);
/* After all filters. What still waits goes out if that is possible within a second; the loop turns for it. NULL is fine. */
void services_free(struct filter_services *s);
/* log.access and tracing of a config that becomes the current one; both are copied. True: they differ from what was before, so chains must be made anew. */
bool services_configure(struct filter_services *s, const struct access_conf *access,
                        const struct tracing_conf *tracing);
/* NULL: none was set. */
const struct access_conf *services_access(const struct filter_services *s);
const struct tracing_conf *services_tracing(const struct filter_services *s);
/* metrics.push of a config that becomes the current one; one that says the same goes on. text and arg: of the page that is pushed. */
void services_push(struct filter_services *s, const struct metrics_push_conf *conf,
                   metrics_text_fn *text, void *arg);
/* The end of pushes. page: what counts is still there, so the last page is made now; services_free waits until it is sent, with everything else. */
void services_push_last(struct filter_services *s, bool page);
/* Log files are opened anew (SIGUSR1). */
void services_reopen(struct filter_services *s);
/* Adds the series of calls. */
void services_print(const struct filter_services *s, struct prom *p);
/* Memory that waits for others to take it, by owner; each has a bound of its own. */
struct services_memory {
    size_t access_log, spans, tail, failed_calls, metrics_push; /* bytes */
};
struct services_memory services_memory(const struct filter_services *s);
/* Counters of the thread that writes access logs, beside the workers'. */
const struct stats *services_stats(const struct filter_services *s);

#endif

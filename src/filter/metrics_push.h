/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_push.h - sends all metrics to a collector again and again (OTLP over gRPC or HTTP, otlp_sender.h), for places that cannot be scraped. What is sent is what
 * /metrics shows at that moment; series of calls have OpenTelemetry's names unless the config wants those of /metrics (metrics_names.h). A large page goes in several requests, one after the other.
 *
 * Bounded: one page of text (PUSH_TEXT_MAX) and one request at a time, both on the main thread, and nothing between two pushes. Sums are cumulative, so a push that failed
 * is not sent again: the next one has all. What a worker does never depends on it. Main thread.
 * Sources: opentelemetry-specification metrics/data-model.md and compatibility/prometheus_and_openmetrics.md. */
#ifndef OUTRIGGER_FILTER_METRICS_PUSH_H
#define OUTRIGGER_FILTER_METRICS_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"
#include "net/tls_conf.h"

struct metrics_push;
struct services_args;
struct strbuf;

enum { PUSH_TEXT_MAX = 16 << 20 };
enum metrics_push_names { PUSH_OPENTELEMETRY, PUSH_PROMETHEUS };

struct metrics_push_conf { /* metrics.push */
    bool on;
    const char *otlp; /* target or URL */
    struct tls_client_conf tls;
    int64_t interval_ms, timeout_ms;
    uint32_t names;                 /* enum metrics_push_names */
    const char *service, *instance; /* of the resource; NULL: see metrics_push_conf.c */
};

extern const struct conf_struct metrics_push_conf_struct; /* optional */

/* Adds the page of metrics as Prometheus text 0.0.4. */
typedef void metrics_text_fn(void *arg, struct strbuf *out);
/* It is gone. */
typedef void metrics_push_gone_fn(void *arg);

/* conf is copied. text: what is pushed. since_us: when its sums began, since 1970. */
struct metrics_push *
metrics_push_new(const struct services_args *args, const struct metrics_push_conf *conf,
                 metrics_text_fn *text, void *arg, int64_t since_us);
const struct metrics_push_conf *metrics_push_conf_of(const struct metrics_push *p);
/* Bytes of the push under way. */
size_t metrics_push_bytes(const struct metrics_push *p);
/* page: pushes a last time. The page is made now, so what it shows may go when this returns; it is sent if that is possible within a second. gone comes in a later turn.
 * Nothing may be done with p from now on. */
void metrics_push_end(struct metrics_push *p, bool page, metrics_push_gone_fn *gone,
                      void *arg);

#endif

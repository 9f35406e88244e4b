/* SPDX-License-Identifier: Apache-2.0 */
/* filter/trace_export.h - sends spans to a collector: OTLP over gRPC, from the main thread, over a pool of its own (names, balancing, TLS, limits as for any backend).
 * Each worker has a ring of serialized spans (1 MiB). They are sent together: when maxBatch are there, or after `interval`. A request that fails in a way that may
 * pass is tried again, with growing pauses, for a minute; then its spans are lost. A collector that is dead or slow costs spans, which are counted, and nothing else:
 * what workers do never depends on it.
 *
 * trace_exporter_put is for workers; everything else is the main thread's.
 * Source: opentelemetry-proto docs/specification.md (what is tried again), grpc-spec.md 19.4. */
#ifndef OUTRIGGER_FILTER_TRACE_EXPORT_H
#define OUTRIGGER_FILTER_TRACE_EXPORT_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"

struct filter_services;
struct trace_exporter;
struct tracing_conf;

/* One hold. Those that send the same way to the same collector share one. */
struct trace_exporter *
trace_exporter_get(struct filter_services *s, const struct tracing_conf *conf);
/* After the last drop nobody puts; what waits is sent if that is possible within a second. */
void trace_exporter_drop(struct trace_exporter *e);
/* After all drops: waits for those that still send, at most a second; the loop turns. */
void trace_exporters_end(struct filter_services *s);

/* Bytes of spans that wait, and of the requests under way. */
size_t trace_exporters_bytes(const struct filter_services *s);

/* [worker] A serialized span. False: there is no room; the caller counts. */
bool trace_exporter_put(struct trace_exporter *e, unsigned worker,
                        struct slice span) MUST_CHECK;

#endif

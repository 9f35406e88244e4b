/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp_metrics.h - metrics as OpenTelemetry collectors read them: points of opentelemetry.proto.metrics.v1, and metrics that carry many of them. The request around
 * them is that of spans (otlp_request_encode), and so is the answer. Sums and histograms are cumulative: since the process began. Pure; any thread.
 * Source: opentelemetry-proto metrics.proto. */
#ifndef OUTRIGGER_GRPC_OTLP_METRICS_H
#define OUTRIGGER_GRPC_OTLP_METRICS_H

#include "grpc/otlp.h"

enum { OTLP_BUCKETS_MAX = 64 };

enum otlp_metric_kind { OTLP_GAUGE, OTLP_SUM, OTLP_HISTOGRAM };

struct otlp_point {            /* what all have */
    int64_t start_us, wall_us; /* since 1970; start_us 0: it has none (gauges) */
    const struct otlp_attribute *attributes;
    size_t attribute_count;
};

struct otlp_number {
    struct otlp_point point;
    bool whole;
    int64_t number; /* whole */
    double real;    /* else */
};

struct otlp_histogram {
    struct otlp_point point;
    double sum;
    size_t bound_count;     /* at most OTLP_BUCKETS_MAX */
    const double *bounds;   /* ascending; they are part of their buckets */
    const uint64_t *counts; /* bound_count + 1: of each bucket alone */
};

struct otlp_metric {
    enum otlp_metric_kind kind;
    struct slice name, help, unit;
};

/* Append one serialized point. */
void otlp_number_encode(const struct otlp_number *p, struct strbuf *out);
void otlp_histogram_encode(const struct otlp_histogram *p, struct strbuf *out);
/* Appends one serialized metric with these points. */
void otlp_metric_encode(const struct otlp_metric *m, const struct slice *points, size_t n,
                        struct strbuf *out);

#endif

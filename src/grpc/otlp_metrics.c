/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp_metrics.c - points and metrics to protobuf-c's structs. */
#include "grpc/otlp_metrics.h"

#include <assert.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/otlp_int.h"

enum { CUMULATIVE = 2 }; /* AGGREGATION_TEMPORALITY_CUMULATIVE */

void
otlp_number_encode(const struct otlp_number *p, struct strbuf *out)
{
    Outrigger__OtlpPart__NumberPoint m = OUTRIGGER__OTLP_PART__NUMBER_POINT__INIT;
    UNINITIALIZED struct otlp_room room;
    UNINITIALIZED struct otlp_texts texts;

    assert(p->point.attribute_count <= OTLP_ATTRIBUTES_MAX);
    texts.n = room.n = 0;
    m.start_time_unix_nano = otlp_nanoseconds(p->point.start_us);
    m.time_unix_nano = otlp_nanoseconds(p->point.wall_us);
    m.attributes = otlp_attributes_fill(&room, p->point.attributes,
                                        p->point.attribute_count, &texts);
    m.n_attributes = p->point.attribute_count;
    if (p->whole) {
        m.value_case = OUTRIGGER__OTLP_PART__NUMBER_POINT__VALUE_AS_INT;
        m.as_int = p->number;
    } else {
        m.value_case = OUTRIGGER__OTLP_PART__NUMBER_POINT__VALUE_AS_DOUBLE;
        m.as_double = p->real;
    }
    pb_write(&m.base, out);
}

void
otlp_histogram_encode(const struct otlp_histogram *p, struct strbuf *out)
{
    Outrigger__OtlpPart__HistogramPoint m = OUTRIGGER__OTLP_PART__HISTOGRAM_POINT__INIT;
    uint64_t counts[OTLP_BUCKETS_MAX + 1];
    double bounds[OTLP_BUCKETS_MAX];
    UNINITIALIZED struct otlp_room room;
    UNINITIALIZED struct otlp_texts texts;

    assert(p->point.attribute_count <= OTLP_ATTRIBUTES_MAX &&
           p->bound_count <= OTLP_BUCKETS_MAX);
    texts.n = room.n = 0;
    m.start_time_unix_nano = otlp_nanoseconds(p->point.start_us);
    m.time_unix_nano = otlp_nanoseconds(p->point.wall_us);
    m.attributes = otlp_attributes_fill(&room, p->point.attributes,
                                        p->point.attribute_count, &texts);
    m.n_attributes = p->point.attribute_count;
    for (size_t i = 0; i <= p->bound_count; i++) {
        counts[i] = p->counts[i];
        m.count += counts[i];
    }
    for (size_t i = 0; i < p->bound_count; i++)
        bounds[i] = p->bounds[i];
    m.optional_sum_case = OUTRIGGER__OTLP_PART__HISTOGRAM_POINT__OPTIONAL_SUM_SUM;
    m.sum = p->sum;
    m.bucket_counts = counts;
    m.n_bucket_counts = p->bound_count + 1;
    m.explicit_bounds = bounds;
    m.n_explicit_bounds = p->bound_count;
    pb_write(&m.base, out);
}

void
otlp_metric_encode(const struct otlp_metric *metric, const struct slice *points, size_t n,
                   struct strbuf *out)
{
    Outrigger__OtlpPart__Metric m = OUTRIGGER__OTLP_PART__METRIC__INIT;
    Outrigger__OtlpPart__Points p = OUTRIGGER__OTLP_PART__POINTS__INIT;
    UNINITIALIZED struct otlp_texts texts;

    texts.n = 0;
    m.name = otlp_text_clean(metric->name, &texts);
    m.description = otlp_text_clean(metric->help, &texts);
    m.unit = otlp_text_clean(metric->unit, &texts);
    p.data_points = xcalloc(n + 1, sizeof(*p.data_points));
    p.n_data_points = n;
    for (size_t i = 0; i < n; i++)
        p.data_points[i] = pb_data(points[i]);
    switch (metric->kind) {
    case OTLP_GAUGE:
        m.data_case = OUTRIGGER__OTLP_PART__METRIC__DATA_GAUGE;
        m.gauge = &p;
        break;
    case OTLP_SUM:
        m.data_case = OUTRIGGER__OTLP_PART__METRIC__DATA_SUM;
        m.sum = &p;
        p.aggregation_temporality = CUMULATIVE;
        p.is_monotonic = true;
        break;
    case OTLP_HISTOGRAM:
        m.data_case = OUTRIGGER__OTLP_PART__METRIC__DATA_HISTOGRAM;
        m.histogram = &p;
        p.aggregation_temporality = CUMULATIVE;
        break;
    }
    pb_write(&m.base, out);
    xfree(p.data_points);
}

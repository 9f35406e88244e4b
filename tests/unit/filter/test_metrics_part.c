/* SPDX-License-Identifier: Apache-2.0 */
/* A page of metrics to OTLP: what becomes of each kind, and how a large page is split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "filter/metrics_part.h"
#include "filter/otlp_sender.h"
#include "grpc/otlp.h"
#include "grpc/proto/otlp_part.pb-c.h"

typedef Outrigger__OtlpPart__Metric pb_metric;
typedef Outrigger__OtlpPart__NumberPoint pb_number;
typedef Outrigger__OtlpPart__HistogramPoint pb_histogram;

enum { SINCE = 1000, NOW = 5000 };

static pb_metric *
metric_at(const struct metrics_part *m, size_t i)
{
    size_t n;
    const struct slice *list = metrics_part_metrics(m, &n);
    pb_metric *metric;

    assert_true(i < n);
    metric = outrigger__otlp_part__metric__unpack(NULL, list[i].n, list[i].p);
    assert_non_null(metric);
    return metric;
}

static void
check(ProtobufCBinaryData d, const char *want)
{
    assert_int_equal(d.len, strlen(want));
    if (d.len > 0)
        assert_memory_equal(d.data, want, d.len);
}

static struct metrics_page_reader
reader_of(const char *page)
{
    return metrics_page_begin(slice_of(page), SINCE, NOW);
}

static void
a_counter_is_a_sum_since_the_beginning(void **state)
{
    struct metrics_page_reader r = reader_of("# HELP b_bytes_total Bytes.\n"
                                             "# TYPE b_bytes_total counter\n"
                                             "b_bytes_total{side=\"up\"} 7\n"
                                             "b_bytes_total{side=\"a\\\\b\"} 8\n");
    struct metrics_part *m = metrics_part_read(&r);
    pb_metric *metric;
    pb_number *p;

    (void)state;
    assert_non_null(m);
    assert_int_equal(metrics_part_points(m), 2);
    metric = metric_at(m, 0);
    check(metric->name, "b_bytes_total");
    check(metric->description, "Bytes.");
    check(metric->unit, "By");
    assert_int_equal(metric->data_case, OUTRIGGER__OTLP_PART__METRIC__DATA_SUM);
    assert_true(metric->sum->is_monotonic);
    assert_int_equal(metric->sum->aggregation_temporality, 2);
    assert_int_equal(metric->sum->n_data_points, 2);
    p = outrigger__otlp_part__number_point__unpack(NULL, metric->sum->data_points[1].len,
                                                   metric->sum->data_points[1].data);
    assert_non_null(p);
    assert_int_equal(p->as_int, 8);
    assert_int_equal(p->start_time_unix_nano, SINCE * 1000);
    assert_int_equal(p->time_unix_nano, NOW * 1000);
    assert_int_equal(p->n_attributes, 1);
    check(p->attributes[0]->key, "side");
    check(p->attributes[0]->value->string_value, "a\\b");
    outrigger__otlp_part__number_point__free_unpacked(p, NULL);
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metrics_part_free(m);
    assert_null(metrics_part_read(&r));
}

static void
a_gauge_has_no_beginning(void **state)
{
    struct metrics_page_reader r = reader_of("# TYPE g gauge\ng -2.5\n");
    struct metrics_part *m = metrics_part_read(&r);
    pb_metric *metric = metric_at(m, 0);
    pb_number *p;

    (void)state;
    assert_int_equal(metric->data_case, OUTRIGGER__OTLP_PART__METRIC__DATA_GAUGE);
    p = outrigger__otlp_part__number_point__unpack(
        NULL, metric->gauge->data_points[0].len, metric->gauge->data_points[0].data);
    assert_true(p->as_double == -2.5 && p->start_time_unix_nano == 0);
    outrigger__otlp_part__number_point__free_unpacked(p, NULL);
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metrics_part_free(m);
}

static void
lines_of_a_histogram_are_one_point(void **state)
{
    static const uint64_t counts[] = { 2, 0, 3, 1 };
    struct metrics_page_reader r = reader_of("# TYPE t_seconds histogram\n"
                                             "t_seconds_bucket{m=\"x\",le=\"0.1\"} 2\n"
                                             "t_seconds_bucket{m=\"x\",le=\"0.5\"} 2\n"
                                             "t_seconds_bucket{m=\"x\",le=\"1\"} 5\n"
                                             "t_seconds_bucket{m=\"x\",le=\"+Inf\"} 6\n"
                                             "t_seconds_sum{m=\"x\"} 4.25\n"
                                             "t_seconds_count{m=\"x\"} 6\n");
    struct metrics_part *m = metrics_part_read(&r);
    pb_metric *metric = metric_at(m, 0);
    pb_histogram *p;

    (void)state;
    assert_int_equal(metrics_part_points(m), 1);
    assert_int_equal(metric->data_case, OUTRIGGER__OTLP_PART__METRIC__DATA_HISTOGRAM);
    check(metric->unit, "s");
    p = outrigger__otlp_part__histogram_point__unpack(
        NULL, metric->histogram->data_points[0].len,
        metric->histogram->data_points[0].data);
    assert_non_null(p);
    assert_int_equal(p->count, 6);
    assert_true(p->sum == 4.25);
    assert_int_equal(p->n_explicit_bounds, 3);
    assert_true(p->explicit_bounds[1] == 0.5);
    assert_int_equal(p->n_bucket_counts, 4);
    assert_memory_equal(p->bucket_counts, counts, sizeof(counts));
    assert_int_equal(p->n_attributes, 1); /* without le */
    outrigger__otlp_part__histogram_point__free_unpacked(p, NULL);
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metrics_part_free(m);
}

/* Each part fits into a request, whole points come, each exactly once. */
static void
a_large_page_is_split(void **state)
{
    enum { SERIES = 20000 };
    struct metrics_page_reader r;
    size_t points = 0, parts = 0;
    struct metrics_part *m;
    struct strbuf page;

    (void)state;
    strbuf_init(&page, 8 << 20);
    strbuf_puts(&page, "# TYPE a gauge\na 1\n# TYPE big_total counter\n");
    for (int i = 0; i < SERIES; i++)
        strbuf_printf(&page, "big_total{number=\"%d\"} %d\n", i, i);
    strbuf_puts(&page, "# TYPE z gauge\nz 1\n");
    r = metrics_page_begin(slice_make(page.s, page.len), SINCE, NOW);
    while ((m = metrics_part_read(&r))) {
        struct otlp_attribute room[OTLP_RESOURCE_ATTRIBUTES];
        const struct otlp_resource who = otlp_resource_make("s", NULL, room);
        const struct slice *list;
        struct strbuf request;
        size_t n;

        list = metrics_part_metrics(m, &n);
        strbuf_init(&request, OTLP_REQUEST_MAX);
        otlp_request_encode(&who, list, n, &request);
        assert_false(request.cut);
        strbuf_done(&request);
        points += metrics_part_points(m);
        parts++;
        metrics_part_free(m);
    }
    assert_int_equal(points, SERIES + 2);
    assert_true(parts > 3);
    strbuf_done(&page);
}

static void
an_empty_page_has_no_part(void **state)
{
    struct metrics_page_reader r = reader_of("# TYPE a gauge\n");

    (void)state;
    assert_null(metrics_part_read(&r));
}

static void
calls_get_the_names_of_opentelemetry(void **state)
{
    struct metrics_page_reader r = reader_of(
        "# TYPE grpc_client_handled_total counter\n"
        "grpc_client_handled_total{grpc_type=\"unknown\",grpc_service=\"a.B\","
        "grpc_method=\"C\",pool=\"p\",grpc_code=\"NotFound\"} 3\n"
        "grpc_client_handled_total{grpc_type=\"unknown\",grpc_service=\"_OTHER\","
        "grpc_method=\"_OTHER\",pool=\"p\",grpc_code=\"OK\"} 4\n"
        "# TYPE x gauge\nx{pool=\"p\"} 1\n"
        "# TYPE grpc_server_handling_seconds histogram\n"
        "grpc_server_handling_seconds_bucket{grpc_method=\"C\",le=\"+Inf\"} 1\n"
        "grpc_server_handling_seconds_sum{grpc_method=\"C\"} 2\n"
        "grpc_server_handling_seconds_count{grpc_method=\"C\"} 1\n");
    static const char *const rows[][2] = { { "rpc.system.name", "grpc" },
                                           { "rpc.method", "a.B/C" },
                                           { "outrigger.pool", "p" },
                                           { "rpc.status_code", "NOT_FOUND" } };
    struct metrics_part *m;
    pb_metric *metric;
    pb_number *p;

    (void)state;
    r.otel = true;
    m = metrics_part_read(&r);
    assert_non_null(m);
    metric = metric_at(m, 0);
    check(metric->name, "grpc_client_handled_total");
    p = outrigger__otlp_part__number_point__unpack(NULL, metric->sum->data_points[0].len,
                                                   metric->sum->data_points[0].data);
    assert_non_null(p);
    assert_int_equal(p->n_attributes, 4);
    for (size_t i = 0; i < 4; i++) {
        check(p->attributes[i]->key, rows[i][0]);
        check(p->attributes[i]->value->string_value, rows[i][1]);
    }
    outrigger__otlp_part__number_point__free_unpacked(p, NULL);
    p = outrigger__otlp_part__number_point__unpack(NULL, metric->sum->data_points[1].len,
                                                   metric->sum->data_points[1].data);
    assert_non_null(p);
    check(p->attributes[1]->value->string_value, "_OTHER");
    outrigger__otlp_part__number_point__free_unpacked(p, NULL);
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metric = metric_at(m, 1);
    p = outrigger__otlp_part__number_point__unpack(
        NULL, metric->gauge->data_points[0].len, metric->gauge->data_points[0].data);
    check(p->attributes[0]->key, "pool");
    outrigger__otlp_part__number_point__free_unpacked(p, NULL);
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metric = metric_at(m, 2);
    check(metric->name, "rpc.server.call.duration");
    check(metric->unit, "s");
    outrigger__otlp_part__metric__free_unpacked(metric, NULL);
    metrics_part_free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_get_the_names_of_opentelemetry),
        cmocka_unit_test(a_counter_is_a_sum_since_the_beginning),
        cmocka_unit_test(a_gauge_has_no_beginning),
        cmocka_unit_test(lines_of_a_histogram_are_one_point),
        cmocka_unit_test(a_large_page_is_split),
        cmocka_unit_test(an_empty_page_has_no_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

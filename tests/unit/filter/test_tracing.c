/* SPDX-License-Identifier: Apache-2.0 */
/* The filter "tracing": what is recorded, what backends are told, and what the spans say. The exporter is this test's own: it keeps the spans. */
#include <string.h>

#include "base/strbuf.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/trace_export.h"
#include "filter/tracing_conf.h"
#include "filterrig.h"
#include "grpc/proto/otlp_part.pb-c.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "obs/trace_context.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

typedef Outrigger__OtlpPart__Span pb_span;
typedef Outrigger__OtlpPart__Attribute pb_attribute;

enum { SPANS_MAX = 64 };

static struct filter_services *services;
static pb_span *spans[SPANS_MAX];
static size_t span_count;
static bool full;

/* --- the exporter ---------------------------------------------------------------------- */

struct trace_exporter {
    int unused;
};

static struct trace_exporter exporter;

struct trace_exporter *
trace_exporter_get(struct filter_services *s, const struct tracing_conf *conf)
{
    (void)s;
    (void)conf;
    return &exporter;
}

void
trace_exporter_drop(struct trace_exporter *e)
{
    assert_ptr_equal(e, &exporter);
}

void
trace_exporters_end(struct filter_services *s)
{
    (void)s;
}

size_t
trace_exporters_bytes(const struct filter_services *s)
{
    (void)s;
    return 0;
}

bool
trace_exporter_put(struct trace_exporter *e, unsigned worker, struct slice span)
{
    (void)worker;
    assert_ptr_equal(e, &exporter);
    if (full)
        return false;
    assert_true(span_count < SPANS_MAX);
    spans[span_count] = outrigger__otlp_part__span__unpack(NULL, span.n, span.p);
    assert_non_null(spans[span_count]);
    span_count++;
    return true;
}

static void
spans_forget(void)
{
    while (span_count > 0)
        outrigger__otlp_part__span__free_unpacked(spans[--span_count], NULL);
}

/* --- words ------------------------------------------------------------------------------ */

static int
setup(void **state)
{
    (void)state;
    services = rig_watch(5);
    full = false;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    spans_forget();
    return rig_watch_end(services, 0);
}

#define TRACE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void
open_tracing(const char *keys)
{
    char json[512];

    snprintf(json, sizeof(json), "{ \"otlp\": \"127.0.0.1:4317\"%s%s }",
             *keys ? ", " : "", keys);
    rig_only(&filter_tracing, json);
}

static struct rigcall *
begin(const char *traceparent)
{
    struct rigcall *c = rig_call("pkg.Service/Method");

    if (traceparent)
        rig_header(c, "traceparent", traceparent);
    return c;
}

static void
go(struct rigcall *c)
{
    assert_int_equal(rig_request(c), FILTER_NEXT);
}

static void
attempt_end(struct rigcall *c, unsigned number, int code, bool again, bool unprocessed)
{
    const struct filter_attempt a = { .number = number,
                                      .code = code,
                                      .answered = !unprocessed,
                                      .unprocessed = unprocessed,
                                      .again = again,
                                      .backend = "10.0.0.1:50051",
                                      .begun_us = loop_now_us(rig_loop) - 2000 };

    chain_attempt_end(&c->fc, &a);
}

static void
hex(ProtobufCBinaryData d, char *out)
{
    trace_hex_write(d.data, d.len, out);
    out[2 * d.len] = '\0';
}

static bool
id_is(ProtobufCBinaryData d, const char *want)
{
    char text[64];

    hex(d, text);
    return strcmp(text, want) == 0;
}

static bool
text_is(ProtobufCBinaryData d, const char *want)
{
    return d.len == strlen(want) && (d.len == 0 || memcmp(d.data, want, d.len) == 0);
}

static const pb_attribute *
attribute_in(pb_attribute **v, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (text_is(v[i]->key, key))
            return v[i];
    }
    return NULL;
}

static void
check_text(const pb_span *s, const char *key, const char *want)
{
    const pb_attribute *a = attribute_in(s->attributes, s->n_attributes, key);

    assert_non_null(a);
    if (!text_is(a->value->string_value, want))
        fail_msg("%s is %.*s", key, (int)a->value->string_value.len,
                 a->value->string_value.data);
}

static int64_t
number_of(const pb_span *s, const char *key)
{
    const pb_attribute *a = attribute_in(s->attributes, s->n_attributes, key);

    assert_non_null(a);
    return a->value->int_value;
}

/* What a backend gets: traceparent in its parts. */
static void
check_parent(const struct rigcall *c, const char *trace, char span[17], const char *flags)
{
    const char *p = rig_request_header(c, "traceparent");
    unsigned at = 0;

    assert_non_null(p);
    assert_int_equal(strlen(p), 55);
    if (trace)
        assert_memory_equal(p + 3, trace, 32);
    assert_string_equal(p + 53, flags);
    memcpy(span, p + 36, 16);
    span[16] = '\0';
    h2_headers_find(&c->request, slice_of("traceparent"), &at);
    assert_null(h2_headers_find(&c->request, slice_of("traceparent"), &at));
}

/* --- what is passed on ------------------------------------------------------------------ */

static void
what_is_not_recorded_passes_as_it_is(void **state)
{
    struct rigcall *c;

    (void)state;
    open_tracing("\"sampleRatio\": 1");
    c = begin("01-" TRACE "-" SPAN "-00-and more");
    rig_header(c, "tracestate", "a=1");
    go(c);
    chain_attempt(&c->fc, 1);
    assert_string_equal(rig_request_header(c, "traceparent"),
                        "01-" TRACE "-" SPAN "-00-and more");
    assert_string_equal(rig_request_header(c, "tracestate"), "a=1");
    assert_true(slice_eq_str(c->fc.trace_id, TRACE));
    assert_false(c->fc.sampled);
    attempt_end(c, 1, GRPC_OK, false, false);
    rig_end(c, GRPC_OK);
    assert_int_equal(span_count, 0);
}

static void
a_new_trace_that_is_not_recorded_says_so(void **state)
{
    struct rigcall *c;
    char span[17];

    (void)state;
    open_tracing("\"sampleRatio\": 0");
    c = begin(NULL);
    rig_header(c, "tracestate", "a=1"); /* of no trace */
    go(c);
    check_parent(c, NULL, span, "02");
    assert_null(rig_request_header(c, "tracestate"));
    assert_int_equal(c->fc.trace_id.n, 32);
    assert_memory_equal(rig_request_header(c, "traceparent") + 3, c->fc.trace_id.p, 32);
    rig_end(c, GRPC_OK);
}

static void
tracestate_keeps_its_bounds(void **state)
{
    static char big[4000];
    struct rigcall *c;
    size_t n = 0;

    (void)state;
    open_tracing("");
    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(big + n, sizeof(big) - n,
                              "%skey%d=0123456789012345678901234567", i ? "," : "", i);
    c = begin("00-" TRACE "-" SPAN "-00");
    rig_header(c, "tracestate", big);
    go(c);
    assert_in_range(strlen(rig_request_header(c, "tracestate")), 400, 512);
    rig_end(c, GRPC_OK);
    c = begin("00-" TRACE "-" SPAN "-00");
    rig_header(c, "tracestate", "a=1");
    rig_header(c, "tracestate", "b=2");
    go(c);
    assert_string_equal(rig_request_header(c, "tracestate"), "a=1,b=2");
    rig_end(c, GRPC_OK);
    c = begin("00-" TRACE "-" SPAN "-00");
    rig_header(c, "tracestate", "a=1,B=2");
    go(c);
    assert_null(rig_request_header(c, "tracestate"));
    rig_end(c, GRPC_OK);
}

/* Each way in which a client can say it, and what becomes of it. */
static void
parents_and_decisions(void **state)
{
    static const struct {
        const char *keys, *name, *value;
        bool recorded;
        const char *trace, *flags; /* to the backend; trace NULL: a new one */
    } rows[] = {
        { "", "traceparent", "00-" TRACE "-" SPAN "-01", true, TRACE, "01" },
        { "", "traceparent", "00-" TRACE "-" SPAN "-03", true, TRACE, "03" },
        { "\"sampleRatio\": 1", "traceparent", "00-" TRACE "-" SPAN "-00", false, TRACE,
          "00" },
        { "\"sampleRatio\": 1", "traceparent", "00-" TRACE "-" SPAN "-zz", true, NULL,
          "03" },
        { "", "grpc-trace-bin", "AABL+S81d7NNpqPOkp0ODkc2AQDwZ6oLqQK3AgE", true, TRACE,
          "01" },
        { "", "b3", TRACE "-" SPAN "-1", true, TRACE, "01" },
        { "\"sampleRatio\": 1", "b3", TRACE "-" SPAN "-0", false, TRACE, "00" },
        { "\"sampleRatio\": 1", "b3", TRACE "-" SPAN, true, TRACE, "01" },
        { "\"sampleRatio\": 0", "b3", TRACE "-" SPAN, false, TRACE, "00" },
        { "\"sampleRatio\": 0", "b3", "1", true, NULL, "03" },
        { "\"sampleRatio\": 1", "b3", "0", false, NULL, "02" },
        { "\"sampleRatio\": 0, \"trustParent\": false", "traceparent",
          "00-" TRACE "-" SPAN "-01", false, TRACE, "00" },
        { "\"sampleRatio\": 1, \"trustParent\": false", "traceparent",
          "00-" TRACE "-" SPAN "-00", true, TRACE, "01" },
        { "\"sampleRatio\": 0, \"trustParent\": false", "b3", "d", false, NULL, "02" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c;
        char span[17];

        print_message("row %zu\n", i);
        open_tracing(rows[i].keys);
        c = rig_call("pkg.Service/Method");
        rig_header(c, rows[i].name, rows[i].value);
        go(c);
        chain_attempt(&c->fc, 1);
        check_parent(c, rows[i].trace, span, rows[i].flags);
        assert_int_equal(c->fc.sampled, rows[i].recorded);
        attempt_end(c, 1, GRPC_OK, false, false);
        rig_end(c, GRPC_OK);
        assert_int_equal(span_count, rows[i].recorded ? 2 : 0);
        if (rows[i].recorded)
            assert_true(id_is(spans[0]->span_id, span));
        spans_forget();
    }
}

/* A stranger's trace id says nothing, and what we decided is told under an id of our own. */
static void
strangers_are_overruled_by_chance(void **state)
{
    unsigned recorded = 0;

    (void)state;
    open_tracing("\"sampleRatio\": 0.5, \"trustParent\": false");
    for (int i = 0; i < 400; i++) {
        struct rigcall *c = begin("00-ffffffffffffffffffffffffffffffff-" SPAN "-01");
        char span[17];

        go(c);
        check_parent(c, NULL, span, c->fc.sampled ? "01" : "00");
        assert_string_not_equal(span, SPAN);
        recorded += c->fc.sampled;
        rig_end(c, GRPC_OK);
        spans_forget();
    }
    assert_in_range(recorded, 140, 260);
}

static void
so_many_calls_are_recorded_in_a_second(void **state)
{
    unsigned recorded = 0;

    (void)state;
    open_tracing("\"maxPerSecond\": 5");
    for (int second = 0; second < 3; second++) {
        for (int i = 0; i < 40; i++) {
            struct rigcall *c = begin("00-" TRACE "-" SPAN "-01");

            go(c);
            recorded += c->fc.sampled;
            assert_memory_equal(rig_request_header(c, "traceparent") + 53, "01", 2);
            rig_end(c, GRPC_OK);
            spans_forget();
        }
        rig_advance_ms(1000);
    }
    assert_int_equal(recorded, 15);
    assert_int_equal(rig_counted(STAT_SPANS_LIMITED), 105);
}

/* --- what the spans say ----------------------------------------------------------------- */

static void
a_call_with_retries(void **state)
{
    struct rigcall *c;
    char first[17], second[17];
    const pb_span *call;

    (void)state;
    open_tracing("");
    c = begin("00-" TRACE "-" SPAN "-01");
    rig_header(c, "tracestate", "a=1");
    go(c);
    c->fc.pool = "app";
    rig_advance_ms(5);
    chain_attempt(&c->fc, 1);
    check_parent(c, TRACE, first, "01");
    rig_advance_ms(5);
    attempt_end(c, 1, GRPC_UNAVAILABLE, true, true);
    chain_attempt(&c->fc, 2);
    check_parent(c, TRACE, second, "01");
    assert_string_not_equal(first, second);
    attempt_end(c, 2, GRPC_NOT_FOUND, false, false);
    c->result.attempts = 2;
    c->result.pool = "app";
    c->result.message = slice_of("no%20such");
    rig_end(c, GRPC_NOT_FOUND);
    assert_int_equal(span_count, 3);
    call = spans[2];
    assert_int_equal(call->kind, 2);
    assert_true(text_is(call->name, "pkg.Service/Method"));
    assert_true(id_is(call->trace_id, TRACE) && id_is(call->parent_span_id, SPAN));
    assert_true(text_is(call->trace_state, "a=1"));
    assert_int_equal(call->flags, 0x301);
    assert_null(call->status); /* the client's mistake */
    assert_int_equal(call->end_time_unix_nano - call->start_time_unix_nano, 10000000);
    check_text(call, "rpc.status_code", "NOT_FOUND");
    check_text(call, "outrigger.listener", "test");
    check_text(call, "server.address", "test.example");
    check_text(call, "network.peer.address", "192.0.2.7");
    assert_int_equal(number_of(call, "network.peer.port"), 4711);
    assert_int_equal(number_of(call, "outrigger.attempts"), 2);
    assert_int_equal(call->n_events, 1);
    assert_true(text_is(call->events[0]->name, "retry"));
    assert_non_null(attribute_in(call->events[0]->attributes,
                                 call->events[0]->n_attributes, "rpc.status_code"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spans[i]->kind, 3);
        assert_true(id_is(spans[i]->span_id, i ? second : first));
        assert_memory_equal(spans[i]->parent_span_id.data, call->span_id.data, 8);
        assert_int_equal(spans[i]->status->code, 2);
        assert_int_equal(number_of(spans[i], "previous-rpc-attempts"), i);
        assert_int_equal(attribute_in(spans[i]->attributes, spans[i]->n_attributes,
                                      "transparent-retry")
                             ->value->bool_value,
                         i);
        check_text(spans[i], "network.peer.address", "10.0.0.1");
        check_text(spans[i], "outrigger.pool", "app");
    }
    check_text(spans[0], "error.type", "UNAVAILABLE");
}

static void
a_server_that_failed_is_an_error(void **state)
{
    struct rigcall *c;

    (void)state;
    open_tracing("\"names\": \"grpc\"");
    c = begin("00-" TRACE "-" SPAN "-01");
    go(c);
    c->result.local = true;
    c->result.reason = "NO_ENDPOINT";
    c->result.message = slice_of("pool app has no endpoint");
    rig_end(c, GRPC_UNAVAILABLE);
    assert_int_equal(span_count, 1);
    assert_true(text_is(spans[0]->name, "Recv.pkg.Service.Method"));
    assert_int_equal(spans[0]->status->code, 2);
    assert_true(
        text_is(spans[0]->status->message, "UNAVAILABLE, pool app has no endpoint"));
    check_text(spans[0], "error.type", "UNAVAILABLE");
    check_text(spans[0], "outrigger.reason", "NO_ENDPOINT");
}

static void
many_retries_are_bounded(void **state)
{
    struct rigcall *c;

    (void)state;
    open_tracing("");
    c = begin("00-" TRACE "-" SPAN "-01");
    go(c);
    for (unsigned i = 1; i <= 40; i++) {
        chain_attempt(&c->fc, i);
        attempt_end(c, i, GRPC_UNAVAILABLE, i < 40, false);
    }
    rig_end(c, GRPC_UNAVAILABLE);
    assert_int_equal(span_count, 41);
    assert_int_equal(spans[40]->n_events, 16);
    assert_int_equal(spans[40]->dropped_events_count, 23);
}

/* A call that never came to its filters has no span, and a full queue costs nothing else. */
static void
nothing_depends_on_the_spans(void **state)
{
    struct rigcall *c;

    (void)state;
    open_tracing("");
    c = begin("00-" TRACE "-" SPAN "-01");
    chain_watch(&c->fc);
    rig_end(c, GRPC_UNIMPLEMENTED);
    assert_int_equal(span_count, 0);
    full = true;
    c = begin("00-" TRACE "-" SPAN "-01");
    go(c);
    chain_attempt(&c->fc, 1);
    attempt_end(c, 1, GRPC_OK, false, false);
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_counted(STAT_SPANS_FULL), 2);
}

static void
settings_that_cannot_be_are_refused(void **state)
{
    static const char *const bad[] = {
        "{ \"otlp\": \"http://collector:4318?key=1\" }",
        "{ \"otlp\": \"127.0.0.1:4317\", \"sampleRatio\": 5 }",
        "{ \"names\": \"zipkin\" }", "{ \"interval\": \"0s\" }"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (!strstr(rig_problems(&filter_tracing, bad[i]), "error"))
            fail_msg("taken: %s", bad[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TRACE_TEST(what_is_not_recorded_passes_as_it_is),
        TRACE_TEST(a_new_trace_that_is_not_recorded_says_so),
        TRACE_TEST(tracestate_keeps_its_bounds),
        TRACE_TEST(parents_and_decisions),
        TRACE_TEST(strangers_are_overruled_by_chance),
        TRACE_TEST(so_many_calls_are_recorded_in_a_second),
        TRACE_TEST(a_call_with_retries),
        TRACE_TEST(a_server_that_failed_is_an_error),
        TRACE_TEST(many_retries_are_bounded),
        TRACE_TEST(nothing_depends_on_the_spans),
        TRACE_TEST(settings_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

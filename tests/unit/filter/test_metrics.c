/* SPDX-License-Identifier: Apache-2.0 */
/* The filter "metrics": each call and each attempt is counted exactly once as begun and once as ended, under a name that a backend has confirmed. */
#include <string.h>

#include "base/strbuf.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filterrig.h"
#include "loop/loop.h"
#include "obs/prom.h"

static struct filter_services *services;

static int
setup(void **state)
{
    (void)state;
    services = rig_watch(5);
    rig_only(&filter_metrics, "{}");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    return rig_watch_end(services, 0);
}

#define METRICS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* The value of a series; -1: there is none. rest: behind the service and method. */
static long
value(const char *metric, const char *method, const char *rest)
{
    const char *dot = strchr(method, '/');
    char series[512];
    struct strbuf out;
    struct prom p = prom_make(&out, false);
    const char *at;
    long v = -1;

    snprintf(series, sizeof(series),
             "\n%s{grpc_type=\"unknown\",grpc_service=\"%.*s\",grpc_method=\"%s\"%s} ",
             metric, (int)(dot - method), method, dot + 1, rest);
    strbuf_init(&out, 1 << 20);
    strbuf_puts(&out, "\n");
    services_print(services, &p);
    at = strstr(out.s, series);
    if (at)
        v = strtol(at + strlen(series), NULL, 10);
    strbuf_done(&out);
    return v;
}

#define OTHER "_OTHER/_OTHER"

static struct rigcall *
begin(const char *method)
{
    struct rigcall *c = rig_call(method);

    assert_int_equal(rig_request(c), FILTER_NEXT);
    return c;
}

static void
attempt(struct rigcall *c, unsigned number, int code, bool answered)
{
    struct filter_attempt a = { .number = number,
                                .code = code,
                                .answered = answered,
                                .backend = "10.0.0.1:1",
                                .begun_us = loop_now_us(rig_loop) };

    c->fc.pool = "app";
    chain_attempt(&c->fc, number);
    rig_advance_ms(7);
    chain_attempt_end(&c->fc, &a);
}

static void
end(struct rigcall *c, int code, bool local)
{
    c->result.local = local;
    c->result.pool = "app";
    c->result.attempts = 1;
    c->result.messages_in = 2;
    c->result.messages_out = 3;
    rig_end(c, code);
}

static void
answered(const char *method, int code)
{
    struct rigcall *c = begin(method);

    attempt(c, 1, code, true);
    end(c, code, false);
}

static void
everything_is_counted_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        answered("a.B/C", GRPC_OK);
        assert_int_equal(value("grpc_server_started_total", "a.B/C", ""), i + 1);
        assert_int_equal(value("grpc_server_handled_total", "a.B/C", ",grpc_code=\"OK\""),
                         i + 1);
        assert_int_equal(value("grpc_client_started_total", "a.B/C", ",pool=\"app\""),
                         i + 1);
        assert_int_equal(
            value("grpc_client_handled_total", "a.B/C", ",pool=\"app\",grpc_code=\"OK\""),
            i + 1);
    }
    answered("a.B/C", GRPC_NOT_FOUND);
    assert_int_equal(
        value("grpc_server_handled_total", "a.B/C", ",grpc_code=\"NotFound\""), 1);
    assert_int_equal(value("grpc_server_msg_received_total", "a.B/C", ""), 8);
    assert_int_equal(value("grpc_server_msg_sent_total", "a.B/C", ""), 12);
    assert_int_equal(value("grpc_client_msg_sent_total", "a.B/C", ",pool=\"app\""), 8);
    assert_int_equal(value("grpc_client_msg_received_total", "a.B/C", ",pool=\"app\""),
                     12);
    assert_int_equal(value("grpc_server_handling_seconds_count", "a.B/C", ""), 4);
    assert_int_equal(
        value("grpc_server_handling_seconds_bucket", "a.B/C", ",le=\"0.005\""), 0);
    assert_int_equal(
        value("grpc_server_handling_seconds_bucket", "a.B/C", ",le=\"0.01\""), 4);
    assert_int_equal(value("grpc_server_started_total", OTHER, ""), -1);
    assert_int_equal(value("grpc_client_started_total", OTHER, ",pool=\"app\""), -1);
}

static void
a_known_method_counts_when_it_begins(void **state)
{
    struct rigcall *c;

    (void)state;
    answered("a.B/C", GRPC_OK);
    c = begin("a.B/C");
    assert_int_equal(value("grpc_server_started_total", "a.B/C", ""), 2);
    c->fc.pool = "app";
    chain_attempt(&c->fc, 1);
    assert_int_equal(value("grpc_client_started_total", "a.B/C", ",pool=\"app\""), 2);
    assert_int_equal(value("grpc_server_handled_total", "a.B/C", ",grpc_code=\"OK\""), 1);
    rig_end(c, GRPC_CANCELLED);
    assert_int_equal(
        value("grpc_server_handled_total", "a.B/C", ",grpc_code=\"Canceled\""), 1);
}

static void
a_stream_of_a_new_method_counts_with_its_first_answer(void **state)
{
    struct rigcall *c = begin("a.B/Watch");

    (void)state;
    assert_int_equal(value("grpc_server_started_total", "a.B/Watch", ""), -1);
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    assert_int_equal(value("grpc_server_started_total", "a.B/Watch", ""), 1);
    end(c, GRPC_OK, false);
    assert_int_equal(value("grpc_server_started_total", "a.B/Watch", ""), 1);
    assert_int_equal(value("grpc_server_handled_total", "a.B/Watch", ",grpc_code=\"OK\""),
                     1);
}

/* Names that only a client has said have no series. */
static void
names_that_no_backend_knows_are_other(void **state)
{
    struct rigcall *c;

    (void)state;
    answered("no.Such/Method", GRPC_UNIMPLEMENTED);
    c = begin("no.Backend/Method");
    attempt(c, 1, GRPC_UNAVAILABLE, false);
    end(c, GRPC_UNAVAILABLE, true);
    c = begin("never.Sent/Method");
    c->result.cancelled = true;
    rig_end(c, GRPC_CANCELLED);
    c = rig_call("no.Route/Method");
    chain_watch(&c->fc);
    c->result.local = true;
    rig_end(c, GRPC_UNIMPLEMENTED);
    assert_int_equal(value("grpc_server_started_total", "no.Such/Method", ""), -1);
    assert_int_equal(value("grpc_server_started_total", OTHER, ""), 4);
    assert_int_equal(
        value("grpc_server_handled_total", OTHER, ",grpc_code=\"Unimplemented\""), 2);
    assert_int_equal(value("grpc_client_started_total", OTHER, ",pool=\"app\""), 2);
    assert_int_equal(value("grpc_client_handled_total", OTHER,
                           ",pool=\"app\",grpc_code=\"Unavailable\""),
                     1);
}

static void
there_are_no_more_series_than_there_may_be(void **state)
{
    char method[64];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(method, sizeof(method), "a.B/M%d", i);
        answered(method, GRPC_OK);
    }
    assert_int_equal(value("grpc_server_started_total", "a.B/M4", ""), 1);
    assert_int_equal(value("grpc_server_started_total", "a.B/M5", ""), -1);
    assert_int_equal(value("grpc_server_started_total", OTHER, ""), 995);
    assert_int_equal(value("grpc_client_started_total", OTHER, ",pool=\"app\""), 995);
}

static void
attempts_side_by_side_are_told_apart(void **state)
{
    struct rigcall *c;
    struct filter_attempt a = { .code = GRPC_UNAVAILABLE, .backend = "" };

    (void)state;
    answered("a.B/C", GRPC_OK);
    c = begin("a.B/C");
    c->fc.pool = "app";
    for (unsigned i = 1; i <= 3; i++)
        chain_attempt(&c->fc, i);
    assert_int_equal(value("grpc_client_started_total", "a.B/C", ",pool=\"app\""), 4);
    a.begun_us = loop_now_us(rig_loop);
    for (unsigned i = 3; i >= 1; i--) {
        a.number = i;
        chain_attempt_end(&c->fc, &a);
    }
    end(c, GRPC_OK, false);
    assert_int_equal(value("grpc_client_started_total", "a.B/C", ",pool=\"app\""), 4);
    assert_int_equal(value("grpc_client_handled_total", "a.B/C",
                           ",pool=\"app\",grpc_code=\"Unavailable\""),
                     3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(everything_is_counted_once),
        METRICS_TEST(a_known_method_counts_when_it_begins),
        METRICS_TEST(a_stream_of_a_new_method_counts_with_its_first_answer),
        METRICS_TEST(names_that_no_backend_knows_are_other),
        METRICS_TEST(there_are_no_more_series_than_there_may_be),
        METRICS_TEST(attempts_side_by_side_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

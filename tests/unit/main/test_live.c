/* SPDX-License-Identifier: Apache-2.0 */
/* The object of /stats.json: that it is JSON, that its figures are those of the counters, second by second, and what the state is called. */
#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "filter/services.h"
#include "loop/loop.h"
#include "main/live_int.h"
#include "net/tls_store.h"
#include "obs/failed_log.h"
#include "obs/rpc_metrics.h"
#include "proxy/front.h"
#include "upstream/backend.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"
#include "vclock.h"

static const char config_text[] =
    "{\"version\":1,\"listeners\":[{\"listen\":\":8080\",\"routes\":[{\"to\":\"app\"}]}],"
    "\"pools\":[{\"name\":\"app\",\"endpoints\":[\"127.0.0.1:1\",\"127.0.0.1:2\"],"
    "\"limits\":{\"maxConcurrentRequests\":50}},"
    "{\"name\":\"b\\u00fccher\",\"endpoints\":[\"127.0.0.1:3\"]}]}";

static struct vclock clock_now;
static struct process p;
static struct live *live;
static struct drain_left open_now;
static json_t *root; /* of the last look */

static struct drain_left
on_left(void *arg)
{
    (void)arg;
    return open_now;
}

static const struct drain_ops drain_ops = { .left = on_left };

/* A process without threads and sockets: the counters are played by the test. */
static void
open_as(enum histogram_kind kind)
{
    const struct services_args args = { .loop = p.loop,
                                        .workers = 1,
                                        .max_methods = 600,
                                        .histogram = kind,
                                        .stats = &p.main_stats,
                                        .writer_loop = p.loop };
    const struct pool_conf *pools = p.conf->pools.items;

    p.filters.env.services = services_new(&args);
    p.hub_count = p.conf->pools.n;
    p.hubs = xcalloc(p.hub_count, sizeof(struct hub *));
    for (size_t i = 0; i < p.hub_count; i++)
        p.hubs[i] = hub_new(p.loop, NULL, &p.rng, NULL, &pools[i], 1);
    live = live_open(&p);
    vclock_advance_ms(&clock_now, 2); /* timers are never early, and a tick late */
}

static int
setup(void **state)
{
    struct strbuf problems;

    (void)state;
    p = (struct process){ .started = true };
    open_now = (struct drain_left){ 0 };
    strbuf_init(&problems, 65536);
    assert_int_equal(conf_load_text(&config_struct, "test", config_text,
                                    strlen(config_text), &problems, &p.snapshot),
                     0);
    strbuf_done(&problems);
    p.conf = conf_root(p.snapshot);
    p.loop = loop_new(vclock_init(&clock_now));
    rng_seed(&p.rng, 1);
    p.tls = tls_store_new(p.loop, &p.main_stats);
    p.stats = xcalloc(2, sizeof(struct stats *));
    p.stats[0] = &p.main_stats;
    p.stats[1] = xcalloc(1, sizeof(struct stats));
    drain_init(&p.drain, p.loop, &drain_ops, NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    json_decref(root);
    root = NULL;
    live_close(live);
    for (size_t i = 0; i < p.hub_count; i++)
        hub_free(p.hubs[i]);
    services_free(p.filters.env.services);
    tls_store_free(p.tls);
    xfree(p.hubs);
    xfree((void *)p.stats[1]);
    xfree(p.stats);
    loop_free(p.loop);
    conf_drop(p.snapshot);
    return 0;
}

/* --- looking -------------------------------------------------------------------------- */

static void
look(void)
{
    json_error_t error;
    struct strbuf out;

    strbuf_init(&out, 16 << 20);
    live_print(live, &out);
    strbuf_puts(&out, "}");
    json_decref(root);
    root = json_loads(out.s, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s at %d of\n%s", error.text, error.position, out.s);
    strbuf_done(&out);
}

static void
seconds(unsigned n)
{
    for (; n > 0; n--) {
        vclock_advance_ms(&clock_now, 1000);
        loop_turn(p.loop, false);
    }
    look();
}

static json_t *
at(const char *list, size_t i)
{
    return json_array_get(json_object_get(root, list), i);
}

static json_t *
now(void)
{
    return json_object_get(root, "now");
}

static double
number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_number(v))
        fail_msg("%s is no number", key);
    return json_number_value(v);
}

static const char *
text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    if (!s)
        fail_msg("%s is no text", key);
    return s;
}

static bool
unknown(const json_t *o, const char *key)
{
    return json_is_null(json_object_get(o, key));
}

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 0.011)

/* --- playing -------------------------------------------------------------------------- */

static void
calls(unsigned n, int code)
{
    stat_add(&p.main_stats, (enum stat_id)(STAT_CODE_0 + code), n);
}

static void
method_calls(const char *path, unsigned n, int code, int64_t us)
{
    struct rpc_table *t = rpc_metrics_table(p.filters.env.services->metrics, 0);
    unsigned method = rpc_table_learn(t, slice_of(path));

    for (; n > 0; n--) {
        rpc_handled(t, rpc_table_server(t, method), code, us);
        rpc_handled(t, rpc_table_client(t, slice_of("app"), method), code, us);
    }
}

static struct backend_tally *
tally(size_t pool, size_t endpoint)
{
    return hub_list(p.hubs[pool])->rows[endpoint].backend->tally;
}

/* --- figures -------------------------------------------------------------------------- */

static void
nothing_happened_is_said_so(void **state)
{
    (void)state;
    open_as(HISTOGRAM_FINE);
    look();
    assert_int_equal(number(root, "version"), 1);
    NEAR(number(now(), "callsPerS"), 0);
    assert_true(unknown(now(), "okShare"));
    assert_true(unknown(now(), "p99Ms"));
    assert_int_equal(json_array_size(json_object_get(now(), "line")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "pools")), 2);
    assert_int_equal(json_array_size(json_object_get(root, "codes")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "methods")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "failed")), 0);
    assert_true(unknown(at("pools", 0), "okShare"));
    assert_int_equal(number(at("pools", 0), "inFlightLimit"), 50);
    assert_true(unknown(at("pools", 1), "inFlightLimit"));
    assert_int_equal(number(at("pools", 0), "total"), 2);
    assert_true(number(now(), "rssBytes") > 100000);
}

static void
rates_and_codes_are_those_of_the_counters(void **state)
{
    (void)state;
    open_as(HISTOGRAM_FINE);
    calls(30, 0);
    calls(10, 14);
    stat_add(&p.main_stats, STAT_RETRIES, 5);
    stat_add(&p.main_stats, STAT_HEDGES, 1);
    stat_add(&p.main_stats, STAT_RATE_LIMITED, 8);
    stat_add(&p.main_stats, STAT_RBAC_DENIED, 4);
    seconds(1);
    NEAR(number(now(), "callsPerS"), 40);
    NEAR(number(now(), "okShare"), 0.75);
    seconds(1);
    NEAR(number(now(), "callsPerS"), 20);
    NEAR(number(now(), "retriesPerS"), 3);
    NEAR(number(now(), "limitedPerS"), 4);
    NEAR(number(now(), "deniedPerS"), 2);
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(now(), "line"), 0)), 40);
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(now(), "line"), 1)), 0);
    assert_string_equal(text(at("codes", 0), "code"), "OK");
    assert_string_equal(text(at("codes", 1), "code"), "Unavailable");
    assert_int_equal(number(at("codes", 1), "lastMinute"), 10);
    seconds(70);
    NEAR(number(now(), "callsPerS"), 0);
    assert_int_equal(number(at("codes", 1), "lastMinute"), 0);
    assert_int_equal(number(at("codes", 1), "last5Minutes"), 10);
    assert_int_equal(json_array_size(json_object_get(now(), "line")), 60);
    seconds(240);
    assert_int_equal(number(at("codes", 1), "last5Minutes"), 0);
}

static void
percentiles_come_from_the_histograms(void **state)
{
    json_t *first;

    (void)state;
    open_as(HISTOGRAM_FINE);
    method_calls("/a.B/Slow", 90, 0, 4500);
    method_calls("/a.B/Slow", 10, 4, 900000);
    method_calls("/a.B/Busy", 900, 0, 1500);
    seconds(1);
    first = at("methods", 0);
    assert_string_equal(text(first, "method"), "/a.B/Busy");
    NEAR(number(first, "callsPerS"), 900);
    NEAR(number(first, "okShare"), 1);
    assert_true(number(first, "p50Ms") > 1 && number(first, "p99Ms") <= 2);
    assert_string_equal(text(at("methods", 1), "method"), "/a.B/Slow");
    NEAR(number(at("methods", 1), "okShare"), 0.9);
    assert_true(number(at("methods", 1), "p50Ms") > 4);
    assert_true(number(at("methods", 1), "p99Ms") > 800);
    /* All calls, and the pool that had them; the other one had none. */
    assert_true(number(now(), "p50Ms") > 1 && number(now(), "p50Ms") < 2);
    assert_true(number(now(), "p95Ms") > 4 && number(now(), "p95Ms") <= 5);
    NEAR(number(at("pools", 0), "okShare"), 0.99);
    assert_true(number(at("pools", 0), "p95Ms") > 4);
    assert_true(unknown(at("pools", 1), "p95Ms"));
    assert_string_equal(text(at("pools", 1), "name"), "b\u00fccher");
    seconds(11);
    assert_true(unknown(now(), "p50Ms"));
}

static void
without_histograms_the_rest_is_there(void **state)
{
    (void)state;
    open_as(HISTOGRAM_NONE);
    calls(10, 0);
    method_calls("/a.B/C", 10, 0, 1000);
    seconds(1);
    NEAR(number(now(), "callsPerS"), 10);
    assert_true(unknown(now(), "p50Ms"));
    NEAR(number(at("methods", 0), "okShare"), 1);
    assert_true(unknown(at("methods", 0), "p99Ms"));
    assert_true(unknown(at("pools", 0), "p99Ms"));
}

static void
a_pool_without_metrics_has_the_counts_of_its_endpoints(void **state)
{
    const json_t *pool, *endpoint;

    (void)state;
    open_as(HISTOGRAM_FINE);
    tally(0, 0)->calls = 30;
    tally(0, 0)->successes = 24;
    tally(0, 0)->failures = 6;
    tally(0, 1)->calls = 10;
    tally(0, 1)->successes = 6;
    tally(0, 1)->local_failures = 4;
    tally(0, 1)->flying = 3;
    seconds(2);
    pool = at("pools", 0);
    NEAR(number(pool, "callsPerS"), 20);
    NEAR(number(pool, "okShare"), 0.75);
    assert_true(unknown(pool, "p50Ms"));
    assert_int_equal(number(pool, "inFlight"), 3);
    endpoint = json_array_get(json_object_get(pool, "endpoints"), 1);
    assert_string_equal(text(endpoint, "address"), "127.0.0.1:2");
    NEAR(number(endpoint, "callsPerS"), 5);
    NEAR(number(endpoint, "failuresPerS"), 2);
    NEAR(number(at("pools", 1), "callsPerS"), 0);
}

/* An endpoint goes, another comes: what stays keeps its seconds, and what the pool did is not undone. */
static void
endpoints_keep_their_seconds_when_the_list_changes(void **state)
{
    struct endpoint_conf other[2];
    const struct pool_conf *conf = p.conf->pools.items;
    const json_t *pool, *endpoints;

    (void)state;
    open_as(HISTOGRAM_FINE);
    tally(0, 0)->calls = 100;
    tally(0, 1)->calls = 40;
    seconds(1);
    other[0] = ((const struct endpoint_conf *)conf->endpoints.items)[1];
    other[1] = other[0];
    other[1].target = "127.0.0.1:9";
    hub_reconfigure(p.hubs[0], &(struct conf_list){ other, 2 });
    loop_turn(p.loop, false);
    assert_int_equal(hub_list(p.hubs[0])->n, 2);
    look(); /* the rings are those of the old list: nothing is shown rather than something wrong */
    endpoints = json_object_get(at("pools", 0), "endpoints");
    assert_true(unknown(json_array_get(endpoints, 0), "callsPerS"));
    seconds(1);
    pool = at("pools", 0);
    endpoints = json_object_get(pool, "endpoints");
    assert_string_equal(text(json_array_get(endpoints, 0), "address"), "127.0.0.1:2");
    NEAR(number(json_array_get(endpoints, 0), "callsPerS"), 20);
    NEAR(number(json_array_get(endpoints, 1), "callsPerS"), 0);
    NEAR(number(pool, "callsPerS"), 70);
}

static void
methods_beyond_the_bound_are_one_row(void **state)
{
    char path[32];
    json_t *other;

    (void)state;
    open_as(HISTOGRAM_FINE);
    for (unsigned i = 1; i <= LIVE_METHODS_MAX + 60; i++) {
        snprintf(path, sizeof(path), "/a.B/M%u", i);
        method_calls(path, 1, 0, 100);
    }
    seconds(1);
    assert_int_equal(json_array_size(json_object_get(root, "methods")),
                     LIVE_METHODS_SHOWN);
    other = at("methods", 0);
    assert_string_equal(text(other, "method"), "_OTHER");
    NEAR(number(other, "callsPerS"), 60);
}

/* --- state ---------------------------------------------------------------------------- */

static const json_t *
process(void)
{
    look();
    return json_object_get(root, "process");
}

static void
the_state_is_a_word_with_a_reason(void **state)
{
    const json_t *drain;

    (void)state;
    open_as(HISTOGRAM_FINE);
    assert_string_equal(text(process(), "state"), "ready");
    assert_string_equal(text(process(), "stateWhy"), "");
    assert_true(unknown(process(), "drain"));
    p.started = false;
    assert_string_equal(text(process(), "state"), "starting");
    assert_string_equal(text(process(), "stateWhy"), "listeners are not open yet");
    p.started = true;
    p.drain.phase = DRAIN_ANNOUNCED;
    assert_string_equal(text(process(), "state"), "draining");
    assert_non_null(strstr(text(process(), "stateWhy"), "POST /undrain"));
    p.drain.phase = DRAIN_GOAWAY;
    p.drain.ending = true;
    p.drain.end_us = loop_now_us(p.loop) + 7000000;
    open_now = (struct drain_left){ .inbound = 2, .outbound = 1, .calls = 1 };
    assert_string_equal(text(process(), "stateWhy"),
                        "the process was told to end: clients are told to go, 3 "
                        "connections and 1 call left");
    drain = json_object_get(process(), "drain");
    assert_string_equal(text(drain, "phase"), "goaway");
    assert_int_equal(number(drain, "leftMs"), 7000);
    assert_int_equal(number(drain, "connections"), 3);
    p.drain.phase = DRAIN_STOPPING;
    assert_string_equal(text(process(), "state"), "stopping");
}

/* The same bytes have the same hash, wherever they came from; others have another one. */
static void
the_hash_is_of_the_bytes(void **state)
{
    struct conf_snapshot *other;
    struct strbuf problems, spaced;

    (void)state;
    open_as(HISTOGRAM_FINE);
    strbuf_init(&problems, 65536);
    assert_int_equal(conf_load_text(&config_struct, "elsewhere", config_text,
                                    strlen(config_text), &problems, &other),
                     0);
    assert_true(conf_hash(other) == conf_hash(p.snapshot));
    conf_drop(other);
    strbuf_init(&spaced, 65536);
    strbuf_printf(&spaced, "%s\n", config_text);
    assert_int_equal(
        conf_load_text(&config_struct, "test", spaced.s, spaced.len, &problems, &other),
        0);
    assert_true(conf_hash(other) != conf_hash(p.snapshot));
    conf_drop(other);
    strbuf_done(&spaced);
    strbuf_done(&problems);
    assert_int_equal(strlen(text(json_object_get(process(), "config"), "hash")), 8);
}

static void
failed_calls_are_those_of_why(void **state)
{
    const struct failed_call call = { .code = 14,
                                      .local = true,
                                      .reason = "CONNECT_REFUSED" };

    (void)state;
    open_as(HISTOGRAM_FINE);
    failed_log_add(p.filters.env.services->failed, 0, &call);
    failed_log_add(p.filters.env.services->failed, 0, &call);
    look();
    assert_int_equal(json_array_size(json_object_get(root, "failed")), 1);
    assert_int_equal(json_integer_value(json_object_get(at("failed", 0), "count")), 2);
    assert_non_null(json_object_get(at("failed", 0), "firstAgeMs"));
    assert_string_equal(text(at("failed", 0), "code"), "Unavailable");
    assert_string_equal(text(at("failed", 0), "reason"), "CONNECT_REFUSED");
}

int
main(void)
{
#define LIVE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE_TEST(nothing_happened_is_said_so),
        LIVE_TEST(rates_and_codes_are_those_of_the_counters),
        LIVE_TEST(percentiles_come_from_the_histograms),
        LIVE_TEST(without_histograms_the_rest_is_there),
        LIVE_TEST(a_pool_without_metrics_has_the_counts_of_its_endpoints),
        LIVE_TEST(endpoints_keep_their_seconds_when_the_list_changes),
        LIVE_TEST(methods_beyond_the_bound_are_one_row),
        LIVE_TEST(the_state_is_a_word_with_a_reason),
        LIVE_TEST(the_hash_is_of_the_bytes),
        LIVE_TEST(failed_calls_are_those_of_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which route serves a method, and how long a call may take. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "proxy/listener_conf.h"
#include "proxy/method_conf.h"
#include "proxy/route.h"

static const int64_t S = 1000000; /* in microseconds */
static const struct listener_limits_conf no_limits;

/* client and result in microseconds; -1: none, as in route_time_limit_us */
static void
time_limit_is_the_shortest_of_all(void **state)
{
    static const struct {
        int64_t client_ns, max_us, timeout_us, result;
    } rows[] = {
        { -1, 0, 0, 0 },               /* nothing is limited */
        { -1, 0, 10000000, 10000000 }, /* the route's own limit */
        { -1, 10000000, 0, 0 },        /* the clamp needs a client's value */
        { -1, 10000000, 20000000, 20000000 },
        { 20000000000, 0, 0, 20000000 }, /* the client's */
        { 20000000000, 0, 10000000, 10000000 },
        { 20000000000, 10000000, 0, 10000000 },
        { 20000000000, 30000000, 0, 20000000 },
        { 20000000000, 30000000, 25000000, 20000000 },
        { 20000000000, 15000000, 10000000, 10000000 },
        { 20000000000, 10000000, 15000000, 10000000 },
        { 0, 0, 0, -1 }, /* over already */
        { 999, 0, 0, -1 },
        { 999, 5, 5, -1 },
        { 1000, 0, 0, 1 },
        { 0, 10000000, 10000000, -1 },
        { INT64_MAX, 0, 0, INT64_MAX / 1000 },
        { INT64_MAX, 0, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route r = { .timeout_us = rows[i].timeout_us,
                           .grpc_timeout_max_us = rows[i].max_us };

        if (route_time_limit_us(&r, rows[i].client_ns, 0) != rows[i].result)
            fail_msg("row %zu: %lld", i,
                     (long long)route_time_limit_us(&r, rows[i].client_ns, 0));
    }
}

static void
config_is_milliseconds_routes_are_microseconds(void **state)
{
    struct route_conf conf = { .timeout_ms = 2000, .grpc_timeout_max_ms = 3600000 };
    struct route r;

    (void)state;
    route_init(&r, &conf, 3, &no_limits, NULL);
    assert_int_equal(r.timeout_us, 2 * S);
    assert_int_equal(r.grpc_timeout_max_us, 3600 * S);
    assert_int_equal(r.index, 3);
    assert_ptr_equal(r.conf, &conf);
    assert_string_equal(r.name, "routes[3]");
    assert_int_equal(r.acts, 0); /* nothing beside passing on */
    route_done(&r);
}

/* The strictest of both; a route of one method knows it from the start, others ask for each call. */
static void
method_config_only_makes_stricter(void **state)
{
    struct method_name_conf name = { "a.B", "C" };
    struct method_conf method = { .names = { &name, 1 },
                                  .timeout_ms = 3000,
                                  .max_request_bytes = 100,
                                  .max_response_bytes = 300 };
    const struct conf_list list = { &method, 1 };
    struct method_table *methods = method_table_new(&list);
    struct route_conf conf = { .timeout_ms = 2000,
                               .match = { .service = "a.B", .method = "C" },
                               .limits = { .max_response_message_bytes = 200 } };
    struct route r;

    (void)state;
    route_init(&r, &conf, 0, &no_limits, methods);
    assert_int_equal(r.timeout_us, 2 * S);
    assert_int_equal(r.max_in, 100);
    assert_int_equal(r.max_out, 200);
    assert_int_equal(r.acts, ACT_MAX_IN | ACT_MAX_OUT);
    route_done(&r);
    conf.match.method = NULL;
    route_init(&r, &conf, 0, &no_limits, methods);
    assert_int_equal(r.acts, ACT_LOOKUP | ACT_MAX_OUT);
    assert_int_equal(route_time_limit_us(&r, -1, 3 * S), 2 * S);
    assert_int_equal(route_time_limit_us(&r, -1, 1 * S), 1 * S);
    assert_int_equal(route_time_limit_us(&r, 500000000, 1 * S), S / 2);
    route_done(&r);
    conf.match.method = "D"; /* not in the list */
    route_init(&r, &conf, 0, &no_limits, methods);
    assert_int_equal(r.acts, ACT_MAX_OUT);
    route_done(&r);
    method_table_free(methods);
}

/* Each direction by itself: what the route says takes the place of what its listener says. */
static void
messages_are_limited_by_the_listener_unless_the_route_says_more(void **state)
{
    const struct listener_limits_conf limits = { .max_message_bytes = 100 };
    struct route_conf conf = { .limits = { .max_request_message_bytes = 500 } };
    struct route r;

    (void)state;
    route_init(&r, &conf, 0, &limits, NULL);
    assert_int_equal(r.max_in, 500);
    assert_int_equal(r.max_out, 100);
    assert_int_equal(r.acts, ACT_MAX_IN | ACT_MAX_OUT);
    route_done(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_limit_is_the_shortest_of_all),
        cmocka_unit_test(config_is_milliseconds_routes_are_microseconds),
        cmocka_unit_test(method_config_only_makes_stricter),
        cmocka_unit_test(messages_are_limited_by_the_listener_unless_the_route_says_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

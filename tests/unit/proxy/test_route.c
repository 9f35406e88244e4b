/* SPDX-License-Identifier: Apache-2.0 */
/* Which route serves a method, and how long a call may take. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"

static const int64_t S = 1000000; /* in microseconds */

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

        if (route_time_limit_us(&r, rows[i].client_ns) != rows[i].result)
            fail_msg("row %zu: %lld", i,
                     (long long)route_time_limit_us(&r, rows[i].client_ns));
    }
}

static void
config_is_milliseconds_routes_are_microseconds(void **state)
{
    struct route_conf conf = { .match = { "pkg.Svc", NULL },
                               .timeout_ms = 2000,
                               .grpc_timeout_max_ms = 3600000 };
    struct route r;

    (void)state;
    route_init(&r, &conf, 3);
    assert_int_equal(r.timeout_us, 2 * S);
    assert_int_equal(r.grpc_timeout_max_us, 3600 * S);
    assert_int_equal(r.index, 3);
    assert_ptr_equal(r.conf, &conf);
    assert_true(slice_eq_str(r.service, "pkg.Svc"));
    assert_null(r.method.p);
}

static void
first_match_wins(void **state)
{
    static const struct route_conf conf[] = {
        { .match = { "a.A", "One" } }, { .match = { "a.A", NULL } },
        { .match = { NULL, "Two" } },  { .match = { "b.B", "One" } },
        { .match = { "a.A", "Two" } },
    };
    static const struct {
        const char *service, *method;
        int route; /* -1: none */
    } rows[] = {
        { "a.A", "One", 0 },   { "a.A", "Two", 1 }, { "a.A", "one", 1 },
        { "b.B", "Two", 2 },   { "b.B", "One", 3 }, { "b.B", "Three", -1 },
        { "a.AA", "One", -1 }, { "a", "One", -1 },  { "A.A", "One", -1 },
        { "", "Two", 2 },
    };
    struct route routes[ARRAY_LEN(conf)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conf); i++)
        route_init(&routes[i], &conf[i], (unsigned)i);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct route *r = route_find(
            routes, ARRAY_LEN(conf), slice_of(rows[i].service), slice_of(rows[i].method));

        if ((r ? (int)r->index : -1) != rows[i].route)
            fail_msg("%s/%s: route %d", rows[i].service, rows[i].method,
                     r ? (int)r->index : -1);
    }
    assert_null(route_find(routes, 0, slice_of("a.A"), slice_of("One")));
}

static void
a_route_without_match_takes_all(void **state)
{
    struct route_conf conf = { 0 };
    struct route r;

    (void)state;
    route_init(&r, &conf, 0);
    assert_ptr_equal(route_find(&r, 1, slice_of("any.Service"), slice_of("Any")), &r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_limit_is_the_shortest_of_all),
        cmocka_unit_test(config_is_milliseconds_routes_are_microseconds),
        cmocka_unit_test(first_match_wins),
        cmocka_unit_test(a_route_without_match_takes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

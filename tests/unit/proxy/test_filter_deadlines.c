/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines that filters give to calls, beside those of clients and routes. Virtual time. */
#include "probefilter.h"

#include "grpc/status.h"
#include "h2/conn.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static int
limit_setup(void **state)
{
    int rv = probe_setup(state);

    rig.virtual = true;
    return rv;
}

#define LIMIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, limit_setup, probe_teardown)

/* A call whose backend never answers. client: its grpc-timeout; NULL: none. */
static void
silent_call(const char *client)
{
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/Method", ":authority", "test.example", "te",
                   "trailers", "content-type", "application/grpc", "x-secret", "s",
                   client ? "grpc-timeout" : NULL, client, NULL);
}

/* The call ends by its deadline, after so long and not earlier. */
static void
ends_after(int64_t ms)
{
    RIG_UNTIL(heard.requests == 1);
    rig_wait_ms(ms - 1);
    assert_int_equal(heard.ends, 0);
    rig_wait_ms(2); /* of the loop's time, which stands still for a turn */
    assert_int_equal(heard.ends, 1);
    assert_int_equal(heard.result.code, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(heard.limit_us, ms * 1000);
    assert_true(heard.took_us >= heard.limit_us);
    want_status(1, "4");
}

static void
a_filter_gives_a_call_its_deadline(void **state)
{
    (void)state;
    plan.limit_ms = 80;
    callrig_open();
    silent_call(NULL);
    RIG_UNTIL(h2peer_count(&backends[0], F_HEADERS, 1) == 1);
    HAS(fields_of(&backends[0], 1, 0), "grpc-timeout: ");
    ends_after(80);
}

static void
a_filter_only_makes_it_earlier(void **state)
{
    (void)state;
    plan.limit_ms = 80;
    callrig_open();
    silent_call("50m");
    ends_after(50);
}

static void
it_holds_while_a_filter_waits(void **state)
{
    (void)state;
    plan.limit_ms = 80;
    plan.wait_request = true;
    callrig_open();
    silent_call(NULL);
    ends_after(80);
}

/* The first route has a timeout of 60 ms, the one that the call comes to has route_ms. */
static void
another_route(int64_t route_ms)
{
    static struct header_match_conf by_version = { .name = "x-version", .exact = "v2" };

    rig.routes[1] = rig.routes[0];
    rig.routes[1].timeout_ms = 60;
    rig.routes[0].timeout_ms = route_ms;
    rig.routes[0].match.headers = (struct conf_list){ &by_version, 1 };
    rig.front.routes.n = 2;
    plan.edit = plan.match = true;
    callrig_open();
    silent_call(NULL);
}

static void
another_route_does_not_lift_it(void **state)
{
    (void)state;
    plan.limit_ms = 50;
    another_route(0);
    ends_after(50);
}

static void
another_route_may_be_stricter(void **state)
{
    (void)state;
    plan.limit_ms = 50;
    another_route(30);
    ends_after(30);
}

/* Hits of routes: [0] and [1] are those of the targets of two routes. */
static void
want_hits(uint64_t first, uint64_t second)
{
    const struct table *t = rig.server->table;
    uint64_t *hits = calloc(table_hits_count(t), sizeof(*hits));

    table_hits_get(t, hits);
    assert_int_equal(hits[t->routes[0].target], first);
    assert_int_equal(hits[t->routes[1].target], second);
    free(hits);
}

/* It came to the second route first. */
static void
a_call_counts_for_the_route_that_it_goes(void **state)
{
    (void)state;
    another_route(30);
    RIG_UNTIL(heard.requests == 1);
    want_hits(1, 0);
    ends_after(30);
    want_hits(1, 0);
}

/* Without a word of a filter the time is that of the route it came to. */
static void
another_route_has_its_own_time(void **state)
{
    (void)state;
    another_route(100);
    ends_after(100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LIMIT_TEST(a_filter_gives_a_call_its_deadline),
        LIMIT_TEST(a_filter_only_makes_it_earlier),
        LIMIT_TEST(it_holds_while_a_filter_waits),
        LIMIT_TEST(a_call_counts_for_the_route_that_it_goes),
        LIMIT_TEST(another_route_does_not_lift_it),
        LIMIT_TEST(another_route_may_be_stricter),
        LIMIT_TEST(another_route_has_its_own_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

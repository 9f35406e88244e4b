/* SPDX-License-Identifier: Apache-2.0 */
/* Where a call would go, in words: the same routes that calls meet. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "proxy/explain.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"

enum { TEXT_MAX = 1 << 20 };

static struct conf_snapshot *snapshot;
static struct table *table;
static struct explain_call call;
static struct strbuf out;
static const char *why;

static unsigned
slot_of(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 0;
}

/* routes: JSON list; further keys of the listener may follow it. */
static void
table_open(const char *routes)
{
    struct strbuf text, problems;

    strbuf_init(&text, TEXT_MAX);
    strbuf_init(&problems, TEXT_MAX);
    strbuf_puts(&text,
                "{ \"name\": \"in\", \"listen\": \"127.0.0.1:8080\", \"routes\": ");
    strbuf_puts(&text, routes);
    strbuf_puts(&text, " }");
    if (conf_load_text(&listener_conf_struct, "t", text.s, text.len, &problems,
                       &snapshot) != 0)
        fail_msg("%s", problems.s);
    table = table_new(conf_root(snapshot), 1, NULL, slot_of, NULL);
    strbuf_done(&text);
    strbuf_done(&problems);
}

static int
setup(void **state)
{
    (void)state;
    snapshot = NULL;
    table = NULL;
    strbuf_init(&out, TEXT_MAX);
    explain_call_init(&call);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    table_drop(table);
    if (snapshot)
        conf_drop(snapshot);
    strbuf_done(&out);
    return 0;
}

static void
ask(const char *path)
{
    assert_true(explain_call_set_path(&call, path, &why));
}

static void
header(char *text)
{
    if (!explain_call_add_header(&call, text, &why))
        fail_msg("%s", why);
}

static void
told(const char *part)
{
    if (!strstr(out.s, part))
        fail_msg("\"%s\" is not in:\n%s", part, out.s);
}

static void
print(struct explain *e)
{
    strbuf_done(&out);
    strbuf_init(&out, TEXT_MAX);
    explain_print(e, "127.0.0.1:8080", 7, &out);
}

static void
the_first_route_that_fits_and_why_not_those_before(void **state)
{
    char version[] = "X-Version=v3";
    struct explain e;

    (void)state;
    table_open("[{\"match\":{\"service\":\"a.A\"},\"to\":\"one\"},"
               "{\"name\":\"new\",\"match\":{\"headers\":{\"x-version\":\"v2\"}},"
               "\"to\":\"one\"},"
               "{\"match\":{\"san\":\"spiffe://shop/web\"},\"to\":\"one\"},"
               "{\"match\":{\"hosts\":[\"b.example\"]},\"to\":\"one\"},"
               "{\"match\":{\"service\":\"b.B\"},\"to\":\"two\"},{\"to\":\"one\"}]");
    ask("/b.B/Get");
    header(version);
    assert_true(explain_call_set_authority(&call, "c.example:80", &why));
    explain_init(&e, table, &call);
    assert_int_equal(e.route->index, 4);
    assert_int_equal(e.skipped, 4);
    assert_int_equal(e.shown, 4);
    assert_int_equal(e.target, 0);
    print(&e);
    told("/b.B/Get to listener in (127.0.0.1:8080), config 7\n"
         "takes routes[4] of 6: pool two\n");
    told("routes[0]: the service is \"b.B\", not \"a.A\"\n");
    told("routes[1] \"new\": header x-version is \"v3\", not \"v2\"\n");
    told("routes[2]: the client has no verified certificate\n");
    told("routes[3]: the host is \"c.example\", not \"b.example\"\n");
    explain_done(&e);
}

static void
policies_are_told_with_their_home(void **state)
{
    char previous[] = "grpc-previous-rpc-attempts=1";
    struct explain e;

    (void)state;
    table_open("[{\"match\":{\"service\":\"a.A\"},\"to\":\"one\",\"retryPolicy\":{"
               "\"maxAttempts\":3,\"initialBackoff\":\"0.1s\",\"maxBackoff\":\"1s\","
               "\"backoffMultiplier\":2,\"retryableStatusCodes\":[\"UNAVAILABLE\",8],"
               "\"perTryTimeout\":\"250ms\",\"retryOnlyFirstHop\":true}},"
               "{\"match\":{\"service\":\"b.B\"},\"to\":\"two\",\"hedgingPolicy\":{"
               "\"maxAttempts\":2,\"hedgingDelay\":\"p95\"}},{\"to\":\"one\"}]");
    ask("/a.A/Get");
    explain_init(&e, table, &call);
    print(&e);
    told("  retryPolicy of the route: at most 3 attempts after RESOURCE_EXHAUSTED, "
         "UNAVAILABLE; 100ms apart, x2 up to 1s; perTryTimeout 250ms\n");
    explain_done(&e);
    ask("/a.A/Get");
    header(previous);
    explain_init(&e, table, &call);
    print(&e);
    told("    not for this call: it comes with grpc-previous-rpc-attempts");
    explain_done(&e);
    ask("/b.B/Get");
    explain_init(&e, table, &call);
    print(&e);
    told("  hedgingPolicy of the route: at most 2 attempts, p95 of the method's time "
         "apart; not fatal: none\n");
    explain_done(&e);
    strbuf_done(&out);
    strbuf_init(&out, TEXT_MAX);
    explain_routes(table, "127.0.0.1:8080", &out);
    told("-> pool one; retryPolicy: at most 3 attempts after");
    told("routes[2]: every call -> pool one\n");
}

static void
a_name_of_the_client_is_one_of_a_verified_certificate(void **state)
{
    struct explain e;

    (void)state;
    table_open("[{\"match\":{\"san\":\"spiffe://shop/web\"},\"to\":\"one\"}]");
    ask("/b.B/Get");
    assert_true(explain_call_add_san(&call, "other.example", &why));
    explain_init(&e, table, &call);
    assert_null(e.route);
    print(&e);
    told("no route fits: the call ends with UNIMPLEMENTED\n");
    explain_done(&e);
    assert_true(explain_call_add_san(&call, "spiffe://shop/web", &why));
    explain_init(&e, table, &call);
    assert_non_null(e.route);
    explain_done(&e);
}

static void
of_thousands_the_nearest_are_shown(void **state)
{
    struct strbuf routes;
    struct explain e;

    (void)state;
    strbuf_init(&routes, TEXT_MAX);
    strbuf_puts(&routes, "[");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&routes, "{\"match\":{\"service\":\"a.S%d\"},\"to\":\"one\"},", i);
    strbuf_puts(&routes, "{\"match\":{\"service\":\"b.B\"},\"to\":\"two\"}]");
    table_open(routes.s);
    strbuf_done(&routes);
    ask("/b.B/Get");
    explain_init(&e, table, &call);
    assert_int_equal(e.skipped, 1000);
    assert_int_equal(e.shown, EXPLAIN_SKIPPED_MAX);
    assert_int_equal(e.skips[0].index, 980);
    print(&e);
    told("passed over: 1000 routes\n  routes[980]: the service is \"b.B\", not "
         "\"a.S980\"\n");
    told("  and 980 more before these\n");
    explain_done(&e);
}

/* What is told of a header is what calls with it get. */
static void
the_sticky_target_is_that_of_calls(void **state)
{
    struct rng rng;
    unsigned seen[3] = { 0 };

    (void)state;
    rng_seed(&rng, 1);
    table_open(
        "[{\"to\":[{\"pool\":\"one\",\"weight\":3},{\"pool\":\"two\",\"weight\":1},"
        "{\"pool\":\"off\",\"weight\":0}],\"splitBy\":{\"header\":\"x-user\"}}]");
    for (int i = 0; i < 200; i++) {
        char text[32];
        struct explain e;

        explain_call_init(&call);
        ask("/b.B/Get");
        snprintf(text, sizeof(text), "x-user=u%d", i);
        header(text);
        explain_init(&e, table, &call);
        assert_in_range(e.target, 0, 1);
        assert_int_equal((unsigned)e.target + e.route->target,
                         route_pick_target(e.route, &rng, &call.headers));
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(explain_takes(&e, k), k == (unsigned)e.target);
        seen[e.target]++;
        explain_done(&e);
    }
    assert_in_range(seen[1], 25, 80);
}

static void
chance_has_shares_and_no_target(void **state)
{
    struct explain e;

    (void)state;
    table_open(
        "[{\"to\":[{\"pool\":\"one\",\"weight\":3},{\"pool\":\"two\",\"weight\":1},"
        "{\"pool\":\"off\",\"weight\":0}],\"splitBy\":{\"header\":\"x-user\"}}]");
    ask("/b.B/Get");
    explain_init(&e, table, &call);
    assert_int_equal(e.target, -1);
    assert_true(explain_takes(&e, 0));
    assert_true(explain_takes(&e, 1));
    assert_false(explain_takes(&e, 2));
    print(&e);
    told("pool one (75 %), pool two (25 %), pool off (0 %), by header x-user\n");
    told("the call has no header x-user (splitBy): chance decides\n");
    explain_done(&e);
}

static void
what_the_route_does(void **state)
{
    char timeout[] = "grpc-timeout=50S";
    struct explain e;

    (void)state;
    table_open("[{\"to\":\"one\",\"timeout\":\"20s\",\"grpcTimeoutMax\":\"15s\","
               "\"requestHeaders\":{\"set\":{\"x-a\":\"%{route}\"},\"remove\":[\"x-b\"]},"
               "\"mirror\":{\"pool\":\"two\",\"share\":\"2.5%\"},"
               "\"limits\":{\"maxRequestMessageBytes\":\"4KiB\","
               "\"maxConcurrentRequests\":9}}],"
               "\"methodConfig\":[{\"name\":[{\"service\":\"b.B\",\"method\":\"Get\"}],"
               "\"timeout\":\"12s\"}]");
    ask("/b.B/Get");
    header(timeout);
    explain_init(&e, table, &call);
    assert_int_equal(e.limit_us, 12000000);
    print(&e);
    told("timeout: 20s\n");
    told("grpcTimeoutMax: 15s\n");
    told("ends with DEADLINE_EXCEEDED after 12s\n");
    told("methodConfig has an entry for this method\n    timeout: 12s\n");
    told("requestHeaders: set x-a: %{route}; remove x-b\n");
    told("mirror: 2.5 % of the calls are copied to pool two\n");
    told("maxRequestMessageBytes: 4KiB\n");
    told("maxConcurrentRequests: 9\n");
    explain_done(&e);
    ask("/b.B/Put");
    explain_init(&e, table, &call);
    assert_int_equal(e.limit_us, 15000000);
    explain_done(&e);
}

static void
a_status_is_an_answer_without_a_pool(void **state)
{
    struct explain e;

    (void)state;
    table_open("[{\"status\":{\"code\":\"UNAVAILABLE\",\"message\":\"closed\"}}]");
    ask("/b.B/Get");
    explain_init(&e, table, &call);
    assert_int_equal(e.target, -1);
    print(&e);
    told("takes routes[0] of 1: answers UNAVAILABLE: closed\n");
    explain_json(&e, "a", 1, &out);
    told("\"status\":{\"code\":\"UNAVAILABLE\",\"message\":\"closed\"}");
    explain_done(&e);
}

static void
words_that_no_call_has_are_refused(void **state)
{
    static const char *const paths[] = { "",         "/",        "a.B/C", "/a.B",
                                         "/a.B/C/D", "/a.B/C?x", "/a B/C" };
    static const char *const headers[] = { "x",
                                           "=v",
                                           "x y=1",
                                           ":path=/a/B",
                                           "x=\n",
                                           "x= v",
                                           "x=v ",
                                           "x=\x7f",
                                           "te=trailers",
                                           "connection=close",
                                           "grpc-timeout=1",
                                           "grpc-timeout=123456789S",
                                           "content-type=application/grpc" };
    static const char *const hosts[] = { "", "a b", "u@h", "a/b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_false(explain_call_set_path(&call, paths[i], &why));
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_false(explain_call_set_authority(&call, hosts[i], &why));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char text[64];

        snprintf(text, sizeof(text), "%s", headers[i]);
        why = NULL;
        if (explain_call_add_header(&call, text, &why))
            fail_msg("taken: %s", headers[i]);
        assert_non_null(why);
    }
    assert_false(explain_call_add_san(&call, "", &why));
    assert_int_equal(call.headers.n, 2);
}

static void
no_more_headers_than_there_is_room(void **state)
{
    static char text[EXPLAIN_HEADERS_MAX + 1][8];

    (void)state;
    for (int i = 0; i < EXPLAIN_HEADERS_MAX; i++) {
        memcpy(text[i], "x=1", 4);
        header(text[i]);
    }
    memcpy(text[EXPLAIN_HEADERS_MAX], "x=1", 4);
    assert_false(explain_call_add_header(&call, text[EXPLAIN_HEADERS_MAX], &why));
    for (int i = 0; i < EXPLAIN_SANS_MAX; i++)
        assert_true(explain_call_add_san(&call, "a", &why));
    assert_false(explain_call_add_san(&call, "a", &why));
}

static void
routes_say_what_they_want_and_where_they_lead(void **state)
{
    (void)state;
    table_open(
        "[{\"name\":\"x\",\"match\":{\"hosts\":[\"a.b\",\"*.c\"],\"service\":\"s.S\","
        "\"method\":\"M\",\"headers\":{\"h\":\"1\"}},"
        "\"to\":{\"pool\":\"one\",\"subset\":{\"k\":\"v\"}}},"
        "{\"match\":{\"path\":{\"prefix\":\"/a.\"}},\"to\":\"two\"},{\"to\":\"one\"}]");
    explain_routes(table, "127.0.0.1:8080", &out);
    told("listener in (127.0.0.1:8080): 3 routes\n");
    told("  routes[0] \"x\": host a.b or *.c, service s.S, method M, header h"
         " -> pool one with k=v\n"
         "  routes[1]: path begins with /a. -> pool two\n"
         "  routes[2]: every call -> pool one\n");
}

/* In the order of the listener, whatever the order of the route. */
static void
the_filters_of_the_call_and_who_says_so(void **state)
{
    struct explain e;

    (void)state;
    table_open("[{\"match\":{\"service\":\"b.B\"},\"to\":\"one\",\"filters\":["
               "{\"type\":\"doomedCall\",\"off\":true},"
               "{\"type\":\"rateLimit\",\"name\":\"burst\",\"rate\":\"9/s\"},"
               "{\"type\":\"concurrencyLimit\",\"max\":9}]},"
               "{\"to\":\"one\"}],"
               "\"filters\":[\"requestId\","
               "{\"type\":\"rateLimit\",\"name\":\"burst\",\"rate\":\"5/s\"},"
               "{\"type\":\"concurrencyLimit\",\"off\":true,\"max\":5},"
               "{\"type\":\"messageRate\",\"off\":true,\"rate\":\"5/s\"},"
               "\"doomedCall\"]");
    ask("/b.B/Get");
    explain_init(&e, table, &call);
    print(&e);
    told("  filters, in the order of requests:\n");
    told("    requestId\n"
         "    burst (rateLimit): with settings of the route\n"
         "    concurrencyLimit: with settings of the route\n"
         "    messageRate: off, says the listener\n"
         "    doomedCall: off, says the route\n");
    explain_json(&e, "a", 1, &out);
    told("{\"name\":\"requestId\",\"type\":\"requestId\",\"off\":false,"
         "\"source\":\"listener\",\"idle\":false},\n"
         "{\"name\":\"burst\",\"type\":\"rateLimit\",\"off\":false,"
         "\"source\":\"route\",\"idle\":false},\n");
    told("{\"name\":\"messageRate\",\"type\":\"messageRate\",\"off\":true,"
         "\"source\":\"listener\",\"idle\":false},\n"
         "{\"name\":\"doomedCall\",\"type\":\"doomedCall\",\"off\":true,"
         "\"source\":\"route\",\"idle\":false}]");
    explain_done(&e);
    ask("/c.C/Get");
    explain_init(&e, table, &call);
    print(&e);
    told("    requestId\n"
         "    burst (rateLimit)\n"
         "    concurrencyLimit: off, says the listener\n"
         "    messageRate: off, says the listener\n"
         "    doomedCall\n");
    explain_done(&e);
}

static void
the_filters_of_a_listener_and_what_routes_change(void **state)
{
    (void)state;
    table_open("[{\"match\":{\"service\":\"b.B\"},\"to\":\"one\",\"filters\":["
               "{\"type\":\"requestId\",\"off\":true},"
               "{\"type\":\"rateLimit\",\"name\":\"burst\",\"rate\":\"9/s\"}]},"
               "{\"to\":\"one\"}],"
               "\"filters\":[{\"type\":\"rateLimit\",\"name\":\"burst\","
               "\"rate\":\"5/s\"},\"requestId\"]");
    explain_routes(table, "127.0.0.1:8080", &out);
    told("burst (rateLimit), requestId\n  routes[0]: service b.B -> pool one\n"
         "    filters: ");
    told("burst (rateLimit) with settings of the route, [requestId off]\n"
         "  routes[1]: every call -> pool one\n");
    assert_null(strstr(strstr(out.s, "routes[1]"), "filters"));
    explain_routes_json(table, "a", &out);
    told("{\"name\":\"requestId\",\"type\":\"requestId\",\"off\":true,"
         "\"source\":\"route\",\"idle\":false}]");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_route_that_fits_and_why_not_those_before),
        TEST(policies_are_told_with_their_home),
        TEST(a_name_of_the_client_is_one_of_a_verified_certificate),
        TEST(of_thousands_the_nearest_are_shown),
        TEST(the_sticky_target_is_that_of_calls),
        TEST(chance_has_shares_and_no_target),
        TEST(what_the_route_does),
        TEST(a_status_is_an_answer_without_a_pool),
        TEST(words_that_no_call_has_are_refused),
        TEST(no_more_headers_than_there_is_room),
        TEST(routes_say_what_they_want_and_where_they_lead),
        TEST(the_filters_of_the_call_and_who_says_so),
        TEST(the_filters_of_a_listener_and_what_routes_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for those who look live: who gets which call, nothing while nobody looks, and what does not fit is counted. */
#include <string.h>

#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/tail.h"
#include "filterrig.h"
#include "obs/failed_log.h"

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

#define TAIL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void
call(const char *method, int code, int64_t ms, const char *reason)
{
    struct rigcall *c = rig_call(method);

    assert_int_equal(rig_request(c), FILTER_NEXT);
    rig_advance_ms(ms);
    c->result.pool = "app";
    c->result.backend = "10.0.0.1:1";
    c->result.reason = reason;
    c->result.local = reason[0] != '\0';
    c->result.attempts = 1;
    rig_end(c, code);
}

struct seen {
    size_t n;
    unsigned mask;
    char last[2048];
};

static void
see(void *arg, unsigned mask, struct slice line)
{
    struct seen *s = arg;

    assert_true(line.n > 2 && line.n < sizeof(s->last));
    assert_int_equal(line.p[0], '{');
    assert_int_equal(line.p[line.n - 1], '\n');
    memcpy(s->last, line.p, line.n);
    s->last[line.n] = '\0';
    s->mask = mask;
    s->n++;
}

static struct seen
read_all(void)
{
    struct seen s = { 0 };

    tail_read(services->tail, see, &s);
    return s;
}

static int
add(struct tail_filter f)
{
    return tail_add(services->tail, &f);
}

static void
nobody_looks_nothing_is_made(void **state)
{
    (void)state;
    assert_false(tail_wanted(services->tail));
    call("a.B/C", GRPC_OK, 1, "");
    assert_int_equal(read_all().n, 0);
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY }), 0);
    assert_true(tail_wanted(services->tail));
    assert_int_equal(read_all().n, 0); /* not of before */
    tail_remove(services->tail, 0);
    assert_false(tail_wanted(services->tail));
    call("a.B/C", GRPC_OK, 1, "");
    assert_int_equal(read_all().n, 0);
}

static void
a_line_says_what_the_log_says(void **state)
{
    struct seen s;

    (void)state;
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY }), 0);
    call("a.B/C", GRPC_UNAVAILABLE, 7, "CONNECT_FAILED");
    s = read_all();
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(s.last, "\"service\":\"a.B\",\"method\":\"C\""));
    assert_non_null(strstr(s.last, "\"code\":14,\"status\":\"UNAVAILABLE\""));
    assert_non_null(strstr(s.last, "\"reason\":\"CONNECT_FAILED\""));
    assert_non_null(strstr(s.last, "\"pool\":\"app\",\"endpoint\":\"10.0.0.1:1\""));
    assert_non_null(strstr(s.last, "\"totalMs\":7.000"));
}

static void
each_viewer_gets_what_he_wants(void **state)
{
    (void)state;
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ERRORS }), 0);
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY, .slow_us = 50000 }), 1);
    assert_int_equal(add((struct tail_filter){ .code = GRPC_OK, .method = "a.B/" }), 2);
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY, .reason = "no_route" }),
                     3);
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY }), -1);
    call("a.B/C", GRPC_OK, 1, "");
    assert_int_equal(read_all().mask, 1u << 2);
    call("x.Y/Z", GRPC_OK, 60, "");
    assert_int_equal(read_all().mask, 1u << 1);
    call("x.Y/Z", GRPC_UNIMPLEMENTED, 1, "NO_ROUTE");
    assert_int_equal(read_all().mask, 1u << 0 | 1u << 3);
    call("x.Y/Z", GRPC_OK, 1, "");
    assert_int_equal(read_all().n, 0);
    tail_remove(services->tail, 1);
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY, .pool = "other" }), 1);
    call("x.Y/Z", GRPC_OK, 60, "");
    assert_int_equal(read_all().n, 0);
}

static void
a_full_ring_costs_lines_which_are_counted(void **state)
{
    size_t kept, again;

    (void)state;
    assert_int_equal(add((struct tail_filter){ .code = TAIL_ANY }), 0);
    for (int i = 0; i < 3000; i++)
        call("a.B/C", GRPC_OK, 0, "");
    kept = read_all().n;
    assert_in_range(kept, 100, 2999);
    assert_int_equal(kept + tail_dropped(services->tail), 3000);
    assert_int_equal(rig_counted(STAT_TAIL_DROPPED), tail_dropped(services->tail));
    /* Around the end of the ring, more than once. */
    for (again = 0; again < 5000; again += 100) {
        for (int i = 0; i < 100; i++)
            call("a.B/C", GRPC_OK, 0, "");
        assert_int_equal(read_all().n, 100);
    }
}

static bool
count_failed(void *arg, const struct failed_entry *e)
{
    size_t *n = arg;

    assert_string_equal(e->call.method, "/a.B/C");
    assert_string_equal(e->call.endpoint, "10.0.0.1:1");
    (*n)++;
    return true;
}

/* The other one that the filter tells. */
static void
what_failed_is_kept_for_why(void **state)
{
    size_t n = 0;

    (void)state;
    call("a.B/C", GRPC_OK, 1, "");
    call("a.B/C", GRPC_UNAVAILABLE, 1, "CONNECT_FAILED");
    call("a.B/C", GRPC_NOT_FOUND, 1, "");
    failed_log_walk(services->failed, count_failed, &n);
    assert_int_equal(n, 2);
    assert_int_equal(failed_log_count(services->failed, "CONNECT_FAILED"), 1);
    assert_int_equal(failed_log_count(services->failed, FAILED_BY_BACKEND), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TAIL_TEST(nobody_looks_nothing_is_made),
        TAIL_TEST(a_line_says_what_the_log_says),
        TAIL_TEST(each_viewer_gets_what_he_wants),
        TAIL_TEST(a_full_ring_costs_lines_which_are_counted),
        TAIL_TEST(what_failed_is_kept_for_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

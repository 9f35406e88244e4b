/* SPDX-License-Identifier: Apache-2.0 */
/* The filter concurrencyLimit: fixed and adaptive, who counts for how long, what is a sample, gauges. */
#include "filterrig.h"

#include <string.h>

#include "base/buf.h"
#include "filter/kinds.h"
#include "loop/loop.h"

#define ADAPTIVE "{ \"adaptive\": { \"minRttRequests\": 5 } }"

enum { MANY = 40 };

static unsigned
open_calls(struct rigcall *c[MANY])
{
    unsigned n = 0;

    for (; n < MANY; n++) {
        struct rigcall *next = rig_call("shop.Cart/Add");

        if (rig_request(next) != FILTER_NEXT) {
            rig_end(next, GRPC_UNAVAILABLE);
            return n;
        }
        c[n] = next;
    }
    return n;
}

static void
end_calls(struct rigcall *c[MANY], unsigned n, int code)
{
    while (n-- > 0)
        rig_end(c[n], code);
}

/* How many go on at once. */
static unsigned
room(void)
{
    struct rigcall *c[MANY];
    unsigned n = open_calls(c);

    end_calls(c, n, GRPC_UNAVAILABLE);
    return n;
}

/* One after the other. */
static void
calls(unsigned n, int64_t ms, int code)
{
    while (n-- > 0) {
        struct rigcall *c = rig_call("shop.Cart/Add");

        assert_int_equal(rig_request(c), FILTER_NEXT);
        rig_advance_ms(ms);
        rig_end(c, code);
    }
}

static void
a_fixed_limit_counts_calls_until_they_end(void **state)
{
    struct rigcall *c[MANY], *over;
    struct buf in;

    (void)state;
    rig_only(&filter_concurrency_limit, "{ \"max\": 3 }");
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 3);
    assert_int_equal(open_calls(c), 3);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_FLYING), 3);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMITED), 1);
    over = rig_call("shop.Cart/Add");
    assert_int_equal(rig_request(over), FILTER_DONE);
    assert_int_equal(over->fc.refusal.code, GRPC_UNAVAILABLE);
    assert_string_equal(over->fc.refusal.reason, "CONCURRENCY_LIMIT");
    assert_string_equal(over->fc.text,
                        "3 calls are going on, more are not let in (listener test)");
    rig_end(over, GRPC_UNAVAILABLE);
    /* An answer that has begun is still a call. */
    buf_init(&in);
    assert_int_equal(chain_response_data(&c[2]->fc, &in), FILTER_NEXT);
    assert_int_equal(room(), 0);
    rig_end(c[2], GRPC_OK);
    assert_int_equal(room(), 1);
    end_calls(c, 2, GRPC_INTERNAL);
    assert_int_equal(room(), 3);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_FLYING), 0);
    rig_chain(NULL, 0);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 0);
}

static void
an_adaptive_limit_measures_and_grows(void **state)
{
    (void)state;
    rig_only(&filter_concurrency_limit, ADAPTIVE);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 3);
    calls(5, 10, GRPC_OK);
    assert_int_equal(room(), 3);
    calls(10, 10, GRPC_OK);
    assert_int_equal(room(), 5);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 5);
    calls(10, 10, GRPC_OK);
    assert_int_equal(room(), 8);
    /* Four times as slow: half, and the root of that: 4 + 2. */
    calls(3, 40, GRPC_OK);
    assert_int_equal(room(), 6);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 6);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_FLYING), 0);
    rig_chain(NULL, 0);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_LIMIT), 0);
}

static void
never_above_max(void **state)
{
    (void)state;
    rig_only(&filter_concurrency_limit,
             "{ \"max\": 6, \"adaptive\": { \"minRtt\": \"10ms\", \"min\": 2 } }");
    assert_int_equal(room(), 2);
    for (int i = 0; i < 6; i++)
        calls(10, 10, GRPC_OK);
    assert_int_equal(room(), 6);
}

static void
what_failed_at_once_is_no_sample(void **state)
{
    static const int codes[] = { GRPC_UNAVAILABLE,   GRPC_RESOURCE_EXHAUSTED,
                                 GRPC_UNIMPLEMENTED, GRPC_UNAUTHENTICATED,
                                 GRPC_CANCELLED,     GRPC_PERMISSION_DENIED };
    struct rigcall *c;

    (void)state;
    rig_only(&filter_concurrency_limit, ADAPTIVE);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        calls(3, 1, codes[i]);
    for (int i = 0; i < 10; i++) {
        c = rig_call("shop.Cart/Add");
        rig_request(c);
        c->result.local = true;
        rig_end(c, GRPC_INTERNAL);
        c = rig_call("shop.Cart/Add");
        rig_request(c);
        c->result.cancelled = true;
        rig_end(c, GRPC_OK);
    }
    calls(4, 10, GRPC_OK);
    calls(10, 10, GRPC_UNAVAILABLE);
    assert_int_equal(room(), 3); /* still measuring */
    calls(1, 10, GRPC_NOT_FOUND);
    calls(11, 10, GRPC_OK);
    assert_int_equal(room(), 5);
}

/* Whether calls that clients gave up after ms, with a deadline of 100 ms, were counted. */
static bool
counts_when_given_up_after(int64_t ms)
{
    struct rigcall *c;

    rig_chain(NULL, 0); /* the same settings would keep the limit of the last time */
    rig_only(&filter_concurrency_limit,
             "{ \"adaptive\": { \"minRtt\": \"10ms\", \"update\": \"500ms\" } }");
    for (int i = 0; i < 2; i++) {
        c = rig_call("shop.Cart/Add");
        c->fc.deadline_us = loop_now_us(rig_loop) + 100000;
        assert_int_equal(rig_request(c), FILTER_NEXT);
        rig_advance_ms(ms);
        c->result.cancelled = true;
        rig_end(c, GRPC_CANCELLED);
    }
    /* A fast one alone makes 5 of 3; with two slow ones it is not the median. */
    calls(1, 10, GRPC_OK);
    rig_advance_ms(500);
    return room() == 3;
}

static void
a_call_given_up_at_its_deadline_is_a_sample(void **state)
{
    (void)state;
    assert_false(counts_when_given_up_after(50));
    assert_false(counts_when_given_up_after(85));
    assert_true(counts_when_given_up_after(95));
}

static void
streams_count_until_their_first_answer(void **state)
{
    struct rigcall *c[MANY];
    struct buf in;

    (void)state;
    rig_only(&filter_concurrency_limit, ADAPTIVE);
    buf_init(&in);
    assert_int_equal(open_calls(c), 3);
    rig_advance_ms(10);
    for (int i = 0; i < 3; i++)
        assert_int_equal(chain_response_data(&c[i]->fc, &in), FILTER_NEXT);
    assert_int_equal(room(), 3);
    assert_int_equal(rig_counted(STAT_CONCURRENCY_FLYING), 0);
    /* They were the first three samples; their ends are none. */
    rig_advance_ms(50000);
    end_calls(c, 3, GRPC_OK);
    calls(2, 10, GRPC_OK);
    calls(11, 10, GRPC_OK);
    assert_int_equal(room(), 5);
}

static void
streams_from_the_client_count_until_they_are_known(void **state)
{
    struct rigcall *c[MANY];
    struct buf in;

    (void)state;
    rig_only(&filter_concurrency_limit, ADAPTIVE);
    buf_init(&in);
    assert_int_equal(open_calls(c), 3);
    c[0]->messages_in = 1;
    chain_request_data(&c[0]->fc, &in, false);
    assert_int_equal(room(), 0);
    c[0]->messages_in = 2;
    chain_request_data(&c[0]->fc, &in, false);
    assert_int_equal(room(), 1);
    rig_advance_ms(1000);
    end_calls(c, 3, GRPC_OK); /* two samples */
    calls(3, 1000, GRPC_OK);
    calls(2, 1000, GRPC_OK);
    assert_int_equal(room(), 8); /* two updates after the measuring */
}

static void
refuses_settings_that_do_not_fit(void **state)
{
    (void)state;
    assert_non_null(
        strstr(rig_problems(&filter_concurrency_limit, "{ \"max\": 0 }"), "max"));
    assert_non_null(strstr(rig_problems(&filter_concurrency_limit,
                                        "{ \"max\": 5, \"adaptive\": { \"min\": 6 } }"),
                           "E0210"));
    assert_string_equal(rig_problems(&filter_concurrency_limit, ADAPTIVE), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(a_fixed_limit_counts_calls_until_they_end),
        FILTER_TEST(an_adaptive_limit_measures_and_grows),
        FILTER_TEST(never_above_max),
        FILTER_TEST(what_failed_at_once_is_no_sample),
        FILTER_TEST(a_call_given_up_at_its_deadline_is_a_sample),
        FILTER_TEST(streams_count_until_their_first_answer),
        FILTER_TEST(streams_from_the_client_count_until_they_are_known),
        FILTER_TEST(refuses_settings_that_do_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

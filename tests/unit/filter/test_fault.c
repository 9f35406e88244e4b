/* SPDX-License-Identifier: Apache-2.0 */
/* fault: delays and aborts, their shares, what headers can ask for, and that nothing of a delay is left. */
#include "filterrig.h"

#include <string.h>

#include "filter/fault_header.h"
#include "filter/kinds.h"

/* --- delay -------------------------------------------------------------------------- */

static void
a_delay_holds_the_call_for_its_time(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_fault, "{ \"delay\": { \"duration\": \"200ms\" } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    assert_int_equal(rig_counted(STAT_FAULTS_ACTIVE), 1);
    rig_advance_ms(199);
    assert_int_equal(c->resumed, 0);
    rig_advance_ms(2);
    assert_int_equal(c->resumed, 1);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_int_equal(rig_counted(STAT_FAULTS_ACTIVE), 0);
    assert_int_equal(rig_counted(STAT_FAULT_DELAYS), 1);
    rig_end(c, GRPC_OK);
}

static void
a_call_that_ends_takes_its_delay_with_it(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_fault,
             "{ \"maxActive\": 1, \"delay\": { \"duration\": \"200ms\" } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_end(c, GRPC_DEADLINE_EXCEEDED); /* its deadline: long before the delay is over */
    assert_int_equal(rig_counted(STAT_FAULTS_ACTIVE), 0);
    rig_advance_ms(1000); /* a timer that still ran would touch freed memory */
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_WAIT); /* its place is free again */
    rig_end(c, GRPC_CANCELLED);
}

static void
delay_then_abort(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_fault, "{ \"delay\": { \"duration\": \"50ms\" }, \"abort\": { "
                            "\"code\": \"UNAVAILABLE\", \"message\": \"100%s off\" } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_advance_ms(51);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_UNAVAILABLE);
    assert_string_equal(c->fc.refusal.reason, "FAULT_ABORT");
    assert_string_equal(c->fc.text, "100%s off"); /* text, not a format */
    rig_end(c, GRPC_UNAVAILABLE);
}

static void
an_abort_with_ok_ends_the_call_well(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_fault, "{ \"abort\": { \"code\": \"OK\" } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_OK);
    rig_end(c, GRPC_OK);
}

/* --- shares ------------------------------------------------------------------------- */

static void
each_fault_has_its_own_draw(void **state)
{
    enum { CALLS = 20000 };
    unsigned delayed = 0, aborted = 0, touched = 0;

    (void)state;
    rig_only(&filter_fault,
             "{ \"delay\": { \"duration\": \"1ms\", \"percent\": \"20%\" }, "
             "\"abort\": { \"code\": \"INTERNAL\", \"percent\": \"5%\" } }");
    for (unsigned i = 0; i < CALLS; i++) {
        struct rigcall *c = rig_call("shop.Cart/Get");
        bool waits = rig_request(c) == FILTER_WAIT, ends;

        if (waits)
            rig_advance_ms(2);
        ends = c->verdict == FILTER_DONE;
        delayed += waits;
        aborted += ends;
        touched += waits || ends;
        rig_end(c, ends ? GRPC_INTERNAL : GRPC_OK);
    }
    /* 20 %, 5 % and 24 %; four standard deviations. */
    assert_in_range(delayed, CALLS * 0.20 - 230, CALLS * 0.20 + 230);
    assert_in_range(aborted, CALLS * 0.05 - 125, CALLS * 0.05 + 125);
    assert_in_range(touched, CALLS * 0.24 - 245, CALLS * 0.24 + 245);
}

static void
no_more_are_active_than_allowed(void **state)
{
    struct rigcall *a, *b;

    (void)state;
    rig_only(&filter_fault, "{ \"maxActive\": 1, \"delay\": { \"duration\": \"50ms\" }, "
                            "\"abort\": { \"code\": \"INTERNAL\" } }");
    a = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(a), FILTER_WAIT);
    b = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(b), FILTER_NEXT); /* neither delay nor abort */
    assert_int_equal(rig_counted(STAT_FAULTS_OVER_LIMIT), 2);
    rig_end(b, GRPC_OK);
    rig_advance_ms(51);
    assert_int_equal(a->verdict, FILTER_DONE); /* it was active itself */
    rig_end(a, GRPC_INTERNAL);
    b = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(b), FILTER_WAIT);
    rig_end(b, GRPC_OK);
}

/* --- headers ------------------------------------------------------------------------ */

struct field {
    const char *name, *value;
};

/* The milliseconds that the call waits, or -1 - code when it ends; 0: nothing happens. */
static int
outcome(const char *json, const struct field *f, size_t n)
{
    struct rigcall *c;
    int result = 0;

    rig_only(&filter_fault, json);
    c = rig_call("shop.Cart/Get");
    for (size_t i = 0; i < n; i++)
        rig_header(c, f[i].name, f[i].value);
    rig_request(c);
    while (c->verdict == FILTER_WAIT) {
        rig_advance_ms(10);
        result += 10;
    }
    if (c->verdict == FILTER_DONE)
        result = -1 - c->fc.refusal.code;
    for (size_t i = 0; i < n; i++)
        assert_null(rig_request_header(c, f[i].name));
    assert_non_null(rig_request_header(c, "te"));
    rig_end(c, GRPC_OK);
    return result;
}

#define OUTCOME(json, ...)                               \
    outcome(json, (const struct field[]){ __VA_ARGS__ }, \
            sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field))

static const char by_header[] =
    "{ \"byHeader\": true, \"delay\": { \"max\": \"1s\" }, \"abort\": {} }";

static void
headers_ask_for_faults_and_never_reach_the_backend(void **state)
{
    (void)state;
    assert_in_range(OUTCOME(by_header, { "x-envoy-fault-delay-request", "300" }), 300,
                    320);
    assert_in_range(OUTCOME(by_header, { "x-outrigger-fault-delay-request", "100" },
                            { "x-envoy-fault-delay-request", "300" }),
                    100, 120);
    assert_in_range(OUTCOME(by_header, { "x-envoy-fault-delay-request", "99999" }), 1000,
                    1020); /* max */
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-grpc-request", "8" }),
                     -1 - GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-request", "503" }),
                     -1 - GRPC_UNAVAILABLE);
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-request", "200" }),
                     -1 - GRPC_UNKNOWN);
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-request", "503" },
                             { "x-envoy-fault-abort-grpc-request", "5" }),
                     -1 - GRPC_NOT_FOUND);
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-throughput-response", "1" }), 0);
}

static void
what_is_no_number_is_ignored(void **state)
{
    static const char *const bad[] = { "",   "abc", "-1", "1.5",
                                       "+1", "1x",  "17", "99999999999999999999" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(
            OUTCOME(by_header, { "x-envoy-fault-abort-grpc-request", bad[i] }), 0);
        if (strcmp(bad[i], "17") != 0)
            assert_int_equal(
                OUTCOME(by_header, { "x-envoy-fault-delay-request", bad[i] }), 0);
    }
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-request", "199" }), 0);
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-request", "600" }), 0);
    /* Twice is as good as not at all. */
    assert_int_equal(OUTCOME(by_header, { "x-envoy-fault-abort-grpc-request", "8" },
                             { "x-envoy-fault-abort-grpc-request", "8" }),
                     0);
}

static void
headers_get_no_more_than_the_config_gives(void **state)
{
    static const char no_header[] = "{ \"delay\": { \"duration\": \"20ms\" } }";
    static const char never[] =
        "{ \"byHeader\": true, \"abort\": { \"percent\": \"0%\" } }";
    unsigned aborted = 0;

    (void)state;
    assert_in_range(OUTCOME(no_header, { "x-envoy-fault-delay-request", "500" }), 20, 30);
    assert_int_equal(OUTCOME(no_header, { "x-envoy-fault-abort-grpc-request", "8" }), 30);
    /* There is no "delay": headers get none. */
    assert_int_equal(OUTCOME(never, { "x-envoy-fault-delay-request", "500" }), 0);
    assert_int_equal(OUTCOME(never, { "x-envoy-fault-abort-grpc-request", "8" },
                             { "x-envoy-fault-abort-request-percentage", "100" }),
                     0);
    for (unsigned i = 0; i < 400; i++)
        aborted += OUTCOME("{ \"byHeader\": true, \"abort\": { \"percent\": \"50%\" } }",
                           { "x-envoy-fault-abort-grpc-request", "8" },
                           { "x-envoy-fault-abort-request-percentage", "100" }) < 0;
    assert_in_range(aborted, 140, 260);
    aborted = 0;
    for (unsigned i = 0; i < 400; i++)
        aborted += OUTCOME("{ \"byHeader\": true, \"abort\": { \"percent\": \"50%\" } }",
                           { "x-envoy-fault-abort-grpc-request", "8" },
                           { "x-envoy-fault-abort-request-percentage", "0" }) < 0;
    assert_int_equal(aborted, 0);
}

static void
settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *part;
    } bad[] = {
        { "{ }", "it does nothing" },
        { "{ \"byHeader\": true }", "it does nothing" },
        { "{ \"delay\": { \"percent\": \"1%\" } }", "needs a \"duration\"" },
        { "{ \"abort\": { \"percent\": \"1%\" } }", "needs a \"code\"" },
        { "{ \"abort\": { \"code\": \"GONE\" } }", "UNAVAILABLE" },
        { "{ \"delay\": { \"duration\": \"1s\", \"percent\": \"101%\" } }", "percent" },
        { "{ \"delay\": { \"duration\": \"2h\" } }", "duration" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *said = rig_problems(&filter_fault, bad[i].json);

        if (!strstr(said, bad[i].part))
            fail_msg("%s\n%s", bad[i].json, said);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(a_delay_holds_the_call_for_its_time),
        FILTER_TEST(a_call_that_ends_takes_its_delay_with_it),
        FILTER_TEST(delay_then_abort),
        FILTER_TEST(an_abort_with_ok_ends_the_call_well),
        FILTER_TEST(each_fault_has_its_own_draw),
        FILTER_TEST(no_more_are_active_than_allowed),
        FILTER_TEST(headers_ask_for_faults_and_never_reach_the_backend),
        FILTER_TEST(what_is_no_number_is_ignored),
        FILTER_TEST(headers_get_no_more_than_the_config_gives),
        FILTER_TEST(settings_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The filter doomedCall: what it learns from, whom it refuses, what it counts. */
#include "filterrig.h"

#include <string.h>

#include "filter/kinds.h"
#include "loop/loop.h"

/* A call of this method that ends well after ms. */
static void
teach(const char *method, int64_t ms)
{
    struct rigcall *c = rig_call(method);

    assert_int_equal(rig_request(c), FILTER_NEXT);
    rig_advance_ms(ms);
    c->result.messages_in = c->result.messages_out = 1;
    rig_end(c, GRPC_OK);
}

static int
ask(const char *method, int64_t left_ms)
{
    struct rigcall *c = rig_call(method);
    int code;

    if (left_ms)
        c->fc.deadline_us = loop_now_us(rig_loop) + left_ms * 1000;
    code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;
    if (code != GRPC_OK)
        c->result.local = true;
    else
        code = GRPC_UNKNOWN; /* teaches nothing */
    rig_end(c, code);
    return code == GRPC_UNKNOWN ? GRPC_OK : code;
}

static void
refuses_what_cannot_end_in_time(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_doomed_call, "{ \"minSamples\": 20, \"probe\": \"0%\" }");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask("shop.Cart/Add", 1), GRPC_OK);
        teach("shop.Cart/Add", 200);
    }
    assert_int_equal(ask("shop.Cart/Add", 180), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(ask("shop.Cart/Add", 220), GRPC_OK);
    assert_int_equal(ask("shop.Cart/Add", 0), GRPC_OK); /* no deadline */
    assert_int_equal(ask("shop.Cart/Get", 1), GRPC_OK); /* another method */
    assert_int_equal(rig_counted(STAT_DOOMED_REFUSED), 1);
    assert_int_equal(rig_counted(STAT_DOOMED_SAVED_MS), 180);
    c = rig_call("shop.Cart/Add");
    c->fc.deadline_us = loop_now_us(rig_loop) + 50000;
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "DOOMED_CALL");
    assert_false(c->fc.refusal.retry_known);
    assert_non_null(strstr(c->fc.text, "50 ms are left"));
    rig_end(c, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(rig_counted(STAT_DOOMED_SAVED_MS), 230);
}

static void
a_share_of_the_median_can_be_enough(void **state)
{
    (void)state;
    rig_only(&filter_doomed_call,
             "{ \"minSamples\": 20, \"probe\": \"0%\", \"share\": \"25%\" }");
    for (int i = 0; i < 20; i++)
        teach("shop.Cart/Add", 200);
    assert_int_equal(ask("shop.Cart/Add", 55), GRPC_OK);
    assert_int_equal(ask("shop.Cart/Add", 45), GRPC_DEADLINE_EXCEEDED);
}

static void
learns_from_unary_calls_that_ended_well(void **state)
{
    (void)state;
    rig_only(&filter_doomed_call, "{ \"minSamples\": 1, \"probe\": \"0%\" }");
    for (int i = 0; i < 5; i++) {
        struct rigcall *c = rig_call("shop.Cart/Add");

        assert_int_equal(rig_request(c), FILTER_NEXT);
        rig_advance_ms(200);
        c->result.messages_in = i == 0 ? 2 : 1;
        c->result.messages_out = i == 1 ? 2 : 1;
        c->result.cancelled = i == 2;
        c->result.local = i == 3;
        rig_end(c, i == 4 ? GRPC_NOT_FOUND : GRPC_OK);
    }
    assert_int_equal(ask("shop.Cart/Add", 1), GRPC_OK);
    teach("shop.Cart/Add", 200);
    assert_int_equal(ask("shop.Cart/Add", 1), GRPC_DEADLINE_EXCEEDED);
}

static void
some_of_the_doomed_go_on_and_teach(void **state)
{
    unsigned passed = 0;

    (void)state;
    rig_only(&filter_doomed_call, "{ \"minSamples\": 20, \"probe\": \"10%\" }");
    for (int i = 0; i < 20; i++)
        teach("shop.Cart/Add", 200);
    for (int i = 0; i < 2000; i++)
        passed += ask("shop.Cart/Add", 100) == GRPC_OK;
    assert_in_range(passed, 150, 250);
    assert_int_equal(rig_counted(STAT_DOOMED_PROBES), passed);
    assert_int_equal(rig_counted(STAT_DOOMED_REFUSED), 2000 - passed);
    for (int i = 0; i < 30; i++)
        teach("shop.Cart/Add", 20);
    assert_int_equal(ask("shop.Cart/Add", 100), GRPC_OK);
}

static void
methods_beyond_the_last_are_left_alone(void **state)
{
    (void)state;
    rig_only(&filter_doomed_call,
             "{ \"minSamples\": 1, \"probe\": \"0%\", \"maxMethods\": 2 }");
    teach("shop.Cart/A", 200);
    teach("shop.Cart/B", 200);
    teach("shop.Cart/C", 200);
    assert_int_equal(ask("shop.Cart/A", 1), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(ask("shop.Cart/B", 1), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(ask("shop.Cart/C", 1), GRPC_OK);
}

static void
refuses_settings_out_of_range(void **state)
{
    static const char *const bad[] = { "{ \"share\": \"0%\" }", "{ \"minSamples\": 0 }",
                                       "{ \"probe\": \"101%\" }",
                                       "{ \"maxMethods\": 0 }" };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(strstr(rig_problems(&filter_doomed_call, bad[i]), "error"));
    assert_string_equal(rig_problems(&filter_doomed_call, "{ }"), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(refuses_what_cannot_end_in_time),
        FILTER_TEST(a_share_of_the_median_can_be_enough),
        FILTER_TEST(learns_from_unary_calls_that_ended_well),
        FILTER_TEST(some_of_the_doomed_go_on_and_teach),
        FILTER_TEST(methods_beyond_the_last_are_left_alone),
        FILTER_TEST(refuses_settings_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

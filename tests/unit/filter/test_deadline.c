/* SPDX-License-Identifier: Apache-2.0 */
/* The filter deadline: what time calls get, by what they and their route say. */
#include "filterrig.h"

#include <string.h>

#include "filter/kinds.h"

static const struct filter_kind *const kind = &filter_deadline;

enum { REFUSED = -2 };

/* Microseconds that a call gets, 0: no limit. timeout: its grpc-timeout; core_us: what the core made of it and of the route, 0: nothing. */
static int64_t
time_of(const char *settings, const char *timeout, int64_t core_us)
{
    struct rigcall *c;
    int64_t us;

    rig_only(kind, settings);
    c = rig_call("shop.Cart/Add");
    if (timeout)
        rig_header(c, "grpc-timeout", timeout);
    if (core_us)
        c->fc.deadline_us = c->fc.begun_us + core_us;
    if (rig_request(c) == FILTER_DONE) {
        assert_int_equal(c->fc.refusal.code, GRPC_INVALID_ARGUMENT);
        assert_string_equal(c->fc.refusal.reason, "DEADLINE_REQUIRED");
        us = REFUSED;
    } else {
        us = c->fc.deadline_us ? c->fc.deadline_us - c->fc.begun_us : 0;
    }
    rig_end(c, GRPC_OK);
    return us;
}

static void
default_is_for_calls_without_any_limit(void **state)
{
    static const char settings[] = "{ \"default\": \"2s\" }";

    (void)state;
    assert_int_equal(time_of(settings, NULL, 0), 2000000);
    assert_int_equal(rig_counted(STAT_DEADLINE_GIVEN), 1);
    assert_int_equal(time_of(settings, "9S", 9000000), 9000000);
    assert_int_equal(time_of(settings, NULL, 9000000), 9000000); /* the route's */
    assert_int_equal(rig_counted(STAT_DEADLINE_GIVEN), 1);
}

static void
max_cuts_what_is_later(void **state)
{
    static const char settings[] = "{ \"max\": \"2s\" }";

    (void)state;
    assert_int_equal(time_of(settings, "9S", 9000000), 2000000);
    assert_int_equal(time_of(settings, NULL, 9000000), 2000000);
    assert_int_equal(rig_counted(STAT_DEADLINE_CUT), 2);
    assert_int_equal(time_of(settings, "2S", 2000000), 2000000);
    assert_int_equal(time_of(settings, "1S", 1000000), 1000000);
    assert_int_equal(time_of(settings, NULL, 0), 0);
    assert_int_equal(rig_counted(STAT_DEADLINE_CUT), 2);
}

static void
the_reserve_is_of_the_clients_time(void **state)
{
    static const char settings[] = "{ \"reserve\": \"20ms\" }";

    (void)state;
    assert_int_equal(time_of(settings, "1S", 1000000), 980000);
    assert_int_equal(time_of(settings, "1S", 500000), 500000); /* the route's is less */
    assert_int_equal(time_of(settings, "1S", 990000), 980000); /* or hardly more */
    assert_int_equal(time_of(settings, NULL, 500000), 500000); /* no clock of its own */
    assert_int_equal(time_of(settings, "21m", 21000), 1000);
    assert_int_equal(time_of(settings, "5m", 5000), 1000); /* 1 ms stays */
    assert_int_equal(time_of(settings, "400u", 400), 400); /* never more than before */
    assert_int_equal(time_of(settings, "99999999H", INT64_MAX / 2000) > 0, 1);
}

static void
all_of_them_together(void **state)
{
    static const char settings[] =
        "{ \"default\": \"1s\", \"max\": \"2s\", \"reserve\": \"100ms\" }";

    (void)state;
    assert_int_equal(time_of(settings, NULL, 0), 1000000);
    assert_int_equal(time_of(settings, "5S", 5000000), 2000000);
    assert_int_equal(time_of(settings, "2S", 2000000), 1900000);
    assert_int_equal(time_of(settings, "1S", 1000000), 900000);
}

static void
required_is_about_the_clients_word(void **state)
{
    static const char settings[] = "{ \"required\": true, \"max\": \"2s\" }";

    (void)state;
    assert_int_equal(time_of(settings, NULL, 0), REFUSED);
    assert_int_equal(time_of(settings, NULL, 500000), REFUSED); /* of the route */
    assert_int_equal(rig_counted(STAT_DEADLINE_MISSING), 2);
    assert_int_equal(time_of(settings, "1S", 1000000), 1000000);
    assert_int_equal(time_of(settings, "5S", 5000000), 2000000);
    assert_int_equal(rig_counted(STAT_DEADLINE_MISSING), 2);
}

/* It is left out of the chain. */
static void
without_a_word_there_is_nothing_to_do(void **state)
{
    static const char *const some[] = { "{ \"default\": \"1s\" }", "{ \"max\": \"1s\" }",
                                        "{ \"reserve\": \"1ms\" }",
                                        "{ \"required\": true }" };
    struct filter *f = rig_filter(kind, "{}");

    (void)state;
    assert_false(kind->wanted(f->conf, &rig_store.env));
    filter_drop(f);
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        f = rig_filter(kind, some[i]);
        assert_true(kind->wanted(f->conf, &rig_store.env));
        filter_drop(f);
    }
}

static void
settings_that_make_no_sense(void **state)
{
    (void)state;
    assert_non_null(strstr(
        rig_problems(kind, "{ \"required\": true, \"default\": \"1s\" }"), "E0440"));
    assert_non_null(
        strstr(rig_problems(kind, "{ \"default\": \"2s\", \"max\": \"1s\" }"), "E0440"));
    assert_string_equal(rig_problems(kind, "{ \"default\": \"1s\", \"max\": \"1s\" }"),
                        "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(default_is_for_calls_without_any_limit),
        FILTER_TEST(max_cuts_what_is_later),
        FILTER_TEST(the_reserve_is_of_the_clients_time),
        FILTER_TEST(all_of_them_together),
        FILTER_TEST(required_is_about_the_clients_word),
        FILTER_TEST(without_a_word_there_is_nothing_to_do),
        FILTER_TEST(settings_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The filter rateLimit: numbers on the virtual clock, keys, what a refusal says, shadow, settings that are refused. */
#include "filterrig.h"

#include <string.h>

#include "filter/kinds.h"

static int
pass_from(const char *tenant)
{
    struct rigcall *c = rig_call("shop.Cart/Add");
    int code;

    if (tenant)
        rig_header(c, "x-tenant", tenant);
    code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;
    rig_end(c, code);
    return code;
}

/* Calls that go on until one is refused. */
static unsigned
passes(const char *tenant)
{
    unsigned n = 0;

    while (pass_from(tenant) == GRPC_OK)
        n++;
    return n;
}

static void
lets_the_burst_and_then_the_rate_through(void **state)
{
    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"100/s\", \"burst\": 20 }");
    assert_int_equal(passes(NULL), 20);
    rig_advance_ms(10);
    assert_int_equal(passes(NULL), 1);
    rig_advance_ms(55);
    assert_int_equal(passes(NULL), 5);
    rig_advance_ms(10000);
    assert_int_equal(passes(NULL), 20);
    assert_int_equal(rig_counted(STAT_RATE_LIMITED), 4);
}

static void
the_burst_is_what_the_rate_says(void **state)
{
    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"70/m\" }");
    assert_int_equal(passes(NULL), 70);
    rig_only(&filter_rate_limit, "{ \"rate\": \"0.5/s\" }");
    assert_int_equal(passes(NULL), 1);
}

static void
a_thousand_a_second_is_ten_thousand_in_ten(void **state)
{
    unsigned n = 0;

    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"1000/s\", \"burst\": 10 }");
    n = passes(NULL);
    for (int ms = 0; ms < 10000; ms += 3) {
        rig_advance_ms(3);
        n += passes(NULL);
    }
    assert_int_equal(n, 10 + 10002);
}

static void
a_refusal_says_what_ran_out_and_when_it_is_back(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"3/s\", \"burst\": 1, \"key\": "
                                 "[\"header:x-tenant\", \"method\"] }");
    assert_int_equal(passes("blue"), 1);
    rig_advance_ms(100);
    c = rig_call("shop.Cart/Add");
    rig_header(c, "x-tenant", "blue");
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(c->fc.refusal.reason, "RATE_LIMITED");
    assert_true(c->fc.refusal.retry_known);
    assert_int_equal(c->fc.refusal.retry_ms, 234);
    assert_false(c->fc.refusal.pushback);
    assert_string_equal(c->fc.refusal.subject,
                        "listener test, key header:x-tenant, method");
    assert_string_equal(
        c->fc.text,
        "over the rate limit of 3/s (listener test, key header:x-tenant, method)");
    assert_null(rig_answer_header(c, "x-ratelimit-limit"));
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
    rig_advance_ms(233);
    assert_int_equal(passes("blue"), 0);
    rig_advance_ms(1);
    assert_int_equal(passes("blue"), 1);
}

static void
pushback_is_for_those_who_ask(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_rate_limit,
             "{ \"rate\": \"1/s\", \"burst\": 1, \"pushback\": true }");
    passes(NULL);
    c = rig_call("shop.Cart/Add");
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_true(c->fc.refusal.pushback);
    assert_int_equal(c->fc.refusal.retry_ms, 1000);
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
}

static void
headers_tell_what_is_left(void **state)
{
    static const struct {
        const char *left, *reset;
    } rows[] = { { "2", "1" }, { "1", "1" }, { "0", "2" }, { "0", "2" } };

    (void)state;
    rig_only(&filter_rate_limit,
             "{ \"rate\": \"2/s\", \"burst\": 3, \"headers\": true }");
    for (size_t i = 0; i < 4; i++) {
        struct rigcall *c = rig_call("shop.Cart/Add");

        assert_int_equal(rig_request(c), i < 3 ? FILTER_NEXT : FILTER_DONE);
        assert_string_equal(rig_answer_header(c, "x-ratelimit-limit"), "3");
        assert_string_equal(rig_answer_header(c, "x-ratelimit-remaining"), rows[i].left);
        assert_string_equal(rig_answer_header(c, "x-ratelimit-reset"), rows[i].reset);
        rig_end(c, GRPC_OK);
    }
}

static void
keys_do_not_touch_each_other(void **state)
{
    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"10/s\", \"burst\": 5, \"key\": "
                                 "\"header:x-tenant\" }");
    assert_int_equal(passes("blue"), 5);
    assert_int_equal(passes("red"), 5);
    assert_int_equal(passes(""), 5);
    assert_int_equal(passes(NULL), 5);
    assert_int_equal(rig_counted(STAT_RATE_KEYS), 4);
    rig_advance_ms(100);
    assert_int_equal(passes("red"), 1);
    rig_chain(NULL, 0);
    assert_int_equal(rig_counted(STAT_RATE_KEYS), 0);
}

static void
calls_without_the_key_can_be_left_alone_or_refused(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"1/s\", \"key\": \"header:x-tenant\", "
                                 "\"missing\": \"skip\" }");
    assert_int_equal(passes("blue"), 1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(pass_from(NULL), GRPC_OK);
    rig_only(&filter_rate_limit, "{ \"rate\": \"1/s\", \"key\": \"header:x-tenant\", "
                                 "\"missing\": \"refuse\" }");
    c = rig_call("shop.Cart/Add");
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_INVALID_ARGUMENT);
    assert_string_equal(c->fc.refusal.reason, "RATE_KEY_MISSING");
    rig_end(c, GRPC_INVALID_ARGUMENT);
    assert_int_equal(rig_counted(STAT_RATE_KEY_MISSING), 1);
}

static void
a_flood_of_keys_gets_what_one_key_gets(void **state)
{
    unsigned n = 0;
    char name[16];

    (void)state;
    rig_only(&filter_rate_limit, "{ \"rate\": \"1/s\", \"burst\": 4, \"maxKeys\": 10, "
                                 "\"key\": \"header:x-tenant\" }");
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        assert_int_equal(passes(name), 4);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "flood%d", i);
        n += pass_from(name) == GRPC_OK;
    }
    assert_int_equal(n, 4);
    assert_int_equal(rig_counted(STAT_RATE_KEYS), 10);
    assert_int_equal(rig_counted(STAT_RATE_KEYS_OVERFLOW), 5000);
    rig_advance_ms(4000);
    assert_int_equal(passes("new"), 4);
    assert_int_equal(rig_counted(STAT_RATE_KEYS), 10);
    assert_int_equal(rig_counted(STAT_RATE_KEYS_REPLACED), 1);
}

static void
a_share_is_only_counted(void **state)
{
    unsigned refused = 0;

    (void)state;
    rig_only(&filter_rate_limit,
             "{ \"rate\": \"1/s\", \"burst\": 1, \"enforce\": \"0%\" }");
    for (int i = 0; i < 101; i++)
        assert_int_equal(pass_from(NULL), GRPC_OK);
    assert_int_equal(rig_counted(STAT_RATE_OVER_SHADOW), 100);
    assert_int_equal(rig_counted(STAT_RATE_LIMITED), 0);
    rig_only(&filter_rate_limit,
             "{ \"rate\": \"1/s\", \"burst\": 1, \"enforce\": \"25%\" }");
    for (int i = 0; i < 4001; i++)
        refused += pass_from(NULL) != GRPC_OK;
    assert_in_range(refused, 900, 1100);
    assert_int_equal(rig_counted(STAT_RATE_LIMITED), refused);
    assert_int_equal(rig_counted(STAT_RATE_OVER_SHADOW), 100 + 4000 - refused);
}

static void
the_same_settings_keep_their_buckets(void **state)
{
    const char *json = "{ \"rate\": \"1/h\" }";
    struct filter *f;

    (void)state;
    rig_only(&filter_rate_limit, json);
    assert_int_equal(passes(NULL), 1);
    f = rig_filter(&filter_rate_limit, json); /* a reload */
    rig_chain(&f, 1);
    assert_int_equal(passes(NULL), 0);
    rig_only(&filter_rate_limit, "{ \"rate\": \"2/h\" }");
    assert_int_equal(passes(NULL), 2);
}

static void
refuses_settings_that_make_no_limit(void **state)
{
    static const struct {
        const char *json, *code, *says;
    } rows[] = {
        { "{ }", "E0108", "rate" },
        { "{ \"rate\": \"100\" }", "", "100/s" },
        { "{ \"rate\": \"0/s\" }", "", "rate" },
        { "{ \"rate\": \"20000000/s\" }", "", "10000000/s" },
        { "{ \"rate\": \"1/d\", \"burst\": 1000 }", "E0431", "burst" },
        { "{ \"rate\": \"1/s\", \"maxKeys\": 5 }", "E0432", "maxKeys" },
        { "{ \"rate\": \"1/s\", \"missing\": \"skip\" }", "E0432", "missing" },
        { "{ \"rate\": \"1/s\", \"key\": \"tenant\" }", "E0430", "header:NAME" },
        { "{ \"rate\": \"1/s\", \"key\": [\"path\", \"path\", \"path\", \"path\", "
          "\"path\", \"path\", \"path\", \"path\", \"path\"] }",
          "", "key" },
        { "{ \"rate\": \"1/s\", \"enforce\": \"101%\" }", "", "enforce" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *said = rig_problems(&filter_rate_limit, rows[i].json);

        if (!strstr(said, "error") || !strstr(said, rows[i].code) ||
            !strstr(said, rows[i].says))
            fail_msg("%s: \"%s\"", rows[i].json, said);
    }
    assert_string_equal(rig_problems(&filter_rate_limit,
                                     "{ \"rate\": \"100/s\", \"burst\": 200, "
                                     "\"key\": [\"header:x-tenant\"] }"),
                        "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(lets_the_burst_and_then_the_rate_through),
        FILTER_TEST(the_burst_is_what_the_rate_says),
        FILTER_TEST(a_thousand_a_second_is_ten_thousand_in_ten),
        FILTER_TEST(a_refusal_says_what_ran_out_and_when_it_is_back),
        FILTER_TEST(pushback_is_for_those_who_ask),
        FILTER_TEST(headers_tell_what_is_left),
        FILTER_TEST(keys_do_not_touch_each_other),
        FILTER_TEST(calls_without_the_key_can_be_left_alone_or_refused),
        FILTER_TEST(a_flood_of_keys_gets_what_one_key_gets),
        FILTER_TEST(a_share_is_only_counted),
        FILTER_TEST(the_same_settings_keep_their_buckets),
        FILTER_TEST(refuses_settings_that_make_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

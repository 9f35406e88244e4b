/* SPDX-License-Identifier: Apache-2.0 */
/* retryPolicy and hedgingPolicy: what a service config may say, and what is made of it. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/retry_conf.h"
#include "filter/retry_policy.h"
#include "grpc/status.h"

#define REST                                                                         \
    "\"initialBackoff\": \"0.1s\", \"maxBackoff\": \"10s\", \"backoffMultiplier\": " \
    "1.5, "                                                                          \
    "\"retryableStatusCodes\": "

static struct conf_snapshot *snapshot;

/* Loads one object; what is said about it. */
static struct strbuf
load(const struct conf_struct *type, const char *text)
{
    struct strbuf problems;

    strbuf_init(&problems, 1 << 16);
    snapshot = NULL;
    if (conf_load_text(type, "f", text, strlen(text), &problems, &snapshot) != 0)
        assert_true(problems.len > 0);
    return problems;
}

static struct retry_policy
load_good(bool hedging, const char *text)
{
    struct strbuf problems =
        load(hedging ? &hedging_conf_struct : &retry_conf_struct, text);
    const struct retry_conf no_retry = { 0 };
    const struct hedging_conf no_hedge = { 0 };
    struct retry_policy p = { 0 };

    if (!snapshot || problems.len)
        fail_msg("%s: %s", text, problems.s);
    assert_true(hedging ? retry_policy_make(&p, &no_retry, conf_root(snapshot))
                        : retry_policy_make(&p, conf_root(snapshot), &no_hedge));
    strbuf_done(&problems);
    conf_drop(snapshot);
    return p;
}

static void
want_refused(const struct conf_struct *type, const char *text, const char *want)
{
    struct strbuf problems = load(type, text);

    if (!problems.s || !strstr(problems.s, want))
        fail_msg("%s: \"%s\" is not in: %s", text, want, problems.s ? problems.s : "");
    strbuf_done(&problems);
    conf_drop(snapshot);
}

static void
a_pasted_retry_policy(void **state)
{
    struct retry_policy p = load_good(
        false, "{ \"maxAttempts\": 4, " REST "[\"UNAVAILABLE\", \"aborted\", 8, "
               "\"DeadlineExceeded\", \"canceled\", \"2\"] }");

    (void)state;
    assert_false(p.hedging);
    assert_int_equal(p.max_attempts, 4);
    assert_int_equal(p.initial_us, 100000);
    assert_int_equal(p.max_us, 10000000);
    assert_true(p.multiplier > 1.49 && p.multiplier < 1.51);
    assert_int_equal(p.codes, 1u << GRPC_UNAVAILABLE | 1u << GRPC_ABORTED |
                                  1u << GRPC_RESOURCE_EXHAUSTED | 1u << GRPC_CANCELLED |
                                  1u << GRPC_DEADLINE_EXCEEDED | 1u << GRPC_UNKNOWN);
    assert_int_equal(p.per_try_us, 0);
    p = load_good(false, "{ \"maxAttempts\": 2, \"perTryTimeout\": \"0.25s\", "
                         "\"retryOnlyFirstHop\": true, " REST "[14] }");
    assert_int_equal(p.per_try_us, 250000);
    assert_true(p.only_first_hop);
}

static void
more_than_five_attempts_are_five(void **state)
{
    (void)state;
    want_refused(&retry_conf_struct, "{ \"maxAttempts\": 9, " REST "[14] }",
                 "maxAttempts is 9 and counts as 5");
    assert_int_equal(
        load_good(false, "{ \"maxAttempts\": 5, " REST "[14] }").max_attempts, 5);
    assert_int_equal(
        load_good(false, "{ \"maxAttempts\": 9, \"maxAttemptsCap\": 12, " REST "[14] }")
            .max_attempts,
        9);
    want_refused(&hedging_conf_struct, "{ \"maxAttempts\": 13, \"maxAttemptsCap\": 12 }",
                 "[W0360]");
}

static void
a_pasted_hedging_policy(void **state)
{
    struct retry_policy p =
        load_good(true, "{ \"maxAttempts\": 3, \"hedgingDelay\": \"0.5s\", "
                        "\"nonFatalStatusCodes\": [\"INTERNAL\"] }");

    (void)state;
    assert_true(p.hedging);
    assert_int_equal(p.max_attempts, 3);
    assert_int_equal(p.delay_us, 500000);
    assert_int_equal(p.codes, 1u << GRPC_INTERNAL);
    p = load_good(true, "{ \"maxAttempts\": 2 }");
    assert_int_equal(p.delay_us, 0);
    assert_int_equal(p.percentile, 0);
    assert_int_equal(p.codes, 0);
    p = load_good(true, "{ \"maxAttempts\": 2, \"hedgingDelay\": \"p95\" }");
    assert_int_equal(p.percentile, 95);
}

static void
what_gRPC_refuses_is_refused(void **state)
{
    static const struct {
        const char *text, *want;
    } retry[] = {
        { "{ \"maxAttempts\": 1, " REST "[14] }", "[E0110]" },
        { "{ \"maxAttempts\": 3 }", "needs the key \"initialBackoff\"" },
        { "{ \"maxAttempts\": 3, " REST "[] }", "[E0116]" },
        { "{ \"maxAttempts\": 3, " REST "[\"OK\"] }", "OK is no failure" },
        { "{ \"maxAttempts\": 3, " REST "[0] }", "OK is no failure" },
        { "{ \"maxAttempts\": 3, " REST "[17] }", "no gRPC status code" },
        { "{ \"maxAttempts\": 3, " REST "[\"5xx\"] }", "[E0363]" },
        { "{ \"maxAttempts\": 3, " REST "[1.5] }", "error" },
        { "{ \"maxAttempts\": 3, \"initialBackoff\": \"0s\", \"maxBackoff\": \"1s\", "
          "\"backoffMultiplier\": 2, \"retryableStatusCodes\": [14] }",
          "[E0110]" },
        { "{ \"maxAttempts\": 3, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\", "
          "\"backoffMultiplier\": 0, \"retryableStatusCodes\": [14] }",
          "[E0361]" },
        { "{ \"maxAttempts\": 3, \"num_retries\": 2, " REST "[14] }",
          "one more than numRetries" },
        { "{ \"maxAttempts\": 3, \"retry_on\": \"5xx\", " REST "[14] }",
          "in outrigger this is \"retryableStatusCodes\"" },
    };
    static const struct {
        const char *text, *want;
    } hedging[] = {
        { "{ \"hedgingDelay\": \"1s\" }", "needs the key \"maxAttempts\"" },
        { "{ \"maxAttempts\": 2, \"hedgingDelay\": \"p49\" }", "[E0364]" },
        { "{ \"maxAttempts\": 2, \"hedgingDelay\": \"p100\" }", "[E0364]" },
        { "{ \"maxAttempts\": 2, \"hedgingDelay\": \"5\" }", "[E0364]" },
        { "{ \"maxAttempts\": 2, \"hedgingDelay\": \"2h\" }", "more than an hour" },
        { "{ \"maxAttempts\": 2, \"hedgingDelay\": \"\" }", "[E0364]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(retry); i++)
        want_refused(&retry_conf_struct, retry[i].text, retry[i].want);
    for (size_t i = 0; i < ARRAY_LEN(hedging); i++)
        want_refused(&hedging_conf_struct, hedging[i].text, hedging[i].want);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pasted_retry_policy),
        cmocka_unit_test(more_than_five_attempts_are_five),
        cmocka_unit_test(a_pasted_hedging_policy),
        cmocka_unit_test(what_gRPC_refuses_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

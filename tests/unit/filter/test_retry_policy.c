/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of gRFC A6: backoff, pushback, tokens, budget, and the order of the questions. */
#include "unit.h"

#include <string.h>

#include "base/rand.h"
#include "filter/retry_conf.h"
#include "filter/retry_policy.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "upstream/retry_guard.h"

enum { MS = 1000 };

static struct retry_load loads[2];
static struct retry_guard guard;
static struct rng rng;

static const struct retry_policy policy = {
    .max_attempts = 4,
    .codes = 1u << GRPC_UNAVAILABLE | 1u << GRPC_ABORTED,
    .initial_us = 100 * MS,
    .max_us = 1000 * MS,
    .multiplier = 2,
};

static int
fresh(void **state)
{
    (void)state;
    memset(loads, 0, sizeof(loads));
    retry_guard_init(&guard, 0, 0, 20, 3, loads, 2);
    rng_seed(&rng, 42);
    return 0;
}

/* --- backoff ----------------------------------------------------------------------------- */

static void
backoff_grows_up_to_its_maximum(void **state)
{
    static const int64_t want[] = { 100, 200, 400, 800, 1000, 1000 };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(retry_backoff_us(&policy, i + 1), want[i] * MS);
}

static void
backoff_of_large_numbers_stays_in_range(void **state)
{
    struct retry_policy p = policy;

    (void)state;
    p.multiplier = 1000;
    p.max_us = INT64_C(3600) * 1000 * MS;
    assert_int_equal(retry_backoff_us(&p, 4000000000u), p.max_us);
    p.multiplier = 0.5; /* legal: it gets shorter */
    assert_int_equal(retry_backoff_us(&p, 3), 25 * MS);
    p.initial_us = 2 * p.max_us;
    assert_int_equal(retry_backoff_us(&p, 1), p.max_us);
}

static void
chance_makes_it_up_to_a_fifth_more_or_less(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const struct retry_end end = { .code = GRPC_UNAVAILABLE };
        struct retry_progress at = { .attempts = 1, .step = 1 };
        int64_t us;

        assert_int_equal(retry_decide(&policy, &at, &end, &guard, INT64_MAX, &rng, &us),
                         RETRY_AGAIN);
        assert_in_range(us, 160 * MS, 240 * MS);
        least = us < least ? us : least;
        most = us > most ? us : most;
    }
    assert_in_range(least, 160 * MS, 161 * MS);
    assert_in_range(most, 239 * MS, 240 * MS);
}

/* --- pushback ---------------------------------------------------------------------------- */

static void
pushback_is_a_whole_number_or_never(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: never */
    } rows[] = {
        { "0", 0 },     { "1", 1 },    { "250", 250 },       { "2147483647", 2147483647 },
        { "-1", -1 },   { "", -1 },    { "2147483648", -1 }, { "99999999999", -1 },
        { "05", -1 },   { "00", -1 },  { "+5", -1 },         { "-0", -1 },
        { "1.5", -1 },  { " 1", -1 },  { "1 ", -1 },         { "0x10", -1 },
        { "soon", -1 }, { "1,2", -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct retry_pushback p = retry_pushback_parse(slice_of(rows[i].text));

        if (rows[i].ms < 0) {
            assert_int_equal(p.kind, PUSHBACK_NEVER);
        } else {
            assert_int_equal(p.kind, PUSHBACK_AFTER);
            assert_int_equal(p.us, rows[i].ms * 1000);
        }
    }
}

static void
two_pushbacks_are_none(void **state)
{
    struct h2_entry v[] = {
        { .f = H2_FIELD("grpc-status", "14") },
        { .f = H2_FIELD("grpc-retry-pushback-ms", "10") },
        { .f = H2_FIELD("grpc-retry-pushback-ms", "10") },
    };
    struct h2_headers h = { .v = v, .n = 1 };

    (void)state;
    assert_int_equal(retry_pushback_find(&h).kind, PUSHBACK_NONE);
    h.n = 2;
    assert_int_equal(retry_pushback_find(&h).kind, PUSHBACK_AFTER);
    assert_int_equal(retry_pushback_find(&h).us, 10 * MS);
    h.n = 3;
    assert_int_equal(retry_pushback_find(&h).kind, PUSHBACK_NEVER);
}

static void
pushback_is_exact_and_starts_the_backoff_anew(void **state)
{
    struct retry_end end = { .code = GRPC_UNAVAILABLE,
                             .pushback = { PUSHBACK_AFTER, 7 * MS } };
    struct retry_progress at = { .attempts = 1, .step = 3 };
    int64_t us;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(retry_decide(&policy, &at, &end, &guard, INT64_MAX, &rng, &us),
                         RETRY_AGAIN);
        assert_int_equal(us, 7 * MS);
    }
    end.pushback.kind = PUSHBACK_NONE;
    assert_int_equal(retry_decide(&policy, &at, &end, &guard, INT64_MAX, &rng, &us),
                     RETRY_AGAIN);
    assert_in_range(us, 80 * MS, 120 * MS);
}

/* --- decisions --------------------------------------------------------------------------- */

static enum retry_verdict
decide(int code, unsigned attempts, int64_t left_us)
{
    const struct retry_end end = { .code = code };
    struct retry_progress at = { .attempts = attempts };
    int64_t us = -1;
    enum retry_verdict v = retry_decide(&policy, &at, &end, &guard, left_us, &rng, &us);

    assert_true((v == RETRY_AGAIN) == (us >= 0));
    return v;
}

static void
only_listed_codes_are_tried_again(void **state)
{
    (void)state;
    for (int code = 1; code < GRPC_CODE_COUNT; code++)
        assert_int_equal(decide(code, 1, INT64_MAX),
                         code == GRPC_UNAVAILABLE || code == GRPC_ABORTED
                             ? RETRY_AGAIN
                             : RETRY_NOT_RETRYABLE);
    assert_int_equal(decide(77, 1, INT64_MAX), RETRY_NOT_RETRYABLE);
    assert_int_equal(decide(14 + 32, 1, INT64_MAX), RETRY_NOT_RETRYABLE);
}

static void
attempts_are_counted_with_the_first(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 3; n++)
        assert_int_equal(decide(GRPC_UNAVAILABLE, n, INT64_MAX), RETRY_AGAIN);
    assert_int_equal(decide(GRPC_UNAVAILABLE, 4, INT64_MAX), RETRY_USED_UP);
}

static void
never_past_the_deadline(void **state)
{
    struct retry_end end = { .code = GRPC_UNAVAILABLE,
                             .pushback = { PUSHBACK_AFTER, 50 * MS } };
    struct retry_progress at = { .attempts = 1 };
    int64_t us;

    (void)state;
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, 80 * MS - 1), RETRY_TOO_LATE);
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, 120 * MS + 1), RETRY_AGAIN);
    assert_int_equal(retry_decide(&policy, &at, &end, &guard, 50 * MS, &rng, &us),
                     RETRY_TOO_LATE);
    assert_int_equal(retry_decide(&policy, &at, &end, &guard, 50 * MS + 1, &rng, &us),
                     RETRY_AGAIN);
}

static void
a_try_that_took_too_long_is_tried_again_whatever_the_codes_are(void **state)
{
    const struct retry_end end = { .code = GRPC_DEADLINE_EXCEEDED, .timed_out = true };
    struct retry_progress at = { .attempts = 1 };
    int64_t us;

    (void)state;
    assert_int_equal(decide(GRPC_DEADLINE_EXCEEDED, 1, INT64_MAX), RETRY_NOT_RETRYABLE);
    assert_int_equal(retry_decide(&policy, &at, &end, &guard, INT64_MAX, &rng, &us),
                     RETRY_AGAIN);
}

static void
first_hop(void **state)
{
    struct retry_policy p = policy;

    (void)state;
    assert_true(retry_policy_applies(&p, slice_of("1")));
    p.only_first_hop = true;
    assert_true(retry_policy_applies(&p, (struct slice){ 0 }));
    assert_true(retry_policy_applies(&p, slice_of("0")));
    assert_false(retry_policy_applies(&p, slice_of("1")));
    assert_false(retry_policy_applies(&p, slice_of("")));
}

/* --- throttle ---------------------------------------------------------------------------- */

static void
want_tokens(int64_t thousandths)
{
    assert_int_equal(retry_guard_tokens(&guard), thousandths);
}

/* The numbers of gRFC A6: 10 tokens, 0.1 back. */
static void
throttle_ten_and_a_tenth(void **state)
{
    (void)state;
    retry_guard_init(&guard, 10, 0.1, 0, 0, loads, 2);
    for (int left = 9; left >= 6; left--) {
        assert_int_equal(decide(GRPC_UNAVAILABLE, 1, INT64_MAX), RETRY_AGAIN);
        want_tokens(left * 1000);
    }
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, INT64_MAX), RETRY_THROTTLED);
    want_tokens(5000);
    assert_false(retry_guard_allows(&guard));
    for (int i = 0; i < 10; i++)
        retry_guard_success(&guard);
    want_tokens(6000);
    assert_true(retry_guard_allows(&guard));
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, INT64_MAX), RETRY_THROTTLED);
    for (int i = 0; i < 11; i++)
        retry_guard_success(&guard);
    want_tokens(6100);
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, INT64_MAX), RETRY_AGAIN);
    want_tokens(5100);
}

static void
tokens_stay_between_none_and_all(void **state)
{
    (void)state;
    retry_guard_init(&guard, 2, 0.6, 0, 0, loads, 2);
    retry_guard_success(&guard);
    want_tokens(2000);
    for (int i = 0; i < 5; i++)
        assert_false(retry_guard_failure(&guard));
    want_tokens(0);
    for (int i = 0; i < 3; i++)
        retry_guard_success(&guard);
    want_tokens(1800);
    retry_guard_success(&guard);
    want_tokens(2000);
    retry_guard_init(&guard, 0.0004, 0.0001, 0, 0, loads, 2); /* never rounded to none */
    want_tokens(1);
    retry_guard_init(&guard, 1000, 1.2345, 0, 0, loads, 2);
    assert_true(retry_guard_failure(&guard));
    retry_guard_success(&guard);
    want_tokens(1000000);
}

/* What takes a token, and what comes before what. */
static void
the_order_of_the_questions(void **state)
{
    const struct retry_end no = { .code = GRPC_NOT_FOUND,
                                  .pushback = { PUSHBACK_NEVER, 0 } };
    struct retry_progress at = { .attempts = 4 };
    int64_t us;

    (void)state;
    retry_guard_init(&guard, 10, 0.1, 0, 0, loads, 2);
    assert_int_equal(decide(GRPC_NOT_FOUND, 1, INT64_MAX), RETRY_NOT_RETRYABLE);
    want_tokens(10000); /* a failure that is not retryable costs nothing */
    assert_int_equal(retry_decide(&policy, &at, &no, &guard, INT64_MAX, &rng, &us),
                     RETRY_PUSHBACK);
    want_tokens(9000); /* pushback is looked at first, and costs */
    assert_int_equal(decide(GRPC_UNAVAILABLE, 4, INT64_MAX), RETRY_USED_UP);
    want_tokens(8000); /* tokens come before the count of attempts */
    assert_int_equal(decide(GRPC_UNAVAILABLE, 1, 1), RETRY_TOO_LATE);
    want_tokens(7000);
    assert_int_equal(decide(GRPC_UNAVAILABLE, 4, INT64_MAX), RETRY_USED_UP);
    assert_int_equal(decide(GRPC_UNAVAILABLE, 4, INT64_MAX), RETRY_THROTTLED);
}

/* --- budget ------------------------------------------------------------------------------ */

static void
three_are_always_allowed(void **state)
{
    (void)state;
    assert_int_equal(retry_guard_room(&guard), 3);
    for (int i = 0; i < 3; i++)
        assert_true(retry_guard_take(&guard));
    assert_false(retry_guard_take(&guard));
    retry_guard_give(&guard);
    assert_true(retry_guard_take(&guard));
    assert_false(retry_guard_take(&guard));
    for (int i = 0; i < 3; i++)
        retry_guard_give(&guard);
    assert_int_equal(atomic_load(&guard.open), 0);
}

static void
the_budget_is_a_share_of_what_all_workers_carry(void **state)
{
    (void)state;
    atomic_store(&loads[0].first, 40);
    atomic_store(&loads[0].waiting, 9);
    atomic_store(&loads[1].first, 25);
    assert_int_equal(retry_guard_room(&guard), 14); /* 20 % of 74 */
    atomic_store(&loads[1].waiting, 1);
    assert_int_equal(retry_guard_room(&guard), 15);
    retry_guard_init(&guard, 0, 0, 0.5, 0, loads, 2);
    assert_int_equal(retry_guard_room(&guard), 0);
    assert_false(retry_guard_take(&guard));
    retry_guard_init(&guard, 0, 0, 0, 3, loads, 2); /* 0 %: no limit */
    for (int i = 0; i < 100; i++)
        assert_true(retry_guard_take(&guard));
}

/* --- hedging ----------------------------------------------------------------------------- */

static enum hedge_verdict
hedge(int code, int pushback)
{
    static const struct retry_policy hedging = { .hedging = true,
                                                 .max_attempts = 3,
                                                 .codes = 1u << GRPC_UNAVAILABLE };
    const struct retry_end end = { .code = code, .pushback = { pushback, 1000 } };

    return hedge_decide(&hedging, &end, &guard);
}

static void
failures_of_hedges(void **state)
{
    (void)state;
    retry_guard_init(&guard, 10, 0.1, 0, 0, loads, 2);
    assert_int_equal(hedge(GRPC_NOT_FOUND, PUSHBACK_NONE), HEDGE_FATAL);
    want_tokens(10000);
    assert_int_equal(hedge(GRPC_UNAVAILABLE, PUSHBACK_NONE), HEDGE_NEXT_NOW);
    want_tokens(9000);
    assert_int_equal(hedge(GRPC_UNAVAILABLE, PUSHBACK_AFTER), HEDGE_NEXT_LATE);
    assert_int_equal(hedge(GRPC_UNAVAILABLE, PUSHBACK_NEVER), HEDGE_NO_MORE);
    assert_int_equal(hedge(GRPC_NOT_FOUND, PUSHBACK_NEVER), HEDGE_FATAL);
    want_tokens(6000);
    assert_int_equal(hedge(GRPC_UNAVAILABLE, PUSHBACK_NONE),
                     HEDGE_NO_MORE); /* throttled */
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, fresh)
    const struct CMUnitTest tests[] = {
        TEST(backoff_grows_up_to_its_maximum),
        TEST(backoff_of_large_numbers_stays_in_range),
        TEST(chance_makes_it_up_to_a_fifth_more_or_less),
        TEST(pushback_is_a_whole_number_or_never),
        TEST(two_pushbacks_are_none),
        TEST(pushback_is_exact_and_starts_the_backoff_anew),
        TEST(only_listed_codes_are_tried_again),
        TEST(attempts_are_counted_with_the_first),
        TEST(never_past_the_deadline),
        TEST(a_try_that_took_too_long_is_tried_again_whatever_the_codes_are),
        TEST(first_hop),
        TEST(throttle_ten_and_a_tenth),
        TEST(tokens_stay_between_none_and_all),
        TEST(the_order_of_the_questions),
        TEST(three_are_always_allowed),
        TEST(the_budget_is_a_share_of_what_all_workers_carry),
        TEST(failures_of_hedges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

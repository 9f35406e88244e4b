/* SPDX-License-Identifier: Apache-2.0 */
/* The token bucket, also against exact arithmetic with more bits. */
#include "unit.h"

#include "base/bucket.h"

static const int64_t START = 7000000;

static void
gives_its_burst_and_then_refuses(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 3, 10, START);
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&b, 1, START));
    assert_false(bucket_take(&b, 1, START));
    assert_int_equal(bucket_left(&b), 0);
}

static void
gets_a_token_back_exactly_in_time(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 1, 10, START);
    assert_true(bucket_take(&b, 1, START));
    assert_false(bucket_take(&b, 1, START + 99999));
    assert_true(bucket_take(&b, 1, START + 100000));
    assert_false(bucket_take(&b, 1, START + 100001));
}

static void
a_refused_take_costs_nothing(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 5, 0, START);
    assert_false(bucket_take(&b, 6, START));
    assert_int_equal(bucket_left(&b), 5);
    assert_true(bucket_take(&b, 5, START));
}

static void
is_full_after_a_long_rest_and_not_more(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, UINT32_MAX, UINT32_MAX, START);
    assert_true(bucket_take(&b, UINT32_MAX, START));
    assert_true(bucket_take(&b, 0, INT64_MAX));
    assert_int_equal(bucket_left(&b), UINT32_MAX);
}

static void
stays_empty_without_a_rate(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 1, 0, START);
    assert_true(bucket_take(&b, 1, START));
    assert_false(bucket_take(&b, 1, INT64_MAX));
}

static void
a_clock_that_steps_back_gives_nothing(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 1, 1000, START);
    assert_true(bucket_take(&b, 1, START));
    assert_false(bucket_take(&b, 1, START - 1000000));
    assert_false(bucket_take(&b, 1, START));
    assert_true(bucket_take(&b, 1, START + 1000));
}

static void
agrees_with_exact_arithmetic(void **state)
{
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (int round = 0; round < 50; round++) {
        uint32_t burst = (uint32_t)rng_below(&r, 1000),
                 rate = (uint32_t)rng_below(&r, 5000);
        __int128 exact = (__int128)burst * 1000000;
        int64_t now = START;
        struct bucket b;

        bucket_init(&b, burst, rate, now);
        for (int i = 0; i < 400; i++) {
            int64_t step =
                (int64_t)rng_below(&r, rng_below(&r, 20) ? 3000 : INT64_C(1) << 40);
            uint32_t n = (uint32_t)rng_below(&r, 8);
            bool expect;

            now += step;
            exact += (__int128)step * rate;
            if (exact > (__int128)burst * 1000000)
                exact = (__int128)burst * 1000000;
            expect = exact >= (__int128)n * 1000000;
            if (expect)
                exact -= (__int128)n * 1000000;
            assert_int_equal(bucket_take(&b, n, now), expect);
            assert_int_equal(bucket_left(&b), (uint32_t)(exact / 1000000));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_its_burst_and_then_refuses),
        cmocka_unit_test(gets_a_token_back_exactly_in_time),
        cmocka_unit_test(a_refused_take_costs_nothing),
        cmocka_unit_test(is_full_after_a_long_rest_and_not_more),
        cmocka_unit_test(stays_empty_without_a_rate),
        cmocka_unit_test(a_clock_that_steps_back_gives_nothing),
        cmocka_unit_test(agrees_with_exact_arithmetic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

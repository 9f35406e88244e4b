/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the published algorithm, fair choices, jitter within its bounds. */
#include "unit.h"

#include "base/compat.h"
#include "base/rand.h"

static void
follows_the_published_algorithm(void **state)
{
    /* On the state { 1, 2, 3, 4 }: the first values of the authors' implementation. */
    const uint64_t expect[] = { 11520, 0, 1509978240, 1215971899390074240 };
    struct rng r = { { 1, 2, 3, 4 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expect); i++)
        assert_true(rng_next(&r) == expect[i]);
}

static void
one_seed_gives_one_stream(void **state)
{
    struct rng a, b, c;
    int same = 0;

    (void)state;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&c, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);

        assert_true(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void
two_system_seeds_differ(void **state)
{
    struct rng a, b;

    (void)state;
    rng_seed_system(&a);
    rng_seed_system(&b);
    assert_true(rng_next(&a) != rng_next(&b));
}

static void
choices_are_in_range_and_fair(void **state)
{
    unsigned hits[7] = { 0 };
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 70000; i++)
        hits[rng_below(&r, 7)]++;
    for (size_t i = 0; i < 7; i++)
        assert_in_range(hits[i], 9600, 10400); /* more than 4 sigma on each side */
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&r, 1), 0);
}

static void
a_huge_range_is_not_skewed(void **state)
{
    const uint64_t n =
        UINT64_C(3) << 62; /* a plain modulo would hit the first third twice as often */
    unsigned low = 0;
    struct rng r;

    (void)state;
    rng_seed(&r, 2);
    for (int i = 0; i < 30000; i++)
        low += rng_below(&r, n) < n / 3;
    assert_in_range(low, 9600, 10400);
}

static void
jitter_stays_within_its_percentage_and_uses_it(void **state)
{
    int64_t lowest = INT64_MAX, highest = 0;
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (int i = 0; i < 10000; i++) {
        int64_t x = rng_jitter(&r, 1000, 20);

        assert_in_range(x, 800, 1200);
        lowest = x < lowest ? x : lowest;
        highest = x > highest ? x : highest;
    }
    assert_int_equal(lowest, 800);
    assert_int_equal(highest, 1200);
}

static void
jitter_of_nothing_or_by_nothing_is_no_change(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 4);
    assert_int_equal(rng_jitter(&r, 0, 20), 0);
    assert_int_equal(rng_jitter(&r, 1000, 0), 1000);
    for (int i = 0; i < 100; i++)
        assert_true(rng_jitter(&r, INT64_MAX / 4, 100) >= 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_published_algorithm),
        cmocka_unit_test(one_seed_gives_one_stream),
        cmocka_unit_test(two_system_seeds_differ),
        cmocka_unit_test(choices_are_in_range_and_fair),
        cmocka_unit_test(a_huge_range_is_not_skewed),
        cmocka_unit_test(jitter_stays_within_its_percentage_and_uses_it),
        cmocka_unit_test(jitter_of_nothing_or_by_nothing_is_no_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

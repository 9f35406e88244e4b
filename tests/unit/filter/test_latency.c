/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles of the methods that a worker sees. */
#include "unit.h"

#include "filter/latency.h"

static void
nothing_is_said_before_enough_was_seen(void **state)
{
    struct latency *l = latency_new();

    (void)state;
    assert_int_equal(latency_find(l, 7, 95), -1);
    for (int i = 0; i < 19; i++)
        latency_add(l, 7, 1000);
    assert_int_equal(latency_find(l, 7, 95), -1);
    assert_in_range(latency_find(l, 7, 50), 1000, 1130);
    latency_add(l, 7, 1000);
    assert_in_range(latency_find(l, 7, 95), 1000, 1130);
    assert_int_equal(latency_find(l, 7, 99), -1);
    latency_free(l);
}

/* Never too small, at most an eighth too large, from a tenth of a millisecond to a minute. */
static void
a_percentile_is_exact_to_an_eighth(void **state)
{
    (void)state;
    for (int64_t us = 128; us < 60 * 1000 * 1000; us = us * 21 / 20 + 1) {
        struct latency *l = latency_new();

        for (int i = 0; i < 95; i++)
            latency_add(l, 1, us);
        for (int i = 0; i < 5; i++)
            latency_add(l, 1, INT64_C(100) * 1000 * 1000);
        assert_true(latency_find(l, 1, 95) > us);
        assert_true(latency_find(l, 1, 95) <= us + us / 8 + 1);
        assert_true(latency_find(l, 1, 96) > us + us / 8 + 1);
        latency_free(l);
    }
}

static void
odd_times_have_a_place(void **state)
{
    struct latency *l = latency_new();

    (void)state;
    for (int i = 0; i < 50; i++)
        latency_add(l, 1, -5);
    assert_int_equal(latency_find(l, 1, 50), 128);
    for (int i = 0; i < 200; i++)
        latency_add(l, 1, INT64_MAX);
    assert_true(latency_find(l, 1, 90) > INT64_C(100) * 1000 * 1000);
    latency_free(l);
}

static void
the_old_is_forgotten(void **state)
{
    struct latency *l = latency_new();

    (void)state;
    for (int i = 0; i < 10000; i++)
        latency_add(l, 1, 1000);
    for (int i = 0; i < 4000; i++)
        latency_add(l, 1, 50000);
    assert_in_range(latency_find(l, 1, 50), 50000, 57000);
    latency_free(l);
}

static void
methods_are_apart_and_those_that_meet_begin_anew(void **state)
{
    struct latency *l = latency_new();

    (void)state;
    for (int i = 0; i < 100; i++) {
        latency_add(l, 1, 1000);
        latency_add(l, 2, 9000);
    }
    assert_in_range(latency_find(l, 1, 95), 1000, 1130);
    assert_in_range(latency_find(l, 2, 95), 9000, 10200);
    latency_add(l, 1 + 64, 5000); /* the place of 1 */
    assert_int_equal(latency_find(l, 1, 95), -1);
    assert_int_equal(latency_find(l, 65, 95), -1);
    latency_free(l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_before_enough_was_seen),
        cmocka_unit_test(a_percentile_is_exact_to_an_eighth),
        cmocka_unit_test(odd_times_have_a_place),
        cmocka_unit_test(the_old_is_forgotten),
        cmocka_unit_test(methods_are_apart_and_those_that_meet_begin_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

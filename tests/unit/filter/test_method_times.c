/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles of the methods that a worker sees. */
#include "unit.h"

#include "filter/method_times.h"

static void
nothing_is_said_before_enough_was_seen(void **state)
{
    struct method_times *t = method_times_new();

    (void)state;
    assert_int_equal(method_times_find(t, 7, 95), -1);
    for (int i = 0; i < 19; i++)
        method_times_add(t, 7, 1000);
    assert_int_equal(method_times_find(t, 7, 95), -1);
    assert_in_range(method_times_find(t, 7, 50), 970, 1030);
    method_times_add(t, 7, 1000);
    assert_in_range(method_times_find(t, 7, 95), 970, 1030);
    assert_int_equal(method_times_find(t, 7, 99), -1);
    method_times_free(t);
    method_times_free(NULL);
}

static void
the_percentile_is_that_of_the_slow_ones(void **state)
{
    struct method_times *t = method_times_new();

    (void)state;
    for (int i = 0; i < 1000; i++)
        method_times_add(t, 1, i % 20 ? 2000 : 400000);
    assert_in_range(method_times_find(t, 1, 94), 1940, 2060);
    assert_in_range(method_times_find(t, 1, 96), 388000, 412000);
    method_times_free(t);
}

static void
the_old_is_forgotten(void **state)
{
    struct method_times *t = method_times_new();

    (void)state;
    for (int i = 0; i < 10000; i++)
        method_times_add(t, 1, 1000);
    for (int i = 0; i < 4000; i++)
        method_times_add(t, 1, 50000);
    assert_in_range(method_times_find(t, 1, 50), 48500, 51500);
    method_times_free(t);
}

static void
methods_are_apart_and_those_that_meet_begin_anew(void **state)
{
    struct method_times *t = method_times_new();

    (void)state;
    for (int i = 0; i < 100; i++) {
        method_times_add(t, 1, 1000);
        method_times_add(t, 2, 9000);
    }
    assert_in_range(method_times_find(t, 1, 95), 970, 1030);
    assert_in_range(method_times_find(t, 2, 95), 8730, 9270);
    method_times_add(t, 1 + 64, 5000); /* the place of 1 */
    assert_int_equal(method_times_find(t, 1, 95), -1);
    assert_int_equal(method_times_find(t, 65, 95), -1);
    method_times_free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_before_enough_was_seen),
        cmocka_unit_test(the_percentile_is_that_of_the_slow_ones),
        cmocka_unit_test(the_old_is_forgotten),
        cmocka_unit_test(methods_are_apart_and_those_that_meet_begin_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: what happened in which second, sums of whole seconds only, and percentiles that lie where the buckets say. */
#include <string.h>

#include "obs/histogram.h"
#include "obs/slots.h"
#include "unit.h"

enum { S = 1000000, START = 777 };

static struct slots_clock now;
static struct slots slots;
static uint64_t count[2];
static int64_t now_us;

static int
setup(void **state)
{
    (void)state;
    now_us = START;
    memset(count, 0, sizeof(count));
    slots_clock_init(&now, now_us);
    slots_init(&slots, 2, 5);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    slots_done(&slots);
    return 0;
}

/* So much time passes, and the counters have grown by so much then. */
static unsigned
pass(int64_t us, unsigned a, unsigned b)
{
    unsigned turned;

    now_us += us;
    count[0] += a;
    count[1] += b;
    turned = slots_clock_turn(&now, now_us);
    if (turned)
        slots_put(&slots, &now, turned, count);
    return turned;
}

static void
a_second_counts_when_it_is_full(void **state)
{
    (void)state;
    assert_int_equal(slots_clock_left_us(&now, now_us), S);
    assert_int_equal(pass(S - 1, 7, 0), 0);
    assert_int_equal(slots_sum(&slots, &now, 0, 5), 0);
    assert_true(slots_rate(&slots, &now, 0, 5) == 0);
    assert_int_equal(slots_clock_left_us(&now, now_us), 1);
    assert_int_equal(pass(1, 0, 3), 1);
    assert_int_equal(slots_sum(&slots, &now, 0, 5), 7);
    assert_int_equal(slots_sum(&slots, &now, 1, 5), 3);
    assert_int_equal(slots_clock_past(&now, 5), 1);
}

static void
a_rate_is_over_the_seconds_that_there_are(void **state)
{
    (void)state;
    pass(S, 10, 0);
    assert_true(slots_rate(&slots, &now, 0, 5) == 10);
    pass(S, 20, 0);
    assert_true(slots_rate(&slots, &now, 0, 5) == 15);
    assert_true(slots_rate(&slots, &now, 0, 1) == 20);
    for (int i = 0; i < 5; i++)
        pass(S, 4, 0);
    assert_true(slots_rate(&slots, &now, 0, 5) == 4);
    assert_true(slots_rate(&slots, &now, 0, 99) == 4); /* no more than the ring has */
    assert_int_equal(slots_clock_past(&now, 5), 5);
}

static void
the_newest_slot_is_the_last_second(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 8; i++)
        pass(S, i, 100 + i);
    for (unsigned ago = 0; ago < 5; ago++) {
        assert_int_equal(slots_at(&slots, &now, 0, ago), 8 - ago);
        assert_int_equal(slots_at(&slots, &now, 1, ago), 108 - ago);
    }
}

static void
a_late_look_is_spread_over_the_seconds_it_missed(void **state)
{
    (void)state;
    pass(S, 1, 0);
    assert_int_equal(pass(3 * S + S / 2, 10, 2), 3);
    assert_int_equal(slots_at(&slots, &now, 0, 0), 4);
    assert_int_equal(slots_at(&slots, &now, 0, 1), 3);
    assert_int_equal(slots_at(&slots, &now, 0, 2), 3);
    assert_int_equal(slots_at(&slots, &now, 0, 3), 1);
    assert_int_equal(slots_sum(&slots, &now, 1, 3), 2);
    /* The half second counts for the next. */
    assert_int_equal(pass(S / 2, 0, 0), 1);
}

static void
a_pause_longer_than_the_ring_fills_it_once(void **state)
{
    (void)state;
    assert_int_equal(pass(INT64_C(100) * S, 1000, 0), 100);
    assert_int_equal(slots_sum(&slots, &now, 0, 5), 50);
    assert_true(slots_rate(&slots, &now, 0, 5) == 10);
}

static void
a_counter_that_begins_again_is_no_huge_number(void **state)
{
    (void)state;
    pass(S, 500, 0);
    count[0] = 0;
    pass(S, 3, 0);
    assert_int_equal(slots_at(&slots, &now, 0, 0), 3);
}

static void
what_was_there_before_is_not_counted(void **state)
{
    (void)state;
    count[0] = 1000000;
    slots_base(&slots, count);
    pass(S, 2, 5);
    assert_int_equal(slots_at(&slots, &now, 0, 0), 2);
    assert_int_equal(slots_at(&slots, &now, 1, 0), 5);
}

static void
a_series_goes_on_in_another_ring(void **state)
{
    struct slots other;

    (void)state;
    for (unsigned i = 1; i <= 7; i++)
        pass(S, i, 2 * i);
    slots_init(&other, 3, 5);
    slots_copy(&other, 2, &slots, 1);
    for (unsigned ago = 0; ago < 5; ago++) {
        assert_int_equal(slots_at(&other, &now, 2, ago), 2 * (7 - ago));
        assert_int_equal(slots_at(&other, &now, 0, ago), 0);
    }
    assert_int_equal(slots_clock_turn(&now, now_us + S), 1);
    slots_put(&other, &now, 1, (uint64_t[]){ 1, 1, count[1] + 9 });
    assert_int_equal(slots_at(&other, &now, 2, 0), 9);
    slots_done(&other);
}

/* --- percentiles -------------------------------------------------------------------- */

static double
quantile(enum histogram_kind kind, const uint64_t *counts, double share)
{
    return slots_quantile_us(histogram_bounds_get(kind), counts, share);
}

static void
a_percentile_is_on_a_line_within_its_bucket(void **state)
{
    uint64_t c[HISTOGRAM_BOUNDS_MAX + 1] = { 0 };

    (void)state;
    c[1] = 100; /* above 5 ms, at most 10 ms */
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.5) == 7500);
    assert_true(quantile(HISTOGRAM_COARSE, c, 1) == 10000);
    assert_true(quantile(HISTOGRAM_COARSE, c, 0) == 5000);
    c[0] = 300;
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.5) == 5000 * 200 / 300.0);
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.75) == 5000);
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.875) == 7500);
}

static void
a_percentile_above_all_buckets_is_the_last_bound(void **state)
{
    uint64_t c[HISTOGRAM_BOUNDS_MAX + 1] = { [0] = 1, [11] = 9 };

    (void)state;
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.5) == 10000000);
    assert_true(quantile(HISTOGRAM_COARSE, c, 0.05) == 2500);
}

static void
without_calls_or_buckets_there_is_no_percentile(void **state)
{
    uint64_t c[HISTOGRAM_BOUNDS_MAX + 1] = { 0 };

    (void)state;
    assert_true(quantile(HISTOGRAM_FINE, c, 0.5) == -1);
    c[3] = 1;
    assert_true(quantile(HISTOGRAM_NONE, c, 0.5) == -1);
}

/* Against the times themselves: the bucket of the answer is the bucket of the right one. */
static void
percentiles_of_random_times_are_in_the_right_bucket(void **state)
{
    const struct histogram_bounds *b = histogram_bounds_get(HISTOGRAM_FINE);
    uint64_t c[HISTOGRAM_BOUNDS_MAX + 1] = { 0 };
    static const double shares[] = { 0.5, 0.95, 0.99 };
    enum { TIMES = 1000 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (unsigned i = 0; i < TIMES; i++)
        c[histogram_find(b, (int64_t)rng_below(&rng, 200000))]++;
    for (unsigned k = 0; k < 3; k++) {
        double us = slots_quantile_us(b, c, shares[k]);
        uint64_t below = 0;
        size_t i = 0;

        while (below + c[i] < shares[k] * TIMES)
            below += c[i++];
        assert_true(us <= (double)b->us[i] && us >= (i ? (double)b->us[i - 1] : 0));
    }
}

int
main(void)
{
#define SLOTS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        SLOTS_TEST(a_second_counts_when_it_is_full),
        SLOTS_TEST(a_rate_is_over_the_seconds_that_there_are),
        SLOTS_TEST(the_newest_slot_is_the_last_second),
        SLOTS_TEST(a_late_look_is_spread_over_the_seconds_it_missed),
        SLOTS_TEST(a_pause_longer_than_the_ring_fills_it_once),
        SLOTS_TEST(a_counter_that_begins_again_is_no_huge_number),
        SLOTS_TEST(what_was_there_before_is_not_counted),
        SLOTS_TEST(a_series_goes_on_in_another_ring),
        cmocka_unit_test(a_percentile_is_on_a_line_within_its_bucket),
        cmocka_unit_test(a_percentile_above_all_buckets_is_the_last_bound),
        cmocka_unit_test(without_calls_or_buckets_there_is_no_percentile),
        cmocka_unit_test(percentiles_of_random_times_are_in_the_right_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

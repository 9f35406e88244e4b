/* SPDX-License-Identifier: Apache-2.0 */
/* The static-stride scheduler, and weighted_round_robin by the source's weights and by load reports over time (gRFC A58). */
#include "lbtest.h"

#include "lb/stride.h"

#define SECOND 1000000LL

static struct lbtest t;

static void
stride_gives_the_known_order(void **state)
{
    static const double weights[] = { 1, 2, 3 };
    static const size_t order[] = { 1, 2, 2, 0, 1, 2 };
    struct stride s = { 0 };
    unsigned count[3] = { 0 };

    (void)state;
    stride_build(&s, weights, 3);
    assert_int_equal(s.w[0], 21845);
    assert_int_equal(s.w[1], 43690);
    assert_int_equal(s.w[2], 65535);
    for (size_t i = 0; i < 24; i++) {
        size_t k = stride_next(&s);

        assert_int_equal(k, order[i % 6]);
        count[k]++;
    }
    assert_int_equal(count[0], 4);
    assert_int_equal(count[1], 8);
    assert_int_equal(count[2], 12);
    stride_free(&s);
}

static void
stride_starves_none(void **state)
{
    static const double weights[] = { 1, 1e9, 5e8 };
    struct stride s = { 0 };
    unsigned count[3] = { 0 };

    (void)state;
    stride_build(&s, weights, 3);
    for (size_t i = 0; i < 2 * 65536 * 3; i++)
        count[stride_next(&s)]++;
    assert_true(count[0] > 0);
    assert_in_range(count[1], count[2] * 2 - 20, count[2] * 2 + 20);
    stride_free(&s);
}

/* Picks `times` and checks that each share is within 2 % of the whole. */
static void
expect_shares(unsigned times, const double *shares, size_t n)
{
    unsigned count[MOST];

    lbtest_count(&t, times, count);
    for (size_t i = 0; i < n; i++) {
        double part = (double)count[i] / times;

        if (part < shares[i] - 0.02 || part > shares[i] + 0.02)
            fail_msg("endpoint %zu has %.3f of the calls, not %.3f", i, part, shares[i]);
    }
}

static void
weights_of_the_source_without_reports(void **state)
{
    static const double shares[] = { 0.125, 0.25, 0.625 };

    (void)state;
    lbtest_open(&t, "weighted_round_robin", 5);
    t.eps[0].weight = 1000;
    t.eps[1].weight = 2000;
    t.eps[2].weight = 5000;
    lbtest_ready(&t, 3);
    expect_shares(30000, shares, 3);
    lbtest_close(&t);
}

static void
report(size_t i, double qps, double utilization, double eps)
{
    struct lb_report r = { .qps = qps, .eps = eps, .utilization = utilization };

    t.policy->reported(t.own, &t.eps[i], &r, t.now);
}

static void
wait(int64_t us)
{
    t.now += us;
    lbtest_update(&t);
}

static void
reports_count_after_the_blackout(void **state)
{
    static const double even[] = { 0.5, 0.5 }, by_load[] = { 0.2, 0.8 };

    (void)state;
    lbtest_open(&t, "weighted_round_robin", 1);
    lbtest_ready(&t, 2);
    assert_int_equal(t.again, SECOND);
    for (int k = 0; k < 10; k++) { /* 10 s blackout */
        report(0, 100, 0.8, 0);
        report(1, 100, 0.2, 0);
        lbtest_update(&t);
        expect_shares(1000, even, 2);
        wait(SECOND - (k == 9));
    }
    expect_shares(1000, even, 2);
    wait(1);
    expect_shares(10000, by_load, 2);
    lbtest_close(&t);
}

static void
old_reports_expire(void **state)
{
    static const double even[] = { 0.5, 0.5 }, by_load[] = { 0.25, 0.75 };

    (void)state;
    lbtest_open(&t, "weighted_round_robin", 1);
    lbtest_ready(&t, 2);
    report(0, 100, 0.75, 0);
    report(1, 100, 0.25, 0);
    wait(180 * SECOND - 1);
    expect_shares(10000, by_load, 2);
    wait(1);
    expect_shares(10000, even, 2);
    /* After that the blackout starts anew. */
    report(0, 100, 0.75, 0);
    report(1, 100, 0.25, 0);
    wait(9 * SECOND);
    expect_shares(1000, even, 2);
    wait(SECOND);
    expect_shares(10000, by_load, 2);
    lbtest_close(&t);
}

static void
endpoint_that_connects_anew_proves_itself_again(void **state)
{
    static const double even[] = { 0.5, 0.5 }, by_load[] = { 0.25, 0.75 };

    (void)state;
    lbtest_open(&t, "weighted_round_robin", 1);
    lbtest_ready(&t, 2);
    report(0, 100, 0.75, 0);
    report(1, 100, 0.25, 0);
    wait(10 * SECOND);
    expect_shares(10000, by_load, 2);
    lbtest_state(&t, 1, 'i');
    wait(SECOND);
    lbtest_state(&t, 1, 'R');
    wait(SECOND);
    report(1, 100, 0.25, 0);
    wait(9 * SECOND);
    expect_shares(1000, even, 2); /* fewer than two weights */
    wait(SECOND);
    expect_shares(10000, by_load, 2);
    lbtest_close(&t);
}

static void
who_does_not_report_gets_the_mean(void **state)
{
    static const double shares[] = { 0.1, 0.5, 0.3, 0.3 };
    double scaled[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        scaled[i] = shares[i] / 1.2;
    lbtest_open(&t, "weighted_round_robin", 1);
    lbtest_ready(&t, 4);
    report(0, 100, 0.5, 0);
    report(1, 500, 0.5, 0);
    report(2, 0, 0.5, 0); /* not valid */
    report(3, 100, 0, 0);
    wait(10 * SECOND);
    expect_shares(20000, scaled, 4);
    lbtest_close(&t);
}

/* Test vector: 200 / (0.25 + 2/200 x 1) = 769.2; without errors 800. */
static void
errors_are_a_penalty(void **state)
{
    const double sum = 769.2 + 800;
    const double shares[] = { 769.2 / sum, 800 / sum };
    const double hard_sum = 800 + 200 / (0.25 + 0.01 * 50);
    const double hard[] = { 200 / (0.25 + 0.01 * 50) / hard_sum, 800 / hard_sum };

    (void)state;
    for (int penalty = 1; penalty <= 50; penalty += 49) {
        lbtest_init(&t, "weighted_round_robin", 1);
        t.conf.error_utilization_penalty = penalty;
        lbtest_start(&t);
        lbtest_ready(&t, 2);
        report(0, 200, 0.25, 2);
        report(1, 200, 0.25, 0);
        wait(10 * SECOND);
        expect_shares(30000, penalty == 1 ? shares : hard, 2);
        lbtest_close(&t);
    }
}

static void
update_period_is_what_the_config_says(void **state)
{
    (void)state;
    lbtest_init(&t, "weighted_round_robin", 1);
    t.conf.weight_update_period_ms = 100;
    lbtest_start(&t);
    lbtest_ready(&t, 2);
    assert_int_equal(t.again, 100000);
    lbtest_ready(&t, 1); /* nothing to weigh */
    assert_int_equal(t.again, -1);
    lbtest_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stride_gives_the_known_order),
        cmocka_unit_test(stride_starves_none),
        cmocka_unit_test(weights_of_the_source_without_reports),
        cmocka_unit_test(reports_count_after_the_blackout),
        cmocka_unit_test(old_reports_expire),
        cmocka_unit_test(endpoint_that_connects_anew_proves_itself_again),
        cmocka_unit_test(who_does_not_report_gets_the_mean),
        cmocka_unit_test(errors_are_a_penalty),
        cmocka_unit_test(update_period_is_what_the_config_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

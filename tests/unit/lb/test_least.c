/* SPDX-License-Identifier: Apache-2.0 */
/* least_request, random and peak_ewma: where the calls go when endpoints differ. */
#include "lbtest.h"

static struct lbtest t;

static double
share(unsigned count, unsigned of)
{
    return (double)count / of;
}

static void
expect_near(double got, double expected, double by)
{
    if (got < expected - by || got > expected + by)
        fail_msg("%.3f, not %.3f +-%.3f", got, expected, by);
}

/* With d draws with repetition the busiest of n is taken only when all draws are it: (1/n)^d. */
static void
least_request_shifts_load(void **state)
{
    enum { TIMES = 40000 };
    unsigned count[MOST];

    (void)state;
    for (uint32_t choices = 2; choices <= 4; choices += 2) {
        double busiest = choices == 2 ? 1.0 / 16 : 1.0 / 256;

        lbtest_init(&t, "least_request", 9);
        t.conf.choices = choices;
        lbtest_start(&t);
        lbtest_ready(&t, 4);
        for (uint32_t i = 0; i < 4; i++)
            t.eps[i].active = 10 * i;
        lbtest_count(&t, TIMES, count);
        expect_near(share(count[3], TIMES), busiest, 0.005);
        expect_near(share(count[0], TIMES), choices == 2 ? 7.0 / 16 : 175.0 / 256, 0.01);
        lbtest_close(&t);
    }
}

static void
least_request_is_even_when_idle(void **state)
{
    unsigned count[MOST];

    (void)state;
    for (int scan = 0; scan < 2; scan++) {
        lbtest_init(&t, "least_request", 9);
        t.conf.full_scan = scan;
        lbtest_start(&t);
        lbtest_ready(&t, 4);
        lbtest_count(&t, 40000, count);
        for (size_t i = 0; i < 4; i++)
            expect_near(share(count[i], 40000), 0.25, 0.01);
        lbtest_close(&t);
    }
}

/* Calls that stay: the levels end up nearly equal. */
static void
least_request_keeps_levels_equal(void **state)
{
    (void)state;
    lbtest_open(&t, "least_request", 2);
    lbtest_ready(&t, 10);
    t.eps[0].active = 50;
    for (int k = 0; k < 950; k++)
        t.eps[lbtest_pick(&t)].active++;
    for (size_t i = 0; i < 10; i++)
        assert_in_range(t.eps[i].active, 92, 108);
    lbtest_close(&t);
}

static void
full_scan_finds_the_least(void **state)
{
    (void)state;
    lbtest_init(&t, "least_request", 2);
    t.conf.full_scan = true;
    lbtest_start(&t);
    lbtest_ready(&t, 50);
    for (uint32_t i = 0; i < 50; i++)
        t.eps[i].active = 3 + (i * 7) % 50;
    t.eps[31].active = 2;
    for (int k = 0; k < 100; k++)
        assert_int_equal(lbtest_pick(&t), 31);
    t.eps[31].weight = 1000;
    t.eps[32].active = 11;
    t.eps[32].weight = 5000; /* 5000 / 12 > 1000 / 3 */
    lbtest_update(&t);
    assert_int_equal(lbtest_pick(&t), 32);
    lbtest_close(&t);
}

/* Weights that differ: shares by weight when idle; by weight / (active + 1) ^ bias under load. */
static void
least_request_with_weights(void **state)
{
    static const double biases[] = { 1, 0, 2 };
    unsigned count[MOST];

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(biases); k++) {
        double load = biases[k] < 1 ? 1 : biases[k] > 1 ? 16 : 4; /* (3 + 1) ^ bias */
        double sum = 3 + 1 / load;

        lbtest_init(&t, "least_request", 2);
        t.conf.active_request_bias = biases[k];
        lbtest_start(&t);
        t.eps[0].weight = 1000;
        t.eps[1].weight = 2000;
        t.eps[2].weight = 1000;
        lbtest_ready(&t, 3);
        lbtest_count(&t, 40000, count);
        expect_near(share(count[0], 40000), 0.25, 0.005);
        expect_near(share(count[1], 40000), 0.5, 0.005);
        t.eps[2].active = 3;
        lbtest_count(&t, 40000, count);
        expect_near(share(count[2], 40000), 1 / load / sum, 0.005);
        expect_near(share(count[1], 40000), 2 / sum, 0.005);
        lbtest_close(&t);
    }
}

static void
random_follows_weights(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "random", 4);
    lbtest_ready(&t, 4);
    lbtest_count(&t, 40000, count);
    for (size_t i = 0; i < 4; i++)
        expect_near(share(count[i], 40000), 0.25, 0.01);
    t.eps[0].weight = 1000;
    t.eps[1].weight = 2000;
    t.eps[2].weight = 4000;
    t.eps[3].weight = 1000;
    lbtest_update(&t);
    lbtest_count(&t, 40000, count);
    expect_near(share(count[0], 40000), 0.125, 0.01);
    expect_near(share(count[1], 40000), 0.25, 0.01);
    expect_near(share(count[2], 40000), 0.5, 0.01);
    expect_near(share(count[3], 40000), 0.125, 0.01);
    lbtest_close(&t);
}

/* --- peak_ewma ------------------------------------------------------------------ */

static void
answer(size_t i, int64_t duration_us, bool failed)
{
    struct lb_result r = { .duration_us = duration_us, .failed = failed };

    t.policy->ended(t.own, &t.eps[i], &r, t.now);
}

static void
peak_ewma_average(void **state)
{
    const struct lb_endpoint *e = &t.eps[0];

    (void)state;
    lbtest_open(&t, "peak_ewma", 4);
    lbtest_ready(&t, 2);
    expect_near(e->load.ewma_us, 1e6, 0); /* unknown counts as slow */
    t.now += 10000000;                    /* one decay: 1/e is left */
    answer(0, 1000, false);
    expect_near(e->load.ewma_us, 1e6 * 0.367879 + 1000 * 0.632121, 1);
    answer(0, 3000000, false); /* the peak counts at once */
    expect_near(e->load.ewma_us, 3e6, 0);
    answer(0, 10, true); /* a quick failure must not look fast */
    expect_near(e->load.ewma_us, 5e6, 0);
    answer(0, 10, false); /* no time has gone by */
    expect_near(e->load.ewma_us, 5e6, 1);
    t.now += 200000000;
    answer(0, 2000, false);
    expect_near(e->load.ewma_us, 2000, 1);
    lbtest_close(&t);
}

static void
peak_ewma_prefers_the_fast_one(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "peak_ewma", 4);
    lbtest_ready(&t, 3);
    t.now += 300000000;
    answer(0, 1000, false);
    answer(1, 2000, false);
    answer(2, 100000, false);
    lbtest_count(&t, 30000, count);
    expect_near(share(count[0], 30000), 2.0 / 3, 0.02);
    expect_near(share(count[1], 30000), 1.0 / 3, 0.02);
    assert_int_equal(count[2], 0);
    t.eps[0].active = 2; /* 1000 x 3 > 2000 x 1 */
    lbtest_count(&t, 30000, count);
    expect_near(share(count[1], 30000), 2.0 / 3, 0.02);
    /* The slow one is forgiven as time goes by: 100 ms x e^-5 < 1 ms. */
    t.now += 50000000;
    answer(0, 1000, false);
    answer(1, 2000, false);
    t.eps[0].active = 0;
    lbtest_count(&t, 30000, count);
    expect_near(share(count[2], 30000), 2.0 / 3, 0.02);
    lbtest_close(&t);
}

static void
peak_ewma_decay_is_what_the_config_says(void **state)
{
    (void)state;
    lbtest_init(&t, "peak_ewma", 4);
    t.conf.decay_ms = 1000;
    lbtest_start(&t);
    lbtest_ready(&t, 2);
    t.now += 1000000;
    answer(0, 0, false);
    expect_near(t.eps[0].load.ewma_us, 367879, 1);
    lbtest_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_request_shifts_load),
        cmocka_unit_test(least_request_is_even_when_idle),
        cmocka_unit_test(least_request_keeps_levels_equal),
        cmocka_unit_test(full_scan_finds_the_least),
        cmocka_unit_test(least_request_with_weights),
        cmocka_unit_test(random_follows_weights),
        cmocka_unit_test(peak_ewma_average),
        cmocka_unit_test(peak_ewma_prefers_the_fast_one),
        cmocka_unit_test(peak_ewma_decay_is_what_the_config_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

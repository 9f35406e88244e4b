/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of gRFC A50 on rows whose results were worked out by hand. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "upstream/outlier_conf.h"
#include "upstream/outlier_math.h"

enum { MOST = 16 };
static const int64_t SECOND = 1000 * 1000;

static struct outlier_conf
conf_make(void)
{
    return (struct outlier_conf){
        .on = true,
        .interval_ms = 10000,
        .base_ejection_ms = 30000,
        .max_ejection_ms = 300000,
        .max_ejected = 100,
        .success_rate = { .on = true,
                          .stdev_factor = 1.9,
                          .minimum_hosts = 5,
                          .request_volume = 100,
                          .enforcing = 100 },
        .failure_percentage = { .on = false,
                                .threshold = 85,
                                .enforcing = 100,
                                .minimum_hosts = 5,
                                .request_volume = 50 },
    };
}

static void
rows_set(struct outlier_row *v, size_t n, const unsigned (*calls)[2])
{
    for (size_t i = 0; i < n; i++) {
        v[i].successes = calls[i][0];
        v[i].failures = calls[i][1];
    }
}

static bool
is_near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

/* Shares 1 1 1 1 0.5: mean 0.9, population deviation 0.2 (the sample one would be 0.2236). */
static void
the_floor_uses_the_population_deviation(void **state)
{
    static const unsigned calls[][2] = {
        { 100, 0 }, { 100, 0 }, { 100, 0 }, { 100, 0 }, { 50, 50 },
    };
    struct outlier_conf c = conf_make();
    struct outlier_row v[MOST] = { 0 };
    double floor = -1;

    (void)state;
    rows_set(v, 5, calls);
    assert_true(outlier_rate_floor(&c, v, 5, &floor));
    assert_true(is_near(floor, 0.9 - 1.9 * 0.2));
    c.success_rate.stdev_factor = 1900; /* gRPC's spelling */
    assert_true(outlier_rate_floor(&c, v, 5, &floor));
    assert_true(is_near(floor, 0.9 - 1.9 * 0.2));
    c.success_rate.stdev_factor = 0;
    assert_true(outlier_rate_floor(&c, v, 5, &floor));
    assert_true(is_near(floor, 0.9));
    v[0].successes = 99; /* one call short: four hosts are too few */
    assert_false(outlier_rate_floor(&c, v, 5, &floor));
    c.success_rate.minimum_hosts = 4; /* and the short one does not count in the mean */
    assert_true(outlier_rate_floor(&c, v, 5, &floor));
    assert_true(is_near(floor, 0.875));
}

static void
success_rate_ejects_the_far_one(void **state)
{
    static const unsigned calls[][2] = {
        { 100, 0 }, { 200, 0 }, { 100, 0 }, { 100, 0 }, { 50, 50 }, { 1, 98 },
    };
    struct outlier_conf c = conf_make();
    struct outlier_row v[MOST] = { 0 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    rows_set(v, 6, calls);
    outlier_sweep(&c, v, 6, 7 * SECOND, &rng);
    for (size_t i = 0; i < 6; i++)
        assert_true(v[i].ejected == (i == 4));
    assert_int_equal(v[4].change, OUTLIER_BY_RATE);
    assert_int_equal(v[4].multiplier, 1);
    assert_int_equal(v[4].ejected_at_us, 7 * SECOND);
    assert_int_equal(v[0].change, OUTLIER_SAME);
}

static void
equal_rates_eject_nobody(void **state)
{
    struct outlier_conf c = conf_make();
    struct outlier_row v[MOST] = { 0 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    c.success_rate.stdev_factor = 0;
    for (unsigned bad = 0; bad <= 100; bad++) {
        for (size_t i = 0; i < 11; i++)
            v[i] = (struct outlier_row){ .successes = 100 - bad, .failures = bad };
        outlier_sweep(&c, v, 11, SECOND, &rng);
        for (size_t i = 0; i < 11; i++)
            assert_false(v[i].ejected);
    }
}

static void
failure_percentage_is_strictly_above(void **state)
{
    static const unsigned calls[][2] = {
        { 15, 85 }, { 14, 86 }, { 100, 0 }, { 50, 0 }, { 0, 49 }, { 0, 50 },
    };
    struct outlier_conf c = conf_make();
    struct outlier_row v[MOST] = { 0 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    c.success_rate.on = false;
    c.failure_percentage.on = true;
    rows_set(v, 6, calls);
    outlier_sweep(&c, v, 6, SECOND, &rng);
    for (size_t i = 0; i < 6; i++)
        assert_true(v[i].ejected == (i == 1 || i == 5));
    assert_int_equal(v[1].change, OUTLIER_BY_SHARE);

    memset(v, 0, sizeof(v));
    rows_set(v, 6, calls);
    c.failure_percentage.minimum_hosts = 6; /* only five have the volume */
    outlier_sweep(&c, v, 6, SECOND, &rng);
    for (size_t i = 0; i < 6; i++)
        assert_false(v[i].ejected);
}

static void
the_cap_is_looked_at_before_each_ejection(void **state)
{
    static const struct {
        double cap;
        size_t n, ejected;
    } rows[] = {
        { 10, 5, 1 }, /* one always may */
        { 10, 10, 1 }, { 11, 10, 2 },   { 20, 10, 2 },
        { 50, 5, 3 },  { 100, 10, 10 }, { 0, 10, 0 },
    };
    struct outlier_conf c = conf_make();
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    c.success_rate.on = false;
    c.failure_percentage.on = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outlier_row v[MOST] = { 0 };
        size_t ejected = 0;

        for (size_t k = 0; k < rows[i].n; k++)
            v[k].failures = 1000;
        c.max_ejected = rows[i].cap;
        outlier_sweep(&c, v, rows[i].n, SECOND, &rng);
        for (size_t k = 0; k < rows[i].n; k++)
            ejected += v[k].ejected;
        if (ejected != rows[i].ejected)
            fail_msg("cap %g of %zu: %zu ejected", rows[i].cap, rows[i].n, ejected);
    }
    assert_false(outlier_may_eject(&c, 0, 0));
}

static void
enforcing_is_a_share_of_chance(void **state)
{
    struct outlier_conf c = conf_make();
    unsigned ejected = 0;
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    c.success_rate.on = false;
    c.failure_percentage.on = true;
    for (int percent = 0; percent <= 100; percent += 50) {
        c.failure_percentage.enforcing = percent;
        c.failure_percentage.minimum_hosts = 1;
        ejected = 0;
        for (int i = 0; i < 2000; i++) {
            struct outlier_row v = { .failures = 100 };

            outlier_sweep(&c, &v, 1, SECOND, &rng);
            ejected += v.ejected;
        }
        if (percent == 50)
            assert_in_range(ejected, 850, 1150);
        else
            assert_int_equal(ejected, percent * 20);
    }
}

/* Out for base x multiplier; each quiet interval takes one off; back keeps the multiplier. */
static void
ejections_grow_and_decay(void **state)
{
    struct outlier_conf c = conf_make();
    struct outlier_row r = { 0 };
    struct rng rng;
    int64_t now = SECOND;

    (void)state;
    unit_seed(&rng);
    for (unsigned round = 1; round <= 3; round++) {
        outlier_eject(&r, now);
        assert_int_equal(r.multiplier, round);
        assert_int_equal(outlier_ejection_us(&c, &r), 30 * SECOND * round);
        now += 30 * SECOND * round;
        outlier_sweep(&c, &r, 1, now, &rng); /* the time itself is not after it */
        assert_true(r.ejected);
        outlier_sweep(&c, &r, 1, ++now, &rng);
        assert_false(r.ejected);
        assert_int_equal(r.change, OUTLIER_BACK);
        assert_int_equal(r.multiplier, round);
    }
    for (unsigned left = 3; left-- > 0;) {
        outlier_sweep(&c, &r, 1, now += SECOND, &rng);
        assert_int_equal(r.multiplier, left);
    }
    outlier_sweep(&c, &r, 1, now, &rng);
    assert_int_equal(r.multiplier, 0);
    r.multiplier = 11;
    assert_int_equal(outlier_ejection_us(&c, &r), 300 * SECOND);
    r.multiplier = UINT32_MAX;
    assert_int_equal(outlier_ejection_us(&c, &r), 300 * SECOND);
    c.max_ejection_ms = 1; /* never below the base time */
    r.multiplier = 2;
    assert_int_equal(outlier_ejection_us(&c, &r), 30 * SECOND);
}

static void
one_that_is_out_is_not_ejected_again(void **state)
{
    struct outlier_conf c = conf_make();
    struct outlier_row r = { .failures = 1000 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    c.failure_percentage.on = true;
    c.failure_percentage.minimum_hosts = 1;
    outlier_eject(&r, SECOND);
    outlier_sweep(&c, &r, 1, 2 * SECOND, &rng);
    assert_int_equal(r.multiplier, 1);
    assert_int_equal(r.ejected_at_us, SECOND);
    assert_int_equal(r.change, OUTLIER_SAME);
}

static void
statuses_are_bits(void **state)
{
    struct outlier_status_conf two[] = { { "ABORTED" }, { "UNAVAILABLE" } };
    struct outlier_conf c = conf_make();

    (void)state;
    assert_int_equal(outlier_conf_statuses(&c),
                     1u << 14 | 1u << 13 | 1u << 15 | 1u << 2 | 1u << 4 | 1u << 8);
    c.statuses = (struct conf_list){ two, 2 };
    assert_int_equal(outlier_conf_statuses(&c), 1u << 10 | 1u << 14);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_floor_uses_the_population_deviation),
        cmocka_unit_test(success_rate_ejects_the_far_one),
        cmocka_unit_test(equal_rates_eject_nobody),
        cmocka_unit_test(failure_percentage_is_strictly_above),
        cmocka_unit_test(the_cap_is_looked_at_before_each_ejection),
        cmocka_unit_test(enforcing_is_a_share_of_chance),
        cmocka_unit_test(ejections_grow_and_decay),
        cmocka_unit_test(one_that_is_out_is_not_ejected_again),
        cmocka_unit_test(statuses_are_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Slow start, random subsetting, zones. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "lb/select.h"

enum { N = 200 };

static void
slow_start_grows(void **state)
{
    static const struct {
        int64_t age;
        double aggression, min;
        uint32_t weight;
    } rows[] = {
        { 0, 1, 10, 100 },     { -5, 1, 10, 100 },    { 50, 1, 10, 100 },
        { 100, 1, 10, 100 },   { 250, 1, 10, 250 },   { 999, 1, 10, 999 },
        { 1000, 1, 10, 1000 }, { 5000, 1, 10, 1000 }, { 250, 2, 10, 500 },
        { 250, 0.5, 0, 62 },   { 0, 1, 0, 1 },        { 0, 1, 100, 1000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(lb_slow_start_weight(1000, rows[i].age, 1000, rows[i].aggression,
                                              rows[i].min),
                         rows[i].weight);
    assert_int_equal(lb_slow_start_weight(7000, 500, 1000, 1, 10), 3500);
    assert_int_equal(lb_slow_start_weight(1000, 0, 0, 1, 10), 1000); /* off */
}

static char texts[N][16];
static const char *keys[N];

static void
make_keys(void)
{
    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof(texts[i]), "10.0.0.%d:80", i);
        keys[i] = texts[i];
    }
}

static void
subset_has_its_size_and_order(void **state)
{
    uint32_t out[N], again[N], other[N];
    size_t same = 0;

    (void)state;
    make_keys();
    assert_int_equal(lb_subset(1, keys, N, 0, out), N);
    assert_int_equal(lb_subset(1, keys, N, N + 5, out), N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(out[i], i);
    assert_int_equal(lb_subset(1, keys, N, 20, out), 20);
    for (size_t i = 1; i < 20; i++)
        assert_true(out[i - 1] < out[i] && out[i] < N);
    assert_int_equal(lb_subset(1, keys, N, 20, again), 20);
    assert_memory_equal(out, again, 20 * sizeof(*out));
    assert_int_equal(lb_subset(2, keys, N, 20, other), 20);
    for (size_t i = 0; i < 20; i++) {
        for (size_t k = 0; k < 20; k++)
            same += out[i] == other[k];
    }
    assert_true(same < 10); /* another proxy takes others */
}

static bool
contains(const uint32_t *v, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] == x)
            return true;
    }
    return false;
}

/* When an endpoint that was not chosen leaves, nothing changes; when a chosen one does, one takes its place. */
static void
subset_changes_little(void **state)
{
    uint32_t before[20], after[20];

    (void)state;
    make_keys();
    (void)lb_subset(7, keys, N, 20, before);
    assert_int_equal(lb_subset(7, keys, N - 1, 20, after), 20);
    for (size_t i = 0; i < 20; i++) {
        if (before[i] != N - 1)
            assert_true(contains(after, 20, before[i]));
    }
}

/* Many seeds together use all endpoints about equally. */
static void
subsets_of_many_proxies_are_even(void **state)
{
    unsigned count[N] = { 0 };
    uint32_t out[N];

    (void)state;
    make_keys();
    for (uint64_t seed = 0; seed < 2000; seed++) {
        size_t n = lb_subset(seed, keys, N, 10, out);

        for (size_t i = 0; i < n; i++)
            count[out[i]]++;
    }
    for (size_t i = 0; i < N; i++)
        assert_in_range(count[i], 60, 140); /* 100 on average */
}

static void
zone_keeps_calls_while_it_is_healthy(void **state)
{
    (void)state;
    assert_true(lb_zone_local(10, 10, 70));
    assert_true(lb_zone_local(10, 7, 70));
    assert_false(lb_zone_local(10, 6, 70));
    assert_false(lb_zone_local(0, 0, 70));
    assert_false(lb_zone_local(5, 0, 0));
    assert_true(lb_zone_local(5, 1, 0));
    assert_false(lb_zone_local(3, 2, 100));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_grows),
        cmocka_unit_test(subset_has_its_size_and_order),
        cmocka_unit_test(subset_changes_little),
        cmocka_unit_test(subsets_of_many_proxies_are_even),
        cmocka_unit_test(zone_keeps_calls_while_it_is_healthy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles of times, against sorted lists; fading; threads. */
#include "unit.h"

#include <pthread.h>

#include "base/xalloc.h"
#include "filter/latency.h"

static struct latency *
made(void)
{
    return xcalloc(1, sizeof(struct latency));
}

static void
nothing_added_is_zero(void **state)
{
    struct latency *l = made();

    (void)state;
    assert_int_equal(latency_quantile(l, 50), 0);
    assert_int_equal(latency_count(l), 0);
    latency_fade(l);
    latency_clear(l);
    assert_int_equal(latency_count(l), 0);
    xfree(l);
}

static void
each_time_falls_near_itself(void **state)
{
    struct latency *l = made();

    (void)state;
    for (int64_t us = 0; us < INT64_C(1) << 33; us = us < 200 ? us + 1 : us * 9 / 8) {
        int64_t most = us > UINT32_MAX ? UINT32_MAX : us, got;

        latency_clear(l);
        latency_add(l, us);
        got = latency_quantile(l, 50);
        if (got < most - most / 32 - 1 || got > most + most / 32)
            fail_msg("%lld is taken for %lld", (long long)us, (long long)got);
        if (us < LATENCY_SUB)
            assert_int_equal(got, us);
    }
    latency_clear(l);
    latency_add(l, -5);
    assert_int_equal(latency_quantile(l, 99), 0);
    xfree(l);
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void
agrees_with_a_sorted_list(void **state)
{
    enum { N = 1000 };
    static const unsigned qs[] = { 1, 50, 95, 99, 100 };
    int64_t v[N];
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (int round = 0; round < 50; round++) {
        struct latency *l = made();
        size_t n = 1 + rng_below(&r, N);

        for (size_t i = 0; i < n; i++) {
            v[i] = (int64_t)(rng_next(&r) >> (32 + rng_below(&r, 32)));
            assert_int_equal(latency_add(l, v[i]), i + 1);
        }
        qsort(v, n, sizeof(v[0]), compare);
        for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
            int64_t want = v[(n * qs[i] + 99) / 100 - 1],
                    got = latency_quantile(l, qs[i]);

            if (got < want - want / 32 - 1 || got > want + want / 32)
                fail_msg("p%u of %zu: %lld, not %lld", qs[i], n, (long long)got,
                         (long long)want);
        }
        xfree(l);
    }
}

static void
new_times_outweigh_what_faded(void **state)
{
    struct latency *l = made();

    (void)state;
    for (int i = 0; i < 100; i++)
        latency_add(l, 7);
    latency_fade(l);
    assert_int_equal(latency_count(l), 50);
    for (int i = 0; i < 50; i++)
        latency_add(l, 3000);
    assert_int_equal(latency_quantile(l, 50), 7);
    latency_add(l, 3000);
    assert_true(latency_quantile(l, 50) > 2900);
    xfree(l);
}

static void *
add_many(void *arg)
{
    for (int i = 0; i < 100000; i++)
        latency_add(arg, i % 3000);
    return NULL;
}

static void
threads_lose_nothing(void **state)
{
    struct latency *l = made();
    pthread_t thread[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add_many, l), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(latency_quantile(l, 50) < 3100);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(latency_count(l), 300000);
    latency_clear(l);
    assert_int_equal(latency_count(l), 0);
    assert_int_equal(latency_quantile(l, 100), 0);
    xfree(l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_added_is_zero),
        cmocka_unit_test(each_time_falls_near_itself),
        cmocka_unit_test(agrees_with_a_sorted_list),
        cmocka_unit_test(new_times_outweigh_what_faded),
        cmocka_unit_test(threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

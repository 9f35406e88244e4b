/* SPDX-License-Identifier: Apache-2.0 */
/* Times by method: what is known, what is not, fading, and threads that learn the same methods at once. */
#include "unit.h"

#include <pthread.h>

#include "filter/latency_table.h"

static struct sip_hash
key(const struct latency_table *t, unsigned n)
{
    char text[32];

    snprintf(text, sizeof(text), "/shop.Cart/Method%u", n);
    return latency_table_key(t, slice_of(text));
}

static void
learns_the_first_methods_and_no_others(void **state)
{
    struct latency_table *t = latency_table_new(3);

    (void)state;
    assert_null(latency_table_find(t, key(t, 0)));
    for (unsigned i = 0; i < 100; i++)
        latency_table_tell(t, key(t, i), 10 * i);
    for (unsigned i = 0; i < 3; i++) {
        const struct latency *l = latency_table_find(t, key(t, i));

        assert_non_null(l);
        assert_int_equal(latency_count(l), 1);
    }
    for (unsigned i = 3; i < 100; i++)
        assert_null(latency_table_find(t, key(t, i)));
    latency_table_tell(t, key(t, 1), 10);
    assert_int_equal(latency_count(latency_table_find(t, key(t, 1))), 2);
    latency_table_free(t);
}

static void
follows_a_method_that_changes(void **state)
{
    struct latency_table *t = latency_table_new(10);
    const struct latency *l;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        latency_table_tell(t, key(t, 1), 1000);
    l = latency_table_find(t, key(t, 1));
    assert_true(latency_count(l) <= LATENCY_TABLE_KEEP);
    while (latency_quantile(l, 50) < 90000) {
        latency_table_tell(t, key(t, 1), 100000);
        n++;
    }
    assert_in_range(n, 100, LATENCY_TABLE_KEEP);
    latency_table_free(t);
}

enum { THREADS = 4, METHODS = 700, ROUNDS = 40 };

static void *
tell_many(void *arg)
{
    struct latency_table *t = arg;

    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned i = 0; i < METHODS; i++) {
            const struct latency *l = latency_table_find(t, key(t, i));

            latency_table_tell(t, key(t, i), 500);
            if (l && latency_count(l) > 0)
                (void)latency_quantile(l, 50);
        }
    }
    return NULL;
}

static void
threads_learn_together(void **state)
{
    struct latency_table *t = latency_table_new(500);
    pthread_t thread[THREADS];
    unsigned known = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, tell_many, t), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (unsigned i = 0; i < METHODS; i++) {
        const struct latency *l = latency_table_find(t, key(t, i));

        known += l != NULL;
        if (l)
            assert_in_range(latency_count(l), ROUNDS, THREADS * ROUNDS);
    }
    assert_int_equal(known, 500);
    latency_table_free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_the_first_methods_and_no_others),
        cmocka_unit_test(follows_a_method_that_changes),
        cmocka_unit_test(threads_learn_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

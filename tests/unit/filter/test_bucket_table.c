/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets by key: separate keys, who goes when there is no room, what a flood gets, and threads. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "filter/bucket_table.h"

static const int64_t START = 7000000;

static struct sip_hash
key(uint64_t n)
{
    static const struct sip_secret secret = { 3, 4 };

    return sip_hash(&secret, &n, sizeof(n));
}

/* 10 a second. */
static struct bucket_table *
table(uint32_t burst, uint32_t max)
{
    struct bucket_rule r;

    assert_true(bucket_rule_init(&r, 10, 1000000, burst));
    return bucket_table_new(&r, max);
}

static bool
take(struct bucket_table *t, uint64_t n, int64_t at_us, enum bucket_place want)
{
    enum bucket_place how;
    bool taken = bucket_table_take(t, key(n), 1, START + at_us, NULL, &how);

    assert_int_equal(how, want);
    return taken;
}

static void
keys_have_buckets_of_their_own(void **state)
{
    struct bucket_table *t = table(2, 10);

    (void)state;
    assert_true(take(t, 1, 0, BUCKET_ADDED));
    assert_true(take(t, 1, 0, BUCKET_KNOWN));
    assert_false(take(t, 1, 0, BUCKET_KNOWN));
    assert_true(take(t, 2, 0, BUCKET_ADDED));
    assert_true(take(t, 2, 0, BUCKET_KNOWN));
    assert_false(take(t, 2, 0, BUCKET_KNOWN));
    assert_true(take(t, 1, 100000, BUCKET_KNOWN));
    assert_int_equal(bucket_table_count(t), 2);
    bucket_table_free(t);
}

static void
the_one_not_used_for_longest_goes_when_it_is_full(void **state)
{
    struct bucket_table *t = table(1, 3);

    (void)state;
    take(t, 1, 0, BUCKET_ADDED);
    take(t, 2, 1, BUCKET_ADDED);
    take(t, 3, 2, BUCKET_ADDED);
    take(t, 1, 3, BUCKET_KNOWN);         /* refused, but used */
    take(t, 4, 100001, BUCKET_REPLACED); /* 2 is full again */
    assert_int_equal(bucket_table_count(t), 3);
    take(t, 1, 100001, BUCKET_KNOWN);
    take(t, 3, 100001, BUCKET_KNOWN);
    take(t, 4, 100001, BUCKET_KNOWN);
    take(t, 2, 200001, BUCKET_REPLACED); /* 1 */
    take(t, 1, 200002, BUCKET_REPLACED); /* 3 */
    bucket_table_free(t);
}

static void
without_room_new_keys_share_one_bucket(void **state)
{
    struct bucket_table *t = table(2, 3);

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(take(t, i, 0, BUCKET_ADDED));
        assert_true(take(t, i, 0, BUCKET_KNOWN));
    }
    assert_true(take(t, 10, 0, BUCKET_OVERFLOW));
    assert_true(take(t, 11, 0, BUCKET_OVERFLOW));
    for (uint64_t i = 12; i < 1000; i++)
        assert_false(take(t, i, 0, BUCKET_OVERFLOW));
    assert_true(take(t, 5, 100000, BUCKET_OVERFLOW));
    assert_false(take(t, 6, 100000, BUCKET_OVERFLOW));
    /* Who was there first is not touched by it. */
    assert_true(take(t, 1, 100000, BUCKET_KNOWN));
    assert_false(take(t, 1, 100000, BUCKET_KNOWN));
    bucket_table_free(t);
}

/* The one thing that a bucket forgets is that it is full: against a table without an end. */
static void
forgets_nothing_that_counts(void **state)
{
    enum { KEYS = 200, STEPS = 100000 };
    struct bucket_table *t = table(3, 40);
    struct shared_bucket exact[KEYS] = { 0 };
    struct bucket_rule r;
    struct rng rng;
    int64_t now = START;
    unsigned replaced = 0;

    (void)state;
    unit_seed(&rng);
    assert_true(bucket_rule_init(&r, 10, 1000000, 3));
    for (int i = 0; i < STEPS; i++) {
        uint64_t k = rng_below(&rng, 1 + rng_below(&rng, KEYS));
        enum bucket_place how;
        bool got, want;

        now += (int64_t)rng_below(&rng, 20000);
        got = bucket_table_take(t, key(k), 1, now, NULL, &how);
        assert_true(bucket_table_count(t) <= 40);
        if (how == BUCKET_OVERFLOW)
            continue;
        replaced += how == BUCKET_REPLACED;
        want = shared_bucket_take(&r, &exact[k], 1, now, NULL);
        assert_int_equal(got, want);
    }
    assert_true(replaced > STEPS / 100);
    bucket_table_free(t);
}

static void
a_large_table_keeps_its_word(void **state)
{
    enum { MAX = 10000 };
    struct bucket_table *t = table(1, MAX);
    unsigned added = 0, taken = 0;

    (void)state;
    for (uint64_t i = 0; i < MAX; i++)
        take(t, i, 0, BUCKET_ADDED);
    assert_int_equal(bucket_table_count(t), MAX);
    for (uint64_t i = MAX; i < 10 * MAX; i++) {
        enum bucket_place how;

        taken += bucket_table_take(t, key(i), 1, START, NULL, &how);
        added += how != BUCKET_OVERFLOW;
    }
    assert_int_equal(added, 0);
    assert_int_equal(taken, 1); /* of the overflow */
    for (uint64_t i = 0; i < MAX; i++)
        assert_false(take(t, i, 0, BUCKET_KNOWN));
    bucket_table_free(t);
}

/* --- threads ------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 300, CROWD_KEYS = 3000, CROWD_MAX = 2000, CROWD_BURST = 7 };

struct crowd {
    struct bucket_table *t;
    _Atomic unsigned own[CROWD_KEYS], overflow;
};

static void *
crowd_run(void *arg)
{
    struct crowd *c = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = i % 3; k < CROWD_KEYS; k += 3) {
            enum bucket_place how;

            if (bucket_table_take(c->t, key(k), 1, START, NULL, &how))
                atomic_fetch_add(how == BUCKET_OVERFLOW ? &c->overflow : &c->own[k], 1);
        }
    }
    return NULL;
}

static void
threads_share_it_exactly(void **state)
{
    struct crowd c = { .t = table(CROWD_BURST, CROWD_MAX) };
    pthread_t thread[THREADS];
    unsigned with = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, crowd_run, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int k = 0; k < CROWD_KEYS; k++) {
        assert_true(c.own[k] == 0 || c.own[k] == CROWD_BURST);
        with += c.own[k] > 0;
    }
    assert_int_equal(with, CROWD_MAX);
    assert_int_equal(bucket_table_count(c.t), CROWD_MAX);
    assert_int_equal(c.overflow, CROWD_BURST);
    bucket_table_free(c.t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_buckets_of_their_own),
        cmocka_unit_test(the_one_not_used_for_longest_goes_when_it_is_full),
        cmocka_unit_test(without_room_new_keys_share_one_bucket),
        cmocka_unit_test(forgets_nothing_that_counts),
        cmocka_unit_test(a_large_table_keeps_its_word),
        cmocka_unit_test(threads_share_it_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

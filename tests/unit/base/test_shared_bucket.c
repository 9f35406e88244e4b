/* SPDX-License-Identifier: Apache-2.0 */
/* The token bucket for many threads: numbers on given times, and that threads neither lose nor make a token. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/shared_bucket.h"

static const int64_t START = 7000000;

static struct bucket_rule
rule(double tokens, int64_t per_us, uint32_t burst)
{
    struct bucket_rule r;

    assert_true(bucket_rule_init(&r, tokens, per_us, burst));
    return r;
}

static void
starts_full_and_refuses_behind_its_burst(void **state)
{
    struct bucket_rule r = rule(10, 1000000, 3);
    struct shared_bucket b = { 0 };
    struct bucket_state s;

    (void)state;
    assert_true(shared_bucket_is_full(&b, START));
    for (uint64_t left = 3; left-- > 0;) {
        assert_true(shared_bucket_take(&r, &b, 1, START, &s));
        assert_int_equal(s.left, left);
        assert_int_equal(s.wait_us, 0);
        assert_int_equal(s.reset_us, (3 - left) * 100000);
    }
    assert_false(shared_bucket_take(&r, &b, 1, START, &s));
    assert_int_equal(s.left, 0);
    assert_int_equal(s.wait_us, 100000);
    assert_int_equal(s.reset_us, 300000);
}

static void
a_token_is_there_when_it_was_said(void **state)
{
    struct bucket_rule r = rule(3, 1000000, 2); /* a third of a second each */
    struct shared_bucket b = { 0 };
    struct bucket_state s;

    (void)state;
    assert_true(shared_bucket_take(&r, &b, 2, START, NULL));
    assert_false(shared_bucket_take(&r, &b, 1, START, &s));
    assert_int_equal(s.wait_us, 333334); /* rounded up */
    assert_false(shared_bucket_take(&r, &b, 1, START + s.wait_us - 1, NULL));
    assert_true(shared_bucket_take(&r, &b, 1, START + s.wait_us, NULL));
    assert_false(shared_bucket_take(&r, &b, 2, START + 999999, &s));
    assert_int_equal(s.left, 1);
    assert_false(shared_bucket_is_full(&b, START + 999999));
    assert_true(shared_bucket_is_full(&b, START + 1000000));
    assert_true(shared_bucket_take(&r, &b, 2, START + 1000000, &s));
}

static void
what_never_fits_is_refused_and_costs_nothing(void **state)
{
    struct bucket_rule r = rule(1, 1000000, 5);
    struct shared_bucket b = { 0 };

    (void)state;
    assert_false(shared_bucket_take(&r, &b, 6, START, NULL));
    assert_false(shared_bucket_take(&r, &b, UINT32_MAX, START, NULL));
    assert_true(shared_bucket_take(&r, &b, 5, START, NULL));
}

static void
a_thread_that_is_behind_gets_no_more(void **state)
{
    struct bucket_rule r = rule(1000, 1000000, 10);
    struct shared_bucket b = { 0 };
    struct bucket_state s;

    (void)state;
    assert_true(shared_bucket_take(&r, &b, 10, START, NULL));
    assert_false(shared_bucket_take(&r, &b, 1, START - 500000, &s));
    assert_int_equal(s.left, 0);
    assert_true(shared_bucket_take(&r, &b, 1, START + 1000, NULL));
    assert_false(shared_bucket_take(&r, &b, 1, START + 1999, NULL));
}

static void
refuses_what_it_cannot_count(void **state)
{
    struct bucket_rule r;

    (void)state;
    assert_true(bucket_rule_init(&r, BUCKET_RATE_MAX, 1000000, 1));
    assert_false(bucket_rule_init(&r, BUCKET_RATE_MAX + 1, 1000000, 1));
    assert_false(bucket_rule_init(&r, BUCKET_RATE_MAX, 999999, 1));
    assert_true(bucket_rule_init(&r, 1, INT64_C(86400) * 1000000, 366));
    assert_false(bucket_rule_init(&r, 1, INT64_C(86400) * 1000000, 367));
    assert_false(bucket_rule_init(&r, 1, 1000000, UINT32_MAX));
    assert_false(bucket_rule_init(&r, 0, 1000000, 1));
    assert_false(bucket_rule_init(&r, 1e-10, 1000000, 1));
    assert_false(bucket_rule_init(&r, 2e9, INT64_C(86400) * 1000000, 1));
}

static void
what_is_borrowed_comes_later(void **state)
{
    struct bucket_rule r = rule(10, 1000000, 3);
    struct shared_bucket b = { 0 };

    (void)state;
    assert_int_equal(shared_bucket_borrow(&r, &b, 2, START), 0);
    assert_int_equal(shared_bucket_borrow(&r, &b, 5, START), 400000);
    assert_false(shared_bucket_take(&r, &b, 1, START + 499999, NULL));
    assert_true(shared_bucket_take(&r, &b, 1, START + 500000, NULL));
    assert_int_equal(shared_bucket_borrow(&r, &b, UINT64_MAX, START), BUCKET_FILL_MAX_US);
    assert_int_equal(shared_bucket_borrow(&r, &b, UINT64_MAX, START), BUCKET_FILL_MAX_US);
}

static void
parts_of_a_token_count(void **state)
{
    struct bucket_rule r = rule(0.5, 1000000, 1);
    struct shared_bucket b = { 0 };

    (void)state;
    assert_true(shared_bucket_take(&r, &b, 1, START, NULL));
    assert_false(shared_bucket_take(&r, &b, 1, START + 1999999, NULL));
    assert_true(shared_bucket_take(&r, &b, 1, START + 2000000, NULL));
}

/* Against a bucket of fractions that are kept exactly. */
static void
agrees_with_exact_arithmetic(void **state)
{
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (int round = 0; round < 100; round++) {
        uint32_t tokens = 1 + (uint32_t)rng_below(&rng, 1000),
                 burst = 1 + (uint32_t)rng_below(&rng, 300);
        int64_t per = 1000 * (1 + (int64_t)rng_below(&rng, 100000)), now = START;
        struct bucket_rule r = rule(tokens, per, burst);
        struct shared_bucket b = { 0 };
        /* In tokens x token steps, as the rule rounds them. */
        __int128 full = (__int128)r.token * burst, have = full;

        assert_true((__int128)per * 16000 - (__int128)r.token * tokens < tokens);
        for (int i = 0; i < 500; i++) {
            int64_t step = (int64_t)rng_below(&rng, (uint64_t)per / 8 + 1);
            uint32_t n = 1 + (uint32_t)rng_below(&rng, 4);
            struct bucket_state s;
            bool can;

            now += step;
            have += (__int128)step * 16000;
            if (have > full)
                have = full;
            can = have >= (__int128)r.token * n;
            assert_int_equal(shared_bucket_take(&r, &b, n, now, &s), can);
            if (can)
                have -= (__int128)r.token * n;
            assert_int_equal(s.left, (uint64_t)(have / r.token));
        }
    }
}

/* --- threads ------------------------------------------------------------------------ */

enum { THREADS = 4, TAKES = 200000 };

struct crowd {
    struct bucket_rule rule;
    struct shared_bucket bucket;
    _Atomic int64_t now_us; /* all push it on */
    _Atomic uint64_t got;
};

static void *
crowd_run(void *arg)
{
    struct crowd *c = arg;
    uint64_t got = 0;

    for (int i = 0; i < TAKES; i++) {
        int64_t now = atomic_fetch_add(&c->now_us, 3);

        /* Some are behind, as workers in a long turn are. */
        got += shared_bucket_take(&c->rule, &c->bucket, 1, now - (i % 5) * 2, NULL);
    }
    atomic_fetch_add(&c->got, got);
    return NULL;
}

static void
threads_share_it_exactly(void **state)
{
    /* 2.4 s at 100,000 a second, asked for three times as often. */
    struct crowd c = { .rule = rule(100000, 1000000, 50), .now_us = START };
    int64_t passed = (int64_t)THREADS * TAKES * 3;
    uint64_t most = 50 + (uint64_t)passed / 10;
    pthread_t thread[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, crowd_run, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    print_message("%llu of at most %llu\n", (unsigned long long)c.got,
                  (unsigned long long)most);
    assert_true(c.got <= most);
    /* A token lies unused only while the one who could take it is preempted. */
    assert_true(c.got >= most - most / 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_full_and_refuses_behind_its_burst),
        cmocka_unit_test(a_token_is_there_when_it_was_said),
        cmocka_unit_test(what_never_fits_is_refused_and_costs_nothing),
        cmocka_unit_test(a_thread_that_is_behind_gets_no_more),
        cmocka_unit_test(refuses_what_it_cannot_count),
        cmocka_unit_test(what_is_borrowed_comes_later),
        cmocka_unit_test(parts_of_a_token_count),
        cmocka_unit_test(agrees_with_exact_arithmetic),
        cmocka_unit_test(threads_share_it_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

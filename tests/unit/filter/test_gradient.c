/* SPDX-License-Identifier: Apache-2.0 */
/* The adaptive limit: the formula in numbers, the measuring of minRtt in time, a backend with a known capacity, threads. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "filter/gradient.h"

enum { MS = 1000, RTT = 10000 };

static const int64_t START = 7000000;

static const struct gradient_conf usual = {
    .min_limit = 3,
    .max_limit = 1000,
    .requests = 50,
    .interval_us = 60000 * MS,
    .update_us = 100 * MS,
    .buffer = 25,
    .jitter = 15,
};

static struct rng rng;

/* One call after the other. */
static int64_t
calls(struct gradient *g, int n, int64_t us, int64_t now)
{
    for (int i = 0; i < n; i++) {
        assert_true(gradient_take(g, now, &rng));
        gradient_give(g);
        gradient_tell(g, now, now + us, &rng);
        now += us;
    }
    return now;
}

static unsigned
takes(struct gradient *g, int64_t now)
{
    unsigned n = 0;

    while (gradient_take(g, now, &rng))
        n++;
    assert_int_equal(gradient_flying(g), n);
    for (unsigned i = 0; i < n; i++)
        gradient_give(g);
    return n;
}

static void
follows_the_formula(void **state)
{
    (void)state;
    /* 1.25 * 100 = 125, + 11.18 */
    assert_int_equal(gradient_next(&usual, 100, 10000, 10000), 136);
    /* minRtt / median = 1 / 1.25: the limit stays but for its root */
    assert_int_equal(gradient_next(&usual, 100, 10000, 12500), 110);
    /* 0.625 * 100 = 62.5, + 7.9 */
    assert_int_equal(gradient_next(&usual, 100, 10000, 20000), 70);
    /* never less than half, never more than double: 50 + 7.07, 200 + 14.14 */
    assert_int_equal(gradient_next(&usual, 100, 10000, 900000), 57);
    assert_int_equal(gradient_next(&usual, 100, 10000, 100), 214);
    assert_int_equal(gradient_next(&usual, 100, 10000, 0), 214);
    assert_int_equal(gradient_next(&usual, 900, 10000, 10000), 1000);
    assert_int_equal(gradient_next(&usual, 3, 10000, 900000), 3);
}

static void
measures_first_and_then_grows(void **state)
{
    static const uint32_t grown[] = { 5, 8, 13, 20, 30, 43 };
    struct gradient *g = gradient_new(&usual, START);
    int64_t now;

    (void)state;
    assert_int_equal(takes(g, START), 3);
    now = calls(g, 49, RTT, START);
    assert_int_equal(gradient_min_rtt_us(g), 0);
    assert_int_equal(takes(g, now), 3);
    now = calls(g, 1, RTT, now);
    assert_in_range(gradient_min_rtt_us(g), RTT - RTT / 32, RTT + RTT / 32);
    assert_int_equal(takes(g, now), 3);
    /* With the median at minRtt each update gives 1.25 x and the root of that. */
    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        now = calls(g, 10, RTT, now);
        assert_int_equal(takes(g, now), grown[i]);
    }
    gradient_free(g);
}

static void
nothing_happens_without_calls(void **state)
{
    struct gradient *g = gradient_new(&usual, START);
    int64_t now = calls(g, 50, RTT, START);

    (void)state;
    now = calls(g, 10, RTT, now);
    assert_int_equal(gradient_limit(g), 5);
    now += 30000 * MS;
    assert_int_equal(takes(g, now), 5);
    assert_int_equal(takes(g, now + 200 * MS), 5);
    gradient_free(g);
}

static void
measures_again_after_the_interval_and_its_jitter(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    unit_seed(&rng);
    for (int i = 0; i < 200; i++) {
        struct gradient *g = gradient_new(&usual, START);
        int64_t now = calls(g, 50, RTT, START), from = now;

        now = calls(g, 40, RTT, now);
        assert_int_equal(gradient_limit(g), 20);
        now = from + usual.interval_us - 150 * MS;
        while (gradient_limit(g) != 3)
            takes(g, now += 100 * MS);
        least = now - from < least ? now - from : least;
        most = now - from > most ? now - from : most;
        /* The old limit comes back; the fast calls made minRtt smaller. */
        now = calls(g, 50, RTT / 2, now);
        assert_int_equal(takes(g, now), 20);
        assert_in_range(gradient_min_rtt_us(g), RTT / 2 - RTT / 64, RTT / 2 + RTT / 64);
        gradient_free(g);
    }
    assert_in_range(least, usual.interval_us, usual.interval_us + 1000 * MS);
    assert_in_range(most, usual.interval_us + 8000 * MS, usual.interval_us + 9200 * MS);
}

static void
calls_from_before_do_not_spoil_the_measuring(void **state)
{
    struct gradient *g = gradient_new(&usual, START);
    int64_t now = calls(g, 50, RTT, START), began = now;

    (void)state;
    now += 2 * usual.interval_us;
    takes(g, now); /* begins to measure */
    for (int i = 0; i < 100; i++)
        gradient_tell(g, began, now, &rng);
    assert_int_equal(gradient_limit(g), 3);
    now = calls(g, 50, RTT, now);
    assert_in_range(gradient_min_rtt_us(g), RTT - RTT / 32, RTT + RTT / 32);
    gradient_free(g);
}

static void
a_measuring_that_never_ends_ends(void **state)
{
    struct gradient *g = gradient_new(&usual, START);
    int64_t now = calls(g, 20, RTT, START);

    (void)state;
    takes(g, START + usual.interval_us - 1);
    assert_int_equal(gradient_min_rtt_us(g), 0);
    now = START + usual.interval_us;
    takes(g, now);
    assert_in_range(gradient_min_rtt_us(g), RTT - RTT / 32, RTT + RTT / 32);
    now = calls(g, 10, RTT, now);
    assert_int_equal(gradient_limit(g), 5);
    /* The next one without a single call: what was known stays. */
    takes(g, now += 2 * usual.interval_us);
    assert_int_equal(gradient_limit(g), 3);
    takes(g, now += usual.interval_us);
    assert_int_equal(gradient_limit(g), 5);
    assert_in_range(gradient_min_rtt_us(g), RTT - RTT / 32, RTT + RTT / 32);
    gradient_free(g);
}

static void
a_limit_that_stays_low_is_measured_again(void **state)
{
    struct gradient *g = gradient_new(&usual, START);
    int64_t now = calls(g, 50, RTT, START);

    (void)state;
    /* The backend became ten times slower for good. */
    for (int i = 0; i < 5; i++) {
        assert_in_range(gradient_min_rtt_us(g), RTT - RTT / 32, RTT + RTT / 32);
        now = calls(g, 1, 10 * RTT, now);
    }
    now = calls(g, 50, 10 * RTT, now);
    assert_in_range(gradient_min_rtt_us(g), 9 * RTT, 11 * RTT);
    now = calls(g, 1, 10 * RTT, now);
    assert_int_equal(gradient_limit(g), 5);
    gradient_free(g);
}

static void
a_given_min_rtt_is_not_measured(void **state)
{
    struct gradient_conf conf = usual;
    struct gradient *g;
    int64_t now;

    (void)state;
    conf.min_rtt_us = RTT;
    g = gradient_new(&conf, START);
    now = calls(g, 10, RTT, START);
    assert_int_equal(gradient_limit(g), 5);
    now += 3 * conf.interval_us;
    assert_int_equal(takes(g, now), 5);
    for (int i = 0; i < 20; i++)
        now = calls(g, 1, 100 * RTT, now);
    assert_int_equal(gradient_limit(g), 3);
    assert_int_equal(gradient_min_rtt_us(g), RTT);
    gradient_free(g);
}

/* A backend that works on 20 calls at once in 10 ms each, and more make all of them slower in proportion. It is always asked for as much as it may get. */
static void
finds_what_a_backend_can_do(void **state)
{
    struct gradient *g = gradient_new(&usual, START);
    int64_t now = START;

    (void)state;
    for (int turn = 0; turn < 400; turn++) {
        unsigned flying = 0;
        int64_t us;

        while (gradient_take(g, now, &rng))
            flying++;
        us = flying > 20 ? RTT * flying / 20 : RTT;
        for (unsigned i = 0; i < flying; i++) {
            gradient_give(g);
            gradient_tell(g, now, now + us, &rng);
        }
        now += us;
    }
    /* 1.25 * 20 = 25, + 5 */
    assert_in_range(gradient_limit(g), 28, 32);
    gradient_free(g);
}

/* --- threads ------------------------------------------------------------------------ */

struct crowd {
    struct gradient *g;
    _Atomic int64_t now;
    _Atomic unsigned inside, most;
};

static void *
crowd_run(void *arg)
{
    struct crowd *c = arg;
    struct rng own;

    rng_seed(&own, 5);
    for (int i = 0; i < 50000; i++) {
        int64_t now = atomic_fetch_add(&c->now, 7);
        unsigned inside, most;

        if (!gradient_take(c->g, now, &own))
            continue;
        inside = atomic_fetch_add(&c->inside, 1) + 1;
        most = atomic_load(&c->most);
        while (inside > most && !atomic_compare_exchange_weak(&c->most, &most, inside))
            ;
        atomic_fetch_sub(&c->inside, 1);
        gradient_give(c->g);
        gradient_tell(c->g, now - RTT, now, &own);
    }
    return NULL;
}

static void
threads_share_it_exactly(void **state)
{
    struct gradient_conf conf = usual;
    struct crowd c = { .now = START };
    pthread_t thread[5];

    (void)state;
    conf.max_limit = conf.min_limit = 2;
    conf.interval_us = 100 * MS;
    conf.update_us = MS;
    c.g = gradient_new(&conf, START - RTT);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, crowd_run, &c), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_true(c.most <= 2);
    assert_int_equal(gradient_flying(c.g), 0);
    assert_in_range(gradient_min_rtt_us(c.g), RTT - RTT / 32, RTT + RTT / 32);
    gradient_free(c.g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula),
        cmocka_unit_test(measures_first_and_then_grows),
        cmocka_unit_test(nothing_happens_without_calls),
        cmocka_unit_test(measures_again_after_the_interval_and_its_jitter),
        cmocka_unit_test(calls_from_before_do_not_spoil_the_measuring),
        cmocka_unit_test(a_measuring_that_never_ends_ends),
        cmocka_unit_test(a_limit_that_stays_low_is_measured_again),
        cmocka_unit_test(a_given_min_rtt_is_not_measured),
        cmocka_unit_test(finds_what_a_backend_can_do),
        cmocka_unit_test(threads_share_it_exactly),
    };

    rng_seed(&rng, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first over time: Happy Eyeballs, the sticky failure, new lists, the shuffle. */
#include "lbtest.h"

enum { DELAY = 250000 };

static struct lbtest t;

static void
open_list(const char *text)
{
    lbtest_open(&t, "pick_first", 1);
    lbtest_set(&t, text);
}

static void
change(size_t i, char letter)
{
    lbtest_state(&t, i, letter);
    lbtest_update(&t);
}

static void
wait(int64_t us)
{
    t.now += us;
    lbtest_update(&t);
}

static void
next_address_starts_after_the_delay(void **state)
{
    (void)state;
    open_list("iii");
    lbtest_wanted(&t, "ynn");
    assert_int_equal(t.again, -1); /* time does not run before the pool connects */
    wait(10 * DELAY);
    lbtest_wanted(&t, "ynn");
    change(0, 'c');
    assert_int_equal(t.again, DELAY);
    wait(DELAY - 1);
    lbtest_wanted(&t, "ynn");
    assert_int_equal(t.again, 1);
    wait(1);
    lbtest_wanted(&t, "yyn"); /* the first one goes on */
    change(1, 'c');
    assert_int_equal(t.again, DELAY);
    wait(DELAY);
    lbtest_wanted(&t, "yyy");
    assert_int_equal(lbtest_pick(&t), LB_WAIT);
    change(1, 'R');
    lbtest_wanted(&t, "nyn"); /* the others are dropped */
    assert_int_equal(lbtest_pick(&t), 1);
    assert_int_equal(t.again, -1);
    lbtest_close(&t);
}

static void
delay_is_what_the_config_says(void **state)
{
    (void)state;
    lbtest_init(&t, "pick_first", 1);
    t.conf.happy_eyeballs_ms = 100;
    lbtest_start(&t);
    lbtest_set(&t, "ci");
    assert_int_equal(t.again, 100000);
    lbtest_close(&t);
}

static void
failure_starts_the_next_at_once(void **state)
{
    (void)state;
    open_list("cii");
    change(0, 'f');
    lbtest_wanted(&t, "nyn");
    change(1, 'c');
    wait(1000);
    change(1, 'f');
    lbtest_wanted(&t, "nny");
    assert_int_equal(lbtest_pick(&t), LB_WAIT);
    lbtest_close(&t);
}

/* An address that is in backoff already counts as failed. */
static void
known_failures_are_skipped(void **state)
{
    (void)state;
    open_list("ffi");
    lbtest_wanted(&t, "nny");
    lbtest_close(&t);
}

/* Its backoff ends while the pass goes on: the pool shows it idle, but it had its try. */
static void
failed_once_is_failed_for_this_pass(void **state)
{
    (void)state;
    open_list("fci");
    change(0, 'i');
    lbtest_wanted(&t, "nyn");
    change(1, 'f');
    change(2, 'f');
    lbtest_wanted(&t, "yyy");
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    lbtest_close(&t);
}

static void
failure_is_sticky_until_one_is_ready(void **state)
{
    (void)state;
    open_list("ff");
    lbtest_wanted(&t, "yy");
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    change(0, 'c');
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    lbtest_wanted(&t, "yy");
    change(1, 'i');
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    change(1, 'R');
    assert_int_equal(lbtest_pick(&t), 1);
    change(1, 'i'); /* lost: a new pass, and calls wait again */
    assert_int_equal(lbtest_pick(&t), LB_WAIT);
    lbtest_close(&t);
}

/* All wait for their first health check, then some of them have passed it. */
static void
who_may_be_used_again_gets_its_try(void **state)
{
    (void)state;
    lbtest_open(&t, "pick_first", 1);
    lbtest_set(&t, "iii");
    for (size_t i = 0; i < 3; i++)
        t.eps[i].usable = false;
    lbtest_update(&t);
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    t.eps[1].usable = true;
    lbtest_update(&t);
    lbtest_wanted(&t, "nyn");
    assert_int_equal(lbtest_pick(&t), LB_WAIT);
    change(1, 'f'); /* a try that failed is as sticky as ever */
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    change(1, 'c');
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    t.eps[2].usable = true;
    change(2, 'f');
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    lbtest_close(&t);
}

static void
ready_one_is_kept_though_an_earlier_one_comes(void **state)
{
    (void)state;
    open_list("fR");
    assert_int_equal(lbtest_pick(&t), 1);
    change(0, 'R');
    assert_int_equal(lbtest_pick(&t), 1);
    lbtest_close(&t);
}

static void
ready_one_is_kept_in_a_new_list(void **state)
{
    struct lb_endpoint *swap;

    (void)state;
    open_list("iiR");
    assert_int_equal(lbtest_pick(&t), 2);
    swap = t.v[0];
    t.v[0] = t.v[2];
    t.v[2] = swap;
    lbtest_state(&t, 0, 'R'); /* now at index 2, and it came later */
    lbtest_update(&t);
    assert_int_equal(lbtest_pick(&t), 0);
    t.list.v = t.v + 1; /* it is gone */
    t.list.n = 2;
    lbtest_update(&t);
    assert_int_equal(lbtest_pick(&t), 1);
    lbtest_close(&t);
}

/* In a new list the pass begins again, but calls fail until one is READY. */
static void
failure_is_sticky_through_a_new_list(void **state)
{
    (void)state;
    open_list("ff");
    lbtest_set(&t, "iii");
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    assert_true(t.eps[0].wanted);
    lbtest_set(&t, "Rii");
    assert_int_equal(lbtest_pick(&t), 0);
    lbtest_close(&t);
}

static void
families_take_turns(void **state)
{
    static const char *const keys[] = { "[::1]:1",   "[::1]:2", "[::1]:3",
                                        "1.1.1.1:1", "[::1]:4", "1.1.1.1:2" };
    static const size_t order[] = { 0, 3, 1, 5, 2, 4 };

    (void)state;
    lbtest_open(&t, "pick_first", 1);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        t.eps[i].key = keys[i];
    lbtest_set(&t, "iiiiii");
    for (size_t k = 0; k < ARRAY_LEN(order); k++) {
        for (size_t i = 0; i < ARRAY_LEN(order); i++)
            assert_int_equal(t.eps[i].wanted, i == order[k]);
        change(order[k], 'f');
    }
    assert_int_equal(lbtest_pick(&t), LB_NONE);
    lbtest_close(&t);
}

/* gRFC A113: the chance to come first is the share of the weight. */
static void
shuffle_follows_weights(void **state)
{
    enum { TIMES = 8000 };
    unsigned first[3] = { 0 };

    (void)state;
    for (uint64_t seed = 0; seed < TIMES; seed++) {
        lbtest_init(&t, "pick_first", seed);
        t.conf.shuffle = true;
        lbtest_start(&t);
        t.eps[0].weight = 1000;
        t.eps[1].weight = 2000;
        t.eps[2].weight = 5000;
        lbtest_set(&t, "iii");
        for (size_t i = 0; i < 3; i++)
            first[i] += t.eps[i].wanted;
        lbtest_close(&t);
    }
    assert_int_equal(first[0] + first[1] + first[2], TIMES);
    assert_in_range(first[0], TIMES / 8 - 160, TIMES / 8 + 160);
    assert_in_range(first[1], TIMES / 4 - 160, TIMES / 4 + 160);
    assert_in_range(first[2], TIMES * 5 / 8 - 160, TIMES * 5 / 8 + 160);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_address_starts_after_the_delay),
        cmocka_unit_test(delay_is_what_the_config_says),
        cmocka_unit_test(failure_starts_the_next_at_once),
        cmocka_unit_test(known_failures_are_skipped),
        cmocka_unit_test(failed_once_is_failed_for_this_pass),
        cmocka_unit_test(failure_is_sticky_until_one_is_ready),
        cmocka_unit_test(who_may_be_used_again_gets_its_try),
        cmocka_unit_test(ready_one_is_kept_though_an_earlier_one_comes),
        cmocka_unit_test(ready_one_is_kept_in_a_new_list),
        cmocka_unit_test(failure_is_sticky_through_a_new_list),
        cmocka_unit_test(families_take_turns),
        cmocka_unit_test(shuffle_follows_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

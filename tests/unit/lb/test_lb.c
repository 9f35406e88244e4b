/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first and round_robin, and what is the same for all policies. */
#include "lbtest.h"

static struct lbtest t;

static void
pick_first_table(void **state)
{
    static const struct {
        const char *eps;
        int pick;
        const char *wanted;
    } rows[] = {
        { "R", 0, "y" },           { "F", LB_WAIT, "y" },   { "i", LB_WAIT, "y" },
        { "c", LB_WAIT, "y" },     { "f", LB_NONE, "y" },   { "RR", 0, "yn" },
        { "fR", 1, "ny" },         { "iR", 1, "ny" },       { "cR", 1, "ny" },
        { "ic", LB_WAIT, "yn" },   { "fi", LB_WAIT, "ny" }, { "ffc", LB_WAIT, "nny" },
        { "fff", LB_NONE, "yyy" }, { "FR", LB_WAIT, "yn" }, { "fFi", LB_WAIT, "nyn" },
        { "uR", 1, "ny" },         { "u", LB_NONE, "y" },   { "", LB_NONE, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lbtest_open(&t, "pick_first", 1);
        lbtest_set(&t, rows[i].eps);
        if (lbtest_pick(&t) != rows[i].pick)
            fail_msg("\"%s\": picked %d", rows[i].eps, lbtest_pick(&t));
        lbtest_wanted(&t, rows[i].wanted);
        lbtest_close(&t);
    }
}

static void
round_robin_is_even_over_those_with_room(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "round_robin", 7);
    lbtest_set(&t, "RfRcRFRiu");
    lbtest_count(&t, 4001, count);
    for (size_t i = 0; i < t.list.n; i++)
        assert_in_range(count[i], i % 2 || i > 6 ? 0 : 1000, i % 2 || i > 6 ? 0 : 1001);
    lbtest_close(&t);
}

static void
round_robin_order_is_the_order_of_the_list(void **state)
{
    int before;

    (void)state;
    lbtest_open(&t, "round_robin", 1);
    lbtest_ready(&t, 5);
    before = lbtest_pick(&t);
    for (int i = 0; i < 20; i++) {
        int k = lbtest_pick(&t);

        assert_int_equal(k, (before + 1) % 5);
        before = k;
        lbtest_update(&t); /* the turn goes on */
    }
    lbtest_close(&t);
}

static void
round_robin_starts_at_random(void **state)
{
    unsigned seen = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        lbtest_open(&t, "round_robin", seed);
        lbtest_ready(&t, 4);
        seen |= 1u << lbtest_pick(&t);
        lbtest_close(&t);
    }
    assert_int_equal(seen, 15);
}

static void
round_robin_waits_while_there_is_hope(void **state)
{
    static const struct {
        const char *eps;
        int pick;
    } rows[] = { { "ffff", LB_NONE }, { "fffi", LB_WAIT }, { "cfff", LB_WAIT },
                 { "F", LB_WAIT },    { "f", LB_NONE },    { "fF", LB_WAIT },
                 { "u", LB_NONE },    { "uc", LB_WAIT },   { "", LB_NONE } };

    (void)state;
    lbtest_open(&t, "round_robin", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lbtest_set(&t, rows[i].eps);
        for (int k = 0; k < 5; k++)
            assert_int_equal(lbtest_pick(&t), rows[i].pick);
        for (size_t k = 0; k < t.list.n; k++)
            assert_true(t.eps[k].wanted);
    }
    lbtest_close(&t);
}

static void
round_robin_survives_a_list_that_changes(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "round_robin", 1);
    for (size_t n = 8; n > 0; n--) {
        lbtest_ready(&t, n);
        lbtest_count(&t, 7, count);
    }
    for (size_t n = 1; n < 100; n += 7) {
        lbtest_ready(&t, n);
        lbtest_count(&t, 7, count);
    }
    lbtest_close(&t);
}

/* The endpoint of the attempt before is taken only when there is no other. */
static void
round_robin_avoids(void **state)
{
    (void)state;
    lbtest_open(&t, "round_robin", 1);
    lbtest_set(&t, "RFR");
    t.how.avoid = &t.eps[2];
    for (int k = 0; k < 10; k++)
        assert_int_equal(lbtest_pick(&t), 0);
    lbtest_set(&t, "fFR");
    assert_int_equal(lbtest_pick(&t), 2);
    lbtest_close(&t);
}

/* Every policy: what must hold whatever its choice is. pick_first has one endpoint connected, so there is nothing to avoid it for. */
static void
all_policies_take_only_what_has_room(void **state)
{
    (void)state;
    for (size_t p = 0; lb_policy_at(p); p++) {
        bool first = p == 0;

        lbtest_open(&t, lb_policy_at(p)->name, p);
        lbtest_set(&t, "fuFRcuR");
        for (int k = 0; k < 200; k++) {
            int i = lbtest_pick(&t);

            if (first ? i != LB_WAIT : i != 3 && i != 6)
                fail_msg("%s picked %d", t.policy->name, i);
        }
        t.how.avoid = &t.eps[3];
        for (int k = 0; k < 200 && !first; k++)
            assert_int_equal(lbtest_pick(&t), 6);
        lbtest_state(&t, 6, 'F'); /* without an update: the index is behind */
        for (int k = 0; k < 200 && !first; k++)
            assert_int_equal(lbtest_pick(&t), 3);
        lbtest_state(&t, 3, 'F');
        assert_int_equal(lbtest_pick(&t), LB_WAIT);
        t.how.avoid = NULL;
        lbtest_set(&t, "ffff");
        assert_int_equal(lbtest_pick(&t), LB_NONE);
        lbtest_set(&t, "");
        assert_int_equal(lbtest_pick(&t), LB_NONE);
        lbtest_close(&t);
    }
}

static void
in_panic_health_is_ignored(void **state)
{
    unsigned count[MOST];

    (void)state;
    for (size_t p = 0; lb_policy_at(p); p++) {
        lbtest_open(&t, lb_policy_at(p)->name, p);
        lbtest_set(&t, "uuuf");
        assert_int_equal(lbtest_pick(&t), LB_NONE);
        t.list.panic = true;
        lbtest_set(&t, "uuuf");
        lbtest_count(&t, 300, count);
        assert_int_equal(count[3], 0);
        for (size_t i = 0; i < 3 && p; i++)
            assert_in_range(count[i], 60, 140);
        lbtest_close(&t);
    }
}

/* Lists and states at random: every answer is an endpoint with room, or there is none. */
static void
random_changes_break_nothing(void **state)
{
    static const char letters[] = "RRRFfciu";
    struct rng rng;

    (void)state;
    rng_seed(&rng, 42);
    for (size_t p = 0; lb_policy_at(p); p++) {
        lbtest_open(&t, lb_policy_at(p)->name, p);
        for (int round = 0; round < 400; round++) {
            t.list.n = rng_below(&rng, 12);
            t.list.panic = rng_below(&rng, 8) == 0;
            for (size_t i = 0; i < t.list.n; i++) {
                lbtest_state(&t, i, letters[rng_below(&rng, 8)]);
                t.eps[i].weight = round % 3 ? 1000 : 1 + (uint32_t)rng_below(&rng, 5000);
                t.eps[i].active = (uint32_t)rng_below(&rng, 5);
            }
            lbtest_update(&t);
            for (int k = 0; k < 30; k++) {
                size_t changed = rng_below(&rng, t.list.n + 1);
                int i;

                if (changed < t.list.n)
                    lbtest_state(&t, changed, letters[rng_below(&rng, 8)]);
                t.how.hashed = rng_next(&rng) & 1;
                t.how.hash = rng_next(&rng);
                t.how.avoid = changed < t.list.n ? &t.eps[changed] : NULL;
                i = lbtest_pick(&t);
                if (i < 0)
                    continue;
                assert_in_range(i, 0, t.list.n - 1);
                assert_true(lb_room(&t.list, (size_t)i));
                t.now += 1000;
                if (t.policy->ended)
                    t.policy->ended(
                        t.own, &t.eps[i],
                        &(struct lb_result){ .duration_us = 1000, .failed = k % 7 == 0 },
                        t.now);
            }
        }
        lbtest_close(&t);
    }
}

static void
round_robin_follows_weights_that_differ(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "round_robin", 3);
    t.eps[0].weight = 1000;
    t.eps[1].weight = 2000;
    t.eps[2].weight = 500; /* slow start */
    lbtest_ready(&t, 3);
    lbtest_count(&t, 3500, count);
    assert_in_range(count[0], 995, 1005);
    assert_in_range(count[1], 1995, 2005);
    assert_in_range(count[2], 495, 505);
    lbtest_close(&t);
}

static void
registry_knows_its_policies(void **state)
{
    size_t n = 0;

    (void)state;
    for (; lb_policy_at(n); n++) {
        assert_ptr_equal(lb_policy_find(lb_policy_at(n)->name), lb_policy_at(n));
        assert_non_null(lb_policy_at(n)->pick);
        assert_non_null(lb_policy_at(n)->update);
    }
    assert_int_equal(n, 7);
    assert_null(lb_policy_at(n));
    assert_ptr_equal(lb_policy_find("leastRequest"), lb_policy_find("least_request"));
    assert_ptr_equal(lb_policy_find("weightedRoundRobin"),
                     lb_policy_find("weighted_round_robin"));
    assert_null(lb_policy_find("round_robi"));
    assert_null(lb_policy_find("roundRobins"));
    assert_null(lb_policy_find("roundest_robin"));
    assert_null(lb_policy_find("round"));
    assert_null(lb_policy_find(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pick_first_table),
        cmocka_unit_test(round_robin_is_even_over_those_with_room),
        cmocka_unit_test(round_robin_order_is_the_order_of_the_list),
        cmocka_unit_test(round_robin_starts_at_random),
        cmocka_unit_test(round_robin_waits_while_there_is_hope),
        cmocka_unit_test(round_robin_survives_a_list_that_changes),
        cmocka_unit_test(round_robin_avoids),
        cmocka_unit_test(round_robin_follows_weights_that_differ),
        cmocka_unit_test(all_policies_take_only_what_has_room),
        cmocka_unit_test(in_panic_health_is_ignored),
        cmocka_unit_test(random_changes_break_nothing),
        cmocka_unit_test(registry_knows_its_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
        lbtest_open(&t, "pick_first", NULL, 1);
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
    lbtest_open(&t, "round_robin", NULL, 7);
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
    lbtest_open(&t, "round_robin", NULL, 1);
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
        lbtest_open(&t, "round_robin", NULL, seed);
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
    lbtest_open(&t, "round_robin", NULL, 1);
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
    lbtest_open(&t, "round_robin", NULL, 1);
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
    lbtest_open(&t, "round_robin", NULL, 1);
    lbtest_set(&t, "RFR");
    t.how.avoid = &t.eps[2];
    for (int k = 0; k < 10; k++)
        assert_int_equal(lbtest_pick(&t), 0);
    lbtest_set(&t, "fFR");
    assert_int_equal(lbtest_pick(&t), 2);
    lbtest_close(&t);
}

static void
in_panic_health_is_ignored(void **state)
{
    unsigned count[MOST];

    (void)state;
    lbtest_open(&t, "round_robin", NULL, 1);
    t.list.panic = true;
    lbtest_set(&t, "Ruuf");
    lbtest_count(&t, 300, count);
    assert_int_equal(count[0], 100);
    assert_int_equal(count[1], 100);
    assert_int_equal(count[2], 100);
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
    assert_int_equal(n, 2);
    assert_null(lb_policy_at(n));
    assert_null(lb_policy_find("roundest_robin"));
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
        cmocka_unit_test(in_panic_health_is_ignored),
        cmocka_unit_test(registry_knows_its_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

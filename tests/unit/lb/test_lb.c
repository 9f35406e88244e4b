/* SPDX-License-Identifier: Apache-2.0 */
/* The two policies against lists written as text: one letter per endpoint. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "lb/lb.h"

enum { MOST = 16 };

/* i idle, c connecting, f failed, R ready with room, F ready and full. */
static size_t
make(const char *text, struct lb_endpoint *eps)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        eps[i].room = text[i] == 'R';
        eps[i].state = text[i] == 'i'   ? LB_IDLE
                       : text[i] == 'c' ? LB_CONNECTING
                       : text[i] == 'f' ? LB_FAILED
                                        : LB_READY;
    }
    return n;
}

static void
pick_first_table(void **state)
{
    static const struct {
        const char *eps;
        int pick;
        const char *wants; /* y or n per endpoint */
    } rows[] = {
        { "R", 0, "y" },           { "F", LB_WAIT, "y" },   { "i", LB_WAIT, "y" },
        { "c", LB_WAIT, "y" },     { "f", LB_NONE, "y" },   { "RR", 0, "yn" },
        { "fR", 1, "ny" },         { "iR", 1, "ny" },       { "cR", 1, "ny" },
        { "ic", LB_WAIT, "yn" },   { "fi", LB_WAIT, "ny" }, { "ffc", LB_WAIT, "nny" },
        { "fff", LB_NONE, "yyy" }, { "FR", LB_WAIT, "yn" }, { "fFi", LB_WAIT, "nyn" },
        { "", LB_NONE, "" },
    };
    const struct lb_policy *p = lb_policy_find("pick_first");
    struct lb_endpoint eps[MOST];

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = make(rows[i].eps, eps);

        if (p->pick(NULL, eps, n) != rows[i].pick)
            fail_msg("\"%s\": picked %d", rows[i].eps, p->pick(NULL, eps, n));
        for (size_t k = 0; k < n; k++)
            assert_int_equal(p->wants(NULL, eps, n, k), rows[i].wants[k] == 'y');
    }
}

static void
round_robin_is_even_over_those_with_room(void **state)
{
    const struct lb_policy *p = lb_policy_find("round_robin");
    struct lb_endpoint eps[MOST];
    size_t n = make("RfRcRFRi", eps);
    unsigned count[MOST] = { 0 };
    struct rng rng;
    void *own;

    (void)state;
    assert_non_null(p);
    own = calloc(1, p->state_size);
    rng_seed(&rng, 7);
    p->start(own, n, &rng);
    for (int i = 0; i < 4000; i++) {
        int k = p->pick(own, eps, n);

        assert_in_range(k, 0, n - 1);
        count[k]++;
    }
    assert_int_equal(count[0], 1000);
    assert_int_equal(count[2], 1000);
    assert_int_equal(count[4], 1000);
    assert_int_equal(count[6], 1000);
    free(own);
}

static void
round_robin_order_is_the_order_of_the_list(void **state)
{
    const struct lb_policy *p = lb_policy_find("round_robin");
    struct lb_endpoint eps[MOST];
    size_t n = make("RRRRR", eps);
    struct rng rng;
    void *own = calloc(1, p->state_size);
    int before;

    (void)state;
    rng_seed(&rng, 1);
    p->start(own, n, &rng);
    before = p->pick(own, eps, n);
    for (int i = 0; i < 20; i++) {
        int k = p->pick(own, eps, n);

        assert_int_equal(k, (before + 1) % 5);
        before = k;
    }
    free(own);
}

static void
round_robin_starts_at_random(void **state)
{
    const struct lb_policy *p = lb_policy_find("round_robin");
    struct lb_endpoint eps[MOST];
    size_t n = make("RRRR", eps);
    unsigned seen = 0;
    struct rng rng;
    void *own = calloc(1, p->state_size);

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        rng_seed(&rng, seed);
        p->start(own, n, &rng);
        seen |= 1u << p->pick(own, eps, n);
    }
    assert_int_equal(seen, 15);
    free(own);
}

static void
round_robin_waits_while_there_is_hope(void **state)
{
    static const struct {
        const char *eps;
        int pick;
    } rows[] = { { "ffff", LB_NONE }, { "fffi", LB_WAIT }, { "cfff", LB_WAIT },
                 { "F", LB_WAIT },    { "f", LB_NONE },    { "fF", LB_WAIT },
                 { "", LB_NONE } };
    const struct lb_policy *p = lb_policy_find("round_robin");
    struct lb_endpoint eps[MOST];
    void *own = calloc(1, p->state_size);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = make(rows[i].eps, eps);

        for (int k = 0; k < 5; k++)
            assert_int_equal(p->pick(own, eps, n), rows[i].pick);
        for (size_t k = 0; k < n; k++)
            assert_true(p->wants(own, eps, n, k));
    }
    free(own);
}

/* The list may be shorter than it was. */
static void
round_robin_survives_a_shrinking_list(void **state)
{
    const struct lb_policy *p = lb_policy_find("round_robin");
    struct lb_endpoint eps[MOST];
    void *own = calloc(1, p->state_size);

    (void)state;
    make("RRRRRRRR", eps);
    for (size_t n = 8; n > 0; n--) {
        for (int i = 0; i < 7; i++)
            assert_in_range(p->pick(own, eps, n), 0, n - 1);
    }
    free(own);
}

static void
registry_knows_its_policies(void **state)
{
    size_t n = 0;

    (void)state;
    for (; lb_policy_at(n); n++) {
        assert_ptr_equal(lb_policy_find(lb_policy_at(n)->name), lb_policy_at(n));
        assert_non_null(lb_policy_at(n)->pick);
        assert_non_null(lb_policy_at(n)->wants);
    }
    assert_int_equal(n, 2);
    assert_null(lb_policy_at(n));
    assert_null(lb_policy_find("random"));
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
        cmocka_unit_test(round_robin_survives_a_shrinking_list),
        cmocka_unit_test(registry_knows_its_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who may get a call, as it is told: the same endpoints that get calls, and a reason for each of the others. */
#include "poolrig.h"

#include "base/strbuf.h"
#include "upstream/hub_explain.h"

#define END           \
    {                 \
        .backend = -1 \
    }

static struct conf_pair v2_pair[] = { { "version", "v2" } };
static const struct conf_map v2 = { v2_pair, 1 };
static struct strbuf out;

static void
mark(int backend, unsigned bit, bool down)
{
    for (size_t i = 0; i < hub->list->n; i++) {
        if (backend_index(hub->list->rows[i].backend->name) == backend)
            hub_mark(hub, hub->list->rows[i].backend, bit, down, "test says so");
    }
    turns();
}

/* Bits of the backends that got some of n calls. */
static unsigned
served(unsigned n, unsigned subset)
{
    unsigned seen = 0;

    for (unsigned done = 0; done < n; done++) {
        unsigned i = done % CALLS;

        call_reset(i);
        calls[i].wait.subset = subset;
        if (call_start(i) == ERR_AGAIN)
            UNTIL(calls[i].done);
        for (int k = 0; k < 3; k++)
            answer_all();
        assert_int_equal(calls[i].err, ERR_OK);
        seen |= 1u << backend_index(calls[i].name);
    }
    return seen;
}

static void
explain(const struct conf_map *selector)
{
    strbuf_done(&out);
    strbuf_init(&out, 1 << 20);
    hub_explain(hub, selector, &out);
}

/* Bits of the backends that are said to get calls; each has its line. */
static unsigned
told_yes(const struct conf_map *selector)
{
    unsigned yes = 0;

    explain(selector);
    for (unsigned i = 0; i < BACKENDS; i++) {
        char line[ADDR_TEXT_MAX + 16];

        snprintf(line, sizeof(line), "  yes  %s ", backends[i].target);
        if (backends[i].target[0] && strstr(out.s, line))
            yes |= 1u << i;
    }
    return yes;
}

static void
told(unsigned backend, const char *why)
{
    char line[400];

    snprintf(line, sizeof(line), "  %s  %s\n", backends[backend].target, why);
    if (!strstr(out.s, line))
        fail_msg("\"%s\" is not in:\n%s", line, out.s);
}

static void
labels_that_do_not_fit_are_named(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" },
                                       { .backend = 1, .label = "version=v2" },
                                       { .backend = 2, .label = "zone=x" },
                                       END };
    unsigned s2;

    (void)state;
    pool_open(1, "round_robin");
    s2 = pool_subset(pool, &v2);
    list_send(rows);
    assert_int_equal(served(9, s2), 2);
    assert_int_equal(told_yes(&v2), 2);
    told(0, "its label version is \"v1\", not \"v2\"");
    told(2, "it has no label version, \"v2\" is wanted");
    assert_non_null(strstr(out.s, "pool app with version=v2 (round_robin): 1 of 3 "
                                  "endpoints may get the call\n"));
    assert_int_equal(served(9, 0), 7);
    assert_int_equal(told_yes(NULL), 7);
    pool_subset_drop(pool, s2);
}

static void
labels_that_nobody_has_end_the_call_or_do_not_count(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" }, END };

    (void)state;
    pool_open(1, "round_robin");
    list_send(rows);
    assert_int_equal(told_yes(&v2), 0);
    assert_non_null(strstr(out.s, "no endpoint has the labels of the subset"));
    conf.subset_fallback = SUBSET_FALLBACK_ANY;
    assert_int_equal(told_yes(&v2), 1);
    assert_non_null(strstr(out.s, "(subsetFallback)"));
}

static void
priorities_wait_for_those_before_them(void **state)
{
    static const struct row rows[] = {
        { .backend = 0 }, { .backend = 1 }, { .backend = 2, .priority = 3 }, END
    };

    (void)state;
    pool_open(1, "round_robin");
    list_send(rows);
    assert_int_equal(served(20, 0), 3);
    assert_int_equal(told_yes(NULL), 3);
    told(2, "its priority is 3: enough endpoints of priority 0 are healthy");
    mark(0, BACKEND_UNHEALTHY, true);
    assert_int_equal(served(60, 0), 6);
    assert_int_equal(told_yes(NULL), 6);
    told(0, "unhealthy: test says so");
    told(1, "ready; its priority or zone gets 70 % of the calls");
    mark(1, BACKEND_EJECTED, true);
    assert_int_equal(served(20, 0), 4);
    assert_int_equal(told_yes(NULL), 4);
    told(1, "ejected: test says so");
}

static void
zones_are_levels(void **state)
{
    static const struct row rows[] = { { .backend = 0, .zone = "a" },
                                       { .backend = 1, .zone = "b" },
                                       END };

    (void)state;
    conf.balance.zone_aware.zone = "a";
    pool_open(1, "round_robin");
    list_send(rows);
    assert_int_equal(served(20, 0), 1);
    assert_int_equal(told_yes(NULL), 1);
    told(1, "its zone is \"b\": enough endpoints of our own zone, \"a\", are healthy");
}

static void
panic_lets_calls_go_to_all(void **state)
{
    (void)state;
    pool_open(3, "round_robin");
    assert_int_equal(served(20, 0), 7);
    mark(0, BACKEND_UNHEALTHY, true);
    assert_int_equal(told_yes(NULL), 6);
    mark(1, BACKEND_UNHEALTHY, true);
    assert_int_equal(served(20, 0), 7);
    assert_int_equal(told_yes(NULL), 7);
    told(0, "unhealthy: test says so; but this is panic: too few are healthy, so all get "
            "calls");
}

static void
who_cannot_be_connected_gets_no_calls(void **state)
{
    static const struct row rows[] = { { .backend = 0 },
                                       { .backend = 1, .priority = 1 },
                                       END };

    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "round_robin");
    list_send(rows);
    assert_int_equal(told_yes(NULL), 1); /* nobody tried yet */
    assert_int_equal(served(10, 0), 2);
    assert_int_equal(told_yes(NULL), 2);
    told(0, "it could not be connected the last time");
}

static void
the_random_subset_is_the_one_that_gets_calls(void **state)
{
    unsigned seen;

    (void)state;
    conf.balance.subset_size = 2;
    pool_open(6, "round_robin");
    seen = served(30, 0);
    assert_int_equal(told_yes(NULL), seen);
    for (unsigned i = 0; i < 6; i++) {
        if (!(seen & 1u << i))
            told(i, "it is not among the 2 that this proxy chose (balance.subsetSize)");
    }
}

static void
who_left_the_list_is_draining(void **state)
{
    static const struct row rows[] = { { .backend = 1 }, END };

    (void)state;
    pool_open(2, "round_robin");
    assert_int_equal(served(2, 0), 3);
    list_send(rows);
    assert_int_equal(told_yes(NULL), 2);
    told(0, "draining: its target does not name it any more; 0 open calls end");
    strbuf_done(&out);
    strbuf_init(&out, 1 << 20);
    hub_explain_json(hub, NULL, &out);
    assert_non_null(strstr(out.s, "\"mayGet\":false,\"state\":\"draining\""));
    assert_non_null(strstr(out.s, "\"mayGet\":1,\"endpoints\":[\n{\"address\":\""));
}

static int
setup(void **state)
{
    strbuf_init(&out, 1 << 20);
    return rig_setup(state);
}

static int
teardown(void **state)
{
    strbuf_done(&out);
    return rig_teardown(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(labels_that_do_not_fit_are_named),
        TEST(labels_that_nobody_has_end_the_call_or_do_not_count),
        TEST(priorities_wait_for_those_before_them),
        TEST(zones_are_levels),
        TEST(panic_lets_calls_go_to_all),
        TEST(who_cannot_be_connected_gets_no_calls),
        TEST(the_random_subset_is_the_one_that_gets_calls),
        TEST(who_left_the_list_is_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who may serve a call: labels, priorities with failover, zones, random subsets, panic, slow start. */
#include "poolrig.h"

#include "base/strbuf.h"

#define END           \
    {                 \
        .backend = -1 \
    }

static struct conf_pair v1_pair[] = { { "version", "v1" } };
static struct conf_pair v2_pair[] = { { "version", "v2" } };
static const struct conf_map v1 = { v1_pair, 1 }, v2 = { v2_pair, 1 };

static void
mark(int backend, bool down)
{
    for (size_t i = 0; i < hub->list->n; i++) {
        if (backend_index(hub->list->rows[i].backend->name) == backend)
            hub_mark(hub, hub->list->rows[i].backend, BACKEND_UNHEALTHY, down, "test");
    }
    turns();
}

static int
call_start_subset(unsigned i, unsigned subset)
{
    call_reset(i);
    calls[i].wait.subset = subset;
    return call_start(i);
}

/* n calls one after the other; how many each backend got. All must be served. */
static void
shares(unsigned n, unsigned subset, unsigned share[BACKENDS])
{
    memset(share, 0, BACKENDS * sizeof(*share));
    for (unsigned done = 0; done < n;) {
        unsigned batch = n - done < 50 ? n - done : 50;

        for (unsigned i = 0; i < batch; i++) {
            int rv = call_start_subset(i, subset);

            assert_true(rv == ERR_OK || rv == ERR_AGAIN);
        }
        for (int k = 0; k < 20; k++)
            answer_all();
        for (unsigned i = 0; i < batch; i++) {
            assert_int_equal(calls[i].err, ERR_OK);
            assert_int_equal(calls[i].closed, 1);
            share[backend_index(calls[i].name)]++;
        }
        done += batch;
    }
}

static void
priorities_open(void)
{
    static const struct row rows[] = {
        { .backend = 0 }, { .backend = 1 }, { .backend = 2, .priority = 3 }, END
    };

    pool_open(1, "round_robin");
    list_send(rows);
}

static void
a_lower_priority_is_not_even_connected(void **state)
{
    unsigned share[BACKENDS];

    (void)state;
    priorities_open();
    shares(100, 0, share);
    assert_int_equal(share[2], 0);
    assert_in_range(share[0], 49, 51);
    assert_int_equal(backends[2].accepted, 0);
}

/* 140 x 50 % = 70 % stay. */
static void
half_a_priority_keeps_seventy_percent(void **state)
{
    unsigned share[BACKENDS];

    (void)state;
    priorities_open();
    shares(10, 0, share);
    mark(0, true);
    shares(1000, 0, share);
    assert_int_equal(share[0], 0);
    assert_in_range(share[1], 640, 760);
    assert_in_range(share[2], 240, 360);
    assert_int_equal(stat_get(&stats, STAT_PANICS), 0);
    mark(1, true);
    shares(50, 0, share);
    assert_int_equal(share[2], 50);
    mark(0, false);
    mark(1, false);
    shares(50, 0, share);
    assert_int_equal(share[2], 0);
}

static void
who_refuses_connections_loses_its_priority(void **state)
{
    unsigned share[BACKENDS];

    (void)state;
    backend_open(0);
    backend_open(1);
    backend_refuse(0);
    backend_refuse(1);
    priorities_open();
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_OK); /* it waited, and went on to the next level */
    assert_int_equal(backend_index(calls[0].name), 2);
    answer_all();
    shares(50, 0, share);
    assert_int_equal(share[2], 50);
}

static void
our_own_zone_comes_first(void **state)
{
    static const struct row rows[] = {
        { .backend = 0, .zone = "a" }, { .backend = 1, .zone = "b" },
        { .backend = 2, .zone = "a" }, { .backend = 3, .zone = "c" },
        { .backend = 4, .zone = "a" }, END
    };
    unsigned share[BACKENDS];

    (void)state;
    conf.balance.zone_aware.zone = "a";
    pool_open(1, "round_robin");
    list_send(rows);
    shares(90, 0, share);
    assert_in_range(share[0], 29, 31);
    assert_int_equal(share[1] + share[3], 0);
    mark(0, true); /* 2 of 3: 95 % stay */
    mark(2, true); /* 1 of 3: 47 % stay */
    shares(1000, 0, share);
    assert_in_range(share[4], 420, 530);
    assert_in_range(share[1], 180, 320);
    assert_in_range(share[3], 180, 320);
}

static void
labels_choose_the_endpoints(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" },
                                       { .backend = 1, .label = "version=v2" },
                                       { .backend = 2, .label = "version=v1" },
                                       END };
    unsigned share[BACKENDS], s1, s2;

    (void)state;
    pool_open(1, "round_robin");
    s1 = pool_subset(pool, &v1);
    s2 = pool_subset(pool, &v2);
    assert_int_equal(pool_subset(pool, &v1), s1);
    assert_int_equal(pool_subset(pool, NULL), 0);
    list_send(rows);
    shares(20, s2, share);
    assert_int_equal(share[1], 20);
    assert_int_equal(backends[0].accepted + backends[2].accepted, 0);
    shares(50, s1, share);
    assert_int_equal(share[0] + share[2], 50);
    shares(90, 0, share);
    assert_in_range(share[1], 28, 32);
}

static void
numbers_of_labels_are_held_and_come_back(void **state)
{
    struct conf_pair pair = { "build", "1" };
    struct conf_map one = { &pair, 1 };
    unsigned a, b, c;

    (void)state;
    pool_open(1, "round_robin");
    a = pool_subset(pool, &one);
    assert_int_equal(pool_subset(pool, &one), a);
    pair.value = "2"; /* the pool has a copy */
    b = pool_subset(pool, &one);
    assert_int_not_equal(a, b);
    pool_subset_drop(pool, a);
    pair.value = "1";
    assert_int_equal(pool_subset(pool, &one), a);
    pool_subset_drop(pool, a);
    pool_subset_drop(pool, a);
    pair.value = "3";
    c = pool_subset(pool, &one);
    assert_int_equal(c, a); /* free again */
    pool_subset_drop(pool, b);
    pool_subset_drop(pool, c);
    pool_subset_drop(pool, 0);
    assert_int_equal(call_start(0), ERR_AGAIN); /* the pool still serves */
    UNTIL(calls[0].done);
}

static void
labels_that_nobody_has_are_told(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" },
                                       { .backend = 1, .label = "version=v1" },
                                       { .backend = 2, .label = "version=v3" },
                                       END };
    static const struct row none[] = { { .backend = 0 }, END };
    char text[POOL_TEXT_MAX];
    unsigned s2;

    (void)state;
    pool_open(1, "round_robin");
    s2 = pool_subset(pool, &v2);
    list_send(rows);
    assert_int_equal(call_start_subset(0, s2), ERR_NO_ENDPOINT);
    assert_string_equal(
        pool_explain(pool, &calls[0].wait, ERR_NO_ENDPOINT, text),
        "pool app: no endpoint has version=v2; known: version=v1 (2), version=v3 (1)");
    list_send(none);
    assert_int_equal(call_start_subset(0, s2), ERR_NO_ENDPOINT);
    assert_string_equal(
        pool_explain(pool, &calls[0].wait, ERR_NO_ENDPOINT, text),
        "pool app: no endpoint has version=v2; known: no endpoint has such a label");
}

/* What other endpoints of the pool do is no answer to a call that may not go there. */
static void
a_subset_tells_of_its_own_endpoints(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" },
                                       { .backend = 1, .label = "version=v2" },
                                       { .backend = 2, .label = "version=v2" },
                                       END };
    char text[POOL_TEXT_MAX];
    unsigned s1, s2;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        backend_open(i);
    backend_refuse(0);
    conf.health_check.panic_threshold = 0;
    pool_open(1, "round_robin");
    s1 = pool_subset(pool, &v1);
    s2 = pool_subset(pool, &v2);
    list_send(rows);
    (void)!call_start_subset(0, s1);
    (void)!call_start_subset(1, s2);
    UNTIL(calls[0].done && calls[1].done);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_string_equal(pool_explain(pool, &calls[0].wait, calls[0].err, text),
                        "pool app, subset version=v1: the subset has no usable endpoint; "
                        "last failure: Connection refused");
    assert_string_equal(pool_blame(pool, &calls[0].wait), backends[0].target);
    answer_all();
    /* v2 cannot serve either, but not because of that. */
    mark(1, true);
    mark(2, true);
    assert_int_equal(call_start_subset(2, s2), ERR_NO_ENDPOINT);
    assert_string_equal(pool_explain(pool, &calls[2].wait, ERR_NO_ENDPOINT, text),
                        "pool app, subset version=v2: the subset has no usable endpoint; "
                        "of 2 endpoints: 2 unhealthy by its health check");
    assert_null(pool_blame(pool, &calls[2].wait));
}

/* Of several, the one that failed last; and who comes back is not blamed any more. */
static void
who_failed_last_is_blamed(void **state)
{
    char text[POOL_TEXT_MAX];

    (void)state;
    backends[0].manner = HANG_UP;
    pool_open(2, "pick_first");
    backends[1].manner = HTTP1;
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_string_equal(pool_blame(pool, &calls[0].wait), backends[1].target);
    assert_non_null(
        strstr(pool_explain(pool, &calls[0].wait, calls[0].err, text), "HTTP/1.1"));
    backends[1].manner = GREET;
    for (int i = 0; i < 30; i++)
        wait_ms(100);
    assert_int_equal(call_start(1), ERR_OK);
    assert_null(pool->endpoints[1]->why);
    answer_all();
}

static void
any_endpoint_may_stand_in_for_missing_labels(void **state)
{
    static const struct row rows[] = { { .backend = 0, .label = "version=v1" },
                                       { .backend = 1, .label = "version=v1" },
                                       END };
    static const struct row with_v2[] = { { .backend = 0, .label = "version=v1" },
                                          { .backend = 1, .label = "version=v2" },
                                          END };
    unsigned share[BACKENDS], s2;

    (void)state;
    conf.subset_fallback = SUBSET_FALLBACK_ANY;
    pool_open(1, "round_robin");
    s2 = pool_subset(pool, &v2);
    list_send(rows);
    shares(20, s2, share);
    assert_int_equal(share[0], 10);
    list_send(with_v2);
    shares(20, s2, share);
    assert_int_equal(share[1], 20);
}

static void
three_open(void)
{
    pool_open(3, "round_robin");
    (void)!call_start(0);
    UNTIL(stat_get(&stats, STAT_UP_OPEN) == 3 && calls[0].done);
    answer_all();
}

static void
too_few_healthy_ones_are_a_panic(void **state)
{
    unsigned share[BACKENDS];

    (void)state;
    three_open();
    mark(0, true); /* 67 % are left */
    assert_int_equal(stat_get(&stats, STAT_PANIC), 0);
    shares(30, 0, share);
    assert_int_equal(share[0], 0);
    mark(1, true); /* 33 % */
    assert_int_equal(stat_get(&stats, STAT_PANIC), 1);
    shares(30, 0, share);
    assert_int_equal(share[0], 10);
    assert_int_equal(share[1], 10);
    mark(1, false);
    assert_int_equal(stat_get(&stats, STAT_PANIC), 0);
    shares(30, 0, share);
    assert_int_equal(share[0], 0);
    assert_int_equal(stat_get(&stats, STAT_PANICS), 1);
}

static void
the_panic_is_in_the_text_of_the_error(void **state)
{
    char text[POOL_TEXT_MAX];

    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "round_robin");
    mark(0, true);
    (void)!call_start(0);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    pool_explain(pool, &calls[0].wait, calls[0].err, text);
    assert_non_null(strstr(text, "panic"));
    assert_non_null(strstr(text, "refused"));
}

/* What an operator takes out is as if it was not there: it gets nothing in panic, and does not
 * bring it about. */
static void
a_disabled_one_gets_nothing_also_in_panic(void **state)
{
    unsigned share[BACKENDS];
    struct strbuf said;

    (void)state;
    three_open();
    strbuf_init(&said, 4096);
    assert_true(hub_disable(hub, backends[0].target, true, &said));
    assert_true(hub_disable(hub, backends[1].target, true, &said));
    turns();
    assert_int_equal(stat_get(&stats, STAT_PANIC), 0);
    shares(30, 0, share);
    assert_int_equal(share[2], 30);
    assert_true(hub_disable(hub, backends[1].target, false, &said));
    mark(1, true);
    mark(2, true); /* none of two is left */
    assert_int_equal(stat_get(&stats, STAT_PANIC), 1);
    shares(30, 0, share);
    assert_int_equal(share[0], 0);
    assert_int_equal(share[1], 15);
    /* Disabled while it is unhealthy: a panic that is under way hears of it. */
    assert_true(hub_disable(hub, backends[1].target, true, &said));
    turns();
    shares(30, 0, share);
    assert_int_equal(share[2], 30);
    mark(2, false);
    mark(1, false);
    assert_true(hub_disable(hub, backends[0].target, false, &said));
    assert_true(hub_disable(hub, backends[1].target, false, &said));
    turns();
    shares(30, 0, share);
    assert_int_equal(share[0], 10);
    for (unsigned i = 0; i < 3; i++)
        assert_true(hub_disable(hub, backends[i].target, true, &said));
    turns();
    call_reset(0);
    assert_int_equal(call_start(0), ERR_NO_ENDPOINT);
    strbuf_done(&said);
}

static void
panic_can_be_turned_off(void **state)
{
    unsigned share[BACKENDS];

    (void)state;
    conf.health_check.panic_threshold = 0;
    three_open();
    mark(0, true);
    mark(1, true);
    shares(30, 0, share);
    assert_int_equal(share[2], 30);
    mark(2, true);
    call_reset(0);
    assert_int_equal(call_start(0), ERR_NO_ENDPOINT);
    assert_int_equal(stat_get(&stats, STAT_PANICS), 0);
}

static void
a_random_subset_is_all_that_is_connected(void **state)
{
    unsigned share[BACKENDS], used = 0, accepted = 0;

    (void)state;
    conf.balance.subset_size = 2;
    pool_open(6, "round_robin");
    shares(60, 0, share);
    for (int i = 0; i < BACKENDS; i++) {
        used += share[i] > 0;
        accepted += backends[i].accepted > 0;
    }
    assert_int_equal(used, 2);
    assert_int_equal(accepted, 2);
}

static void
who_recovers_starts_slowly(void **state)
{
    const struct endpoint *e;

    (void)state;
    conf.balance.slow_start.window_ms = 10000;
    three_open();
    e = hub->list->rows[0].backend->views[0];
    assert_int_equal(e->lb.weight, LB_WEIGHT_ONE);
    mark(0, true);
    wait_ms(1000);
    mark(0, false);
    assert_in_range(e->lb.weight, LB_WEIGHT_ONE / 10 - 1, LB_WEIGHT_ONE / 10 + 10);
    wait_ms(5000);
    assert_in_range(e->lb.weight, LB_WEIGHT_ONE * 47 / 100, LB_WEIGHT_ONE * 52 / 100);
    wait_ms(5100);
    assert_int_equal(e->lb.weight, LB_WEIGHT_ONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_lower_priority_is_not_even_connected),
        POOL_TEST(half_a_priority_keeps_seventy_percent),
        POOL_TEST(who_refuses_connections_loses_its_priority),
        POOL_TEST(our_own_zone_comes_first),
        POOL_TEST(labels_choose_the_endpoints),
        POOL_TEST(numbers_of_labels_are_held_and_come_back),
        POOL_TEST(labels_that_nobody_has_are_told),
        POOL_TEST(a_subset_tells_of_its_own_endpoints),
        POOL_TEST(who_failed_last_is_blamed),
        POOL_TEST(any_endpoint_may_stand_in_for_missing_labels),
        POOL_TEST(too_few_healthy_ones_are_a_panic),
        POOL_TEST(the_panic_is_in_the_text_of_the_error),
        POOL_TEST(a_disabled_one_gets_nothing_also_in_panic),
        POOL_TEST(panic_can_be_turned_off),
        POOL_TEST(a_random_subset_is_all_that_is_connected),
        POOL_TEST(who_recovers_starts_slowly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A pool whose list changes under it: new endpoints, endpoints that leave and come back, calls that must not notice. */
#include "poolrig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define END           \
    {                 \
        .backend = -1 \
    }

static const struct row only_0[] = { { .backend = 0 }, END };
static const struct row only_1[] = { { .backend = 1 }, END };
static const struct row nobody[] = { END };
static const struct row both[] = { { .backend = 0 }, { .backend = 1 }, END };

static void
call_served_by(unsigned i, int backend)
{
    if (!calls[i].done)
        assert_int_equal(call_start(i), ERR_OK);
    assert_int_equal(calls[i].err, ERR_OK);
    assert_int_equal(backend_index(calls[i].name), backend);
}

static void
connected(unsigned n)
{
    UNTIL(stat_get(&stats, STAT_UP_OPEN) == n);
    turns();
}

static void
a_new_endpoint_gets_its_share(void **state)
{
    unsigned share[2] = { 0 };

    (void)state;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    list_send(both);
    connected(2);
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(call_start(i), ERR_OK);
        share[backend_index(calls[i].name)]++;
    }
    assert_int_equal(share[0], 10);
    assert_int_equal(share[1], 10);
    assert_int_equal(backends[0].accepted, 1); /* it kept its connection */
}

static void
an_endpoint_that_left_gets_no_calls_and_ends_those_it_has(void **state)
{
    (void)state;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    list_send(only_1);
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    for (unsigned i = 1; i <= 20; i++)
        call_served_by(i, 1);
    wait_ms(2000);
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 2);
    assert_int_equal(calls[0].closed, 0);
    answer_all();
    UNTIL(ended() == 21);
    assert_int_equal(calls[0].s.close_err, ERR_OK);
    connected(1);
    assert_true(list_empty(&pool->gone));
    assert_string_equal(calls[0].name, backends[0].target); /* the call still holds it */
}

static void
an_idle_endpoint_leaves_at_once(void **state)
{
    (void)state;
    pool_open(2, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    connected(2);
    answer_all();
    UNTIL(ended() == 1);
    list_send(only_0);
    connected(1);
    assert_true(list_empty(&pool->gone));
}

static void
calls_end_when_drain_on_remove_is_over(void **state)
{
    (void)state;
    conf.drain_on_remove_ms = 5000;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    list_send(only_1);
    wait_ms(4900);
    assert_int_equal(calls[0].closed, 0);
    wait_ms(200);
    assert_int_equal(calls[0].closed, 1);
    assert_int_equal(calls[0].s.close_err, ERR_REMOVED);
    assert_true(list_empty(&pool->gone));
}

static void
an_endpoint_that_comes_back_goes_on_as_it_was(void **state)
{
    (void)state;
    conf.drain_on_remove_ms = 5000;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    list_send(only_1);
    wait_ms(3000);
    list_send(only_0);
    call_served_by(1, 0); /* on the connection that it kept for its call */
    wait_ms(6000);
    assert_int_equal(calls[0].closed, 0);
    answer_all();
    UNTIL(ended() == 2);
    assert_int_equal(calls[0].s.close_err, ERR_OK);
    assert_int_equal(backends[0].accepted, 1);
}

static void
who_waits_is_served_by_the_new_list(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    turns();
    list_send(only_1);
    UNTIL(calls[0].done);
    call_served_by(0, 1);
    connected(1); /* the other connect was given up */
}

static void
the_backoff_of_who_left_is_forgotten(void **state)
{
    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    list_send(only_1);
    assert_true(list_empty(&pool->gone));
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    call_served_by(1, 1);
    wait_ms(3000);
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECTS), 2);
}

static void
a_thousand_flips_lose_no_call(void **state)
{
    static const struct row three[] = {
        { .backend = 1 }, { .backend = 2 }, { .backend = 0 }, END
    };
    static const struct row *const lists[] = { only_0, both, only_1, three };
    unsigned lost = 0, good = 0;

    (void)state;
    pool_open(1, "round_robin");
    for (unsigned flip = 0; flip < 1000; flip++) {
        unsigned i = flip % 32;

        list_send(lists[rng_below(&rng, 4)]);
        if (calls[i].closed || calls[i].err) {
            good += calls[i].closed && calls[i].s.close_err == ERR_OK;
            lost += calls[i].err || calls[i].s.close_err != ERR_OK;
            call_reset(i);
        }
        if (!calls[i].wait.pool)
            (void)!call_start(i);
        if (flip % 8 == 7) {
            answer_all();
            /* Peers log all that they get: connections that ended make room. */
            for (int b = 0; b < BACKENDS; b++) {
                unsigned kept = 0;

                for (unsigned k = 0; k < backends[b].accepted; k++) {
                    struct h2peer *p = &backends[b].conns[k];

                    if (p->t && (p->eof || p->lost))
                        h2peer_close(p);
                    kept += p->t != NULL;
                }
                assert_true(kept < 16);
                if (kept == 0)
                    backends[b].accepted = 0;
                assert_true(backends[b].accepted < CONNS - 8);
            }
        }
    }
    answer_all();
    for (unsigned i = 0; i < 32; i++) {
        good += calls[i].closed && calls[i].s.close_err == ERR_OK;
        lost += calls[i].err || !calls[i].closed || calls[i].s.close_err != ERR_OK;
    }
    print_message("          %u calls over 1000 flips, %u lost\n", good, lost);
    assert_int_equal(lost, 0);
    assert_true(good > 300);
}

static void
without_a_list_calls_wait_until_somebody_says_why(void **state)
{
    char text[POOL_TEXT_MAX];
    struct pool *p;

    (void)state;
    pool_open(1, "round_robin");
    p = pools[1] = pool_new(w, &conf, &rng, NULL);
    pool_attach(p, hub, 0, pool->levels, 1);
    assert_int_equal(call_start_in(p, 0), ERR_AGAIN);
    wait_ms(500);
    assert_int_equal(calls[0].done, 0);
    pool_no_list(p, NOBODY_WHY);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_string_equal(calls[0].why, NOBODY_SENTENCE);
    assert_int_equal(call_start_in(p, 1), ERR_NO_ENDPOINT);
    assert_string_equal(pool_explain(p, &calls[1].wait, ERR_NO_ENDPOINT, text),
                        NOBODY_SENTENCE);
}

/* Who waited hears the reason with the list, not after it. */
static void
an_empty_list_says_why(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(backends[0].accepted);
    list_send(nobody);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_string_equal(calls[0].why, NOBODY_SENTENCE);
    backends[1].manner = HANG_UP;
    list_send(only_1);
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_NO_ENDPOINT);
    assert_null(strstr(calls[1].why, NOBODY_WHY)); /* that is over */
}

/* A pool without a list, and one that lost its endpoints: neither ends the call. */
static void
who_is_patient_waits_for_a_name(void **state)
{
    struct pool *p;

    (void)state;
    pool_open(1, "round_robin");
    p = pools[1] = pool_new(w, &conf, &rng, NULL);
    pool_attach(p, hub, 0, pool->levels, 1);
    calls[0].wait.patient = calls[1].wait.patient = true;
    assert_int_equal(call_start_in(p, 0), ERR_AGAIN);
    list_send(nobody);
    for (int i = 0; i < 3; i++)
        pool_no_list(p, NOBODY_WHY);
    assert_int_equal(call_start(1), ERR_AGAIN);
    wait_ms(60000); /* past pendingTimeout */
    list_send(nobody);
    assert_int_equal(calls[0].done + calls[1].done, 0);
    list_send(only_0);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_OK);
    assert_int_equal(calls[0].done, 0);
    pool_close(p);
    assert_int_equal(calls[0].err, ERR_DRAIN);
    answer_all();
    UNTIL(calls[1].closed);
}

static void
mark_all(unsigned bit, bool on)
{
    for (size_t i = 0; i < hub->list->n; i++)
        hub_mark(hub, hub->list->rows[i].backend, bit, on, "test");
}

/* Nobody is healthy then, so all are taken (panic); who waited for the check need not wait for pendingTimeout. */
static void
a_bad_first_check_is_news(void **state)
{
    (void)state;
    pool_open(1, "round_robin");
    mark_all(BACKEND_UNCHECKED, true);
    turns();
    assert_int_equal(call_start(0), ERR_AGAIN);
    wait_ms(500);
    assert_int_equal(calls[0].done, 0);
    mark_all(BACKEND_UNHEALTHY, true);
    mark_all(BACKEND_UNCHECKED, false);
    wait_ms(500);
    assert_int_equal(calls[0].done, 1);
    assert_int_equal(calls[0].err, ERR_OK);
}

static void
first_checks_that_are_good_are_no_panic(void **state)
{
    (void)state;
    pool_open(3, "round_robin");
    mark_all(BACKEND_UNCHECKED, true);
    turns();
    assert_int_equal(call_start(0), ERR_AGAIN);
    mark_all(BACKEND_UNCHECKED, false);
    wait_ms(500);
    assert_int_equal(calls[0].err, ERR_OK);
    assert_int_equal(calls[0].done, 1);
    assert_int_equal(stat_get(&stats, STAT_PANICS), 0);
}

/* However much changes in a turn, the policies look at it once or twice, and not once per call. */
static void
updates_are_counted_by_turns_and_not_by_calls(void **state)
{
    unsigned before;

    (void)state;
    backends[0].max_streams = backends[1].max_streams = 1;
    conf.connections.per_endpoint = 1;
    pool_open(2, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    connected(2);
    before = pool->updates;
    for (unsigned i = 1; i < 60; i++)
        (void)!call_start(i);
    assert_int_equal(pool->updates, before);
    for (int i = 0; i < 60 && ended() < 60; i++)
        answer_all();
    assert_int_equal(ended(), 60);
    assert_int_equal(pool->updates, before);
    for (int i = 0; i < 50; i++)
        hub_mark(hub, hub->list->rows[0].backend, BACKEND_UNHEALTHY, i % 2 == 0, "test");
    turns();
    assert_true(pool->updates - before <= 2);
}

/* Its resolver says every few seconds that it knows nothing: for calls nothing changes. */
static void
a_target_that_is_dead_for_ten_minutes_loses_no_call(void **state)
{
    char path[] = "/tmp/outrigger-dead-XXXXXX", target[64];
    int fd = mkstemp(path);

    (void)state;
    backend_open(0);
    assert_true(fd >= 0 && dprintf(fd, "[\"%s\"]", backends[0].target) > 0);
    assert_int_equal(close(fd), 0);
    snprintf(target, sizeof target, "file://%s", path);
    targets[0].target = target;
    pool_open(1, "round_robin");
    UNTIL(hub->list);
    turns();
    assert_int_equal(call_start(0), ERR_AGAIN);
    connected(1);
    answer_all();
    UNTIL(ended() == 1);
    assert_int_equal(unlink(path), 0);
    for (unsigned second = 0; second < 600; second += 10) {
        wait_ms(10 * 1000);
        call_reset(0);
        assert_int_equal(call_start(0), ERR_OK);
        answer_all();
        UNTIL(calls[0].closed);
        assert_int_equal(calls[0].s.close_err, ERR_OK);
    }
    assert_int_equal(hub->list->n, 1);
    assert_true(hub->sources[0]->error[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_new_endpoint_gets_its_share),
        POOL_TEST(an_endpoint_that_left_gets_no_calls_and_ends_those_it_has),
        POOL_TEST(an_idle_endpoint_leaves_at_once),
        POOL_TEST(calls_end_when_drain_on_remove_is_over),
        POOL_TEST(an_endpoint_that_comes_back_goes_on_as_it_was),
        POOL_TEST(who_waits_is_served_by_the_new_list),
        POOL_TEST(the_backoff_of_who_left_is_forgotten),
        POOL_TEST(a_thousand_flips_lose_no_call),
        POOL_TEST(a_target_that_is_dead_for_ten_minutes_loses_no_call),
        POOL_TEST(without_a_list_calls_wait_until_somebody_says_why),
        POOL_TEST(an_empty_list_says_why),
        POOL_TEST(who_is_patient_waits_for_a_name),
        POOL_TEST(a_bad_first_check_is_news),
        POOL_TEST(first_checks_that_are_good_are_no_panic),
        POOL_TEST(updates_are_counted_by_turns_and_not_by_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

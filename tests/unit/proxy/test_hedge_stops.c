/* SPDX-License-Identifier: Apache-2.0 */
/* hedgingPolicy, replayed on a virtual clock: what a backend may ask for, what bounds hedges and their bodies, and what ends them all (gRFC A6). */
#include "tryrig.h"

#include "proxy/worker.h"
#include "upstream/retry_guard.h"

/* --- pushback, throttle, budget ------------------------------------------------------------ */

static void
pushback_never_means_no_more(void **state)
{
    struct attempt_seen one, two;

    (void)state;
    hedge_with(4, "50ms");
    rig.pools[RIG_APP].conf.retry_throttling =
        (struct retry_throttling_conf){ true, 10, 0.1 };
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    two = next_try();
    answer_code(&two, "14", "grpc-retry-pushback-ms", "-1");
    no_try(1000);
    want_alive(&one); /* those under way are waited for */
    assert_int_equal(retry_guard_tokens(app_guard()), 9000);
    answer_ok(&one);
    want_status(3, "0");
    assert_int_equal(retry_guard_tokens(app_guard()), 9100);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_PUSHBACK), 1);
}

static void
pushback_sets_the_time_of_the_next(void **state)
{
    struct attempt_seen one, two, three;
    int64_t at;

    (void)state;
    hedge_with(3, "50ms");
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    rig_wait_ms(20);
    answer_code(&one, "14", "grpc-retry-pushback-ms", "300"); /* nobody else is left */
    at = rig_ms();
    two = next_try();
    assert_in_range(two.at_ms - at, 299, 304);
    three = next_try();
    assert_in_range(three.at_ms - two.at_ms, 48, 54);
    answer_ok(&three);
    want_status(3, "0");
    want_cancelled(&two);
    client_call(5, "1S");
    one = next_try();
    answer_code(&one, "14", "grpc-retry-pushback-ms",
                "2000"); /* never past the deadline */
    want_answer(5, "14");
}

static void
no_hedges_while_too_many_fail(void **state)
{
    struct attempt_seen t;

    (void)state;
    hedge_with(3, "50ms");
    rig.pools[RIG_APP].conf.retry_throttling =
        (struct retry_throttling_conf){ true, 4, 1 };
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 2; i++) {
        t = next_try();
        answer_code(&t, "14", NULL, NULL);
    }
    want_answer(3, "14"); /* 2 of 4 tokens are left: the third does not go */
    assert_int_equal(counted(STAT_HEDGES), 1);
    client_call(5, NULL); /* the first one always does */
    t = next_try();
    no_try(500);
    answer_ok(&t);
    want_status(5, "0");
    assert_int_equal(counted(STAT_RETRIES_REFUSED_THROTTLE), 2);
}

static void
hedges_are_in_the_budget(void **state)
{
    struct attempt_seen one, two, other;

    (void)state;
    hedge_with(3, "50ms");
    rig.pools[RIG_APP].conf.limits.min_retry_concurrency = 1;
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    two = next_try();
    no_try(500);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_BUDGET), 1);
    client_call(5, NULL);
    other = next_try();
    no_try(500);
    answer_ok(&other);
    want_status(5, "0");
    answer_code(&two, "14", NULL, NULL);
    answer_ok(&one);
    want_status(3, "0");
    assert_int_equal(atomic_load(&app_guard()->open), 0);
}

/* --- requests ------------------------------------------------------------------------------ */

static void
what_follows_goes_to_all(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "10ms");
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_hello(&rig.client, 3, false);
    for (int i = 0; i < 3; i++)
        t[i] = next_try();
    send_hello(&rig.client, 3, false);
    send_hello(&rig.client, 3, true);
    for (int i = 0; i < 3; i++) {
        RIG_UNTIL(h2peer_data(t[i].p, t[i].id) == 3 * HELLO);
        for (size_t k = 0; k < h2peer_count(t[i].p, F_DATA, t[i].id); k++) {
            const struct peer_frame *f = h2peer_find(t[i].p, F_DATA, t[i].id, k);

            for (uint32_t b = 0; b < f->n; b += HELLO)
                assert_memory_equal(f->payload + b, hello_bytes, HELLO);
        }
    }
    answer_ok(&t[0]);
    want_status(3, "0");
    want_cancelled(&t[1]);
    want_cancelled(&t[2]);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
}

/* The farthest goes on, also with what comes later; the window comes back once. */
static void
a_body_over_the_limit_commits_to_the_farthest(void **state)
{
    struct attempt_seen one, two;
    size_t credit = 65535;

    (void)state;
    hedge_with(2, "10ms");
    rig.pools[RIG_APP].conf.limits.replay_bytes = 20000;
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 1000, false);
    one = next_try();
    h2peer_settings(one.p, SET_WINDOW, 1500, 0); /* it takes little, the other one all */
    rig_turns();
    two = next_try();
    send_message(&rig.client, 3, 8000, false);
    RIG_UNTIL(h2peer_data(two.p, two.id) == 9010);
    assert_int_equal(h2peer_data(one.p, one.id), 1500);
    assert_int_equal(counted(STAT_REPLAY_BYTES),
                     3 * 9010); /* two attempts and the copy */
    send_message(&rig.client, 3, 12000, false);
    want_cancelled(&one);
    RIG_UNTIL(h2peer_data(two.p, two.id) == 21015);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
    for (int i = 0; i < 6; i++) {
        h2peer_u32(two.p, F_WINDOW, two.id, 14000);
        h2peer_u32(two.p, F_WINDOW, 0, 14000);
        send_message(&rig.client, 3, 13000, i == 5);
        RIG_UNTIL(h2peer_data(two.p, two.id) == 21015u + 13005u * (unsigned)(i + 1));
    }
    for (size_t i = 0; i < rig.client.n; i++) {
        if (rig.client.frames[i].type == F_WINDOW && rig.client.frames[i].id == 3)
            credit += h2peer_get_u32(rig.client.frames[i].payload);
    }
    assert_true(credit <= 65536 + 21015 + 6 * 13005);
    answer_ok(&two);
    want_status(3, "0");
    no_try(500);
}

static void
a_body_over_the_limit_is_hedged_by_nobody(void **state)
{
    struct attempt_seen t;

    (void)state;
    hedge_with(3, "10ms");
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 6000, true);
    t = next_try();
    RIG_UNTIL(h2peer_data(t.p, t.id) == 6005);
    no_try(500);
    answer_code(&t, "14", NULL, NULL);
    want_answer(3, "14");
}

/* --- the end ------------------------------------------------------------------------------- */

/* Between two attempts nobody is there to commit to but the one that is still to come. It gets all of the body, at the time that the backend asked for. */
static void
a_body_over_the_limit_between_two_attempts_waits_for_the_next(void **state)
{
    struct attempt_seen one, two;
    int64_t at;

    (void)state;
    hedge_with(3, "50ms");
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 1000, false);
    one = next_try();
    answer_code(&one, "14", "grpc-retry-pushback-ms", "300");
    at = rig_ms();
    send_message(&rig.client, 3, 6000, true);
    rig_turns();
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
    two = next_try();
    assert_in_range(two.at_ms - at, 299, 304);
    RIG_UNTIL(h2peer_data(two.p, two.id) == 2 * FRAME_PREFIX + 7000);
    no_try(500);
    answer_ok(&two);
    want_status(3, "0");
    RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted(STAT_HEDGES_WON), 1);
}

/* The same, and the call ends before that time. */
static void
nobody_is_left_of_a_call_that_ends_between_two_attempts(void **state)
{
    struct attempt_seen one;

    (void)state;
    hedge_with(3, "50ms");
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    tryrig_open();
    for (int32_t id = 3; id <= 5; id += 2) {
        h2peer_call(&rig.client, id, 0);
        send_message(&rig.client, id, 1000, false);
        one = next_try();
        answer_code(&one, "14", "grpc-retry-pushback-ms", "300");
        send_message(&rig.client, id, 6000, false);
        rig_turns();
        if (id == 3)
            h2peer_u32(&rig.client, F_RST, id, H2_CANCEL);
        else
            h2peer_hang_up(&rig.client);
        RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
        no_try(1000);
    }
}

static void
the_deadline_ends_all(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "10ms");
    tryrig_open();
    client_call(3, "200m");
    for (int i = 0; i < 3; i++)
        t[i] = next_try();
    rig_wait_ms(200);
    want_status(3, "4");
    for (int i = 0; i < 3; i++)
        want_cancelled(&t[i]);
}

static void
the_clients_cancel_ends_all(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "10ms");
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++)
        t[i] = next_try();
    h2peer_u32(&rig.client, F_RST, 3, H2_CANCEL);
    for (int i = 0; i < 3; i++)
        want_cancelled(&t[i]);
    RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    client_call(5, NULL); /* between two of them */
    t[0] = next_try();
    t[1] = next_try();
    h2peer_hang_up(&rig.client);
    want_cancelled(&t[0]);
    want_cancelled(&t[1]);
    no_try(500);
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
}

/* The slot of the client's stream is free only when all attempts are gone. */
static void
a_hedge_that_waits_for_a_connection_ends_too(void **state)
{
    struct attempt_seen t;

    (void)state;
    hedge_with(3, "10ms");
    rig.pools[RIG_APP].endpoints = 1;
    rig.pools[RIG_APP].conf.limits.max_requests_per_endpoint = 1;
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    no_try(200);
    assert_int_equal(counted(STAT_PENDING), 2);
    answer_ok(&t);
    want_status(3, "0");
    RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted(STAT_PENDING), 0);
    client_call(5, NULL);
    t = next_try();
    rig_wait_ms(20);
    answer_code(&t, "14", NULL, NULL);
    t = next_try(); /* its place is free for the one that waited */
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    answer_ok(&t);
    want_status(5, "0");
}

static void
no_endpoint_for_anybody(void **state)
{
    struct rig_pool *p = &rig.pools[RIG_APP];

    (void)state;
    hedge_with(3, "10ms");
    tryrig_open();
    callrig_deafen(RIG_APP);
    for (unsigned i = 0; i < p->accepted; i++)
        h2peer_hang_up(&p->conns[i]);
    rig_wait_ms(100);
    client_call(3, NULL);
    HAS(want_status(3, "14"), "refused");
    assert_int_equal(counted(STAT_HEDGES), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TRY_TEST(pushback_never_means_no_more),
        TRY_TEST(pushback_sets_the_time_of_the_next),
        TRY_TEST(no_hedges_while_too_many_fail),
        TRY_TEST(hedges_are_in_the_budget),
        TRY_TEST(what_follows_goes_to_all),
        TRY_TEST(a_body_over_the_limit_commits_to_the_farthest),
        TRY_TEST(a_body_over_the_limit_is_hedged_by_nobody),
        TRY_TEST(a_body_over_the_limit_between_two_attempts_waits_for_the_next),
        TRY_TEST(nobody_is_left_of_a_call_that_ends_between_two_attempts),
        TRY_TEST(the_deadline_ends_all),
        TRY_TEST(the_clients_cancel_ends_all),
        TRY_TEST(a_hedge_that_waits_for_a_connection_ends_too),
        TRY_TEST(no_endpoint_for_anybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hedgingPolicy, replayed on a virtual clock: when further attempts go out and whose answer the client gets (gRFC A6). */
#include "tryrig.h"

/* --- times ------------------------------------------------------------------------------- */

static void
hedges_go_out_one_after_the_other(void **state)
{
    struct attempt_seen t[3];
    int64_t at;

    (void)state;
    hedge_with(3, "50ms");
    tryrig_open();
    at = rig_ms();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++) {
        char text[64];

        t[i] = next_try();
        assert_true(t[i].at_ms - at >= 50 * i - 1 && t[i].at_ms - at <= 50 * i + 4);
        assert_int_equal(h2peer_data(t[i].p, t[i].id), HELLO);
        snprintf(text, sizeof(text), "grpc-previous-rpc-attempts: %d\n", i);
        if (i)
            HAS(t[i].fields, text);
    }
    assert_int_equal(1u << t[0].door | 1u << t[1].door | 1u << t[2].door, 7);
    no_try(500);
    answer_ok(&t[1]);
    want_status(3, "0");
    assert_int_equal(h2peer_data(&rig.client, 3), HELLO);
    want_cancelled(&t[0]);
    want_cancelled(&t[2]);
    want_alive(&t[1]);
    assert_int_equal(counted(STAT_HEDGES), 2);
    assert_int_equal(counted(STAT_HEDGES_WON), 1);
}

static void
a_quick_answer_needs_no_hedge(void **state)
{
    struct attempt_seen t;

    (void)state;
    hedge_with(3, "50ms");
    tryrig_open();
    for (int32_t id = 3; id < 20; id += 2) {
        client_call(id, NULL);
        t = next_try();
        answer_ok(&t);
        want_status(id, "0");
    }
    no_try(500);
    assert_int_equal(counted(STAT_HEDGES), 0);
    assert_int_equal(counted(STAT_HEDGES_WON), 0);
}

static void
without_a_delay_all_go_out_at_once(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "0s");
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++) {
        t[i] = next_try();
        assert_true(t[i].at_ms <= 3);
    }
    answer_ok(&t[2]);
    want_status(3, "0");
    want_cancelled(&t[0]);
    want_cancelled(&t[1]);
}

static void
the_delay_may_be_the_methods_own(void **state)
{
    struct attempt_seen t;
    int64_t at;
    int32_t id = 3;

    (void)state;
    hedge_with(2, "p95");
    tryrig_open();
    for (int i = 0; i < 25; i++, id += 2) { /* nothing is known before: no hedges */
        client_call(id, NULL);
        t = next_try();
        no_try(40);
        answer_ok(&t);
        want_status(id, "0");
    }
    assert_int_equal(counted(STAT_HEDGES), 0);
    at = rig_ms();
    client_call(id, NULL);
    next_try();
    t = next_try();
    assert_in_range(t.at_ms - at, 38, 46);
    answer_ok(&t);
    want_status(id, "0");
    h2peer_call(&rig.client, id + 2, FL_END_STREAM); /* another method is not known yet */
    t = next_try();
    no_try(300);
    answer_ok(&t);
    want_status(id + 2, "0");
}

/* --- failures ------------------------------------------------------------------------------ */

static void
a_failure_that_is_not_fatal_sends_the_next_at_once(void **state)
{
    struct attempt_seen one, two, three;
    int64_t at;

    (void)state;
    hedge_with(3, "500ms");
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    rig_wait_ms(100);
    answer_code(&one, "14", NULL, NULL);
    at = rig_ms();
    two = next_try();
    assert_true(two.at_ms - at <= 2);
    three = next_try(); /* at its distance from there */
    assert_in_range(three.at_ms - two.at_ms, 498, 504);
    answer_code(&three, "14", NULL, NULL);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    answer_ok(&two);
    want_status(3, "0");
    no_try(2000);
}

static void
a_fatal_failure_ends_all(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "0s");
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++)
        t[i] = next_try();
    answer_code(&t[1], "5", NULL, NULL);
    want_answer(3, "5");
    want_cancelled(&t[0]);
    want_cancelled(&t[2]);
}

static void
when_all_fail_the_last_answer_is_the_clients(void **state)
{
    struct attempt_seen t[3];

    (void)state;
    hedge_with(3, "10ms");
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++)
        t[i] = next_try();
    answer_code(&t[2], "14", "x-which", "2");
    answer_code(&t[0], "14", "x-which", "0");
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    answer_code(&t[1], "14", "x-which", "1");
    want_answer(3, "14");
    HAS(fields_of(&rig.client, 3, 0), "x-which: 1");
    no_try(2000);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), 0);
}

static void
an_error_behind_headers_is_no_answer(void **state)
{
    struct attempt_seen one, two;

    (void)state;
    hedge_with(2, "10ms");
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    two = next_try();
    answer_headers(one.p, one.id);
    answer_headers(two.p, two.id);
    rig_wait_ms(50);
    answer_trailers(one.p, one.id, "14");
    rig_wait_ms(20);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    send_hello(two.p, two.id, false);
    answer_trailers(two.p, two.id, "0");
    want_status(3, "0");
}

/* The headers that were kept back first are told after a while, and that is a choice. */
static void
headers_are_kept_back_for_a_moment_only(void **state)
{
    struct attempt_seen one, two;

    (void)state;
    hedge_with(2, "10ms");
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    two = next_try();
    answer_headers(two.p, two.id);
    rig_wait_ms(50);
    answer_headers(one.p, one.id);
    rig_wait_ms(48);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    rig_wait_ms(5);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 1);
    want_cancelled(&one);
    answer_trailers(two.p, two.id, "14");
    want_status(3, "14");
}

static void
lost_streams_are_failures_and_refused_ones_are_replaced(void **state)
{
    struct attempt_seen one, two;

    (void)state;
    hedge_with(2, "50ms");
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    h2peer_u32(one.p, F_RST, one.id, H2_REFUSED_STREAM);
    one = next_try(); /* in its place */
    HAS_NOT(one.fields, "grpc-previous");
    assert_true(one.at_ms <= 3);
    assert_int_equal(h2peer_data(one.p, one.id), HELLO);
    h2peer_hang_up(one.p); /* a backend may have acted on it: it counts */
    two = next_try();
    assert_true(two.at_ms <= 6);
    HAS(two.fields, "grpc-previous-rpc-attempts: 1\n");
    h2peer_u32(two.p, F_RST, two.id,
               H2_REFUSED_STREAM); /* the second refusal counts, too */
    HAS(want_status(3, "14"), "");
    no_try(1000);
    assert_int_equal(counted(STAT_REPLAYS), 1);
    assert_int_equal(counted(STAT_HEDGES), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TRY_TEST(hedges_go_out_one_after_the_other),
        TRY_TEST(a_quick_answer_needs_no_hedge),
        TRY_TEST(without_a_delay_all_go_out_at_once),
        TRY_TEST(the_delay_may_be_the_methods_own),
        TRY_TEST(a_failure_that_is_not_fatal_sends_the_next_at_once),
        TRY_TEST(a_fatal_failure_ends_all),
        TRY_TEST(when_all_fail_the_last_answer_is_the_clients),
        TRY_TEST(an_error_behind_headers_is_no_answer),
        TRY_TEST(headers_are_kept_back_for_a_moment_only),
        TRY_TEST(lost_streams_are_failures_and_refused_ones_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

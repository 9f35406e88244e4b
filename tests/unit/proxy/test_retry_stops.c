/* SPDX-License-Identifier: Apache-2.0 */
/* retryPolicy, replayed on a virtual clock: what a backend may ask for, and what stops it (gRFC A6). */
#include "tryrig.h"

#include "proxy/worker.h"
#include "upstream/retry_guard.h"

/* --- pushback ------------------------------------------------------------------------------ */

static void
pushback_is_exact(void **state)
{
    static const int64_t ms[] = { 0, 37, 1500 };
    struct attempt_seen t;
    int64_t at;

    (void)state;
    retry_with(5);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    for (int i = 0; i < 3; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%lld", (long long)ms[i]);
        answer_code(&t, "14", "grpc-retry-pushback-ms", text);
        at = rig_ms();
        t = next_try();
        assert_true(t.at_ms - at >= ms[i] - 1 && t.at_ms - at <= ms[i] + 3);
    }
    answer_code(&t, "14", NULL, NULL);
    at = rig_ms();
    t = next_try(); /* the backoff begins anew */
    assert_in_range(t.at_ms - at, 79, 123);
    answer_ok(&t);
    want_status(3, "0");
}

static void
pushback_may_say_never(void **state)
{
    static const char *const never[] = { "-1", "soon", "", "4294967296" };

    (void)state;
    retry_with(5);
    rig.pools[RIG_APP].conf.retry_throttling =
        (struct retry_throttling_conf){ true, 10, 0.1 };
    tryrig_open();
    for (int i = 0; i < 4; i++) {
        struct attempt_seen t;

        client_call(3 + 2 * i, NULL);
        t = next_try();
        answer_code(&t, i == 1 ? "5" : "14", "grpc-retry-pushback-ms", never[i]);
        want_answer(3 + 2 * i, i == 1 ? "5" : "14");
        assert_int_equal(retry_guard_tokens(app_guard()), 9000 - 1000 * i);
    }
    no_try(2000);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_PUSHBACK), 4);
}

/* --- what stops it --------------------------------------------------------------------------- */

/* 10 tokens, 0.1 back: the numbers of the specification. */
static void
throttling_stops_at_half(void **state)
{
    struct attempt_seen t;
    int32_t id = 3;

    (void)state;
    retry_with(2);
    rig.pools[RIG_APP].conf.retry_throttling =
        (struct retry_throttling_conf){ true, 10, 0.1 };
    tryrig_open();
    for (int left = 9; left >= 6; left -= 2, id += 2) { /* two failures in each call */
        client_call(id, NULL);
        t = next_try();
        answer_code(&t, "14", NULL, NULL);
        assert_int_equal(retry_guard_tokens(app_guard()), 1000 * left);
        t = next_try();
        answer_code(&t, "14", NULL, NULL);
        want_answer(id, "14");
    }
    assert_int_equal(retry_guard_tokens(app_guard()), 6000);
    client_call(id, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL); /* 5 are left: not more than half */
    want_answer(id, "14");
    assert_int_equal(counted(STAT_RETRIES_REFUSED_THROTTLE), 1);
    for (int i = 0; i < 11; i++) {
        id += 2;
        client_call(id, NULL);
        t = next_try();
        answer_ok(&t);
        want_status(id, "0");
    }
    assert_int_equal(retry_guard_tokens(app_guard()), 6100);
    id += 2;
    client_call(id, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    answer_ok(&t);
    want_status(id, "0");
    assert_int_equal(retry_guard_tokens(app_guard()), 5200);
}

static void
the_budget_is_asked(void **state)
{
    struct attempt_seen a, b, c;

    (void)state;
    retry_with(3);
    rig.pools[RIG_APP].conf.limits.min_retry_concurrency = 1;
    tryrig_open();
    client_call(3, NULL);
    a = next_try();
    client_call(5, NULL);
    b = next_try();
    answer_code(&a, "14", NULL, NULL); /* has the only place, in its backoff too */
    answer_code(&b, "14", NULL, NULL);
    want_answer(5, "14");
    assert_int_equal(counted(STAT_RETRIES_REFUSED_BUDGET), 1);
    a = next_try();
    client_call(7, NULL);
    c = next_try();
    answer_code(&c, "14", NULL, NULL);
    want_answer(7, "14");
    answer_headers(a.p, a.id); /* an answer begins: the place is free */
    send_hello(a.p, a.id, false);
    RIG_UNTIL(h2peer_data(&rig.client, 3) == HELLO);
    client_call(9, NULL);
    c = next_try();
    answer_code(&c, "14", NULL, NULL);
    c = next_try();
    answer_ok(&c);
    want_status(9, "0");
    answer_trailers(a.p, a.id, "0");
    want_status(3, "0");
}

/* The death of a backend is no storm. */
static void
calls_that_lost_their_connection_need_no_budget(void **state)
{
    struct attempt_seen a, b;

    (void)state;
    retry_with(3);
    rig.pools[RIG_APP].conf.limits.min_retry_concurrency = 0;
    tryrig_open();
    client_call(3, NULL);
    a = next_try();
    h2peer_hang_up(a.p);
    b = next_try();
    assert_int_equal(atomic_load(&app_guard()->open), 0);
    answer_code(&b, "14", NULL, NULL); /* this one does */
    want_answer(3, "14");
    assert_int_equal(counted(STAT_RETRIES_REFUSED_BUDGET), 1);
}

static void
max_retries_is_asked(void **state)
{
    struct attempt_seen a, b;

    (void)state;
    retry_with(3);
    rig.pools[RIG_APP].conf.limits.max_retries = 1;
    tryrig_open();
    client_call(3, NULL);
    a = next_try();
    client_call(5, NULL);
    b = next_try();
    answer_code(&a, "14", NULL, NULL);
    answer_code(&b, "14", NULL, NULL);
    want_answer(5, "14");
    assert_int_equal(counted(STAT_LIMIT_RETRIES), 1);
    for (int i = 0; i < 2; i++) {
        a = next_try();
        answer_code(&a, "14", NULL, NULL);
    }
    want_answer(3, "14");
}

static void
never_past_the_deadline(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, "75m");
    t = next_try();
    answer_code(&t, "14", NULL, NULL); /* the backoff is at least 80 ms */
    want_answer(3, "14");
    assert_int_equal(counted(STAT_RETRIES_REFUSED_DEADLINE), 1);
    client_call(5, "1S");
    t = next_try();
    answer_code(&t, "14", "grpc-retry-pushback-ms", "1000");
    want_answer(5, "14");
    client_call(7, "1S");
    t = next_try();
    rig_wait_ms(600);
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    HAS(t.fields, "grpc-timeout: "); /* what is left */
    assert_null(strstr(t.fields, "grpc-timeout: 1S"));
    rig_wait_ms(400);
    HAS(want_status(7, "4"), "working on the call");
    assert_int_equal(h2peer_rst_code(t.p, t.id), H2_CANCEL);
    no_try(1000);
}

static void
the_client_goes_during_the_backoff(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    rig_wait_ms(20);
    h2peer_u32(&rig.client, F_RST, 3, H2_CANCEL);
    RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    no_try(1000);
    assert_int_equal(atomic_load(&app_guard()->open), 0);
    client_call(5, "10S");
    t = next_try();
    answer_code(&t, "14", "grpc-retry-pushback-ms", "5000");
    h2peer_hang_up(&rig.client);
    RIG_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    no_try(6000);
}

/* --- perTryTimeout ------------------------------------------------------------------------- */

static void
a_try_without_an_answer_is_given_up(void **state)
{
    struct attempt_seen t;
    int64_t at;

    (void)state;
    retry_with(2)->per_try_timeout_ms = 250;
    tryrig_open();
    at = rig_ms();
    client_call(3, NULL);
    t = next_try();
    rig_wait_ms(240);
    assert_int_equal(h2peer_rst_code(t.p, t.id), -1);
    rig_wait_ms(15);
    assert_int_equal(h2peer_rst_code(t.p, t.id), H2_CANCEL);
    t = next_try();
    assert_in_range(t.at_ms - at, 250 + 79, 250 + 140);
    rig_wait_ms(260);
    HAS(want_status(3, "4"), "attempt 2 got no answer in time (perTryTimeout)");
    assert_int_equal(h2peer_rst_code(t.p, t.id), H2_CANCEL);
    no_try(1000);
}

static void
a_try_with_an_answer_may_take_its_time(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(2)->per_try_timeout_ms = 250;
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    rig_wait_ms(200);
    answer_headers(t.p, t.id);
    rig_wait_ms(3000);
    send_hello(t.p, t.id, false);
    answer_trailers(t.p, t.id, "0");
    want_status(3, "0");
    h2peer_call(&rig.client, 5, 0); /* an upload is no answer that is late */
    t = next_try();
    rig_wait_ms(1000);
    assert_int_equal(h2peer_rst_code(t.p, t.id), -1);
    send_hello(&rig.client, 5, true);
    rig_wait_ms(245);
    assert_int_equal(h2peer_rst_code(t.p, t.id), -1);
    rig_wait_ms(10);
    assert_int_equal(h2peer_rst_code(t.p, t.id), H2_CANCEL);
    t = next_try();
    answer_ok(&t);
    want_status(5, "0");
}

static void
a_try_may_end_while_it_waits_for_a_connection(void **state)
{
    struct rig_pool *p = &rig.pools[RIG_APP];
    struct attempt_seen t;

    (void)state;
    retry_with(3)->per_try_timeout_ms = 250;
    p->endpoints = 1;
    p->conf.limits.max_requests_per_endpoint = 1;
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    t = next_try(); /* takes the only place: the upload goes on */
    client_call(5, NULL);
    rig_wait_ms(300);
    h2peer_u32(&rig.client, F_RST, 3, H2_CANCEL);
    t = next_try();
    HAS(t.fields, "grpc-previous-rpc-attempts: 1\n");
    answer_ok(&t);
    want_status(5, "0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TRY_TEST(pushback_is_exact),
        TRY_TEST(pushback_may_say_never),
        TRY_TEST(throttling_stops_at_half),
        TRY_TEST(the_budget_is_asked),
        TRY_TEST(calls_that_lost_their_connection_need_no_budget),
        TRY_TEST(max_retries_is_asked),
        TRY_TEST(never_past_the_deadline),
        TRY_TEST(the_client_goes_during_the_backoff),
        TRY_TEST(a_try_without_an_answer_is_given_up),
        TRY_TEST(a_try_with_an_answer_may_take_its_time),
        TRY_TEST(a_try_may_end_while_it_waits_for_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* retryPolicy, replayed on a virtual clock: which failures are tried again and when, what commits a call, what the client gets (gRFC A6). */
#include "tryrig.h"

#include "proxy/worker.h"

/* --- what is tried again ------------------------------------------------------------------- */

static void
an_error_is_tried_again_and_the_client_sees_none(void **state)
{
    struct attempt_seen one, two;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    one = next_try();
    HAS_NOT(one.fields, "grpc-previous-rpc-attempts");
    answer_code(&one, "14", NULL, NULL);
    two = next_try();
    HAS(two.fields, "grpc-previous-rpc-attempts: 1\n");
    assert_int_not_equal(two.door, one.door);
    assert_memory_equal(h2peer_find(two.p, F_DATA, two.id, 0)->payload, hello_bytes,
                        HELLO);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    answer_ok(&two);
    want_status(3, "0");
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 2);
    assert_int_equal(h2peer_data(&rig.client, 3), HELLO);
    assert_int_equal(counted(STAT_RETRIES), 1);
    assert_int_equal(counted(STAT_RETRIES_SUCCEEDED), 1);
    assert_int_equal(counted(STAT_REPLAYS), 0);
}

static void
backoff_grows_within_its_bounds(void **state)
{
    static const int64_t base[] = { 100, 200, 300, 300 };
    struct attempt_seen t;
    int64_t last;

    (void)state;
    retry_with(5)->max_backoff_ms = 300;
    tryrig_open();
    for (int32_t call = 0; call < 10; call++) {
        client_call(3 + 2 * call, NULL);
        t = next_try();
        for (int i = 0; i < 4; i++) {
            char text[64];

            answer_code(&t, "14", NULL, NULL);
            last = rig_ms();
            t = next_try();
            assert_in_range(t.at_ms - last, base[i] * 80 / 100 - 1,
                            base[i] * 120 / 100 + 3);
            snprintf(text, sizeof(text), "grpc-previous-rpc-attempts: %d\n", i + 1);
            HAS(t.fields, text);
        }
        answer_ok(&t);
        want_status(3 + 2 * call, "0");
    }
    assert_int_equal(counted(STAT_RETRIES), 40);
    assert_int_equal(counted(STAT_RETRIES_SUCCEEDED), 10);
}

static void
when_attempts_are_used_up_the_last_answer_is_the_clients(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(2);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_code(&t, "14", "x-which", "first");
    t = next_try();
    answer_code(&t, "14", "x-which", "second");
    want_answer(3, "14");
    HAS(fields_of(&rig.client, 3, 0), "x-which: second");
    no_try(5000);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_ATTEMPTS), 1);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), 0);
}

static void
other_codes_are_passed_on_at_once(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(5);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_code(&t, "5", "grpc-status-details-bin", "CAUSBG5vbmU");
    want_answer(3, "5");
    HAS(fields_of(&rig.client, 3, 0), "grpc-status-details-bin: CAUSBG5vbmU");
    no_try(2000);
    assert_int_equal(counted(STAT_RETRIES), 0);
}

static void
an_error_behind_headers_is_tried_again(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    t = next_try(); /* all at once */
    answer_headers(t.p, t.id);
    answer_trailers(t.p, t.id, "14");
    t = next_try(); /* one after the other */
    answer_headers(t.p, t.id);
    rig_wait_ms(50);
    answer_trailers(t.p, t.id, "14");
    t = next_try();
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    answer_ok(&t);
    want_status(3, "0");
}

static void
lost_streams_have_codes_too(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(5);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    h2peer_hang_up(t.p); /* UNAVAILABLE */
    t = next_try();
    HAS(t.fields, "grpc-previous-rpc-attempts: 1\n");
    h2peer_u32(t.p, F_RST, t.id, H2_INTERNAL_ERROR); /* INTERNAL: not in the list */
    want_status(3, "13");
    HAS(fields_of(&rig.client, 3, 0), "reset the stream");
    no_try(2000);
}

static void
pages_of_web_servers_have_codes_too(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    h2peer_headers(t.p, t.id, 0, ":status", "503", "content-type", "text/html", NULL);
    h2peer_frame(t.p, F_DATA, FL_END_STREAM, t.id, "busy", 4);
    t = next_try();
    answer_ok(&t);
    want_status(3, "0");
}

static void
a_refusal_is_replayed_once_and_then_the_policys(void **state)
{
    struct attempt_seen t;
    int64_t at;

    (void)state;
    retry_with(2);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    at = rig_ms();
    h2peer_u32(t.p, F_RST, t.id, H2_REFUSED_STREAM);
    t = next_try(); /* at once, and as if it were the first */
    assert_true(t.at_ms - at <= 2);
    HAS_NOT(t.fields, "grpc-previous-rpc-attempts");
    at = rig_ms();
    h2peer_u32(t.p, F_RST, t.id, H2_REFUSED_STREAM);
    t = next_try();
    assert_in_range(t.at_ms - at, 79, 125);
    HAS(t.fields, "grpc-previous-rpc-attempts: 1\n");
    answer_ok(&t);
    want_status(3, "0");
    assert_int_equal(counted(STAT_REPLAYS), 1);
    assert_int_equal(counted(STAT_RETRIES), 1);
}

static void
all_endpoints_come_before_one_again(void **state)
{
    unsigned doors = 0;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    for (int i = 0; i < 3; i++) {
        struct attempt_seen t = next_try();

        doors |= 1u << t.door;
        answer_code(&t, "14", NULL, NULL);
    }
    assert_int_equal(doors, 7);
    want_answer(3, "14");
}

static void
no_endpoint_is_a_failure_like_others(void **state)
{
    struct rig_pool *p = &rig.pools[RIG_APP];
    int64_t at;

    (void)state;
    retry_with(3);
    tryrig_open();
    callrig_deafen(RIG_APP);
    for (unsigned i = 0; i < p->accepted; i++)
        h2peer_hang_up(&p->conns[i]);
    rig_wait_ms(100);
    at = rig_ms();
    client_call(3, NULL);
    while (h2peer_count(&rig.client, F_HEADERS, 3) == 0)
        rig_wait_ms(10);
    assert_in_range(rig_ms() - at, 230, 400); /* two backoffs */
    HAS(want_status(3, "14"), "refused");
    assert_int_equal(counted(STAT_RETRIES), 2);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_ATTEMPTS), 1);
}

/* --- commit -------------------------------------------------------------------------------- */

static void
a_message_is_for_the_client_whatever_follows(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(5);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_headers(t.p, t.id);
    send_hello(t.p, t.id, false);
    answer_trailers(t.p, t.id, "14");
    want_status(3, "14");
    assert_int_equal(h2peer_data(&rig.client, 3), HELLO);
    client_call(5, NULL);
    t = next_try();
    answer_headers(t.p, t.id);
    send_hello(t.p, t.id, false);
    RIG_UNTIL(h2peer_data(&rig.client, 5) == HELLO);
    h2peer_hang_up(t.p);
    want_status(5, "14");
    no_try(2000);
    assert_int_equal(counted(STAT_RETRIES), 0);
}

/* A client that has sent all may still wait for the headers, as a sign that its subscription stands. */
static void
headers_are_kept_back_for_a_moment_only(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_headers(t.p, t.id);
    rig_wait_ms(97);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    rig_wait_ms(6);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 1);
    answer_trailers(t.p, t.id, "14"); /* too late to be tried again */
    want_status(3, "14");
    no_try(2000);
}

static void
headers_are_passed_on_while_the_client_has_more_to_say(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    t = next_try();
    answer_headers(t.p, t.id);
    RIG_UNTIL(h2peer_count(&rig.client, F_HEADERS, 3) == 1);
    send_hello(&rig.client, 3, true);
    RIG_UNTIL(h2peer_data(t.p, t.id) == HELLO);
    answer_trailers(t.p, t.id, "0");
    want_status(3, "0");
}

static void
an_upload_is_repeated_with_what_follows(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_hello(&rig.client, 3, false);
    t = next_try();
    RIG_UNTIL(h2peer_data(t.p, t.id) == HELLO);
    answer_code(&t, "14", NULL, NULL);
    send_hello(&rig.client, 3, false); /* during the backoff */
    t = next_try();
    RIG_UNTIL(h2peer_data(t.p, t.id) == 2 * HELLO);
    send_hello(&rig.client, 3, true);
    RIG_UNTIL(h2peer_data(t.p, t.id) == 3 * HELLO);
    answer_ok(&t);
    want_status(3, "0");
}

static void
a_body_over_the_limit_commits(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    tryrig_open();
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 6000, true);
    t = next_try();
    RIG_UNTIL(h2peer_data(t.p, t.id) == 6005);
    answer_code(&t, "14", NULL, NULL);
    want_answer(3, "14");
    no_try(2000);
    assert_int_equal(counted(STAT_RETRIES_REFUSED_COMMIT), 1);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
}

/* The headers are kept back when the copy grows over its limit: they go to the client then. */
static void
kept_headers_survive_a_late_commit(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3);
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    tryrig_open();
    h2peer_settings(&rig.pools[RIG_APP].conns[0], SET_WINDOW, 3000, 0);
    h2peer_settings(&rig.pools[RIG_APP].conns[1], SET_WINDOW, 3000, 0);
    h2peer_settings(&rig.pools[RIG_APP].conns[2], SET_WINDOW, 3000, 0);
    rig_turns();
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 6000, true);
    t = next_try();
    RIG_UNTIL(h2peer_data(t.p, t.id) == 3000);
    answer_headers(t.p, t.id);
    rig_turns();
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    h2peer_u32(t.p, F_WINDOW, t.id, 10000);
    RIG_UNTIL(h2peer_data(t.p, t.id) == 6005);
    rig_wait_ms(110);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 1);
    answer_trailers(t.p, t.id, "14");
    want_status(3, "14");
    no_try(1000);
}

/* --- others that try again ------------------------------------------------------------------- */

static void
what_the_client_tried_before_is_counted_in(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(2);
    tryrig_open();
    h2peer_headers(&rig.client, 3, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "te", "trailers", "grpc-previous-rpc-attempts",
                   "2", NULL);
    t = next_try();
    HAS(t.fields, "grpc-previous-rpc-attempts: 2\n");
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    HAS(t.fields, "grpc-previous-rpc-attempts: 3\n");
    HAS_NOT(t.fields, "grpc-previous-rpc-attempts: 2\n");
    answer_ok(&t);
    want_status(3, "0");
}

static void
only_the_first_hop_tries_again(void **state)
{
    struct attempt_seen t;

    (void)state;
    retry_with(3)->only_first_hop = true;
    tryrig_open();
    h2peer_headers(&rig.client, 3, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "te", "trailers", "grpc-previous-rpc-attempts",
                   "1", NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    want_answer(3, "14");
    client_call(5, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    answer_ok(&t);
    want_status(5, "0");
}

/* --- methodConfig ---------------------------------------------------------------------------- */

static void
methods_have_policies(void **state)
{
    static struct retry_code_conf aborted = { "ABORTED" };
    static struct method_name_conf names[] = { { "test.Service", "M" },
                                               { "test.Service", NULL } };
    static struct method_conf m[2];
    struct attempt_seen t;

    (void)state;
    m[0] = (struct method_conf){
        .names = { &names[0], 1 },
        .retry = { .on = true,
                   .max_attempts = 2,
                   .max_attempts_cap = 5,
                   .initial_backoff_ms = 10,
                   .max_backoff_ms = 10,
                   .backoff_multiplier = 1,
                   .codes = { &aborted, 1 } },
    };
    m[1] = (struct method_conf){ .names = { &names[1], 1 }, .wait_for_ready = true };
    rig.front.method_config = (struct conf_list){ m, 2 };
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_code(&t, "10", NULL, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    want_answer(3, "14");
    h2peer_call(&rig.client, 5, FL_END_STREAM); /* another method */
    t = next_try();
    answer_code(&t, "10", NULL, NULL);
    want_answer(5, "10");
}

static void
a_routes_policy_comes_before_that_of_the_method(void **state)
{
    static struct retry_code_conf aborted = { "ABORTED" };
    static struct method_name_conf name = { "test.Service", NULL };
    static struct method_conf m;
    struct attempt_seen t;

    (void)state;
    m = (struct method_conf){
        .names = { &name, 1 },
        .retry = { .on = true,
                   .max_attempts = 2,
                   .max_attempts_cap = 5,
                   .initial_backoff_ms = 10,
                   .max_backoff_ms = 10,
                   .backoff_multiplier = 1,
                   .codes = { &aborted, 1 } },
    };
    rig.front.method_config = (struct conf_list){ &m, 1 };
    retry_with(2);
    tryrig_open();
    client_call(3, NULL);
    t = next_try();
    answer_code(&t, "10", NULL, NULL);
    want_answer(3, "10");
    client_call(5, NULL);
    t = next_try();
    answer_code(&t, "14", NULL, NULL);
    t = next_try();
    answer_ok(&t);
    want_status(5, "0");
}

/* waitForReady: no endpoint is there, and no error comes before the deadline. */
static void
who_waits_for_ready_waits_until_the_deadline(void **state)
{
    static struct method_name_conf name = { "test.Service", NULL };
    static struct method_conf m;
    struct rig_pool *p = &rig.pools[RIG_APP];

    (void)state;
    m = (struct method_conf){ .names = { &name, 1 }, .wait_for_ready = true };
    rig.front.method_config = (struct conf_list){ &m, 1 };
    tryrig_open();
    callrig_deafen(RIG_APP);
    for (unsigned i = 0; i < p->accepted; i++)
        h2peer_hang_up(&p->conns[i]);
    rig_wait_ms(100);
    client_call(3, "8S");
    rig_wait_ms(7900);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 3), 0);
    rig_wait_ms(110);
    HAS(want_status(3, "4"), "before a backend got the call");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TRY_TEST(an_error_is_tried_again_and_the_client_sees_none),
        TRY_TEST(backoff_grows_within_its_bounds),
        TRY_TEST(when_attempts_are_used_up_the_last_answer_is_the_clients),
        TRY_TEST(other_codes_are_passed_on_at_once),
        TRY_TEST(an_error_behind_headers_is_tried_again),
        TRY_TEST(lost_streams_have_codes_too),
        TRY_TEST(pages_of_web_servers_have_codes_too),
        TRY_TEST(a_refusal_is_replayed_once_and_then_the_policys),
        TRY_TEST(all_endpoints_come_before_one_again),
        TRY_TEST(no_endpoint_is_a_failure_like_others),
        TRY_TEST(a_message_is_for_the_client_whatever_follows),
        TRY_TEST(headers_are_kept_back_for_a_moment_only),
        TRY_TEST(headers_are_passed_on_while_the_client_has_more_to_say),
        TRY_TEST(an_upload_is_repeated_with_what_follows),
        TRY_TEST(a_body_over_the_limit_commits),
        TRY_TEST(kept_headers_survive_a_late_commit),
        TRY_TEST(what_the_client_tried_before_is_counted_in),
        TRY_TEST(only_the_first_hop_tries_again),
        TRY_TEST(methods_have_policies),
        TRY_TEST(a_routes_policy_comes_before_that_of_the_method),
        TRY_TEST(who_waits_for_ready_waits_until_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and their filters: what waits, what is refused at which place, and that each filter hears of the end exactly once, however the call ends. */
#include "probefilter.h"

#include "filter/retry_conf.h"
#include "grpc/status.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "proxy/call.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/worker.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static void
turns(int n)
{
    while (n-- > 0)
        loop_turn(rig.loop, false);
}

/* --- passing ------------------------------------------------------------------------ */

static void
a_call_that_passes_shows_everything_once(void **state)
{
    (void)state;
    plan.answer = true;
    callrig_open();
    call_to_backend(1);
    HAS(fields_of(&backends[0], 1, 0), "x-attempt: 1");
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    HAS(fields_of(&rig.client, 1, 0), "x-seen: 1");
    HAS(fields_of(&rig.client, 1, 0), "x-from-filter: yes");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.in, HELLO);
    assert_int_equal(heard.out, HELLO);
    assert_int_equal(heard.data_ends, 1);
    assert_int_equal(heard.responses, 1);
    assert_int_equal(heard.trailers, 1);
    assert_int_equal(heard.attempts, 1);
    assert_int_equal(heard.attempt_ends, 1);
    assert_int_equal(heard.attempt_code, GRPC_OK);
    assert_int_equal(heard.result.code, GRPC_OK);
    assert_false(heard.result.local);
    assert_int_equal(heard.result.messages_in, 1);
    assert_int_equal(heard.result.bytes_out, HELLO);
    assert_string_equal(heard.result.pool, "app");
    assert_true(heard.result.first_byte_us > 0);
}

/* --- waiting ------------------------------------------------------------------------ */

static void
a_call_that_waits_goes_on_with_its_body(void **state)
{
    (void)state;
    plan.wait_request = true;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    send_hello(&rig.client, 1, true);
    TURN_UNTIL(rig.loop, heard.requests == 1);
    turns(20);
    assert_int_equal(rig.pools[RIG_APP].accepted, 0);
    filter_resume(heard.fc, FILTER_NEXT);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_count(&backends[0], F_DATA, 1) >= 1);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    assert_int_equal(heard.in, HELLO);
}

static void
a_wait_may_end_in_a_refusal_with_all_that_was_said(void **state)
{
    (void)state;
    plan.wait_request = true;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop, heard.requests == 1);
    filter_resume(heard.fc, filter_refuse(heard.fc, &probe_no, "not you"));
    HAS(want_status(1, "10"), "grpc-message: not you");
    HAS(fields_of(&rig.client, 1, 0), "grpc-retry-pushback-ms: 1500");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_true(heard.result.local);
    assert_string_equal(heard.result.reason, "NO");
    assert_int_equal(rig.pools[RIG_APP].accepted, 0);
}

static void
a_cancel_while_waiting_ends_it(void **state)
{
    (void)state;
    plan.wait_request = true;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop, heard.requests == 1);
    h2peer_u32(&rig.client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_true(heard.result.cancelled);
}

static void
bytes_that_wait_keep_their_order_and_what_comes_later_is_shown_later(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1); /* a whole call: the connection is there */
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    memset(&heard, 0, sizeof(heard));
    plan.wait_data = true;
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 100, false);
    TURN_UNTIL(rig.loop, heard.in == FRAME_PREFIX + 100);
    send_message(&rig.client, 3, 200, true);
    turns(20);
    assert_int_equal(heard.in, FRAME_PREFIX + 100);
    assert_int_equal(h2peer_count(&backends[0], F_DATA, 3), 0);
    filter_resume(heard.fc, FILTER_NEXT); /* waits for the second one at once */
    assert_int_equal(heard.in, 2 * FRAME_PREFIX + 300);
    assert_int_equal(heard.data_ends, 1);
    plan.wait_data = false;
    filter_resume(heard.fc, FILTER_NEXT);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_DATA, 3) >= 1);
    answer_headers(&backends[0], 3);
    answer_trailers(&backends[0], 3, "0");
    want_status(3, "0");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.result.bytes_in, 2 * FRAME_PREFIX + 300);
    heard.requests = heard.ends; /* the first call was forgotten */
}

static void
a_cancel_while_bytes_wait_gives_them_back(void **state)
{
    (void)state;
    plan.wait_data = true;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    send_hello(&rig.client, 1, false);
    TURN_UNTIL(rig.loop, heard.in == HELLO);
    send_hello(&rig.client, 1, true);
    turns(20);
    h2peer_u32(&rig.client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(rig.loop, heard.ends == 1);
}

/* --- refusing ----------------------------------------------------------------------- */

/* "Our side has ended" must not be said of a side whose last bytes a filter still has: nobody would ever end it. */
static void
an_early_answer_ends_a_call_whose_bytes_wait(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1); /* a whole call: the connection is there */
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    memset(&heard, 0, sizeof(heard));
    plan.wait_data = true;
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 100, true);
    TURN_UNTIL(rig.loop, heard.in == FRAME_PREFIX + 100);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_HEADERS, 3) >= 1);
    answer_headers(&backends[0], 3);
    answer_trailers(&backends[0], 3, "0");
    want_status(3, "0");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    TURN_UNTIL(rig.loop, h2peer_rst_code(&backends[0], 3) == H2_NO_ERROR);
    assert_int_equal(h2peer_count(&backends[0], F_DATA, 3), 0);
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
    assert_int_equal(heard.result.code, GRPC_OK);
    heard.requests = heard.ends; /* the first call was forgotten */
}

static void
a_refusal_of_bytes_ends_the_call_on_both_sides(void **state)
{
    (void)state;
    plan.refuse_data = true;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    send_hello(&rig.client, 1, false);
    HAS(want_status(1, "10"), "not these bytes");
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_RST, 1) == 1);
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.attempt_ends, 1);
}

static void
a_refusal_of_the_answer_takes_its_place(void **state)
{
    (void)state;
    plan.refuse_response = true;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    HAS(want_status(1, "10"), "not this answer");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.trailers, 0);
}

static void
a_refusal_of_trailers_takes_their_place(void **state)
{
    (void)state;
    plan.refuse_trailers = true;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    answer_trailers(&backends[0], 1, "0");
    HAS(want_status(1, "10"), "not this end");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.result.code, GRPC_ABORTED);
}

/* --- edits -------------------------------------------------------------------------- */

static void
edits_reach_the_backend_and_may_choose_another_route(void **state)
{
    struct header_match_conf by_version;
    struct to_conf to_canary = { .pool = "canary", .weight = 1 };

    (void)state;
    by_version = (struct header_match_conf){ .name = "x-version", .exact = "v2" };
    rig.routes[1] = rig.routes[0];
    rig.routes[0].to = (struct conf_list){ &to_canary, 1 };
    rig.routes[0].match.headers = (struct conf_list){ &by_version, 1 };
    rig.front.routes.n = 2;
    plan.edit = plan.match = true;
    callrig_open();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/Method", ":authority", "test.example", "te",
                   "trailers", "content-type", "application/grpc", "x-secret", "s", NULL);
    TURN_UNTIL(rig.loop, rig.pools[RIG_CANARY].accepted);
    TURN_UNTIL(rig.loop, h2peer_count(backend(RIG_CANARY), F_HEADERS, 1) == 1);
    HAS(fields_of(backend(RIG_CANARY), 1, 0), "x-version: v2");
    HAS_NOT(fields_of(backend(RIG_CANARY), 1, 0), "x-secret");
    answer_headers(backend(RIG_CANARY), 1);
    answer_trailers(backend(RIG_CANARY), 1, "0");
    want_status(1, "0");
}

/* --- attempts ----------------------------------------------------------------------- */

static void
each_attempt_is_told_with_its_end(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_HEADERS, 3) == 1);
    HAS(fields_of(&backends[0], 3, 0), "x-attempt: 2");
    assert_int_equal(heard.attempts, 2);
    assert_int_equal(heard.attempt_ends, 1);
    assert_true(heard.again);
    answer_headers(&backends[0], 3);
    answer_trailers(&backends[0], 3, "5");
    want_status(1, "5");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.attempt_ends, 2);
    assert_false(heard.again);
    assert_int_equal(heard.attempt_code, GRPC_NOT_FOUND);
    assert_int_equal(heard.in, HELLO); /* shown once, sent twice */
}

static void
stop_of_the_worker_ends_what_waits(void **state)
{
    (void)state;
    plan.wait_request = true;
    callrig_open();
    for (int32_t id = 1; id <= 9; id += 2)
        h2peer_call(&rig.client, id, FL_END_STREAM);
    TURN_UNTIL(rig.loop, heard.requests == 5);
    /* the teardown stops the worker, and counts ends */
}

/* --- tried again by a policy --------------------------------------------------------- */

static struct retry_code_conf unavailable = { "UNAVAILABLE" };

static void
each_attempt_is_told_with_what_follows(void **state)
{
    (void)state;
    rig.routes[0].retry = (struct retry_conf){ .on = true,
                                               .max_attempts = 2,
                                               .max_attempts_cap = 5,
                                               .initial_backoff_ms = 1,
                                               .max_backoff_ms = 1,
                                               .backoff_multiplier = 1,
                                               .codes = { &unavailable, 1 } };
    callrig_open();
    call_to_backend(1);
    h2peer_headers(&backends[0], 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "14", NULL);
    TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == HELLO);
    HAS(fields_of(&backends[0], 3, 0), "x-attempt: 2");
    HAS(fields_of(&backends[0], 3, 0), "grpc-previous-rpc-attempts: 1");
    assert_int_equal(heard.attempts, 2);
    assert_int_equal(heard.attempt_ends, 1);
    assert_int_equal(heard.attempt_code, GRPC_UNAVAILABLE);
    assert_true(heard.again);
    assert_int_equal(heard.responses, 0); /* an answer that nobody gets */
    answer_headers(&backends[0], 3);
    answer_trailers(&backends[0], 3, "14");
    want_status(1, "14");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.attempt_ends, 2);
    assert_false(heard.again);
    assert_int_equal(heard.responses, 1);
    assert_int_equal(heard.result.attempts, 2);
    assert_false(heard.result.local);
}

static void
hedges_are_attempts_of_their_own(void **state)
{
    (void)state;
    rig.routes[0].hedging = (struct hedging_conf){
        .on = true, .max_attempts = 2, .max_attempts_cap = 5, .delay = "5ms"
    };
    callrig_open();
    call_to_backend(1);
    TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == HELLO);
    assert_int_equal(heard.attempts, 2);
    assert_int_equal(heard.attempt_ends, 0);
    answer_headers(&backends[0], 3);
    send_hello(&backends[0], 3, false);
    answer_trailers(&backends[0], 3, "0");
    want_status(1, "0");
    TURN_UNTIL(rig.loop, heard.ends == 1);
    assert_int_equal(heard.attempt_ends, 2);
    assert_int_equal(heard.responses, 1);
    assert_int_equal(heard.result.code, GRPC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROBE_TEST(each_attempt_is_told_with_what_follows),
        PROBE_TEST(hedges_are_attempts_of_their_own),
        PROBE_TEST(a_call_that_passes_shows_everything_once),
        PROBE_TEST(a_call_that_waits_goes_on_with_its_body),
        PROBE_TEST(a_wait_may_end_in_a_refusal_with_all_that_was_said),
        PROBE_TEST(a_cancel_while_waiting_ends_it),
        PROBE_TEST(bytes_that_wait_keep_their_order_and_what_comes_later_is_shown_later),
        PROBE_TEST(a_cancel_while_bytes_wait_gives_them_back),
        PROBE_TEST(an_early_answer_ends_a_call_whose_bytes_wait),
        PROBE_TEST(a_refusal_of_bytes_ends_the_call_on_both_sides),
        PROBE_TEST(a_refusal_of_the_answer_takes_its_place),
        PROBE_TEST(a_refusal_of_trailers_takes_their_place),
        PROBE_TEST(edits_reach_the_backend_and_may_choose_another_route),
        PROBE_TEST(each_attempt_is_told_with_its_end),
        PROBE_TEST(stop_of_the_worker_ends_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

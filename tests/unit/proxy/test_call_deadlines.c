/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of calls, between a client and a backend that are played frame by frame (callrig.h): by what was sent of the answer, and by what its client takes.
 * Deadlines that filters set are in test_filter_deadlines.c. */
#include "callrig.h"

#include "base/compat.h"
#include "h2/conn.h"
#include "proxy/worker.h"
#include "upstream/backend.h"
#include "upstream/pool_int.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static void
deadline_answers_the_client_and_cancels_the_backend(void **state)
{
    (void)state;
    rig.virtual = true;
    callrig_open();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "grpc-timeout", "60m", NULL);
    RIG_UNTIL(rig.pools[RIG_APP].accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    rig_wait_ms(70);
    want_status(1, "4");
    RIG_UNTIL(h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&backends[0], 1), H2_CANCEL);
    assert_int_equal(counted(STAT_DEADLINES), 1);
}

static void
the_route_limits_a_call_without_timeout(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 50;
    callrig_open();
    call_to_backend(1);
    HAS(fields_of(&backends[0], 1, 0), "grpc-timeout: ");
    rig_wait_ms(60);
    want_status(1, "4");
}

static void
deadline_in_the_middle_of_a_message_resets(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    h2peer_frame(&backends[0], F_DATA, 0, 1, hello_bytes, 7);
    RIG_UNTIL(h2peer_data(&rig.client, 1) == 7);
    rig_wait_ms(100);
    RIG_UNTIL(h2peer_count(&rig.client, F_RST, 1));
    assert_int_equal(h2peer_rst_code(&rig.client, 1), H2_CANCEL);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 1);
}

/* Of a message that nobody takes no end can be waited for. What was sent of it says how the call may end. */
static void
deadline_of_a_client_without_a_window_resets(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    h2peer_settings(&rig.client, SET_WINDOW, 3, 0);
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    rig_turns();
    assert_int_equal(h2peer_data(&rig.client, 1), 3);
    rig_wait_ms(100);
    assert_int_equal(h2peer_rst_code(&rig.client, 1), H2_CANCEL);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 1);
    assert_int_equal(h2peer_rst_code(&backends[0], 1), H2_CANCEL);
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 4)), 1);
    assert_int_equal(counted(STAT_BUFFERED_BYTES), 0);
}

static void
deadline_of_an_answer_that_did_not_begin_is_a_status(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    h2peer_settings(&rig.client, SET_WINDOW, 0, 0);
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    rig_wait_ms(100);
    HAS(want_status(1, "4"), "client did not read");
    assert_int_equal(h2peer_data(&rig.client, 1), 0);
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
}

/* The window of the connection is used up by what came before. */
static void
deadline_of_a_client_whose_connection_is_full_resets(void **state)
{
    enum { BYTES = 16000, WINDOW = 65535 };

    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    call_to_backend(1);
    call_to_backend(3);
    answer_headers(&backends[0], 1);
    for (int i = 0; i < 4; i++)
        send_message(&backends[0], 1, BYTES, false);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    answer_headers(&backends[0], 3);
    send_message(&backends[0], 3, BYTES, false);
    rig_turns();
    assert_int_equal(h2peer_data(&rig.client, 3), WINDOW - 4 * (BYTES + FRAME_PREFIX));
    rig_wait_ms(100);
    assert_int_equal(h2peer_rst_code(&rig.client, 3), H2_CANCEL);
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
}

/* One that reads gets what is on its way, and then the status. */
static void
deadline_between_messages_that_are_read_is_a_status(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    rig_wait_ms(100);
    want_status(1, "4");
    assert_int_equal(h2peer_data(&rig.client, 1), HELLO);
    assert_int_equal(h2peer_count(&rig.client, F_RST, 1), 0);
}

/* The backend's clock may be the first to say that the time is over. */
static uint64_t
errors_after_its_status_4(int32_t id, uint8_t flags)
{
    const struct backend_tally *t;

    h2peer_headers(&rig.client, id, flags, ":method", "POST", ":scheme", "http", ":path",
                   "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", NULL);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_HEADERS, id));
    rig_wait_ms(70);
    h2peer_headers(&backends[0], id, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "4", NULL);
    want_status(id, "4");
    t = rig.worker->pools[RIG_APP]->endpoints[0]->tally;
    return atomic_load(&t->failures) + atomic_load(&t->local_failures);
}

static void
a_stream_that_its_client_left_open_is_no_error_of_its_backend(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 80;
    callrig_open();
    assert_int_equal(errors_after_its_status_4(1, 0), 0);
    assert_int_equal(errors_after_its_status_4(3, FL_END_STREAM), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_stream_that_its_client_left_open_is_no_error_of_its_backend),
        RIG_TEST(deadline_answers_the_client_and_cancels_the_backend),
        RIG_TEST(the_route_limits_a_call_without_timeout),
        RIG_TEST(deadline_in_the_middle_of_a_message_resets),
        RIG_TEST(deadline_of_a_client_without_a_window_resets),
        RIG_TEST(deadline_of_an_answer_that_did_not_begin_is_a_status),
        RIG_TEST(deadline_of_a_client_whose_connection_is_full_resets),
        RIG_TEST(deadline_between_messages_that_are_read_is_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

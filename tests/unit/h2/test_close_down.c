/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream of a client ends: its resets, ours, refusals, and connections that go away or are closed. */
#include "h2test.h"

#include "h2/conn_int.h"

/* ---- we are the server ---- */

static void
each_reset_code_of_a_client_is_kept(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    for (uint32_t code = 0; code < 16; code++) {
        int32_t id = (int32_t)code * 2 + 1;
        struct rig_stream *s;

        h2peer_call(p, id, 0);
        rig_run(&rig);
        s = rig_stream(&rig, H2_DOWN, id);
        h2peer_u32(p, F_RST, id, code);
        rig_run(&rig);
        assert_int_equal(s->closed, 1);
        assert_int_equal(s->s.close_code, code);
        assert_true(s->s.close_err == ERR_RESET || s->s.close_err == ERR_REFUSED);
        assert_false(s->s.unprocessed); /* a word about backends only */
    }
}

static void
reset_in_the_read_of_the_request_is_headers_and_closed_at_once(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 3000);
    h2peer_u32(p, F_RST, 1, H2_CANCEL);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_RESET);
}

static void
reset_while_our_answer_waits_for_window_drops_it(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;
    struct rig_stream *s;

    (void)state;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 0, 0);
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 50000);
    rig_end(s, true);
    rig_run(&rig);
    h2peer_u32(p, F_RST, 1, H2_CANCEL);
    h2peer_u32(p, F_WINDOW, 0, 1000);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_RESET);
    assert_int_equal(h2peer_data(p, 1), 0);
}

static void
our_reset_of_a_client_stream_says_its_code(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 100);
    h2_stream_reset(&s->s, H2_INTERNAL_ERROR);
    rig_run(&rig);
    assert_int_equal(h2peer_rst_code(p, 1), H2_INTERNAL_ERROR);
    assert_int_equal(s->s.close_err, ERR_CANCELLED);
    assert_int_equal(s->closed, 1);
    assert_int_equal(rig_respond(s, true), ERR_CLOSED);
    h2_stream_kick(&s->s);
    rig_end(s, true);
    h2_stream_reset(&s->s, H2_CANCEL);
    h2_stream_consume(&s->s, 10);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_RST, 1), 1);
}

static void
refused_stream_is_told_so_and_costs_one_glitch(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    rig.conn[H2_DOWN].refuse = true;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, NULL, 2000);
    rig_run(&rig);
    assert_int_equal(h2peer_rst_code(p, 1), H2_REFUSED_STREAM);
    assert_int_equal(rig_stat(&rig, STAT_STREAMS_REFUSED), 1);
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 1);
    assert_int_equal(h2_conn_streams(rig.conn[H2_DOWN].h2), 0);
}

/* A whole legal request in one read; its neighbours must not die with it. */
static void
refused_request_with_trailers_does_not_end_the_connection(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    rig.conn[H2_DOWN].refuse = true;
    h2peer_call(p, 3, 0);
    h2peer_frame(p, F_DATA, 0, 3, NULL, 2000);
    h2peer_headers(p, 3, FL_END_STREAM, "x-sum", "1", NULL);
    rig_run(&rig);
    assert_non_null(rig.conn[H2_DOWN].h2);
    assert_int_equal(h2peer_rst_code(p, 3), H2_REFUSED_STREAM);
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 1);
    assert_int_equal(rig_respond(rig_stream(&rig, H2_DOWN, 1), true), ERR_OK);
    rig_run(&rig);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_OK);
}

static void
client_that_is_gone_ends_its_streams(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    h2peer_hang_up(p);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_CONN_LOST);
    assert_false(s->s.unprocessed);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
}

/* The owner may do anything in on_events: here it closes the connection under its own feet. */
static void
close_all(struct rig_stream *s, unsigned events)
{
    if (events & H2_EV_HEADERS)
        h2_conn_close(s->s.conn, ERR_CLOSED, H2_NO_ERROR, "");
    h2_stream_reset(&s->s, H2_CANCEL);
}

static void
connection_may_be_closed_from_an_event(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    rig.conn[H2_DOWN].on_events = close_all;
    for (int32_t id = 1; id < 20; id += 2) {
        h2peer_call(p, id, 0);
        h2peer_frame(p, F_DATA, 0, id, NULL, 1000);
    }
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 19)->closed, 1);
}

/* The last words must not be destroyed by a reset of the socket: our side ends first, the rest waits a second. */
static void
goodbye_lingers_for_a_second(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2_conn_close(rig.conn[H2_DOWN].h2, ERR_CLOSED, H2_ENHANCE_YOUR_CALM, "");
    rig_run(&rig);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
    assert_true(p->eof);
    assert_int_equal(h2_worker_conns(rig.w), 1);
    h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_wait_ms(&rig, 900);
    assert_false(p->lost);
    rig_wait_ms(&rig, 1000);
    assert_int_equal(h2_worker_conns(rig.w), 0);
}

/* The fault comes with the very turn in which the half-second sweep runs, whichever of the two is first. */
static void
fault_in_the_turn_of_the_sweep_is_told(void **state)
{
    for (int ms = 480; ms <= 520; ms++) {
        struct h2peer *p;

        h2_teardown(state);
        h2_setup(state);
        p = down_ready();
        h2peer_frame(p, F_PING, 0, 1, "12345678", 8); /* on a stream */
        h2peer_push(p);
        vclock_advance_ms(&rig.clock, ms);
        rig_run(&rig);
        assert_int_equal(h2peer_goaway_code(p), H2_PROTOCOL_ERROR);
        assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(each_reset_code_of_a_client_is_kept),
        H2_TEST(reset_in_the_read_of_the_request_is_headers_and_closed_at_once),
        H2_TEST(reset_while_our_answer_waits_for_window_drops_it),
        H2_TEST(our_reset_of_a_client_stream_says_its_code),
        H2_TEST(refused_stream_is_told_so_and_costs_one_glitch),
        H2_TEST(refused_request_with_trailers_does_not_end_the_connection),
        H2_TEST(client_that_is_gone_ends_its_streams),
        H2_TEST(connection_may_be_closed_from_an_event),
        H2_TEST(fault_in_the_turn_of_the_sweep_is_told),
        H2_TEST(goodbye_lingers_for_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

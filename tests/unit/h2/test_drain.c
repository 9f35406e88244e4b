/* SPDX-License-Identifier: Apache-2.0 */
/* The polite end of a connection, and the clocks that end one: drain, idle, header block, write stall. */
#include "h2test.h"

static uint32_t
goaway_last(const struct h2peer *p, size_t nth)
{
    const struct peer_frame *f = h2peer_find(p, F_GOAWAY, 0, nth);

    assert_non_null(f);
    return h2peer_get_u32(f->payload) & 0x7fffffff;
}

static void
finish(int32_t id)
{
    struct rig_stream *s = rig_stream(&rig, H2_DOWN, id);

    assert_non_null(s);
    assert_int_equal(rig_respond(s, true), ERR_OK);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
}

static void
drain_is_notice_ping_ack_last_id_close(void **state)
{
    struct h2peer *p = down_ready();
    const struct peer_frame *ping;

    (void)state;
    p->ack_ping = false;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 1);
    assert_int_equal(goaway_last(p, 0), 0x7fffffff);
    ping = h2peer_find(p, F_PING, 0, 0);
    assert_non_null(ping);
    assert_true(h2peer_find(p, F_GOAWAY, 0, 0)->at < ping->at);

    h2peer_call(p, 3, FL_END_STREAM); /* was on its way when the notice left */
    h2peer_frame(p, F_PING, FL_ACK, 0, ping->payload, 8);
    rig_run(&rig);
    assert_int_equal(goaway_last(p, 1), 3);
    assert_int_equal(h2peer_goaway_code(p), H2_NO_ERROR);
    h2peer_call(p, 5, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].opens, 2);
    finish(3);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
    finish(1);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_DRAIN);
}

static void
drain_without_a_ping_ack_goes_on_after_two_seconds(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    p->ack_ping = false;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_wait_ms(&rig, 1900);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 1);
    rig_wait_ms(&rig, 800);
    assert_int_equal(goaway_last(p, 1), 1);
    finish(1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_DRAIN);
}

static void
drain_of_an_idle_client_takes_one_round_trip(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 2);
    assert_int_equal(goaway_last(p, 1), 0);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_DRAIN);
}

static void
drain_before_the_preface_is_told_right_after_it(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);

    (void)state;
    c->peer->ack_ping = false;
    h2_conn_drain(c->h2);
    rig_run(&rig);
    assert_int_equal(c->closes, 0);
    h2peer_preface(c->peer);
    h2peer_settings(c->peer, 0);
    h2peer_call(c->peer, 1, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(h2peer_find(c->peer, F_ANY, -1, 0)->type, F_SETTINGS);
    assert_int_equal(goaway_last(c->peer, 0), 0x7fffffff);
    finish(1);
    rig_wait_ms(&rig, 2600);
    assert_int_equal(c->err, ERR_DRAIN);
}

/* A client that was told the last id and sends all the same: its streams are ignored, the earlier ones finish. */
static void
streams_above_the_last_id_are_ignored_without_harm(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 2);
    h2peer_call(p, 3, 0);
    for (int i = 0; i < 50; i++)
        h2peer_frame(p, F_DATA, 0, 3, NULL, 1000);
    h2peer_headers(p, 3, FL_END_STREAM, "x-sum", "1", NULL);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, "abc", 3);
    rig_run(&rig);
    assert_non_null(rig.conn[H2_DOWN].h2);
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 0);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->got.len, 3);
    finish(1);
}

/* RFC 9113 6.8: the last id never rises; a client takes what lies above it for unprocessed. */
static void
last_id_never_rises(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_run(&rig);
    assert_int_equal(goaway_last(p, 1), 1);
    h2peer_call(p, 7, FL_END_STREAM);       /* ignored */
    h2peer_frame(p, F_PING, 0, 0, NULL, 5); /* an error of the connection */
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 3);
    assert_int_equal(goaway_last(p, 2), 1);
}

static void
up_side_drains_without_goaway(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true), *late;

    (void)state;
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_UP].h2);
    rig_run(&rig);
    assert_int_equal(rig_request_err(&rig, true, &late), ERR_GOAWAY);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", NULL);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_int_equal(rig.conn[H2_UP].err, ERR_DRAIN);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
}

/* ---- idle ---- */

static void
idle_client_is_told_goaway_after_the_idle_time(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_DOWN].lim.idle_timeout_us = 5 * 1000 * 1000;
    p = down_ready();
    h2peer_call(p, 1, FL_END_STREAM);
    rig_wait_ms(&rig, 9000); /* a quiet stream is no idle connection */
    finish(1);
    rig_wait_ms(&rig, 4400); /* 10 % more or less, and the sweep's half second */
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    rig_wait_ms(&rig, 1700);
    assert_int_equal(goaway_last(p, 0), 0x7fffffff);
    assert_memory_equal(h2peer_find(p, F_GOAWAY, 0, 0)->payload + 8, "max_idle", 8);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_IDLE);
    assert_int_equal(rig_stat(&rig, STAT_IDLE_CLOSED), 1);
}

static void
idle_backend_connection_closes_itself(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_UP].lim.idle_timeout_us = 5 * 1000 * 1000;
    p = up_ready();
    rig_wait_ms(&rig, 4900);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    rig_wait_ms(&rig, 700);
    assert_int_equal(rig.conn[H2_UP].err, ERR_IDLE);
    assert_true(p->eof);
}

/* ---- header block ---- */

static void
header_block_that_never_ends_is_cut(void **state)
{
    struct h2peer *p = down_ready();
    uint8_t b[256];
    size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":path", "/a/b", NULL);

    (void)state;
    h2peer_frame(p, F_HEADERS, 0, 1, b, n);
    rig_wait_ms(&rig, 5000);
    h2peer_frame(p, F_CONTINUATION, 0, 1, NULL,
                 0); /* a drop now and then does not help */
    rig_wait_ms(&rig, 4900);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
    rig_wait_ms(&rig, 700);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
    assert_int_equal(rig_stat(&rig, STAT_HEADER_TIMEOUTS), 1);
}

/* The same attack inside one frame: the head says 1,000 bytes, they come one a second. */
static void
header_frame_that_trickles_is_cut(void **state)
{
    struct h2peer *p = down_ready();
    static const uint8_t head[9] = {
        0, 0x03, 0xe8, F_HEADERS, FL_END_HEADERS, 0, 0, 0, 1
    };

    (void)state;
    h2peer_bytes(p, head, sizeof(head));
    for (int i = 0; i < 12; i++) {
        h2peer_bytes(p, "\0", rig.conn[H2_DOWN].h2 ? 1 : 0);
        rig_wait_ms(&rig, 1000);
    }
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig_stat(&rig, STAT_HEADER_TIMEOUTS), 1);
}

static void
header_block_in_time_is_taken(void **state)
{
    struct h2peer *p = down_ready();
    uint8_t b[256];
    size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                            ":path", "/a/b", ":authority", "x", NULL);

    (void)state;
    h2peer_frame(p, F_HEADERS, 0, 1, b, 3);
    rig_wait_ms(&rig, 9000);
    h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, 1, b + 3, n - 3);
    rig_wait_ms(&rig, 9000);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->seen, H2_EV_HEADERS);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
}

/* ---- write stall ---- */

static void
peer_without_window_loses_the_stream_only(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct h2peer *p;
    struct rig_stream *s;

    (void)state;
    c->lim.write_stall_us = 30 * 1000 * 1000;
    p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 100, 0);
    h2peer_call(p, 1, FL_END_STREAM);
    h2peer_call(p, 3, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 1000);
    rig_wait_ms(&rig, 20000);
    h2peer_u32(p, F_WINDOW, 1, 10); /* progress starts the clock afresh */
    rig_wait_ms(&rig, 29000);
    assert_int_equal(s->closed, 0);
    rig_wait_ms(&rig, 2000);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_STALL);
    assert_int_equal(h2peer_rst_code(p, 1), H2_CANCEL);
    assert_int_equal(c->closes, 0);
    finish(3);
}

static void
peer_that_reads_nothing_loses_the_connection(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct rig_stream *s;

    (void)state;
    c->lim.write_stall_us = 30 * 1000 * 1000;
    rig_connect(&rig, H2_DOWN, 4096, 0);
    rig_greet(&rig, H2_DOWN);
    h2peer_call(c->peer, 1, FL_END_STREAM);
    rig_run(&rig);
    h2peer_set_deaf(c->peer, true);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 20000);
    rig_wait_ms(&rig, 29000);
    assert_int_equal(c->closes, 0);
    rig_wait_ms(&rig, 2000);
    assert_int_equal(c->closes, 1);
    assert_int_equal(c->err, ERR_STALL);
    assert_int_equal(s->s.close_err, ERR_STALL);
    assert_int_equal(h2_worker_conns(rig.w), 0);
}

static void
under_memory_pressure_a_stall_lasts_five_seconds(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;

    (void)state;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 0, 0);
    h2peer_call(p, 1, FL_END_STREAM);
    h2peer_call(p, 3, 0);
    rig_run(&rig);
    assert_int_equal(rig_respond(rig_stream(&rig, H2_DOWN, 1), false), ERR_OK);
    rig_send(rig_stream(&rig, H2_DOWN, 1), 1000);
    rig_wait_ms(&rig, 3000);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 0);
    h2_worker_set_buffer_limit(rig.w, 1000);
    c->eat = false;
    h2peer_frame(p, F_DATA, 0, 3, NULL, 2000);
    rig_wait_ms(&rig, 1000);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 0);
    rig_wait_ms(&rig, 2000);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_STALL);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 3)->closed, 0);
}

static void
a_quiet_stream_is_no_stall(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 100);
    rig_wait_ms(&rig, 3600 * 1000);
    assert_int_equal(s->closed, 0);
    rig_send(s, 100);
    rig_end(s, true);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), 200);
    assert_int_equal(s->s.close_err, ERR_OK);
}

/* The owner appends after an hour of silence to a stream whose window is closed: the stall clock starts then, not an hour ago. */
static void
the_stall_clock_starts_with_the_bytes(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;
    struct rig_stream *s;

    (void)state;
    rig.conn[H2_DOWN].lim.write_stall_us = 30 * 1000 * 1000;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 0, 0);
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    rig_wait_ms(&rig, 100 * 1000);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_wait_ms(&rig, 100 * 1000);
    rig_send(s, 10);
    rig_wait_ms(&rig, 25 * 1000);
    assert_int_equal(s->closed, 0);
    rig_wait_ms(&rig, 6 * 1000);
    assert_int_equal(s->s.close_err, ERR_STALL);
}

static void
drain_before_the_preface_gives_two_seconds_after_it(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;

    (void)state;
    p->ack_ping = false;
    rig_run(&rig);
    h2_conn_drain(rig.conn[H2_DOWN].h2);
    rig_wait_ms(&rig, 3100);
    h2peer_preface(p);
    h2peer_settings(p, 0);
    rig_run(&rig);
    assert_int_equal(goaway_last(p, 0), 0x7fffffff);
    rig_wait_ms(&rig, 1900);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 1);
    rig_wait_ms(&rig, 800);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 2);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_DRAIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(drain_is_notice_ping_ack_last_id_close),
        H2_TEST(drain_without_a_ping_ack_goes_on_after_two_seconds),
        H2_TEST(drain_of_an_idle_client_takes_one_round_trip),
        H2_TEST(drain_before_the_preface_is_told_right_after_it),
        H2_TEST(streams_above_the_last_id_are_ignored_without_harm),
        H2_TEST(last_id_never_rises),
        H2_TEST(up_side_drains_without_goaway),
        H2_TEST(idle_client_is_told_goaway_after_the_idle_time),
        H2_TEST(idle_backend_connection_closes_itself),
        H2_TEST(header_block_that_never_ends_is_cut),
        H2_TEST(header_frame_that_trickles_is_cut),
        H2_TEST(header_block_in_time_is_taken),
        H2_TEST(peer_without_window_loses_the_stream_only),
        H2_TEST(peer_that_reads_nothing_loses_the_connection),
        H2_TEST(under_memory_pressure_a_stall_lasts_five_seconds),
        H2_TEST(a_quiet_stream_is_no_stall),
        H2_TEST(the_stall_clock_starts_with_the_bytes),
        H2_TEST(drain_before_the_preface_gives_two_seconds_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

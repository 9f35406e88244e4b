/* SPDX-License-Identifier: Apache-2.0 */
/* Windows in use: how ours grow with the bandwidth, what we send under the peer's, and who must go when the cap on held bytes is reached. */
#include "h2test.h"

#include "base/bucket.h"
#include "h2/conn_int.h"

enum { STREAM_WINDOW = 65536 };

/* Window credit sent on this stream (0: connection). */
static size_t
credit(const struct h2peer *p, int32_t id)
{
    size_t sum = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].type == F_WINDOW && p->frames[i].id == id)
            sum += h2peer_get_u32(p->frames[i].payload);
    }
    return sum;
}

static void
send_data(struct h2peer *p, int32_t id, size_t n)
{
    while (n) {
        size_t k = n < 16384 ? n : 16384;

        h2peer_frame(p, F_DATA, 0, id, NULL, k);
        n -= k;
    }
}

/* ---- bandwidth-delay ---- */

static const struct peer_frame *
bdp_ping(const struct h2peer *p, size_t nth)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct peer_frame *f = &p->frames[i];

        if (f->type == F_PING && !(f->flags & FL_ACK) &&
            memcmp(f->payload, "bdp", 3) == 0 && nth-- == 0)
            return f;
    }
    return NULL;
}

static void
windows_double_when_a_round_trip_brings_most_of_one(void **state)
{
    struct h2peer *p = down_ready();
    uint32_t expected = STREAM_WINDOW;

    (void)state;
    p->ack_ping = false;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    for (int round = 0; round < 10; round++) {
        send_data(p, 1, 16384); /* starts a measurement */
        rig_run(&rig);
        if (!bdp_ping(p, (size_t)round))
            break;
        for (size_t sum = 0; sum < expected; sum += 32768) {
            send_data(p, 1, 32768);
            rig_run(&rig);
        }
        h2peer_frame(p, F_PING, FL_ACK, 0, bdp_ping(p, (size_t)round)->payload, 8);
        rig_run(&rig);
        expected = expected < 4 * 1024 * 1024 ? expected * 2 : expected;
        assert_int_equal(rig.conn[H2_DOWN].h2->stream_window, expected);
    }
    assert_int_equal(expected,
                     4 * 1024 * 1024); /* maxStreamWindow, and no PING any more */
    assert_int_equal(rig_stat(&rig, STAT_WINDOW_GROWN), 6);
    assert_null(bdp_ping(p, 6));
    /* Granted to the stream whose reader kept up, as credit above what it sent; a new stream starts small again. */
    assert_true(rig_stream(&rig, H2_DOWN, 1)->s.window >= 2 * 1024 * 1024);
    assert_true(credit(p, 1) + STREAM_WINDOW >
                rig_stream(&rig, H2_DOWN, 1)->got.len + 1024 * 1024);
    h2peer_call(p, 3, 0);
    rig_run(&rig);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 3)->s.window, STREAM_WINDOW);
    assert_true(credit(p, 0) >=
                4 * 1024 * 1024 - 65535); /* the connection's window grew along */
}

static void
windows_stay_when_little_comes(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 40; i++) {
        send_data(p, 1, 16384);
        rig_run(&rig);
    }
    assert_int_equal(rig.conn[H2_DOWN].h2->stream_window, STREAM_WINDOW);
    assert_int_equal(rig_stat(&rig, STAT_WINDOW_GROWN), 0);
    /* After eight rounds without growth measurements become rare: one a second. */
    assert_non_null(bdp_ping(p, 7));
    assert_null(bdp_ping(p, 9));
    rig_wait_ms(&rig, 1100);
    send_data(p, 1, 16384);
    rig_run(&rig);
    assert_non_null(bdp_ping(p, 8));
}

static void
small_reads_start_no_measurement(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 20; i++) {
        send_data(p, 1, 16383);
        rig_run(&rig);
    }
    assert_null(bdp_ping(p, 0));
}

static void
ping_acks_that_nobody_asked_for_change_nothing(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_frame(p, F_PING, FL_ACK, 0, "bdp\0\0\0\0\1", 8);
    h2peer_frame(p, F_PING, FL_ACK, 0, "drain\0\0\1", 8);
    h2peer_frame(p, F_PING, FL_ACK, 0, "whatever", 8);
    rig_run(&rig);
    assert_non_null(rig.conn[H2_DOWN].h2);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    assert_int_equal(rig.conn[H2_DOWN].h2->stream_window, STREAM_WINDOW);
}

static void
one_stalled_stream_does_not_starve_its_neighbours(void **state)
{
    struct rig_stream *stalled, *s;

    (void)state;
    rig_connect_both(&rig, 65536, 0);
    rig_run(&rig);
    rig.conn[H2_DOWN].eat = false;
    stalled = rig_request(&rig, false);
    rig_send(stalled, 3 * 1000 * 1000);
    rig_run(&rig);
    assert_true(stalled->s.out.len > 2 * 1000 * 1000);
    rig.conn[H2_DOWN].eat = true; /* only for those that come now */
    s = rig_request(&rig, false);
    rig_send(s, 3 * 1000 * 1000);
    rig_run(&rig);
    assert_int_equal(s->s.out.len, 0);
    assert_int_equal(rig_stream_at(&rig, H2_DOWN, 1)->got.len, 3 * 1000 * 1000);
    assert_true(rig_pattern_ok(&rig_stream_at(&rig, H2_DOWN, 1)->got));
}

/* ---- our sending under the peer's windows ---- */

/* A stream stands in line, then SETTINGS take its window away below zero (RFC 9113 6.9.2), then the connection's window opens. */
static void
a_window_that_shrinks_below_zero_stops_the_stream(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *a, *b;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    h2peer_call(p, 3, FL_END_STREAM);
    rig_run(&rig);
    a = rig_stream(&rig, H2_DOWN, 1);
    b = rig_stream(&rig, H2_DOWN, 3);
    assert_int_equal(rig_respond(a, false), ERR_OK);
    assert_int_equal(rig_respond(b, false), ERR_OK);
    rig_send(b, 1000);
    rig_run(&rig);
    rig_send(a, 64535); /* the connection's window is used up */
    rig_run(&rig);
    rig_send(b, 40000);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 3), 1000);
    h2peer_settings(p, SET_WINDOW, 10, 0); /* b: 65535 - 1000 - 65525 = -990 */
    h2peer_u32(p, F_WINDOW, 0, 100000);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 3), 1000);
    h2peer_u32(p, F_WINDOW, 3, 990);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 3), 1000);
    assert_int_equal(h2peer_count(p, F_DATA, 3), 1); /* not even an empty frame */
    h2peer_u32(p, F_WINDOW, 3, 500);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 3), 1500);
    h2peer_settings(p, SET_WINDOW, 65535, 0);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 3), 41000);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
}

static void
windows_over_the_maximum_are_errors(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_call(p, 3, 0);
    h2peer_u32(p, F_WINDOW, 1, 0x7fffffff);
    h2peer_u32(p, F_WINDOW, 3, 0x7fffffff - 65535); /* exactly the maximum */
    rig_run(&rig);
    assert_int_equal(h2peer_rst_code(p, 1), H2_FLOW_CONTROL_ERROR);
    assert_null(h2peer_find(p, F_RST, 3, 0));
    h2peer_settings(p, SET_WINDOW, 65536, 0); /* pushes stream 3 over it */
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(h2peer_goaway_code(p), H2_FLOW_CONTROL_ERROR);
}

static void
streams_share_the_connection_window_in_turns(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        h2peer_call(p, i * 2 + 1, FL_END_STREAM);
    rig_run(&rig);
    for (int i = 0; i < 4; i++) {
        s[i] = rig_stream(&rig, H2_DOWN, i * 2 + 1);
        assert_int_equal(rig_respond(s[i], false), ERR_OK);
        rig_send(s[i], 60000);
    }
    rig_run(&rig);
    assert_int_equal(p->data_bytes, 65535);
    for (int i = 0; i < 4; i++)
        assert_true(h2peer_data(p, i * 2 + 1) >= 16383);
    h2peer_u32(p, F_WINDOW, 0, 1 << 20);
    rig_run(&rig);
    assert_int_equal(p->data_bytes, 240000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(windows_double_when_a_round_trip_brings_most_of_one),
        H2_TEST(windows_stay_when_little_comes),
        H2_TEST(small_reads_start_no_measurement),
        H2_TEST(ping_acks_that_nobody_asked_for_change_nothing),
        H2_TEST(one_stalled_stream_does_not_starve_its_neighbours),
        H2_TEST(a_window_that_shrinks_below_zero_stops_the_stream),
        H2_TEST(windows_over_the_maximum_are_errors),
        H2_TEST(streams_share_the_connection_window_in_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The gate in front of the library: frames on closed and idle streams, what each kind of flood costs, a connection's share of a turn. */
#include "h2test.h"

#include "base/compat.h"
#include "h2/conn_int.h"

static int64_t
glitches(void)
{
    return rig_stat(&rig, STAT_GLITCHES);
}

/* Opens and ends stream 1 in one of three ways. */
enum ended { BY_BOTH, BY_PEER_RESET, BY_OUR_RESET };

static void
end_stream_1(struct h2peer *p, enum ended how)
{
    struct rig_stream *s;

    h2peer_call(p, 1, how == BY_BOTH ? FL_END_STREAM : 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    if (how == BY_PEER_RESET)
        h2peer_u32(p, F_RST, 1, H2_CANCEL);
    else if (how == BY_OUR_RESET)
        h2_stream_reset(&s->s, H2_CANCEL);
    else
        assert_int_equal(rig_respond(s, true), ERR_OK);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
}

/* RFC 9113 5.1: what the peer closed itself it must not use again; what we reset is ignored for a while. */
static void
frames_on_closed_streams(void **state)
{
    static const struct {
        enum ended how;
        int type;
        int64_t goaway; /* -1: nothing happens */
    } rows[] = {
        { BY_BOTH, F_DATA, H2_STREAM_CLOSED },
        { BY_BOTH, F_HEADERS, H2_STREAM_CLOSED },
        { BY_BOTH, F_RST, -1 },
        { BY_BOTH, F_WINDOW, -1 },
        { BY_BOTH, F_PRIORITY, -1 },
        { BY_PEER_RESET, F_DATA, H2_STREAM_CLOSED },
        { BY_PEER_RESET, F_HEADERS, H2_STREAM_CLOSED },
        { BY_PEER_RESET, F_RST, -1 },
        { BY_PEER_RESET, F_WINDOW, -1 },
        { BY_OUR_RESET, F_DATA, -1 },
        { BY_OUR_RESET, F_HEADERS, -1 },
        { BY_OUR_RESET, F_RST, -1 },
        { BY_OUR_RESET, F_WINDOW, -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2peer *p = down_ready();

        end_stream_1(p, rows[i].how);
        if (rows[i].type == F_HEADERS)
            h2peer_headers(p, 1, FL_END_STREAM, "x-sum", "1", NULL);
        else if (rows[i].type == F_DATA)
            h2peer_frame(p, F_DATA, 0, 1, "abc", 3);
        else if (rows[i].type == F_PRIORITY)
            h2peer_frame(p, F_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
        else
            h2peer_u32(p, rows[i].type, 1, 8);
        rig_run(&rig);
        assert_int_equal(h2peer_goaway_code(p), rows[i].goaway);
        assert_int_equal(rig.conn[H2_DOWN].closes, rows[i].goaway >= 0);
        assert_int_equal(glitches(), 0);
        rig_close(&rig);
        rig_open(&rig);
    }
}

/* 5.1: frames but HEADERS and PRIORITY on a stream that never was are an error of the connection. */
static void
frames_on_idle_streams(void **state)
{
    static const int types[] = { F_DATA, F_RST, F_WINDOW };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct h2peer *p = down_ready();

        h2peer_u32(p, types[i], 9, 1);
        rig_run(&rig);
        assert_int_equal(h2peer_goaway_code(p), H2_PROTOCOL_ERROR);
        assert_int_equal(rig.conn[H2_DOWN].err, ERR_PROTOCOL);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
ids_that_fall_are_an_error_of_the_connection(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 5, FL_END_STREAM);
    h2peer_call(p, 3, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(h2peer_goaway_code(p), H2_PROTOCOL_ERROR);
    assert_int_equal(rig.conn[H2_DOWN].opens, 1);
}

static void
even_ids_and_zero_are_an_error_of_the_connection(void **state)
{
    static const int32_t ids[] = { 2, 0, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct h2peer *p = down_ready();

        h2peer_call(p, ids[i], FL_END_STREAM);
        rig_run(&rig);
        assert_int_equal(h2peer_goaway_code(p), H2_PROTOCOL_ERROR);
        assert_int_equal(rig.conn[H2_DOWN].opens, 0);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
the_last_stream_ids_work(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    for (uint32_t id = 0x7fffffffu - 20; id <= 0x7fffffffu; id += 2) {
        h2peer_call(p, (int32_t)id, FL_END_STREAM);
        rig_run(&rig);
        s = rig_stream(&rig, H2_DOWN, (int32_t)id);
        assert_non_null(s);
        assert_int_equal(rig_respond(s, true), ERR_OK);
        rig_run(&rig);
        assert_int_equal(s->s.close_err, ERR_OK);
    }
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
}

/* An honest client uploads on many streams; we reset them all at once (a backend died, a deadline passed). What was on its way is no fault of the client. */
static void
data_behind_many_resets_of_ours_is_free(void **state)
{
    struct h2peer *p = down_ready();
    const int streams = 200, frames = 10;

    (void)state;
    for (int i = 0; i < streams; i++)
        h2peer_call(p, i * 2 + 1, 0);
    rig_run(&rig);
    for (int i = 0; i < streams; i++)
        h2_stream_reset(&rig_stream(&rig, H2_DOWN, i * 2 + 1)->s, H2_CANCEL);
    rig_run(&rig);
    for (int k = 0; k < frames; k++) {
        for (int i = 0; i < streams; i++)
            h2peer_frame(p, F_DATA, k == frames - 1 ? FL_END_STREAM : 0, i * 2 + 1, "abc",
                         3);
    }
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    assert_true(glitches() < 100);
}

/* ---- floods: what each kind costs ---- */

enum { MANY = 2000 };

static void
flood(int what, struct h2peer *p)
{
    for (int i = 0; i < MANY; i++) {
        switch (what) {
        case 0:
            h2peer_frame(p, F_DATA, 0, 1, NULL, 0);
            break;
        case 1:
            h2peer_frame(p, F_PRIORITY, 0, 3, "\0\0\0\0\1", 5);
            break;
        case 2:
            h2peer_settings(p, SET_WINDOW, 65535, 0);
            break;
        case 3:
            h2peer_u32(p, F_WINDOW, 0, 1);
            break;
        case 4:
            h2peer_frame(p, 0x5a, 0, 1, "abc", 3);
            break;
        case 5:
            h2peer_u32(p, F_WINDOW, 1, 1);
            break;
        default:
            h2peer_frame(p, 0x10, 0, 0, "\0\0\0\1u=1", 7);
            break; /* PRIORITY_UPDATE */
        }
    }
}

static void
cheap_floods_end_at_the_glitch_burst(void **state)
{
    (void)state;
    for (int what = 0; what < 7; what++) {
        struct h2peer *p;

        rig.conn[H2_DOWN].lim.max_frames_per_turn = 256;
        p = down_ready();
        h2peer_call(p, 1, 0);
        rig_run(&rig);
        flood(what, p);
        rig_run(&rig);
        assert_int_equal(rig.conn[H2_DOWN].closes, 1);
        assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
        if (h2peer_goaway_code(p) != H2_ENHANCE_YOUR_CALM)
            fail_msg("flood %d: GOAWAY code %d", what, (int)h2peer_goaway_code(p));
        if (glitches() <= 1000 ||
            glitches() > 1000 + 256) /* the turn's share of frames may go over */
            fail_msg("flood %d cost %d glitches", what, (int)glitches());
        assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 1);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
allowances_come_before_the_first_glitch(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1,
                0); /* one stream: 110 PRIORITY and 102 WINDOW_UPDATE frames are free */
    for (int i = 0; i < 110; i++)
        h2peer_frame(p, F_PRIORITY, 0, 3, "\0\0\0\0\1", 5);
    for (int i = 0; i < 102; i++)
        h2peer_u32(p, F_WINDOW, 0, 1);
    rig_run(&rig);
    assert_int_equal(glitches(), 0);
    h2peer_frame(p, F_PRIORITY, 0, 3, "\0\0\0\0\1", 5);
    rig_run(&rig);
    assert_int_equal(glitches(), 1);
    h2peer_u32(p, F_WINDOW, 0, 1);
    rig_run(&rig);
    assert_int_equal(glitches(), 2);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 0);
    rig_run(&rig);
    assert_int_equal(glitches(), 3);
}

/* A reader with a small window that is given piece by piece costs nothing: ten updates for each DATA frame. */
static void
window_updates_in_step_with_our_data_are_free(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;
    struct rig_stream *s;

    (void)state;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 1000, 0);
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 1000 * 1000);
    rig_run(&rig);
    while (h2peer_data(p, 1) < 1000 * 1000) {
        h2peer_u32(p, F_WINDOW, 1, 500);
        h2peer_u32(p, F_WINDOW, 1, 500);
        h2peer_u32(p, F_WINDOW, 0, 1000);
        rig_run(&rig);
    }
    assert_int_equal(glitches(), 0);
}

/* The counters of a connection that lives for weeks: 2^32 / 10 DATA frames are a few hours of load. */
static void
allowances_do_not_wrap_on_long_lived_connections(void **state)
{
    struct h2peer *p = up_ready();
    struct gate *g = &rig.conn[H2_UP].h2->gate;

    (void)state;
    g->data_out = 429496730; /* x 10 is over 2^32 */
    g->window_updates = 200000000;
    for (int i = 0; i < 50; i++)
        h2peer_u32(p, F_WINDOW, 0, 1);
    rig_run(&rig);
    assert_int_equal(glitches(), 0);
    g->data_out = 4294967290u;
    g->window_updates = 4294967200u;
    for (int i = 0; i < 200; i++)
        h2peer_u32(p, F_WINDOW, 0, 1);
    rig_run(&rig);
    assert_int_equal(glitches(), 0);
}

static void
a_few_odd_frames_do_no_harm(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_frame(p, 0x0c, 0, 0, "origin", 6);
    h2peer_frame(p, 0xff, 0xff, 0x7fffffff, NULL, 16384);
    h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(glitches(), 2);
    assert_int_equal(h2peer_count(p, F_PING, 0), 1);
    assert_int_equal(rig.conn[H2_DOWN].opens, 1);
}

static void
frames_over_the_size_limit_end_the_connection(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 16385);
    rig_run(&rig);
    assert_int_equal(h2peer_goaway_code(p), 6); /* FRAME_SIZE_ERROR */
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
}

/* ---- share of a turn ---- */

static void
streams_beyond_the_share_wait_for_the_next_turn(void **state)
{
    struct h2peer *p;
    unsigned before = 0, turns = 0;

    (void)state;
    rig.conn[H2_DOWN].lim.max_streams_per_turn = 32;
    p = down_ready();
    for (int i = 0; i < 500; i++) {
        h2peer_call(p, i * 2 + 1, 0);
        h2peer_frame(p, F_DATA, FL_END_STREAM, i * 2 + 1, "abc", 3);
    }
    for (; rig.conn[H2_DOWN].opens < 500; turns++) {
        rig_turns(&rig, 1);
        assert_true(rig.conn[H2_DOWN].opens - before <= 32);
        before = rig.conn[H2_DOWN].opens;
        assert_true(turns < 100);
    }
    assert_true(turns >= 500 / 32);
    rig_run(&rig);
    assert_true(rig_stat(&rig, STAT_TURN_YIELDS) >= 500 / 32 - 1);
    for (int i = 0; i < 500; i++) {
        struct rig_stream *s = rig_stream(&rig, H2_DOWN, i * 2 + 1);

        assert_int_equal(s->got.len, 3);
        assert_true(s->s.in_ended);
    }
}

/* Ten calls, each of which is read on its own, in one turn. */
static void
call_ten_times(void *arg)
{
    struct h2peer *p = arg;

    for (int32_t id = 1; id < 20; id += 2) {
        struct iovec v;

        h2peer_call(p, id, FL_END_STREAM);
        v = (struct iovec){ p->out + p->out_at, p->out_len - p->out_at };
        assert_int_equal(transport_writev(p->t, &v, 1), v.iov_len);
        p->out_at = p->out_len;
        conn_on_transport(rig.conn[H2_DOWN].h2, TRANSPORT_READABLE);
    }
    assert_int_equal(rig.conn[H2_DOWN].opens, 3);
}

/* Input that joined the turn (loop_look): a connection that is read again has the same share still. */
static void
a_second_read_in_a_turn_brings_no_second_share(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_DOWN].lim.max_streams_per_turn = 3;
    p = down_ready();
    loop_post(rig.loop, call_ten_times, p);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].opens, 10);
}

static void
frames_beyond_the_share_wait_for_the_next_turn(void **state)
{
    struct h2peer *p;
    size_t before = 0;

    (void)state;
    rig.conn[H2_DOWN].lim.max_frames_per_turn = 256;
    p = down_ready();
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    for (int i = 0; i < 5000; i++)
        h2peer_frame(p, F_DATA, 0, 1, "x", 1);
    for (unsigned turns = 0; before < 5000; turns++) {
        size_t now;

        rig_turns(&rig, 1);
        now = rig_stream(&rig, H2_DOWN, 1)->got.len;
        assert_true(now - before <= 256);
        before = now;
        assert_true(turns < 200);
    }
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
}

/* Two busy clients share the turn: neither waits for the other's whole input. */
static void
a_header_block_is_never_cut_by_the_share(void **state)
{
    struct h2peer *p;
    uint8_t b[512];
    size_t n;

    (void)state;
    rig.conn[H2_DOWN].lim.max_frames_per_turn = 3;
    rig.conn[H2_DOWN].lim.max_streams_per_turn = 1;
    p = down_ready();
    for (int i = 0; i < 30; i++) {
        n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http", ":path",
                         "/a/b", ":authority", "x", "x-long", "01234567890123456789",
                         NULL);
        h2peer_frame(p, F_HEADERS, FL_END_STREAM, i * 2 + 1, b, 2);
        for (size_t k = 2; k < n - 1; k++)
            h2peer_frame(p, F_CONTINUATION, 0, i * 2 + 1, b + k, 1);
        h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, i * 2 + 1, b + n - 1, 1);
    }
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
    assert_int_equal(rig.conn[H2_DOWN].opens, 30);
}

static void
yield_at_every_place_loses_nothing(void **state)
{
    (void)state;
    for (unsigned share = 1; share < 12; share++) {
        struct h2peer *p;
        size_t step = share == 5 ? 1 : share == 7 ? 11 : 0;

        rig.conn[H2_DOWN].lim.max_frames_per_turn = share;
        p = rig_connect(&rig, H2_DOWN, ROOM, step)->peer;
        rig_greet(&rig, H2_DOWN);
        for (int i = 0; i < 20; i++) {
            h2peer_call(p, i * 2 + 1, 0);
            h2peer_frame(p, F_DATA, 0, i * 2 + 1, "abc", 3);
            h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
            h2peer_frame(p, F_DATA, FL_END_STREAM, i * 2 + 1, "def", 3);
        }
        rig_run(&rig);
        assert_int_equal(h2peer_count(p, F_PING, 0), 20);
        for (int i = 0; i < 20; i++) {
            struct rig_stream *s = rig_stream(&rig, H2_DOWN, i * 2 + 1);

            assert_non_null(s);
            assert_int_equal(s->got.len, 6);
            assert_memory_equal(s->got.head->data + s->got.head->off, "abcdef", 6);
            assert_true(s->s.in_ended);
        }
        rig_close(&rig);
        rig_open(&rig);
    }
}

/* The connection dies while input waits for its turn. */
static void
input_that_waits_dies_with_its_connection(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_DOWN].lim.max_frames_per_turn = 2;
    p = down_ready();
    for (int i = 0; i < 200; i++)
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_turns(&rig, 4);
    assert_true(rig.conn[H2_DOWN].h2->backlog_len > 0);
    h2_conn_close(rig.conn[H2_DOWN].h2, ERR_CLOSED, H2_NO_ERROR, "");
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
}

static void
a_broken_frame_in_waiting_input_ends_the_connection(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_DOWN].lim.max_frames_per_turn = 2;
    p = down_ready();
    for (int i = 0; i < 9; i++)
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    h2peer_frame(p, F_PING, 0, 0, "1234567", 7);
    for (int i = 0; i < 9; i++)
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_PROTOCOL);
    assert_true(h2peer_count(p, F_PING, 0) >= 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(frames_on_closed_streams),
        H2_TEST(frames_on_idle_streams),
        H2_TEST(ids_that_fall_are_an_error_of_the_connection),
        H2_TEST(even_ids_and_zero_are_an_error_of_the_connection),
        H2_TEST(the_last_stream_ids_work),
        H2_TEST(data_behind_many_resets_of_ours_is_free),
        H2_TEST(cheap_floods_end_at_the_glitch_burst),
        H2_TEST(allowances_come_before_the_first_glitch),
        H2_TEST(window_updates_in_step_with_our_data_are_free),
        H2_TEST(allowances_do_not_wrap_on_long_lived_connections),
        H2_TEST(a_few_odd_frames_do_no_harm),
        H2_TEST(frames_over_the_size_limit_end_the_connection),
        H2_TEST(streams_beyond_the_share_wait_for_the_next_turn),
        H2_TEST(a_second_read_in_a_turn_brings_no_second_share),
        H2_TEST(frames_beyond_the_share_wait_for_the_next_turn),
        H2_TEST(a_header_block_is_never_cut_by_the_share),
        H2_TEST(yield_at_every_place_loses_nothing),
        H2_TEST(input_that_waits_dies_with_its_connection),
        H2_TEST(a_broken_frame_in_waiting_input_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

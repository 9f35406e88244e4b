/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream towards a backend ends: close_err, close_code and unprocessed, for every way that there is. */
#include "h2test.h"

#include "h2/conn_int.h"

/* ---- we are the client ---- */

static void
each_reset_code_of_a_backend_is_kept(void **state)
{
    struct h2peer *p = up_ready();

    (void)state;
    for (uint32_t code = 0; code < 16; code++) {
        struct rig_stream *s = open_request();

        h2peer_u32(p, F_RST, s->s.id, code);
        rig_run(&rig);
        assert_int_equal(s->closed, 1);
        assert_int_equal(s->s.close_code, code);
        assert_int_equal(s->s.close_err,
                         code == H2_REFUSED_STREAM ? ERR_REFUSED : ERR_RESET);
        assert_int_equal(s->s.unprocessed, code == H2_REFUSED_STREAM);
    }
    assert_int_equal(h2_conn_streams(rig.conn[H2_UP].h2), 0);
}

static void
no_error_reset_behind_a_whole_answer_is_a_clean_end(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);

    (void)state;
    rig_run(&rig);
    answer(p, s->s.id, true);
    h2peer_u32(p, F_RST, s->s.id, H2_NO_ERROR);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_int_equal(s->closed, 1);
    assert_false(s->s.unprocessed);
}

static void
no_error_reset_before_the_answer_is_a_reset(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);

    (void)state;
    rig_run(&rig);
    answer(p, s->s.id, false);
    h2peer_u32(p, F_RST, s->s.id, H2_NO_ERROR);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_RESET);
    assert_int_equal(s->s.close_code, H2_NO_ERROR);
    assert_false(s->s.unprocessed);
}

static void
error_reset_behind_a_whole_answer_is_a_reset(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);

    (void)state;
    rig_run(&rig);
    answer(p, s->s.id, true);
    h2peer_u32(p, F_RST, s->s.id, H2_CANCEL);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_RESET);
    assert_int_equal(s->s.close_code, H2_CANCEL);
}

/* RFC 9113 8.7: REFUSED_STREAM is a promise that nothing was processed; after an answer it cannot be true. */
static void
refused_after_the_answer_began_proves_nothing(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = open_request();

    (void)state;
    answer(p, s->s.id, false);
    rig_run(&rig);
    h2peer_u32(p, F_RST, s->s.id, H2_REFUSED_STREAM);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_false(s->s.unprocessed);
}

static void
our_reset_is_a_cancel_and_the_slot_is_free_when_it_left(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = open_request();

    (void)state;
    h2_stream_reset(&s->s, H2_CANCEL);
    assert_int_equal(s->closed, 0);
    h2_stream_reset(&s->s, H2_INTERNAL_ERROR);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_RST, 1), 1);
    assert_int_equal(h2peer_rst_code(p, 1), H2_CANCEL);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_CANCELLED);
    assert_false(s->s.unprocessed);
}

static void
request_reset_in_the_turn_of_its_birth_is_headers_and_reset(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false), *next = rig_request(&rig, true);

    (void)state;
    rig_send(s, 100);
    h2_stream_reset(&s->s, H2_CANCEL);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(
        h2peer_count(p, F_DATA, 1),
        0); /* HPACK is in order, so the block must leave; the body need not */
    assert_int_equal(h2peer_count(p, F_ANY, 1), 2);
    assert_int_equal(h2peer_rst_code(p, 1), H2_CANCEL);
    assert_int_equal(h2peer_count(p, F_HEADERS, 3), 1);
    answer(p, 3, true);
    rig_run(&rig);
    assert_int_equal(next->s.close_err, ERR_OK);
}

static void
what_arrives_behind_our_reset_is_dropped_without_an_event(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = open_request();

    (void)state;
    h2_stream_reset(&s->s, H2_CANCEL);
    answer(p, 1, false);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 1000);
    h2peer_headers(p, 1, FL_END_STREAM, "grpc-status", "0", NULL);
    rig_run(&rig);
    assert_int_equal(s->seen & ~H2_EV_DRAINED, H2_EV_CLOSED);
    assert_int_equal(s->got.len + s->s.in.len, 0);
    assert_non_null(rig.conn[H2_UP].h2);
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 0);
}

static void
goaway_splits_streams_at_its_last_id(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        s[i] = open_request();
    h2peer_goaway(p, 3, H2_NO_ERROR, "bye");
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].goaways, 1);
    assert_string_equal(rig.conn[H2_UP].goaway_text, "bye");
    assert_int_equal(s[0]->closed + s[1]->closed, 0);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(s[i]->closed, 1);
        assert_int_equal(s[i]->s.close_err, ERR_GOAWAY);
        assert_true(s[i]->s.unprocessed);
    }
    assert_int_equal(h2_conn_free_streams(rig.conn[H2_UP].h2), 0);
    answer(p, 1, true);
    rig_run(&rig);
    assert_non_null(rig.conn[H2_UP].h2);
    answer(p, 3, true);
    rig_run(&rig);
    assert_int_equal(s[1]->s.close_err, ERR_OK);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
    assert_int_equal(rig.conn[H2_UP].err, ERR_GOAWAY);
}

static void
no_request_is_taken_after_a_goaway(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = open_request(), *late;

    (void)state;
    h2peer_goaway(p, 0x7fffffff, H2_NO_ERROR, "");
    rig_run(&rig);
    assert_int_equal(rig_request_err(&rig, true, &late), ERR_GOAWAY);
    assert_true(h2_conn_draining(rig.conn[H2_UP].h2));
    answer(p, 1, true);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_int_equal(rig.conn[H2_UP].err, ERR_GOAWAY);
}

/* Submitted in the very turn in which the GOAWAY is read, before it could leave. */
static void
goaway_meets_a_request_that_still_waits(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_goaway(p, 0, H2_NO_ERROR, "");
    rig_turns(&rig, 1); /* the peer wrote; ours reads in the next turn */
    s = rig_request(&rig, true);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_true(s->s.unprocessed);
    assert_int_equal(s->s.close_err, ERR_GOAWAY);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
    assert_int_equal(rig.conn[H2_UP].err, ERR_GOAWAY);
}

static void
goaway_text_is_cut_to_128_bytes(void **state)
{
    struct h2peer *p = up_ready();
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    h2peer_goaway(p, 0, H2_ENHANCE_YOUR_CALM, text);
    rig_run(&rig);
    assert_int_equal(strlen(rig.conn[H2_UP].goaway_text), 128);
    assert_int_equal(rig.conn[H2_UP].goaway_code, H2_ENHANCE_YOUR_CALM);
}

static void
connection_lost_after_the_headers_left_proves_nothing(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = open_request();

    (void)state;
    h2peer_hang_up(p);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_CONN_LOST);
    assert_false(s->s.unprocessed);
}

static void
connection_lost_in_the_turn_of_the_request_proves_it_unsent(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    h2peer_hang_up(p); /* before the flush of this turn: the write fails */
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_CONN_LOST);
    assert_true(s->s.unprocessed);
}

/* The pipe takes exactly `room` bytes of the output and no more, so the border of "a byte of the request left" is met in every place. */
static void
connection_lost_at_each_byte_of_the_output(void **state)
{
    (void)state;
    for (size_t room = 60; room < 260; room++) {
        struct rig_conn *c;
        struct rig_stream *s[2];
        size_t start[2];

        c = rig_connect(&rig, H2_UP, room, 0);
        h2peer_set_deaf(c->peer, true);
        s[0] = rig_request(&rig, true);
        s[1] = rig_request(&rig, true);
        rig_run(&rig);
        for (int i = 0; i < 2; i++)
            start[i] = (size_t)s[i]->s.sent_mark; /* nothing but control frames so far */
        h2peer_set_deaf(c->peer, false);
        c->peer->raw = true;
        rig_turns(&rig, 0);
        h2peer_hang_up(c->peer);
        rig_run(&rig);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(s[i]->closed, 1);
            assert_int_equal(s[i]->s.unprocessed, room <= start[i]);
        }
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
rude_frame_of_a_backend_ends_all_streams_with_protocol(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *a = open_request(), *b = open_request();

    (void)state;
    h2peer_frame(p, F_PING, 0, 0, NULL, 7);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].err, ERR_PROTOCOL);
    assert_int_equal(a->s.close_err, ERR_PROTOCOL);
    assert_int_equal(b->s.close_err, ERR_PROTOCOL);
    assert_false(a->s.unprocessed);
    assert_int_equal(h2peer_goaway_code(p), 6); /* FRAME_SIZE_ERROR */
}

static void
malformed_answer_ends_only_its_stream(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *a = open_request(), *b = open_request();

    (void)state;
    h2peer_headers(p, 1, 0, "content-type", "application/grpc", NULL); /* no :status */
    answer(p, 3, true);
    rig_run(&rig);
    assert_int_equal(a->s.close_err, ERR_PROTOCOL);
    assert_false(a->s.unprocessed);
    assert_int_equal(b->s.close_err, ERR_OK);
}

static void
our_close_tells_every_stream_once(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *a = open_request(), *b = rig_request(&rig, false);

    (void)state;
    h2_conn_close(rig.conn[H2_UP].h2, ERR_DRAIN, H2_NO_ERROR, "enough");
    h2_conn_close(rig.conn[H2_UP].h2, ERR_CONN_LOST, H2_NO_ERROR, "again");
    rig_turns(&rig, 1);
    assert_int_equal(a->closed, 1);
    assert_int_equal(b->closed, 1);
    assert_int_equal(a->s.close_err, ERR_DRAIN);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
    assert_int_equal(rig.conn[H2_UP].err, ERR_DRAIN);
    assert_string_equal(rig.conn[H2_UP].note, "enough");
    rig_run(&rig);
    assert_int_equal(h2peer_goaway_code(p), H2_NO_ERROR);
}

static void
stream_ids_near_their_end_retire_the_connection(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s, *late;

    (void)state;
    rig.conn[H2_UP].h2->next_id = (1 << 30) - 1;
    s = rig_request(&rig, true);
    assert_true(h2_conn_draining(rig.conn[H2_UP].h2));
    assert_int_equal(rig_request_err(&rig, true, &late), ERR_GOAWAY);
    rig_run(&rig);
    assert_int_equal(s->closed, 0);
    answer(p, (1 << 30) - 1, true);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_int_equal(rig.conn[H2_UP].err, ERR_DRAIN);
}

static void
stream_limit_of_the_backend_is_known(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_UP, ROOM, 0);
    struct rig_stream *s;

    (void)state;
    rig_run(&rig);
    assert_false(h2_conn_settled(c->h2));
    assert_int_equal(h2_conn_free_streams(c->h2), 100); /* until it says more */
    h2peer_settings(c->peer, 0);
    rig_run(&rig);
    assert_true(h2_conn_settled(c->h2));
    assert_int_equal(c->settings, 1);
    assert_true(h2_conn_free_streams(c->h2) > 1000000);
    h2peer_settings(c->peer, SET_STREAMS, 2, 0);
    rig_run(&rig);
    assert_int_equal(c->settings, 2);
    s = open_request();
    assert_int_equal(h2_conn_free_streams(c->h2), 1);
    h2peer_settings(c->peer, SET_STREAMS, 0, 0);
    rig_run(&rig);
    assert_int_equal(h2_conn_free_streams(c->h2), 0);
    h2peer_settings(c->peer, SET_WINDOW, 100, 0); /* not about streams */
    rig_run(&rig);
    assert_int_equal(c->settings, 3);
    answer(c->peer, 1, true);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
}

/* A cancel is told as soon as its RST_STREAM left, also while a large upload keeps the socket full all the time. */
static void
cancel_is_told_while_the_socket_is_busy(void **state)
{
    struct h2peer *p;
    struct rig_stream *bulk, *s;

    (void)state;
    rig_connect(&rig, H2_UP, 20000, 0);
    p = rig.conn[H2_UP].peer;
    rig_greet(&rig, H2_UP);
    p->thin = true;
    h2peer_u32(p, F_WINDOW, 0, 1 << 30);
    h2peer_settings(p, SET_WINDOW, 1 << 30, 0);
    rig_run(&rig);
    bulk = rig_request(&rig, false);
    s = rig_request(&rig, false);
    rig_send(bulk, 20 * 1000 * 1000);
    rig_turns(&rig, 20);
    h2_stream_reset(&s->s, H2_CANCEL);
    rig_turns(&rig, 400);
    assert_true(bulk->s.out.len > 5 * 1000 * 1000);
    assert_int_equal(h2peer_rst_code(p, s->s.id), H2_CANCEL);
    assert_int_equal(s->closed, 1);
    rig_run(&rig);
    assert_int_equal(p->data_bytes, 20 * 1000 * 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(each_reset_code_of_a_backend_is_kept),
        H2_TEST(no_error_reset_behind_a_whole_answer_is_a_clean_end),
        H2_TEST(no_error_reset_before_the_answer_is_a_reset),
        H2_TEST(error_reset_behind_a_whole_answer_is_a_reset),
        H2_TEST(refused_after_the_answer_began_proves_nothing),
        H2_TEST(our_reset_is_a_cancel_and_the_slot_is_free_when_it_left),
        H2_TEST(request_reset_in_the_turn_of_its_birth_is_headers_and_reset),
        H2_TEST(what_arrives_behind_our_reset_is_dropped_without_an_event),
        H2_TEST(goaway_splits_streams_at_its_last_id),
        H2_TEST(no_request_is_taken_after_a_goaway),
        H2_TEST(goaway_meets_a_request_that_still_waits),
        H2_TEST(goaway_text_is_cut_to_128_bytes),
        H2_TEST(connection_lost_after_the_headers_left_proves_nothing),
        H2_TEST(connection_lost_in_the_turn_of_the_request_proves_it_unsent),
        H2_TEST(connection_lost_at_each_byte_of_the_output),
        H2_TEST(rude_frame_of_a_backend_ends_all_streams_with_protocol),
        H2_TEST(malformed_answer_ends_only_its_stream),
        H2_TEST(our_close_tells_every_stream_once),
        H2_TEST(stream_ids_near_their_end_retire_the_connection),
        H2_TEST(stream_limit_of_the_backend_is_known),
        H2_TEST(cancel_is_told_while_the_socket_is_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A write to a backend fails while its last words lie unread: what they say counts, and nothing new begins on that connection. */
#include "h2test.h"

#include "h2/conn_int.h"

enum { MANY = 100 };

static struct rig_stream *unsent;

static void
goodbye(struct h2peer *p, int32_t last)
{
    h2peer_goaway(p, (uint32_t)last, H2_NO_ERROR, "");
    h2peer_push(p);
}

/* The end of the backend, and something that is to be written: the flush of this turn finds out. */
static void
leave(struct h2peer *p)
{
    unsent = rig_request(&rig, true);
    h2peer_hang_up(p);
}

/* Between the read and the write of one turn: the last words, and the end. */
static void
say_and_leave(struct rig_stream *s, unsigned events)
{
    struct h2peer *p = rig.conn[H2_UP].peer;

    if (!(events & H2_EV_HEADERS) || unsent)
        return;
    answer(p, s->s.id + 2, true);
    goodbye(p, s->s.id + 2);
    leave(p);
}

static void
what_a_backend_said_before_it_left_is_heard_although_a_write_fails(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *first = open_request(), *second = open_request(),
                      *above = open_request();

    (void)state;
    rig.conn[H2_UP].on_events = say_and_leave;
    answer(p, first->s.id, true);
    rig_run(&rig);
    assert_int_equal(first->s.close_err, ERR_OK);
    assert_int_equal(second->s.close_err, ERR_OK);
    assert_int_equal(above->s.close_err, ERR_GOAWAY);
    assert_true(above->s.unprocessed);
    assert_true(unsent->s.unprocessed);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
}

/* ---- what is tried again goes elsewhere ---- */

static unsigned refused, taken;

/* Whatever is told after the write failed is a reason to try another request at once. */
static void
try_again_at_once(struct rig_stream *s, unsigned events)
{
    struct h2peer *p = rig.conn[H2_UP].peer;
    struct h2_conn *c = rig.conn[H2_UP].h2;
    struct rig_stream *again;

    if (!unsent) {
        if (!(events & H2_EV_HEADERS))
            return;
        answer(p, s->s.id + 2, true);
        h2peer_push(p);
        leave(p);
        rig_send(rig_stream(&rig, H2_UP, s->s.id + 4), 10); /* H2_EV_DRAINED */
        return;
    }
    if (h2_conn_draining(c) && h2_conn_free_streams(c) == 0 &&
        rig_request_err(&rig, true, &again) == ERR_GOAWAY)
        refused++;
    else
        taken++;
}

static void
nothing_new_begins_on_a_connection_whose_write_failed(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *first = open_request(), *second = open_request(),
                      *upload = rig_request(&rig, false);

    (void)state;
    rig_run(&rig);
    rig.conn[H2_UP].on_events = try_again_at_once;
    answer(p, first->s.id, true);
    rig_run(&rig);
    assert_int_equal(second->s.close_err, ERR_OK);
    assert_true(upload->seen & H2_EV_DRAINED);
    assert_int_equal(upload->s.close_err, ERR_CONN_LOST);
    assert_int_equal(taken, 0);
    /* The upload drained, an answer, and the end of the two that got none. */
    assert_int_equal(refused, 4);
    assert_int_equal(rig.conn[H2_UP].err, ERR_CONN_LOST);
}

/* ---- more than a turn's share ---- */

static struct rig_stream *many[MANY];

/* Requests on a connection that hears `share` frames in a turn. */
static struct h2peer *
open_many(uint32_t share)
{
    struct h2peer *p;

    rig.conn[H2_UP].lim.max_frames_per_turn = share;
    p = up_ready();
    for (int i = 0; i < MANY; i++)
        many[i] = open_request();
    return p;
}

static int
count_answered(void)
{
    int n = 0;

    for (int i = 0; i < MANY; i++) {
        assert_int_equal(many[i]->closed, 1);
        n += many[i]->s.close_err == ERR_OK;
    }
    return n;
}

static void
answer_rest_and_leave(struct rig_stream *s, unsigned events)
{
    struct h2peer *p = rig.conn[H2_UP].peer;

    if (!(events & H2_EV_HEADERS) || unsent)
        return;
    for (int i = 1; i < MANY; i++)
        answer(p, many[i]->s.id, true);
    goodbye(p, s->s.id + 2 * MANY);
    leave(p);
}

static void
answers_beyond_a_turns_share_are_heard(void **state)
{
    struct h2peer *p = open_many(8);

    (void)state;
    rig.conn[H2_UP].on_events = answer_rest_and_leave;
    answer(p, many[0]->s.id, true);
    rig_run(&rig);
    assert_int_equal(count_answered(), MANY);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
}

static void
leave_at_the_first_answer(struct rig_stream *s, unsigned events)
{
    (void)s;
    if (events & H2_EV_HEADERS && !unsent)
        leave(rig.conn[H2_UP].peer);
}

/* Read before the write, but waiting for the next turn. */
static void
answers_that_wait_for_their_turn_are_heard(void **state)
{
    struct h2peer *p = open_many(8);

    (void)state;
    rig.conn[H2_UP].on_events = leave_at_the_first_answer;
    for (int i = 0; i < MANY; i++)
        answer(p, many[i]->s.id, true);
    rig_run(&rig);
    assert_int_equal(count_answered(), MANY);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
    assert_int_equal(rig.conn[H2_UP].err, ERR_CONN_LOST);
}

/* Who says more than any window lets it say, in small pieces, does not keep the others of the worker waiting. */
static void
last_words_have_an_end(void **state)
{
    struct h2peer *p = open_many(2);
    int answered;

    (void)state;
    rig.conn[H2_UP].on_events = leave_at_the_first_answer;
    for (int i = 0; i < MANY; i++)
        answer(p, many[i]->s.id, true);
    rig_run(&rig);
    answered = count_answered();
    assert_true(answered >= MANY / 2 && answered < MANY);
    assert_int_equal(rig.conn[H2_UP].closes, 1);
}

static int
setup(void **state)
{
    unsent = NULL;
    refused = taken = 0;
    return h2_setup(state);
}

#define LAST_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, h2_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LAST_TEST(what_a_backend_said_before_it_left_is_heard_although_a_write_fails),
        LAST_TEST(nothing_new_begins_on_a_connection_whose_write_failed),
        LAST_TEST(answers_beyond_a_turns_share_are_heard),
        LAST_TEST(answers_that_wait_for_their_turn_are_heard),
        LAST_TEST(last_words_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

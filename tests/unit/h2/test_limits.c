/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and queues: the glitch bucket, the reset bucket, frames queued for a peer that does not read. */
#include "h2test.h"

#include "base/compat.h"
#include "base/slab.h"
#include "h2/conn_int.h"

static struct rig_conn *const down = &rig.conn[H2_DOWN];

/* ---- glitches ---- */

static void
polite_goaway_at_three_quarters_and_the_end_at_all(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.glitch_burst = 100;
    down->lim.glitch_rate = 0;
    p = down_ready();
    p->ack_ping = false;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    h2_conn_glitch(down->h2, 75);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    h2_conn_glitch(down->h2, 1);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 1);
    assert_int_equal(h2peer_goaway_code(p), H2_NO_ERROR);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 0);
    h2_conn_glitch(down->h2, 24);
    rig_run(&rig);
    assert_int_equal(down->closes, 0);
    h2_conn_glitch(down->h2, 1);
    h2peer_frame(p, F_PING, 0, 0, "12345678",
                 8); /* the verdict falls with the next input or output */
    rig_run(&rig);
    assert_int_equal(down->closes, 1);
    assert_int_equal(down->err, ERR_FLOOD);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
}

static void
glitches_are_forgiven_with_time(void **state)
{
    (void)state;
    down->lim.glitch_burst = 100;
    down->lim.glitch_rate = 10;
    down_ready();
    for (int i = 0; i < 30; i++) {
        h2_conn_glitch(down->h2, 50);
        rig_wait_ms(&rig, 5100);
        assert_int_equal(down->closes, 0);
        assert_false(h2_conn_draining(down->h2));
    }
}

static void
a_backend_is_not_drained_for_glitches_but_closed(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_UP].lim.glitch_burst = 100;
    rig.conn[H2_UP].lim.glitch_rate = 0;
    p = up_ready();
    for (int i = 0; i < 100; i++)
        h2peer_frame(p, 0x40, 0, 0, "x", 1);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    assert_false(h2_conn_draining(rig.conn[H2_UP].h2));
    h2peer_frame(p, 0x40, 0, 0, "x", 1);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].err, ERR_FLOOD);
}

/* MadeYouReset (reliability.md A2): resets that the peer's errors force us to send cost the peer. */
static void
resets_that_the_peer_forces_cost_it(void **state)
{
    struct h2peer *p = down_ready();
    int32_t id = 1;

    (void)state;
    p->ack_ping = false; /* the polite GOAWAY at three quarters is not obeyed */
    for (; id < 4000 && down->closes == 0; id += 2) {
        h2peer_call(p, id, 0);
        h2peer_u32(p, F_WINDOW, id,
                   0x7fffffff); /* over 2^31-1: FLOW_CONTROL_ERROR on the stream */
        rig_run(&rig);
    }
    assert_int_equal(down->closes, 1);
    assert_int_equal(down->err, ERR_FLOOD);
    assert_true(id / 2 <= 1002);
}

/* A backend broke many answers in the middle: we reset the client's streams, and the client did nothing wrong. */
static void
resets_that_we_choose_cost_the_client_nothing(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    for (int32_t id = 1; id < 2400; id += 2) {
        h2peer_call(p, id, FL_END_STREAM);
        rig_run(&rig);
        assert_non_null(rig_stream(&rig, H2_DOWN, id));
        h2_stream_reset(&rig_stream(&rig, H2_DOWN, id)->s,
                        id & 2 ? H2_INTERNAL_ERROR : H2_ENHANCE_YOUR_CALM);
        rig_run(&rig);
    }
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 0);
    assert_int_equal(down->closes, 0);
}

/* ---- resets ---- */

static void
rapid_reset_ends_at_the_burst(void **state)
{
    struct h2peer *p;
    unsigned n = 0;

    (void)state;
    down->lim.reset_burst = 50;
    down->lim.reset_rate = 0;
    down->lim.glitch_burst = 100000;
    p = down_ready();
    for (; n < 200 && down->closes == 0; n++) {
        h2peer_call(p, (int32_t)n * 2 + 1, 0);
        h2peer_u32(p, F_RST, (int32_t)n * 2 + 1, H2_CANCEL);
        rig_run(&rig);
    }
    assert_int_equal(n, 51);
    assert_int_equal(down->err, ERR_FLOOD);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
    assert_int_equal(rig_stat(&rig, STAT_RESETS_RECEIVED), 51);
}

static void
resets_within_the_rate_go_on_for_ever(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.reset_burst =
        150; /* the library has a limit of its own at four times this, on a real clock */
    down->lim.reset_rate = 10;
    p = down_ready();
    for (int n = 0; n < 400; n++) {
        h2peer_call(p, n * 2 + 1, 0);
        h2peer_u32(p, F_RST, n * 2 + 1, H2_CANCEL);
        rig_wait_ms(&rig, 100);
    }
    assert_int_equal(down->closes, 0);
}

static void
resets_of_a_backend_are_not_limited(void **state)
{
    struct h2peer *p;

    (void)state;
    rig.conn[H2_UP].lim.reset_burst = 10;
    rig.conn[H2_UP].lim.reset_rate = 0;
    p = up_ready();
    for (int n = 0; n < 100; n++) {
        struct rig_stream *s = rig_request(&rig, true);

        rig_run(&rig);
        h2peer_u32(p, F_RST, s->s.id, H2_INTERNAL_ERROR);
        rig_run(&rig);
        assert_int_equal(s->closed, 1);
    }
    assert_int_equal(rig.conn[H2_UP].closes, 0);
}

/* ---- queues ---- */

/* reliability.md findings 2-4: the peer sends and never reads. Memory must stay small and the connection must end. */
static void
never_reads(int what)
{
    struct h2peer *p;
    size_t most = 0;

    rig_connect(&rig, H2_DOWN, 8192, 0);
    p = down->peer;
    rig_greet(&rig, H2_DOWN);
    down->lim.write_stall_us = 30 * 1000 * 1000;
    down->refuse = true;
    h2peer_set_deaf(p, true);
    for (int i = 0; i < 50000; i++) {
        if (what == 0)
            h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
        else if (what == 1)
            h2peer_settings(p, SET_WINDOW, 1000, 0);
        else
            h2peer_call(p, i * 2 + 1, FL_END_STREAM);
        if (i % 50 == 0) {
            rig_turns(&rig, 10);
            most = slab_bytes_live(rig.slab) > most ? slab_bytes_live(rig.slab) : most;
        }
    }
    rig_wait_ms(&rig, 31 * 1000);
    assert_int_equal(down->closes, 1);
    assert_true(down->err == ERR_FLOOD || down->err == ERR_STALL);
    assert_true(most < 1024 * 1024);
}

static void
pings_to_a_peer_that_never_reads_are_bounded(void **state)
{
    (void)state;
    never_reads(0);
}

static void
settings_to_a_peer_that_never_reads_are_bounded(void **state)
{
    (void)state;
    never_reads(1);
}

static void
refused_streams_of_a_peer_that_never_reads_are_bounded(void **state)
{
    (void)state;
    down->lim.glitch_burst = 1000000;
    never_reads(2);
}

/* Our own output is no fault of the peer: many clients call in one turn, and what the backend says in that turn must not end them all. */
static void
many_requests_in_one_turn_are_no_flood(void **state)
{
    const int many = 3000;
    struct h2peer *p = up_ready();

    (void)state;
    h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_turns(&rig, 1); /* it is in the pipe; ours reads in the next turn */
    for (int i = 0; i < many; i++)
        rig_request(&rig, true);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    assert_int_equal(h2peer_count(p, F_HEADERS, -1), many);
}

static void
many_requests_to_a_slow_backend_are_no_flood(void **state)
{
    const int many = 5000;
    struct h2peer *p;

    (void)state;
    rig_connect(&rig, H2_UP, 4096, 0);
    p = rig.conn[H2_UP].peer;
    rig_greet(&rig, H2_UP);
    h2peer_set_deaf(p, true);
    for (int i = 0; i < many; i++)
        rig_request(&rig, true);
    rig_run(&rig);
    h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "grpc-status", "0", NULL);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    /* An answer must be heard although our own output waits. */
    assert_int_equal(rig_stream(&rig, H2_UP, 1)->closed, 1);
    h2peer_set_deaf(p, false);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_HEADERS, -1), many);
    assert_int_equal(rig_stream(&rig, H2_UP, 1)->s.close_err, ERR_OK);
    assert_int_equal(rig.conn[H2_UP].closes, 0);
}

/* The same towards a client: 3,000 answers wait while it does not read for a moment, then it sends a PING. */
static void
many_answers_to_a_slow_client_are_no_flood(void **state)
{
    const int many = 3000;
    struct h2peer *p;

    (void)state;
    down->lim.max_concurrent_streams = 4000;
    rig_connect(&rig, H2_DOWN, 4096, 0);
    p = down->peer;
    rig_greet(&rig, H2_DOWN);
    for (int i = 0; i < many; i++)
        h2peer_call(p, i * 2 + 1, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(down->opens, many);
    h2peer_set_deaf(p, true);
    for (struct list *n = down->streams.next; n != &down->streams; n = n->next)
        assert_int_equal(rig_respond(CONTAINER_OF(n, struct rig_stream, link), true),
                         ERR_OK);
    rig_run(&rig);
    h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_run(&rig);
    assert_int_equal(down->closes, 0);
    h2peer_set_deaf(p, false);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_HEADERS, -1), many);
    assert_int_equal(h2peer_count(p, F_PING, 0), 1);
    assert_int_equal(down->closes, 0);
}

/* Two proxies in a row, both ways full: each waits for room, and neither may stop reading for its own backlog, or both wait for ever. */
static void
answer_much(struct rig_stream *s, unsigned events)
{
    if (!(events & H2_EV_HEADERS))
        return;
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 20000);
    rig_end(s, true);
    s->s.patient = true;
}

static void
two_full_connections_never_wait_for_each_other(void **state)
{
    const int many = 1000;
    unsigned done = 0;

    (void)state;
    rig_connect_both(&rig, 4096, 0);
    rig_run(&rig);
    down->on_events = answer_much;
    for (int i = 0; i < many; i++) {
        struct rig_stream *s = rig_request(&rig, false);

        rig_send(s, 3000);
        rig_end(s, false);
    }
    rig_run(&rig);
    for (struct list *n = rig.conn[H2_UP].streams.next; n != &rig.conn[H2_UP].streams;
         n = n->next) {
        struct rig_stream *s = CONTAINER_OF(n, struct rig_stream, link);

        done += s->closed && s->s.close_err == ERR_OK && s->got.len == 20000;
    }
    assert_int_equal(done, many);
}

static void
streams_that_the_owner_refuses_are_told_so(void **state)
{
    struct h2peer *p;

    (void)state;
    down->most = 3; /* the owner counts, for it knows which calls are really over */
    p = down_ready();
    for (int i = 0; i < 6; i++)
        h2peer_call(p, i * 2 + 1, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(down->opens, 3);
    for (int i = 3; i < 6; i++)
        assert_int_equal(h2peer_rst_code(p, i * 2 + 1), H2_REFUSED_STREAM);
    assert_int_equal(down->closes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(polite_goaway_at_three_quarters_and_the_end_at_all),
        H2_TEST(glitches_are_forgiven_with_time),
        H2_TEST(a_backend_is_not_drained_for_glitches_but_closed),
        H2_TEST(resets_that_the_peer_forces_cost_it),
        H2_TEST(resets_that_we_choose_cost_the_client_nothing),
        H2_TEST(rapid_reset_ends_at_the_burst),
        H2_TEST(resets_within_the_rate_go_on_for_ever),
        H2_TEST(resets_of_a_backend_are_not_limited),
        H2_TEST(pings_to_a_peer_that_never_reads_are_bounded),
        H2_TEST(settings_to_a_peer_that_never_reads_are_bounded),
        H2_TEST(refused_streams_of_a_peer_that_never_reads_are_bounded),
        H2_TEST(many_requests_in_one_turn_are_no_flood),
        H2_TEST(many_requests_to_a_slow_backend_are_no_flood),
        H2_TEST(many_answers_to_a_slow_client_are_no_flood),
        H2_TEST(two_full_connections_never_wait_for_each_other),
        H2_TEST(streams_that_the_owner_refuses_are_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A pool against backends that a test plays frame by frame: connections, waiting, backoff, GOAWAY. */
#include "poolrig.h"

/* ---- tests ---- */

static void
nothing_is_connected_before_the_first_call(void **state)
{
    (void)state;
    pool_open(2, "round_robin");
    wait_ms(200);
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECTS), 0);
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 1);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_OK);
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECTS), 2);
    answer_all();
    UNTIL(calls[0].closed);
    assert_int_equal(calls[0].s.close_err, ERR_OK);
    assert_int_equal(call_start(1), ERR_OK); /* at once now */
}

static void
round_robin_gives_each_endpoint_its_share(void **state)
{
    unsigned share[3] = { 0 };

    (void)state;
    pool_open(3, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(stat_get(&stats, STAT_UP_OPEN) == 3 && calls[0].done);
    turns();
    for (unsigned i = 1; i <= 30; i++) {
        assert_int_equal(call_start(i), ERR_OK);
        for (int b = 0; b < 3; b++)
            share[b] += strcmp(calls[i].name, backends[b].target) == 0;
    }
    for (int b = 0; b < 3; b++)
        assert_int_equal(share[b], 10);
}

static void
pick_first_stays_with_the_first(void **state)
{
    (void)state;
    pool_open(3, "pick_first");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    for (unsigned i = 1; i < 10; i++) {
        assert_int_equal(call_start(i), ERR_OK);
        assert_string_equal(calls[i].name, backends[0].target);
    }
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECTS), 1);
}

static void
pick_first_goes_on_when_the_first_refuses(void **state)
{
    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(2, "pick_first");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_OK);
    assert_string_equal(calls[0].name, backends[1].target);
}

static void
round_robin_leaves_out_who_refuses(void **state)
{
    (void)state;
    backend_open(1);
    backend_refuse(1);
    pool_open(3, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    turns();
    for (unsigned i = 1; i < 20; i++) {
        assert_int_equal(call_start(i), ERR_OK);
        assert_string_not_equal(calls[i].name, backends[1].target);
    }
}

static void
connections_grow_to_per_endpoint_at_the_stream_limit(void **state)
{
    (void)state;
    backends[0].max_streams = 2;
    conf.connections.per_endpoint = 3;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 9; i++)
        (void)!call_start(i);
    UNTIL(done_count == 6);
    wait_ms(300);
    assert_int_equal(backends[0].accepted, 3);
    assert_int_equal(done_count, 6);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 3);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(calls[i].order, i + 1); /* in order of arrival */
    answer_all();
    UNTIL(done_count == 9);
    assert_int_equal(backends[0].accepted, 3);
    answer_all();
    UNTIL(ended() == 9);
}

static void
a_freed_stream_goes_to_the_first_who_waits(void **state)
{
    (void)state;
    backends[0].max_streams = 1;
    conf.connections.per_endpoint = 1;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(call_start(i), ERR_AGAIN);
    for (unsigned i = 0; i < 4; i++) {
        UNTIL(calls[i].done);
        for (unsigned k = i + 1; k < 4; k++)
            assert_int_equal(calls[k].done, 0);
        answer_all();
    }
    UNTIL(ended() == 4);
}

static void
raised_stream_limit_serves_who_waits(void **state)
{
    (void)state;
    backends[0].max_streams = 1;
    conf.connections.per_endpoint = 1;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(call_start(i), ERR_AGAIN);
    UNTIL(done_count == 1);
    h2peer_settings(&backends[0].conns[0], SET_STREAMS, 10, 0);
    UNTIL(done_count == 4);
}

static void
queue_has_its_limit(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    conf.limits.max_pending_requests = 3;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(call_start(i), ERR_AGAIN);
    assert_int_equal(call_start(3), ERR_QUEUE_FULL);
    assert_int_equal(stat_get(&stats, STAT_PENDING_FULL), 1);
    pool_wait_cancel(&calls[1].wait);
    pool_wait_cancel(&calls[1].wait);
    assert_int_equal(call_start(4), ERR_AGAIN);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 3);
}

static void
waiting_has_its_limit(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    conf.limits.pending_timeout_ms = 3000;
    conf.connections.settings_timeout_ms = 60000;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    wait_ms(1000);
    assert_int_equal(call_start(1), ERR_AGAIN);
    assert_int_equal(call_start(2), ERR_AGAIN);
    pool_wait_cancel(&calls[1].wait);
    wait_ms(1900);
    assert_int_equal(done_count, 0);
    wait_ms(200);
    assert_int_equal(done_count, 1);
    assert_int_equal(calls[0].err, ERR_QUEUE_TIMEOUT);
    wait_ms(1000);
    assert_int_equal(done_count, 2);
    assert_int_equal(calls[1].done, 0);
    assert_int_equal(calls[2].err, ERR_QUEUE_TIMEOUT);
    assert_int_equal(stat_get(&stats, STAT_PENDING_TIMEOUTS), 2);
}

static void
refused_connect_fails_the_waiters_with_its_reason(void **state)
{
    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(done_count == 2);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_int_equal(call_start(2), ERR_NO_ENDPOINT); /* in backoff: at once */
    assert_string_equal(pool_blame(pool, &calls[2].wait), backends[0].target);
    assert_non_null(strstr(pool_last_failure(pool), "refused"));
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECT_FAILED), 1);
}

/* grpc connection-backoff.md: 1 s x 1.6 up to the cap, each +-20 %, from start to start. */
static void
backoff_grows_by_1_6_to_its_cap(void **state)
{
    int64_t last, base = 1000, seen = 1;

    (void)state;
    conf.backoff.max_interval_ms = 10000;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    last = now.now_us / 1000;
    UNTIL(done_count == 1);
    for (int attempt = 0; attempt < 9; attempt++) {
        int64_t gap;

        while (stat_get(&stats, STAT_UP_CONNECTS) == seen) {
            vclock_advance_ms(&now, 5);
            for (int i = 0; i < 3; i++)
                loop_turn(loop, false);
            assert_true(now.now_us / 1000 - last < 20000);
        }
        seen++;
        gap = now.now_us / 1000 - last;
        last = now.now_us / 1000;
        if (gap < base * 80 / 100 - 5 || gap > base * 120 / 100 + 10)
            fail_msg("attempt %d came after %d ms, not %d +-20 %%", attempt, (int)gap,
                     (int)base);
        base = base * 16 / 10 < 10000 ? base * 16 / 10 : 10000;
        turns();
    }
    assert_int_equal(base, 10000);
}

static void
a_backend_that_comes_back_is_used_and_forgiven(void **state)
{
    (void)state;
    backends[0].manner = HANG_UP;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(done_count == 1);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    wait_ms(1300);
    assert_int_equal(backends[0].accepted, 2);
    backends[0].manner = GREET;
    wait_ms(2000);
    assert_int_equal(backends[0].accepted, 3);
    assert_int_equal(call_start(1), ERR_OK);
    answer_all();
    UNTIL(calls[1].closed);
    /* It served: when it goes now, the next attempt comes at once. */
    h2peer_hang_up(&backends[0].conns[2]);
    UNTIL(backends[0].accepted == 4);
    assert_int_equal(stat_get(&stats, STAT_UP_LOST), 1);
}

static void
no_settings_in_time_is_a_failure(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    conf.connections.settings_timeout_ms = 2000;
    conf.limits.pending_timeout_ms = 10000;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    wait_ms(1900);
    assert_int_equal(done_count, 0);
    wait_ms(300);
    assert_int_equal(done_count, 1);
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT);
    assert_non_null(strstr(pool_last_failure(pool), "SETTINGS"));
}

static void
connections_that_never_serve_back_off(void **state)
{
    static const enum manner manners[] = { HANG_UP, GREET_AND_HANG_UP, GREET_AND_GOAWAY,
                                           HTTP1 };

    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(manners); m++) {
        backends[0].manner = manners[m];
        pool_open(1, "round_robin");
        (void)!call_start(0);
        for (int i = 0; i < 100; i++) { /* 10 s */
            wait_ms(100);
            for (unsigned k = 0;
                 manners[m] == GREET_AND_HANG_UP && k < backends[0].accepted; k++)
                h2peer_hang_up(&backends[0].conns[k]);
        }
        if (backends[0].accepted > 22)
            fail_msg("manner %d: %u connections in 10 s", (int)manners[m],
                     backends[0].accepted);
        assert_true(backends[0].accepted >= 2);
        rig_teardown(NULL);
        rig_setup(NULL);
    }
    pool_open(1, "round_robin");
}

static void
what_is_not_http2_is_named(void **state)
{
    (void)state;
    backends[0].manner = HTTP1;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(done_count == 1);
    assert_int_equal(stat_get(&stats, STAT_UP_NOT_HTTP2), 1);
    assert_non_null(strstr(pool_last_failure(pool), "HTTP/1.1"));
}

static void
goaway_moves_new_calls_and_lets_old_ones_end(void **state)
{
    (void)state;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done && h2peer_count(&backends[0].conns[0], F_HEADERS, 1));
    h2peer_goaway(&backends[0].conns[0], 1, H2_NO_ERROR, "");
    UNTIL(backends[0].accepted == 2); /* in its place, without waiting for a call */
    turns();
    assert_int_equal(calls[0].closed, 0);
    assert_int_equal(call_start(1), ERR_OK);
    turns();
    assert_int_equal(h2peer_count(&backends[0].conns[1], F_HEADERS, -1), 1);
    answer_all();
    UNTIL(ended() == 2);
    assert_int_equal(calls[0].s.close_err, ERR_OK);
    assert_int_equal(calls[1].s.close_err, ERR_OK);
    wait_ms(100);
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 1);
}

static void
the_endpoint_of_the_last_try_is_avoided(void **state)
{
    (void)state;
    pool_open(2, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done && stat_get(&stats, STAT_UP_OPEN) == 2);
    turns();
    for (unsigned i = 1; i < 20; i++) {
        const char *before = calls[i - 1].name;

        assert_int_equal(call_start_after(i, i - 1), ERR_OK);
        assert_string_not_equal(calls[i].name, before);
    }
}

static void
avoided_but_alone_is_taken(void **state)
{
    (void)state;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_int_equal(call_start_after(1, 0), ERR_OK);
}

static void
closing_fails_waiters_and_ends_streams(void **state)
{
    (void)state;
    backends[0].max_streams = 1;
    conf.connections.per_endpoint = 1;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[0].done);
    pool_close(pool);
    pool_close(pool);
    assert_int_equal(calls[1].done, 1);
    assert_int_equal(calls[1].err, ERR_DRAIN);
    assert_int_equal(call_start(2), ERR_DRAIN);
    loop_turn(loop, false);
    assert_int_equal(calls[0].closed, 1);
    assert_int_equal(calls[0].s.close_err, ERR_DRAIN);
}

static void
idle_connections_close_and_come_back_with_a_call(void **state)
{
    (void)state;
    conf.connections.idle_timeout_ms = 5000;
    pool_open(2, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    answer_all();
    UNTIL(calls[0].closed);
    wait_ms(6500);
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 0);
    wait_ms(5000);
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECTS), 2); /* no call, no connect */
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_OK);
}

/* gRFC A8: each too_many_pings makes the endpoint's next connection ask half as often. */
static void
too_many_pings_doubles_the_keepalive_time(void **state)
{
    (void)state;
    conf.keepalive = (struct up_keepalive_conf){ .time_ms = 10000,
                                                 .timeout_ms = 2000,
                                                 .without_calls = true };
    conf.connections.idle_timeout_ms = 0;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 3; i++) {
        struct h2peer *p = &backends[0].conns[i];
        int64_t time_ms = 10000 << i;

        if (call_start(i) == ERR_AGAIN) /* the first one connects */
            UNTIL(calls[i].done);
        answer_all();
        UNTIL(calls[i].closed);
        wait_ms(time_ms - 200);
        assert_int_equal(h2peer_count(p, F_PING, 0), 0);
        wait_ms(time_ms * 15 / 100 + 400);
        assert_int_equal(h2peer_count(p, F_PING, 0), 1);
        h2peer_goaway(p, 0x7fffffff, H2_ENHANCE_YOUR_CALM, "too_many_pings");
        turns();
        h2peer_hang_up(p);
        turns();
    }
    assert_int_equal(stat_get(&stats, STAT_KEEPALIVE_TIMEOUTS_UP), 0);
}

static void
a_dead_backend_is_left_after_time_and_timeout(void **state)
{
    (void)state;
    conf.keepalive = (struct up_keepalive_conf){ .time_ms = 10000, .timeout_ms = 2000 };
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    turns();
    backends[0].conns[0].ack_ping = false;
    wait_ms(11500 + 1900);
    assert_int_equal(stat_get(&stats, STAT_KEEPALIVE_PINGS_UP), 1);
    wait_ms(300);
    assert_int_equal(calls[0].closed, 1);
    assert_int_equal(calls[0].s.close_err, ERR_KEEPALIVE);
    assert_int_equal(stat_get(&stats, STAT_UP_LOST), 1);
    assert_non_null(strstr(pool_last_failure(pool), "keepalive PING"));
}

/* A connection that dies takes its calls along, each with one end; those that wait go elsewhere. */
static void
lost_connection_ends_its_calls_once(void **state)
{
    (void)state;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 10; i++)
        (void)!call_start(i);
    UNTIL(done_count == 10 && h2peer_count(&backends[0].conns[0], F_HEADERS, -1) == 10);
    h2peer_hang_up(&backends[0].conns[0]);
    UNTIL(ended() == 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(calls[i].closed, 1);
        assert_int_equal(calls[i].s.close_err, ERR_CONN_LOST);
    }
}

/* A call that is answered and starts the next one from its own end: the pool must not lose a waiter or run in circles. */
static void
many_calls_through_one_stream(void **state)
{
    (void)state;
    backends[0].max_streams = 1;
    conf.connections.per_endpoint = 1;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(call_start(i), ERR_AGAIN);
    for (int i = 0; i < 1000 && ended() < 40; i++)
        answer_all();
    assert_int_equal(ended(), 40);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(calls[i].order, i + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(nothing_is_connected_before_the_first_call),
        POOL_TEST(round_robin_gives_each_endpoint_its_share),
        POOL_TEST(pick_first_stays_with_the_first),
        POOL_TEST(pick_first_goes_on_when_the_first_refuses),
        POOL_TEST(round_robin_leaves_out_who_refuses),
        POOL_TEST(connections_grow_to_per_endpoint_at_the_stream_limit),
        POOL_TEST(a_freed_stream_goes_to_the_first_who_waits),
        POOL_TEST(raised_stream_limit_serves_who_waits),
        POOL_TEST(queue_has_its_limit),
        POOL_TEST(waiting_has_its_limit),
        POOL_TEST(refused_connect_fails_the_waiters_with_its_reason),
        POOL_TEST(backoff_grows_by_1_6_to_its_cap),
        POOL_TEST(a_backend_that_comes_back_is_used_and_forgiven),
        POOL_TEST(no_settings_in_time_is_a_failure),
        POOL_TEST(connections_that_never_serve_back_off),
        POOL_TEST(what_is_not_http2_is_named),
        POOL_TEST(goaway_moves_new_calls_and_lets_old_ones_end),
        POOL_TEST(the_endpoint_of_the_last_try_is_avoided),
        POOL_TEST(avoided_but_alone_is_taken),
        POOL_TEST(closing_fails_waiters_and_ends_streams),
        POOL_TEST(too_many_pings_doubles_the_keepalive_time),
        POOL_TEST(a_dead_backend_is_left_after_time_and_timeout),
        POOL_TEST(idle_connections_close_and_come_back_with_a_call),
        POOL_TEST(lost_connection_ends_its_calls_once),
        POOL_TEST(many_calls_through_one_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool may do at once, with two workers (two pools on one loop), each limit with its sentence; and the replacement of connections that are old or
 * have served enough. */
#include "poolrig.h"

static const char *
sentence(unsigned i, int err)
{
    static char text[POOL_TEXT_MAX];

    return pool_explain(calls[i].wait.pool, &calls[i].wait, err, text);
}

static unsigned
accepted(void)
{
    unsigned n = 0;

    for (int i = 0; i < BACKENDS; i++)
        n += backends[i].accepted;
    return n;
}

/* Both workers have a connection to each endpoint; the two first calls are answered. */
static void
two_workers(size_t endpoints)
{
    pools_open(endpoints, "round_robin", 2);
    for (unsigned i = 0; i < 2; i++)
        (void)!call_start_in(pools[i], 62 + i);
    UNTIL(accepted() == 2 * endpoints && calls[62].done);
    for (int i = 0; i < 2; i++) {
        answer_all();
        wait_ms(20); /* a limit of 1 may keep the second one waiting */
    }
    assert_int_equal(ended(), 2);
}

static void
concurrent_requests_of_all_workers(void **state)
{
    (void)state;
    conf.limits.max_concurrent_requests = 5;
    two_workers(1);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_OK);
    for (unsigned i = 5; i < 9; i++)
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_POOL_LIMIT);
    assert_string_equal(sentence(5, ERR_POOL_LIMIT),
                        "pool app: limits.maxConcurrentRequests (5) reached");
    assert_int_equal(stat_get(&stats, STAT_LIMIT_REQUESTS), 4);
    answer_all();
    call_reset(5);
    assert_int_equal(call_start_in(pools[1], 5), ERR_OK);
}

static void
requests_per_endpoint_of_all_workers(void **state)
{
    (void)state;
    conf.limits.max_requests_per_endpoint = 2;
    two_workers(2);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_OK);
    /* Full: further ones wait, on both workers. */
    assert_int_equal(call_start_in(pools[0], 4), ERR_AGAIN);
    assert_int_equal(call_start_in(pools[1], 5), ERR_AGAIN);
    turns();
    assert_int_equal(accepted(), 4); /* a full endpoint needs no connection */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(atomic_load(&hub->list->rows[i].backend->flying), 2);
    answer_all();
    wait_ms(50); /* the other worker's calls ended without a word to us */
    assert_int_equal(calls[4].done + calls[5].done, 2);
    assert_int_equal(calls[4].err + calls[5].err, 0);
    answer_all();
    assert_int_equal(ended(), 8);
}

static void
requests_per_endpoint_have_their_sentence(void **state)
{
    (void)state;
    conf.limits.max_requests_per_endpoint = 1;
    conf.limits.max_pending_requests = 1;
    two_workers(1);
    assert_int_equal(call_start_in(pools[1], 0), ERR_OK);
    assert_int_equal(call_start_in(pools[0], 1), ERR_AGAIN);
    assert_int_equal(call_start_in(pools[0], 2), ERR_QUEUE_FULL);
    assert_string_equal(sentence(2, ERR_QUEUE_FULL),
                        "pool app: too many calls wait for a connection: "
                        "limits.maxPendingRequests (1) reached; "
                        "limits.maxRequestsPerEndpoint (1) is reached");
    wait_ms(3100);
    assert_int_equal(calls[1].err, ERR_QUEUE_TIMEOUT);
    assert_string_equal(sentence(1, ERR_QUEUE_TIMEOUT),
                        "pool app: the call waited too long for a connection: "
                        "limits.pendingTimeout (3000 ms); "
                        "limits.maxRequestsPerEndpoint (1) is reached");
    assert_true(stat_get(&stats, STAT_LIMIT_ENDPOINT) > 0);
}

static void
connections_of_all_workers(void **state)
{
    (void)state;
    conf.limits.max_connections = 2;
    conf.limits.pending_timeout_ms = 1000;
    backends[0].max_streams = 1;
    pools_open(3, "round_robin", 2);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(call_start_in(pools[0], i), ERR_AGAIN);
    assert_int_equal(call_start_in(pools[1], 4), ERR_AGAIN);
    wait_ms(500);
    assert_int_equal(accepted(), 2);
    assert_int_equal(calls[4].done, 0);
    wait_ms(600);
    assert_int_equal(calls[4].err, ERR_QUEUE_TIMEOUT);
    assert_string_equal(sentence(4, ERR_QUEUE_TIMEOUT),
                        "pool app: the call waited too long for a connection: "
                        "limits.pendingTimeout (1000 ms); "
                        "limits.maxConnections (2) is reached");
    assert_true(stat_get(&stats, STAT_LIMIT_CONNECTIONS) > 0);
    /* One of worker 0's goes: worker 1 takes its place when it needs one. */
    call_reset(4);
    assert_int_equal(call_start_in(pools[1], 4), ERR_AGAIN);
    pool_close(pools[0]);
    wait_ms(100);
    assert_int_equal(calls[4].done, 1);
    assert_int_equal(calls[4].err, ERR_OK);
}

static void
retries_of_all_workers(void **state)
{
    (void)state;
    conf.limits.max_retries = 1;
    two_workers(1);
    calls[0].wait.retry = calls[1].wait.retry = true;
    assert_int_equal(call_start_in(pools[0], 0), ERR_OK);
    assert_int_equal(call_start_in(pools[1], 1), ERR_POOL_LIMIT);
    assert_int_equal(call_start_in(pools[1], 2), ERR_OK);
    assert_memory_equal(sentence(1, ERR_POOL_LIMIT),
                        "pool app: limits.maxRetries (1) reached", 39);
    assert_int_equal(stat_get(&stats, STAT_LIMIT_RETRIES), 1);
}

/* 3 short calls and 2 streams at one time. */
static void
streams_open(void)
{
    conf.limits.max_concurrent_requests = 3;
    conf.limits.max_streams = 2;
    two_workers(1);
}

static void
old_calls_count_as_streams(void **state)
{
    (void)state;
    streams_open();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_OK);
    assert_int_equal(call_start_in(pools[0], 3), ERR_POOL_LIMIT);
    wait_ms(9900);
    call_reset(3);
    assert_int_equal(call_start_in(pools[0], 3), ERR_POOL_LIMIT);
    wait_ms(200); /* two of them are streams now, the third has no place there */
    call_reset(3);
    assert_int_equal(call_start_in(pools[0], 3), ERR_OK);
    assert_int_equal(call_start_in(pools[1], 4), ERR_OK);
    assert_int_equal(call_start_in(pools[0], 5), ERR_POOL_LIMIT);
    assert_int_equal(atomic_load(&hub->levels->streams), 2);
    assert_int_equal(atomic_load(&hub->levels->calls), 3);
}

static void
methods_that_stream_are_remembered(void **state)
{
    (void)state;
    streams_open();
    for (unsigned i = 0; i < 5; i++)
        calls[i].wait.method = 77;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(call_start_in(pools[0], i), ERR_OK);
        pool_is_stream(&calls[i].wait);
    }
    assert_int_equal(atomic_load(&hub->levels->streams), 2);
    assert_int_equal(atomic_load(&hub->levels->calls), 0);
    assert_int_equal(call_start_in(pools[0], 2), ERR_POOL_LIMIT); /* at once */
    assert_string_equal(sentence(2, ERR_POOL_LIMIT),
                        "pool app: limits.maxStreams (2) reached");
    assert_int_equal(stat_get(&stats, STAT_LIMIT_STREAMS), 1);
    for (unsigned i = 10; i < 13; i++) { /* short calls have all their places */
        calls[i].wait.method = 78;
        assert_int_equal(call_start_in(pools[0], i), ERR_OK);
    }
    assert_int_equal(call_start_in(pools[0], 13), ERR_POOL_LIMIT);
}

/* --- connections that are replaced ------------------------------------------------------ */

/* One call at a time without a pause: each must be served at once, but the first. */
static unsigned
run_calls(unsigned n)
{
    unsigned waited = 0;

    for (unsigned k = 0; k < n; k++) {
        call_reset(0);
        waited += call_start(0) != ERR_OK;
        for (int i = 0; i < 5 && !calls[0].closed; i++)
            answer_all();
        assert_int_equal(calls[0].closed, 1);
        assert_int_equal(calls[0].s.close_err, ERR_OK);
    }
    return waited;
}

static void
connections_are_replaced_after_max_requests(void **state)
{
    (void)state;
    conf.connections.max_requests = 20;
    pool_open(1, "round_robin");
    assert_int_equal(run_calls(400), 1);
    assert_in_range(backends[0].accepted, 17, 24);
    wait_ms(100);
    assert_true(stat_get(&stats, STAT_UP_OPEN) <= 2);
    assert_int_equal(stat_get(&stats, STAT_UP_LOST), 0);
    assert_int_equal(stat_get(&stats, STAT_UP_CONNECT_FAILED), 0);
}

static void
a_long_call_does_not_notice_that_its_connection_leaves(void **state)
{
    (void)state;
    conf.connections.max_age_ms = 10000;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    wait_ms(8900);
    assert_int_equal(backends[0].accepted, 1);
    wait_ms(2300);
    assert_int_equal(backends[0].accepted, 2);
    assert_int_equal(calls[1].closed, 0);
    assert_int_equal(call_start(2), ERR_OK);
    assert_ptr_not_equal(calls[2].conn, calls[1].conn);
    answer_all();
    assert_int_equal(ended(), 2);
    assert_int_equal(calls[1].s.close_err, ERR_OK);
    turns();
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 1);
}

/* The old one serves as long as there is no other. */
static void
no_connection_leaves_before_the_next_is_ready(void **state)
{
    (void)state;
    conf.connections.max_requests = 10;
    pool_open(1, "round_robin");
    assert_int_equal(run_calls(5), 1);
    backend_refuse(0);
    assert_int_equal(run_calls(100), 0);
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 1);
    assert_true(stat_get(&stats, STAT_UP_CONNECT_FAILED) >= 1);
}

static void
age_is_spread_by_chance(void **state)
{
    int64_t first = 0, last = 0;

    (void)state;
    conf.connections.max_age_ms = 10000;
    pool_open(6, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(accepted() == 6 && calls[0].done);
    for (int i = 0; i < 260; i++) {
        wait_ms(50);
        if (accepted() > 6 && !first)
            first = 50 * i;
        if (accepted() == 12 && !last)
            last = 50 * i;
    }
    assert_in_range(first, 8900, 10900);
    assert_in_range(last, first + 100, 11100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(concurrent_requests_of_all_workers),
        POOL_TEST(requests_per_endpoint_of_all_workers),
        POOL_TEST(requests_per_endpoint_have_their_sentence),
        POOL_TEST(connections_of_all_workers),
        POOL_TEST(retries_of_all_workers),
        POOL_TEST(old_calls_count_as_streams),
        POOL_TEST(methods_that_stream_are_remembered),
        POOL_TEST(connections_are_replaced_after_max_requests),
        POOL_TEST(a_long_call_does_not_notice_that_its_connection_leaves),
        POOL_TEST(no_connection_leaves_before_the_next_is_ready),
        POOL_TEST(age_is_spread_by_chance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

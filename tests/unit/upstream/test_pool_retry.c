/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool does for calls that are tried again: budget, another endpoint first; and for calls that wait until an endpoint is there. */
#include "poolrig.h"

static void
open_ready(size_t endpoints, const char *policy, size_t workers)
{
    pools_open(endpoints, policy, workers);
    for (size_t i = 0; i < workers; i++)
        (void)!call_start_in(pools[i], 60 + (unsigned)i);
    UNTIL(calls[60].name && (workers < 2 || calls[61].name));
    for (int i = 0; i < 10; i++)
        turns(); /* all endpoints are connected */
    answer_all();
    UNTIL(ended() == workers);
    call_reset(60);
    call_reset(61);
}

/* A call about to be tried again. */
static enum pool_retry
take(struct pool *p, unsigned i)
{
    if (!calls[i].wait.pool)
        pool_wait_init(&calls[i].wait);
    return pool_retry_take(p, &calls[i].wait);
}

/* --- budget ------------------------------------------------------------------------------ */

static void
the_budget_counts_what_all_workers_carry(void **state)
{
    (void)state;
    open_ready(2, "round_robin", 2);
    for (unsigned i = 0; i < 25; i++)
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_OK);
    for (unsigned i = 30; i < 35; i++) { /* 20 % of 25 */
        assert_int_equal(take(pools[i % 2], i), POOL_RETRY_OK);
        calls[i].wait.retry = true;
        assert_int_equal(call_start_in(pools[i % 2], i), ERR_OK);
    }
    assert_int_equal(take(pool, 40), POOL_RETRY_BUDGET);
    /* The answer began: its place is free, and it is still no call that has a share. */
    pool_retry_give(&calls[30].wait);
    pool_retry_give(&calls[30].wait);
    assert_int_equal(take(pool, 40), POOL_RETRY_OK);
    assert_int_equal(take(pool, 40), POOL_RETRY_OK); /* its own */
    assert_int_equal(take(pool, 41), POOL_RETRY_BUDGET);
    answer_all();
    UNTIL(ended() == 30);
    for (unsigned i = 30; i < 35; i++)
        pool_retry_give(&calls[i].wait);
    pool_retry_give(&calls[40].wait);
    assert_int_equal(atomic_load(&hub->levels->loads[0].first), 0);
    for (unsigned i = 0; i < 3; i++) /* nobody is there: the least */
        assert_int_equal(take(pool, 50 + i), POOL_RETRY_OK);
    assert_int_equal(take(pool, 53), POOL_RETRY_BUDGET);
}

static void
calls_that_wait_have_a_share(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    conf.limits.min_retry_concurrency = 0;
    conf.limits.retry_budget = 50;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(call_start(i), ERR_AGAIN);
    for (unsigned i = 10; i < 12; i++)
        assert_int_equal(take(pool, i), POOL_RETRY_OK);
    assert_int_equal(take(pool, 12), POOL_RETRY_BUDGET);
    assert_int_equal(call_start(10), ERR_AGAIN); /* one that is tried again waits, too */
    assert_int_equal(take(pool, 12), POOL_RETRY_BUDGET);
    for (unsigned i = 0; i < 2; i++)
        pool_wait_cancel(&calls[i].wait);
    pool_wait_cancel(&calls[10].wait);
    pool_retry_give(&calls[10].wait);
    assert_int_equal(take(pool, 12), POOL_RETRY_BUDGET);
    pool_retry_give(&calls[11].wait);
    assert_int_equal(take(pool, 12), POOL_RETRY_OK);
}

static void
max_retries_is_taken_with_the_slot(void **state)
{
    (void)state;
    conf.limits.max_retries = 1;
    open_ready(1, "round_robin", 1);
    assert_int_equal(take(pool, 0), POOL_RETRY_OK);
    assert_int_equal(take(pool, 1), POOL_RETRY_LIMIT);
    assert_int_equal(atomic_load(&hub->levels->retry_guard.open), 1);
    assert_int_equal(stat_get(&stats, STAT_LIMIT_RETRIES), 1);
    pool_retry_give(&calls[0].wait);
    assert_int_equal(atomic_load(&hub->levels->retries), 0);
    assert_int_equal(take(pool, 1), POOL_RETRY_OK);
}

/* --- another endpoint first -------------------------------------------------------------- */

static void
all_endpoints_come_before_one_again(void **state)
{
    static const char *const policies[] = { "round_robin", "least_request", "random",
                                            "peak_ewma", "weighted_round_robin" };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(policies); k++) {
        struct pool_tried tried = { 0 };
        unsigned seen = 0;

        open_ready(4, policies[k], 1);
        for (unsigned i = 0; i < 4; i++) {
            calls[i].wait.tried = &tried;
            assert_int_equal(call_start(i), ERR_OK);
            assert_int_equal(tried.n, i + 1);
            seen |= 1u << backend_index(calls[i].name);
        }
        if (seen != 15)
            fail_msg("%s: %x", policies[k], seen);
        calls[4].wait.tried = &tried;
        assert_int_equal(call_start(4), ERR_OK); /* no other is left */
        answer_all();
        UNTIL(ended() == 5);
        pool_tried_done(&tried);
        pool_tried_done(&tried);
        rig_teardown(NULL);
        rig_setup(NULL);
    }
    pool_open(1, "round_robin");
}

static void
a_hash_goes_round_the_ring(void **state)
{
    struct pool_tried tried = { 0 };
    unsigned seen = 0;

    (void)state;
    conf.balance.hash_header = "x-user";
    open_ready(4, "ring_hash", 1);
    for (unsigned i = 10; i < 50; i++) { /* the ring connects only where calls go */
        calls[i].wait.hashed = true;
        calls[i].wait.hash = i * UINT64_C(0x9e3779b97f4a7c15);
        (void)!call_start(i);
        UNTIL(calls[i].name);
    }
    for (unsigned i = 0; i < 3; i++) {
        calls[i].wait.hashed = true;
        calls[i].wait.hash = 4711;
        calls[i].wait.tried = &tried;
        assert_int_equal(call_start(i), ERR_OK);
        seen |= 1u << backend_index(calls[i].name);
    }
    assert_int_equal(__builtin_popcount(seen), 3);
    answer_all();
    UNTIL(ended() == 43);
    pool_tried_done(&tried);
}

static void
an_endpoint_that_was_tried_may_leave(void **state)
{
    struct pool_tried tried = { 0 };

    (void)state;
    open_ready(2, "round_robin", 1);
    calls[0].wait.tried = &tried;
    assert_int_equal(call_start(0), ERR_OK);
    answer_all();
    UNTIL(calls[0].closed);
    call_reset(0);
    list_send((struct row[]){ { .backend = 5 }, { .backend = -1 } });
    turns();
    calls[1].wait.tried = &tried;
    (void)!call_start(1);
    UNTIL(calls[1].name);
    assert_int_equal(backend_index(calls[1].name), 5);
    answer_all();
    UNTIL(calls[1].closed);
    call_reset(1);
    pool_tried_done(&tried);
}

/* Two endpoints; the first is connected and has ended call 0, the second has not answered yet. */
static void
open_with_one_on_its_way(const char *policy)
{
    backends[1].manner = SILENT;
    conf.connections.settings_timeout_ms = 20000;
    conf.limits.pending_timeout_ms = 5000;
    pool_open(2, policy);
    (void)!call_start(0);
    UNTIL(calls[0].name && backends[1].accepted);
    assert_int_equal(backend_index(calls[0].name), 0);
    answer_all();
    UNTIL(calls[0].closed);
}

static void
who_was_refused_waits_for_the_one_that_connects(void **state)
{
    static const char *const policies[] = { "round_robin", "least_request", "random",
                                            "peak_ewma", "weighted_round_robin" };

    (void)state;
    for (size_t k = 0; k < 2 * ARRAY_LEN(policies); k++) {
        struct pool_tried tried = { 0 };
        bool policy = k % 2;

        open_with_one_on_its_way(policies[k / 2]);
        if (policy) {
            calls[1].wait.tried = &tried;
            assert_int_equal(call_start(1), ERR_OK);
            calls[2].wait.tried = &tried;
            assert_int_equal(call_start_after(2, 1), ERR_AGAIN);
        } else {
            assert_int_equal(call_start_after(2, 0), ERR_AGAIN);
        }
        assert_int_equal(call_start(3), ERR_OK); /* it holds up nobody */
        wait_ms(500);
        assert_int_equal(calls[2].done, 0);
        h2peer_settings(&backends[1].conns[0], 0);
        UNTIL(calls[2].done);
        if (calls[2].err != ERR_OK || backend_index(calls[2].name) != 1)
            fail_msg("%s: %d", policies[k / 2], calls[2].err);
        answer_all();
        UNTIL(calls[2].closed && calls[3].closed);
        pool_tried_done(&tried);
        rig_teardown(NULL);
        rig_setup(NULL);
    }
    pool_open(1, "round_robin");
}

static void
one_that_does_not_answer_is_not_waited_for_long(void **state)
{
    (void)state;
    open_with_one_on_its_way("round_robin");
    assert_int_equal(call_start_after(1, 0), ERR_AGAIN);
    wait_ms(950);
    assert_int_equal(calls[1].done, 0);
    wait_ms(150);
    assert_int_equal(calls[1].done, 1);
    assert_int_equal(calls[1].err, ERR_OK);
    assert_int_equal(backend_index(calls[1].name), 0);
    assert_int_equal(call_start_after(2, 0), ERR_OK); /* it has taken too long already */
    answer_all();
    UNTIL(calls[1].closed && calls[2].closed);
}

static void
one_that_fails_is_not_waited_for(void **state)
{
    (void)state;
    open_with_one_on_its_way("round_robin");
    assert_int_equal(call_start_after(1, 0), ERR_AGAIN);
    h2peer_hang_up(&backends[1].conns[0]);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_OK);
    assert_int_equal(backend_index(calls[1].name), 0);
    assert_int_equal(call_start_after(2, 0), ERR_OK); /* in backoff */
    answer_all();
    UNTIL(calls[1].closed && calls[2].closed);
}

static void
who_waits_for_another_one_has_bounds(void **state)
{
    (void)state;
    conf.limits.max_pending_requests = 2;
    open_with_one_on_its_way("round_robin");
    assert_int_equal(call_start_after(1, 0), ERR_AGAIN);
    assert_int_equal(call_start_after(2, 0), ERR_AGAIN);
    assert_int_equal(call_start_after(3, 0),
                     ERR_OK); /* the queue is full: where it was */
    pool_wait_cancel(&calls[1].wait);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 1);
    answer_all();
    UNTIL(calls[3].closed);
    pool_close(pool);
    assert_int_equal(calls[1].done, 0);
    assert_int_equal(calls[2].err, ERR_DRAIN);
}

/* While it waits, the one that it could go back to is lost: it waits for either. */
static void
who_could_go_back_no_more_waits_as_others_do(void **state)
{
    (void)state;
    open_with_one_on_its_way("round_robin");
    assert_int_equal(call_start_after(1, 0), ERR_AGAIN);
    backends[0].manner = SILENT;
    h2peer_hang_up(&backends[0].conns[0]);
    wait_ms(3000);
    assert_int_equal(calls[1].done, 0);
    h2peer_settings(&backends[1].conns[0], 0);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_OK);
    assert_int_equal(backend_index(calls[1].name), 1);
    answer_all();
    UNTIL(calls[1].closed);
}

/* --- a connection that is dying --------------------------------------------------------- */

enum { ANSWERED, ANSWERED_LAST, UNREAD, UNSENT, AGAIN };

static int again_rv;

static void
answer_one(struct h2peer *p, int32_t id)
{
    h2peer_headers(p, id, FL_END_STREAM, ":status", "200", NULL);
    h2peer_push(p);
}

/* Between the read and the write of one turn the backend says its last words and resets the connection; when they are heard, a call is tried again. */
static void
leave_and_try_again(unsigned i)
{
    struct h2peer *p = &backends[0].conns[0];

    if (i == ANSWERED) {
        answer_one(p, calls[ANSWERED_LAST].s.id);
        assert_int_equal(call_start(UNSENT), ERR_OK); /* the write that fails */
        h2peer_hang_up(p);
    } else if (i == ANSWERED_LAST) {
        again_rv = call_start(AGAIN);
    }
}

static void
a_call_is_not_tried_again_on_a_connection_that_is_dying(void **state)
{
    struct h2peer *p = &backends[0].conns[0];

    (void)state;
    again_rv = ERR_OK;
    open_ready(1, "round_robin", 1);
    assert_int_equal(call_start(ANSWERED), ERR_OK);
    assert_int_equal(call_start(ANSWERED_LAST), ERR_OK);
    turns();
    h2peer_set_deaf(p, true);
    assert_int_equal(call_start(UNREAD), ERR_OK); /* closing answers it with a reset */
    turns();
    on_call_closed = leave_and_try_again;
    answer_one(p, calls[ANSWERED].s.id);
    UNTIL(calls[UNSENT].closed);
    on_call_closed = NULL;
    assert_int_equal(calls[ANSWERED_LAST].s.close_err, ERR_OK);
    assert_true(calls[UNSENT].s.unprocessed);
    assert_false(calls[UNREAD].s.unprocessed);
    assert_int_equal(again_rv, ERR_AGAIN); /* it waits for another one */
    UNTIL(calls[AGAIN].done);
    assert_int_equal(calls[AGAIN].err, ERR_OK);
    answer_all();
    UNTIL(calls[AGAIN].closed);
    assert_int_equal(calls[AGAIN].s.close_err, ERR_OK);
    assert_int_equal(backends[0].accepted, 2);
}

/* --- patience ---------------------------------------------------------------------------- */

static void
who_is_patient_waits_for_an_endpoint(void **state)
{
    (void)state;
    backends[0].manner = HANG_UP;
    pool_open(1, "round_robin");
    calls[0].wait.patient = true;
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_NO_ENDPOINT);
    calls[2].wait.patient = true;
    assert_int_equal(call_start(2), ERR_AGAIN);
    assert_int_equal(call_start(3), ERR_NO_ENDPOINT); /* those who wait hold up nobody */
    wait_ms(10000);                                   /* past pendingTimeout */
    assert_int_equal(calls[0].done + calls[2].done, 0);
    backends[0].manner = GREET;
    wait_ms(15000);
    assert_int_equal(calls[0].done, 1);
    assert_int_equal(calls[0].err, ERR_OK);
    assert_int_equal(calls[2].err, ERR_OK);
    assert_true(calls[0].order < calls[2].order);
    answer_all();
    UNTIL(calls[0].closed && calls[2].closed);
}

static void
patience_outlasts_the_queue(void **state)
{
    (void)state;
    backends[0].manner = SILENT;
    conf.limits.pending_timeout_ms = 1000;
    conf.connections.settings_timeout_ms = 600000;
    pool_open(1, "round_robin");
    calls[0].wait.patient = true;
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_int_equal(call_start(1), ERR_AGAIN);
    wait_ms(5000);
    assert_int_equal(calls[0].done, 0);
    assert_int_equal(calls[1].err, ERR_QUEUE_TIMEOUT);
    h2peer_settings(&backends[0].conns[0], 0);
    UNTIL(calls[0].done);
    assert_int_equal(calls[0].err, ERR_OK);
    answer_all();
    UNTIL(calls[0].closed);
}

static void
patience_has_its_bounds(void **state)
{
    (void)state;
    backend_open(0);
    backend_refuse(0);
    conf.limits.max_pending_requests = 2;
    pool_open(1, "round_robin");
    for (unsigned i = 0; i < 3; i++) {
        calls[i].wait.patient = true;
        assert_int_equal(call_start(i), i < 2 ? ERR_AGAIN : ERR_QUEUE_FULL);
    }
    wait_ms(1000);
    pool_wait_cancel(&calls[0].wait);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 1);
    pool_close(pool);
    assert_int_equal(calls[0].done, 0);
    assert_int_equal(calls[1].err, ERR_DRAIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(the_budget_counts_what_all_workers_carry),
        POOL_TEST(calls_that_wait_have_a_share),
        POOL_TEST(max_retries_is_taken_with_the_slot),
        POOL_TEST(all_endpoints_come_before_one_again),
        POOL_TEST(a_hash_goes_round_the_ring),
        POOL_TEST(an_endpoint_that_was_tried_may_leave),
        POOL_TEST(who_was_refused_waits_for_the_one_that_connects),
        POOL_TEST(one_that_does_not_answer_is_not_waited_for_long),
        POOL_TEST(one_that_fails_is_not_waited_for),
        POOL_TEST(who_waits_for_another_one_has_bounds),
        POOL_TEST(who_could_go_back_no_more_waits_as_others_do),
        POOL_TEST(a_call_is_not_tried_again_on_a_connection_that_is_dying),
        POOL_TEST(who_is_patient_waits_for_an_endpoint),
        POOL_TEST(patience_outlasts_the_queue),
        POOL_TEST(patience_has_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

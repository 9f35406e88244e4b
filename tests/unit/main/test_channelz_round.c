/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to workers on a virtual clock: who is told what, when a worker is late, when nobody waits any more, and that ids of sockets mean one socket. The workers' loops are turned by
 * the test. */
#include "main/channelz_round.h"

#include <string.h>

#include "unit.h"

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/channelz.h"
#include "loop/loop.h"
#include "main/channelz_look.h"
#include "main/leave.h"
#include "main/process_int.h"
#include "proxy/down.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/worker.h"
#include "upstream/backend.h"
#include "vclock.h"

enum { WORKERS = 3 };

struct asker {
    struct round_owner owner;
    unsigned told;
    size_t n;
    int late;
    int64_t calls; /* of the first server */
};

static struct vclock clock_;
static struct loop *loop;
static struct shared shared;
static struct worker *workers[WORKERS];
static struct rounds *rounds;
static struct server server;
static struct server_view views[WORKERS];

static void
on_done(struct round_owner *o, const struct look *q, const struct look_found *found,
        size_t n, int late)
{
    struct asker *a = CONTAINER_OF(o, struct asker, owner);

    a->told++;
    a->n = n;
    a->late = late;
    a->calls = 0;
    for (size_t i = 0; q->what == LOOK_SERVERS && i < n; i++)
        a->calls += found[i].sums[0].calls;
    if (q->what == LOOK_SOCKET && n)
        assert_null(found[0].socket);
}

static int
setup(void **state)
{
    (void)state;
    vclock_init(&clock_);
    loop = loop_new(&clock_.source);
    shared = (struct shared){ .main_loop = loop,
                              .workers = WORKERS,
                              .clock = &clock_.source,
                              .max_buffered_bytes = 1 << 20 };
    server = (struct server){ .number = 1, .views = views };
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = worker_new(i, &shared);
        views[i] = (struct server_view){ .gone_calls = (uint64_t)i + 1 };
    }
    rounds = rounds_new(loop, workers, WORKERS);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rounds_stop(rounds);
    for (int i = 0; i < WORKERS; i++)
        worker_join(workers[i]);
    loop_turn(loop, false);
    rounds_free(rounds);
    loop_free(loop);
    return 0;
}

static struct look
servers_question(void)
{
    struct look q = { .what = LOOK_SERVERS, .server_count = 1 };

    q.servers = xcalloc(1, sizeof(struct server *));
    q.servers[0] = &server;
    return q;
}

static void
ask(struct asker *a, const struct look *q, int only)
{
    *a = (struct asker){ .owner.done = on_done, .late = -2 };
    assert_true(rounds_ask(rounds, q, only, &a->owner));
    assert_int_equal(a->told, 0);
}

/* The loops of workers `from` to `to`, then ours. */
static void
turn(int from, int to)
{
    for (int i = from; i <= to; i++)
        loop_turn(workers[i]->loop, false);
    loop_turn(loop, false);
}

static void
all_workers_are_asked_and_one_answer_is_told(void **state)
{
    struct look q = servers_question();
    struct asker a;

    (void)state;
    ask(&a, &q, -1);
    turn(0, 1);
    assert_int_equal(a.told, 0);
    turn(2, 2);
    assert_int_equal(a.told, 1);
    assert_int_equal(a.n, WORKERS);
    assert_int_equal(a.late, -1);
    assert_int_equal(a.calls, 1 + 2 + 3);
    vclock_advance_us(&clock_, 2 * ROUND_WAIT_US);
    turn(0, 2);
    assert_int_equal(a.told, 1);
}

static void
one_worker_is_asked_alone(void **state)
{
    const struct look q = { .what = LOOK_SOCKET, .start = 7 };
    struct asker a;

    (void)state;
    ask(&a, &q, 1);
    turn(1, 1);
    assert_int_equal(a.told, 1);
    assert_int_equal(a.n, 1);
}

static void
a_late_worker_is_named_and_does_no_harm_later(void **state)
{
    struct look q = servers_question();
    struct asker a;

    (void)state;
    ask(&a, &q, -1);
    turn(0, 0);
    turn(2, 2);
    vclock_advance_us(&clock_, ROUND_WAIT_US - 1000);
    loop_turn(loop, false);
    assert_int_equal(a.told, 0);
    vclock_advance_us(&clock_, 20 * 1000);
    loop_turn(loop, false);
    assert_int_equal(a.told, 1);
    assert_int_equal(a.late, 1);
    assert_int_equal(a.n, 0);
    memset(&a, 0xee, sizeof(a)); /* whoever asked is gone */
    turn(1, 1);
}

static void
who_does_not_wait_any_more_is_not_told(void **state)
{
    struct look q = servers_question();
    struct asker a;

    (void)state;
    ask(&a, &q, -1);
    rounds_forget(&a.owner);
    rounds_forget(&a.owner);
    turn(0, 2);
    assert_int_equal(a.told, 0);
}

static void
there_is_a_bound_and_late_ones_count(void **state)
{
    static struct asker a[ROUNDS_MAX], one_more;
    const struct look q = { .what = LOOK_SOCKET, .start = 7 };
    struct look with_server = servers_question();

    (void)state;
    for (int i = 0; i < ROUNDS_MAX; i++)
        ask(&a[i], &q, 0);
    vclock_advance_us(&clock_, 2 * ROUND_WAIT_US);
    loop_turn(loop, false);
    assert_int_equal(a[0].late, 0);
    one_more = (struct asker){ .owner.done = on_done };
    assert_false(rounds_ask(rounds, &with_server, -1, &one_more.owner));
    assert_null(one_more.owner.round);
    turn(0, 0);
    ask(&one_more, &q, 0);
    turn(0, 0);
    assert_int_equal(one_more.told, 1);
}

/* Teardown ends the workers with a question on its way; a backend that it held goes with it. */
static void
what_is_on_its_way_at_the_end_is_freed(void **state)
{
    static struct asker a, b;
    struct addr addr;
    const char *why;
    struct look q = servers_question(), sub = { .what = LOOK_SUBCHANNEL, .max = 10 };

    (void)state;
    assert_int_equal(addr_parse("127.0.0.1:1", false, &addr, &why), ERR_OK);
    sub.backend = backend_new(&addr, WORKERS);
    ask(&a, &q, -1);
    ask(&b, &sub, -1);
    loop_turn(workers[0]->loop, false);
}

/* A call outlives the connection of its client while its backend's stream lives. */
static void
a_client_that_left_its_call_behind_is_no_socket(void **state)
{
    struct down left = { .worker = workers[0], .calls = 1 };
    struct look q = servers_question();
    struct look_found found = { 0 };

    (void)state;
    list_append(&workers[0]->downs, &left.link);
    channelz_look(workers[0], &q, &found);
    assert_int_equal(found.sums[0].calls,
                     1); /* what the listener keeps of those that are gone */
    assert_int_equal(found.sums[0].open, 0);
    look_found_done(&found);

    q.what = LOOK_SOCKETS;
    q.max = 10;
    found = (struct look_found){ 0 };
    channelz_look(workers[0], &q, &found);
    assert_int_equal(found.ref_count, 0);
    look_found_done(&found);

    q.what = LOOK_SOCKET;
    q.start = look_conn_id(WORKERS, 0, 0);
    found = (struct look_found){ 0 };
    channelz_look(workers[0], &q, &found);
    assert_null(found.socket);
    look_found_done(&found);

    list_remove(&left.link);
    xfree(q.servers);
}

/* A question behind "forget it" would come when the listener is freed, or is being freed. */
static void
a_listener_that_workers_forget_is_not_asked_about(void **state)
{
    struct live_server l = { .server = &server };

    (void)state;
    for (l.step = LEAVE_STOPS; l.step < LEAVE_FORGETS; l.step++)
        assert_ptr_equal(leave_server(&l), &server);
    assert_null(leave_server(&l));
}

static void
an_id_means_one_socket(void **state)
{
    int64_t seen[4 * (WORKERS + 1)];
    size_t n = 0;

    (void)state;
    for (uint64_t number = 1; number <= 4; number++) {
        uint64_t got;

        for (size_t w = 0; w < WORKERS; w++) {
            seen[n] = look_conn_id(WORKERS, w, number);
            assert_int_equal(look_id_worker(WORKERS, seen[n], &got), w);
            assert_int_equal(got, number);
            n++;
        }
        seen[n] = look_listen_id(WORKERS, number);
        assert_int_equal(look_id_worker(WORKERS, seen[n], &got), WORKERS);
        assert_int_equal(got, number);
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(seen[i] > 0);
        assert_int_equal(channelz_id_kind(seen[i]), CHANNELZ_SOCKET);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
    }
}

#define ROUND_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ROUND_TEST(all_workers_are_asked_and_one_answer_is_told),
        ROUND_TEST(one_worker_is_asked_alone),
        ROUND_TEST(a_late_worker_is_named_and_does_no_harm_later),
        ROUND_TEST(who_does_not_wait_any_more_is_not_told),
        ROUND_TEST(there_is_a_bound_and_late_ones_count),
        ROUND_TEST(what_is_on_its_way_at_the_end_is_freed),
        ROUND_TEST(a_client_that_left_its_call_behind_is_no_socket),
        ROUND_TEST(a_listener_that_workers_forget_is_not_asked_about),
        ROUND_TEST(an_id_means_one_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

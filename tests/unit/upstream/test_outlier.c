/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep on virtual time: what workers tallied, and what a breaker makes of it. */
#include "poolrig.h"

#include "grpc/status.h"
#include "upstream/judge.h"

static struct judge judge;

/* The first of two backends, with a breaker as the defaults have it but for short waits. */
static struct backend *
breaker_open(void)
{
    conf.outlier.on = true;
    conf.outlier.interval_ms = 10000;
    conf.outlier.consecutive_errors = 0; /* nobody else takes it out */
    conf.outlier.breaker = (struct breaker_conf){ .on = true,
                                                  .consecutive_failures = 5,
                                                  .success_rate = 80,
                                                  .window_ms = 10000,
                                                  .minimum_calls = 5,
                                                  .min_wait_ms = 300,
                                                  .max_wait_ms = 300,
                                                  .min_ready_endpoints = 1 };
    targets[0].target = "127.0.0.1:1";
    targets[1].target = "127.0.0.1:2";
    conf.endpoints.items = targets;
    conf.endpoints.n = 2;
    conf.balance.policy = "round_robin";
    hub = hub_new(loop, w, &rng, NULL, &conf, 1);
    judge_init(&judge, &conf.outlier);
    return hub->list->rows[0].backend;
}

static void
calls_end(struct backend *b, int code, int n)
{
    for (int i = 0; i < n; i++) {
        bool failed, probe, suspect;

        assert_true(backend_admit(b, &probe));
        suspect = judge_status(&judge, b, &b->tally[0], code, &failed);
        if (probe)
            backend_probe_end(b, failed ? BACKEND_PROBE_BAD : BACKEND_PROBE_GOOD);
        if (suspect || probe)
            hub_suspect(hub, b);
    }
    turns();
}

static bool
tripped(struct backend *b)
{
    return atomic_load(&b->down) & BACKEND_TRIPPED;
}

static void
what_failed_before_a_breaker_closed_does_not_trip_it_again(void **state)
{
    struct backend *b = breaker_open();

    (void)state;
    calls_end(b, GRPC_UNAVAILABLE, 5);
    assert_true(tripped(b));
    wait_ms(350);
    calls_end(b, GRPC_UNAVAILABLE, 1);
    assert_true(tripped(b));
    wait_ms(350);
    calls_end(b, GRPC_OK, 1); /* sooner than the window moves on for the first time */
    assert_false(tripped(b));
    calls_end(b, GRPC_OK, 5);
    wait_ms(1500);
    assert_false(tripped(b));
    assert_int_equal(stat_get(&stats, STAT_BREAKER_TRIPS), 1);
    /* What fails from now on counts. */
    calls_end(b, GRPC_UNAVAILABLE, 4);
    wait_ms(1500);
    assert_true(tripped(b));
    assert_int_equal(stat_get(&stats, STAT_BREAKER_TRIPS), 2);
}

static void
probe_begins(struct backend *b)
{
    bool probe;

    assert_true(backend_admit(b, &probe));
    assert_true(probe);
}

/* Calls of another backend fail faster than the main thread looks: the probe has no other word than its end. */
static void
the_end_of_a_probe_is_heard_beside_many_failures(void **state)
{
    struct backend *b = breaker_open(), *other = hub->list->rows[1].backend;
    bool failed;

    (void)state;
    calls_end(b, GRPC_UNAVAILABLE, 5);
    assert_true(tripped(b));
    wait_ms(350);
    probe_begins(b);
    for (int i = 0; i < 1000; i++) {
        if (judge_status(&judge, other, &other->tally[0], GRPC_UNAVAILABLE, &failed))
            hub_suspect(hub, other);
    }
    judge_status(&judge, b, &b->tally[0], GRPC_OK, &failed);
    backend_probe_end(b, BACKEND_PROBE_GOOD);
    hub_suspect(hub, b);
    turns();
    assert_false(tripped(b));
}

/* Two workers saw that the probe is open, and the other one was faster. */
static void
who_comes_late_for_the_probe_does_not_wait_for_nothing(void **state)
{
    struct backend *b;
    bool probe;

    (void)state;
    conf.outlier.on = conf.outlier.breaker.on = true;
    conf.health_check.panic_threshold = 0;
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].name);
    answer_all();
    UNTIL(calls[0].closed);
    b = hub->list->rows[0].backend;
    hub_mark(hub, b, BACKEND_TRIPPED, true, "the test says so");
    atomic_store(&b->probe, BACKEND_PROBE_OPEN);
    turns();
    assert_true(backend_admit(b, &probe) && probe);
    assert_int_equal(call_start(1), ERR_AGAIN); /* the policy has not seen it yet */
    turns();
    assert_int_equal(calls[1].done, 1);
    assert_int_equal(calls[1].err, ERR_NO_ENDPOINT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(the_end_of_a_probe_is_heard_beside_many_failures),
        POOL_TEST(who_comes_late_for_the_probe_does_not_wait_for_nothing),
        POOL_TEST(what_failed_before_a_breaker_closed_does_not_trip_it_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

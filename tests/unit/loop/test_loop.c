/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: what runs in which order, and what other threads may do. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;
static char order[64]; /* a letter per thing that ran */

static int
setup(void **state)
{
    (void)state;
    order[0] = '\0';
    loop = loop_new(vclock_init(&clock_now));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void
note(void *arg)
{
    size_t n = strlen(order);

    assert_true(n + 1 < sizeof(order));
    order[n] = *(const char *)arg;
    order[n + 1] = '\0';
}

static void
note_timer(struct timer *t)
{
    (void)t;
    note("T");
}

static void
note_free(struct ref *r)
{
    (void)r;
    note("R");
}

static struct ref closed;

static void
close_and_note(void *arg)
{
    note(arg);
    ref_drop(&closed, loop_reaper(loop));
}

static void
a_turn_runs_timers_posts_hooks_and_the_reaper(void **state)
{
    struct timer t;

    (void)state;
    ref_init(&closed, note_free);
    timer_init(&t, note_timer);
    loop_add_turn_hook(loop, note, "1");
    loop_add_turn_hook(loop, note, "2");
    loop_post(loop, close_and_note, "p");
    loop_post(loop, note, "q");
    timer_start(loop, &t, 0);
    loop_turn(loop, true);
    assert_string_equal(order, "Tpq12R");
}

static void
post_and_note(void *arg)
{
    note(arg);
    loop_post(loop, note, "x");
}

static void
post_from_timer(struct timer *t)
{
    (void)t;
    post_and_note("T");
}

static void
a_post_from_a_callback_runs_in_a_later_turn(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, post_from_timer);
    timer_start(loop, &t, 0);
    loop_post(loop, post_and_note, "p");
    loop_turn(loop, true);
    assert_string_equal(order, "Tp");
    loop_turn(loop, true);
    assert_string_equal(order, "Tpxx");
    loop_turn(loop, true);
    assert_string_equal(order, "Tpxx");
}

static void
many_posts_keep_their_order(void **state)
{
    static char letters[60];

    (void)state;
    for (size_t i = 0; i < sizeof(letters); i++) {
        letters[i] = (char)('0' + i);
        loop_post(loop, note, &letters[i]);
    }
    loop_turn(loop, false);
    assert_int_equal(strlen(order), sizeof(letters));
    assert_memory_equal(order, letters, sizeof(letters));
}

static void
time_stands_still_within_a_turn(void *arg)
{
    int64_t *seen = arg;

    *seen = loop_now_us(loop);
    vclock_advance_ms(&clock_now, 100);
    assert_int_equal(loop_now_us(loop), *seen);
}

static void
the_clock_is_read_once_per_turn(void **state)
{
    int64_t seen, start = clock_now.now_us;

    (void)state;
    loop_post(loop, time_stands_still_within_a_turn, &seen);
    vclock_advance_ms(&clock_now, 5);
    loop_turn(loop, true);
    assert_int_equal(seen, start + 5000);
    assert_int_equal(loop_now_us(loop), start + 105000); /* between turns: the time now */
}

static void
turn_that_takes(void *arg)
{
    vclock_advance_ms(&clock_now, *(const int *)arg);
}

static int64_t
worst_turn(int ms)
{
    struct loop_load load;

    loop_post(loop, turn_that_takes, &ms);
    loop_turn(loop, true);
    loop_load_read(loop, &load);
    return load.worst_us;
}

static void
the_longest_turn_is_remembered_for_a_while(void **state)
{
    struct loop_load load, before;

    (void)state;
    loop_turn(loop, true);
    loop_load_read(loop, &before);
    assert_int_equal(worst_turn(5), 5000);
    assert_int_equal(worst_turn(100), 100000);
    assert_int_equal(worst_turn(1), 100000);
    loop_load_read(loop, &load);
    assert_int_equal(load.busy_us - before.busy_us, 106000);
    vclock_advance_ms(&clock_now, 9800); /* who asks each ten seconds sees it */
    assert_int_equal(worst_turn(95), 100000);
    vclock_advance_ms(&clock_now, 10000); /* and then it is over */
    assert_int_equal(worst_turn(1), 95000);
    assert_int_equal(worst_turn(7), 95000);
    vclock_advance_ms(&clock_now, 9995);
    assert_int_equal(worst_turn(2), 7000);
    vclock_advance_ms(&clock_now, 60000); /* nobody turns: nobody waits either */
    loop_load_read(loop, &load);
    assert_int_equal(load.worst_us, 0);
    assert_int_equal(worst_turn(3), 3000);
}

static void
a_virtual_loop_never_blocks(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, note_timer);
    timer_start(loop, &t, INT64_C(3600) * 1000000);
    for (int i = 0; i < 10; i++)
        loop_turn(loop, true);
    assert_string_equal(order, "");
    timer_stop(loop, &t);
}

static void
stop_here(void *arg)
{
    note("s");
    loop_stop(arg);
}

static void
run_ends_after_the_turn_that_stops_it(void **state)
{
    (void)state;
    loop_post(loop, stop_here, loop);
    loop_post(loop, note, "q");
    loop_run(loop);
    assert_string_equal(order, "sq");
    loop_post(loop, stop_here, loop);
    loop_run(loop); /* it can run again */
    assert_string_equal(order, "sqs");
}

static void
a_stop_before_run_is_not_lost(void **state)
{
    (void)state;
    loop_stop(loop);
    loop_run(loop);
    assert_string_equal(order, "");
}

static void
what_was_not_run_is_dropped_with_the_loop(void **state)
{
    struct loop *other = loop_new(&clock_now.source);

    (void)state;
    loop_post(other, note, "p");
    loop_free(other);
    assert_string_equal(order, "");
}

/* --- with the real clock, blocking --- */

static void
a_waiting_turn_ends_when_its_timer_is_due(void **state)
{
    struct loop *real = loop_new(NULL);
    const int64_t delays[] = { 3000, 1500, 1, 2000 };
    struct timer t;

    (void)state;
    timer_init(&t, note_timer);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        int64_t start = loop_now_us(real);
        int turns = 0;

        order[0] = '\0';
        timer_start(real, &t, delays[i]);
        while (order[0] == '\0' && turns++ < 10)
            loop_turn(real, true);
        assert_string_equal(order, "T");
        assert_true(loop_now_us(real) - start >= delays[i]);
        assert_in_range(turns, 1, 3);
    }
    loop_free(real);
}

static void
an_earlier_timer_rearms_the_wait(void **state)
{
    struct loop *real = loop_new(NULL);
    struct timer late, soon;

    (void)state;
    timer_init(&late, note_timer);
    timer_init(&soon, note_timer);
    timer_start(real, &late, INT64_C(3600) * 1000000);
    loop_post(real, note, "p");
    loop_turn(real, true);
    loop_again(real);
    loop_turn(real, true); /* must not wait for an hour */
    timer_start(real, &soon, 1000);
    for (int i = 0; i < 10 && strcmp(order, "pT") != 0; i++)
        loop_turn(real, true);
    assert_string_equal(order, "pT");
    timer_stop(real, &late);
    loop_free(real);
}

enum { THREADS = 4, POSTS = 500 };

static struct {
    struct loop *loop;
    int next[THREADS];
    int total;
} sink;

struct item {
    int thread, number;
};

static struct item items[THREADS][POSTS];

static void
sink_take(void *arg)
{
    const struct item *item = arg;

    assert_int_equal(item->number, sink.next[item->thread]++);
    if (++sink.total == THREADS * POSTS)
        loop_stop(sink.loop);
}

static void *
post_many(void *arg)
{
    int thread = (int)(intptr_t)arg;

    for (int i = 0; i < POSTS; i++) {
        items[thread][i] = (struct item){ .thread = thread, .number = i };
        loop_post(sink.loop, sink_take, &items[thread][i]);
    }
    return NULL;
}

static void
posts_of_many_threads_all_arrive_in_order(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    memset(&sink, 0, sizeof(sink));
    sink.loop = loop_new(NULL);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    loop_run(sink.loop);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(sink.total, THREADS * POSTS);
    loop_free(sink.loop);
}

struct pong {
    struct loop *mine, *other;
    int left;
};

static void
pong_hit(void *arg)
{
    struct pong *p = arg;

    if (--p->left == 0) {
        loop_stop(p->mine);
        loop_stop(p->other);
        return;
    }

    struct loop *swap = p->mine;

    p->mine = p->other;
    p->other = swap;
    loop_post(p->mine, pong_hit, p);
}

static void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void
two_blocking_loops_wake_each_other(void **state)
{
    struct pong ball = { .mine = loop_new(NULL), .other = loop_new(NULL), .left = 400 };
    struct loop *a = ball.mine, *b = ball.other;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, b), 0);
    loop_post(a, pong_hit, &ball);
    loop_run(a);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(ball.left, 0);
    loop_free(a);
    loop_free(b);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_turn_runs_timers_posts_hooks_and_the_reaper),
        LOOP_TEST(a_post_from_a_callback_runs_in_a_later_turn),
        LOOP_TEST(many_posts_keep_their_order),
        LOOP_TEST(the_clock_is_read_once_per_turn),
        LOOP_TEST(the_longest_turn_is_remembered_for_a_while),
        LOOP_TEST(a_virtual_loop_never_blocks),
        LOOP_TEST(run_ends_after_the_turn_that_stops_it),
        LOOP_TEST(a_stop_before_run_is_not_lost),
        LOOP_TEST(what_was_not_run_is_dropped_with_the_loop),
        LOOP_TEST(a_waiting_turn_ends_when_its_timer_is_due),
        LOOP_TEST(an_earlier_timer_rearms_the_wait),
        LOOP_TEST(posts_of_many_threads_all_arrive_in_order),
        LOOP_TEST(two_blocking_loops_wake_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

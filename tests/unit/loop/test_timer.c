/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: never early, at most a tick late, free to change each other. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "vclock.h"

static const int64_t MS = 1000, HOUR = INT64_C(3600) * 1000000,
                     DAY = INT64_C(24) * 3600 * 1000000;

static struct vclock clock_now;
static struct loop *loop;

static int
setup(void **state)
{
    (void)state;
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
turn_after(int64_t us)
{
    vclock_advance_us(&clock_now, us);
    loop_turn(loop, true);
}

struct probe {
    struct timer timer;
    int fired;
    int64_t again_us; /* starts itself anew after this; < 0: no */
    struct probe *to_stop, *to_start;
};

static void
probe_on_timer(struct timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);

    assert_false(timer_running(t));
    p->fired++;
    if (p->to_stop)
        timer_stop(loop, &p->to_stop->timer);
    if (p->to_start)
        timer_start(loop, &p->to_start->timer, 0);
    if (p->again_us >= 0)
        timer_start(loop, t, p->again_us);
}

static void
probe_init(struct probe *p)
{
    *p = (struct probe){ .again_us = -1 };
    timer_init(&p->timer, probe_on_timer);
}

static void
never_fires_early_and_at_most_a_tick_late(void **state)
{
    const int64_t delays[] = {
        1,        999,       1000,      1001,        63 * MS,         64 * MS,
        65 * MS,  4095 * MS, 4096 * MS, 262144 * MS, 300 * 1000 * MS, 5 * HOUR,
        30 * DAY, 365 * DAY
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        struct probe p;

        probe_init(&p);
        timer_start(loop, &p.timer, delays[i]);
        turn_after(delays[i] - 1);
        assert_int_equal(p.fired, 0);
        assert_true(timer_running(&p.timer));
        turn_after(1 + MS);
        assert_int_equal(p.fired, 1);
        assert_false(timer_running(&p.timer));
        turn_after(DAY);
        assert_int_equal(p.fired, 1);
    }
}

static void
no_delay_means_the_next_turn(void **state)
{
    struct probe p;

    (void)state;
    probe_init(&p);
    timer_start(loop, &p.timer, 0);
    assert_int_equal(timer_wheel_next_us(loop_wheel(loop), loop_now_us(loop)), 0);
    turn_after(0);
    assert_int_equal(p.fired, 1);
    timer_start(loop, &p.timer, -5);
    turn_after(0);
    assert_int_equal(p.fired, 2);
}

static void
a_timer_that_restarts_itself_fires_once_per_turn(void **state)
{
    struct probe p;

    (void)state;
    probe_init(&p);
    p.again_us = 0;
    timer_start(loop, &p.timer, 0);
    for (int i = 1; i <= 5; i++) {
        turn_after(0);
        assert_int_equal(p.fired, i);
    }
    p.again_us = 10 * MS;
    turn_after(0);
    turn_after(9 * MS);
    assert_int_equal(p.fired, 6);
    turn_after(2 * MS);
    assert_int_equal(p.fired, 7);
    timer_stop(loop, &p.timer);
}

static void
a_restart_moves_the_due_time_both_ways(void **state)
{
    struct probe p;

    (void)state;
    probe_init(&p);
    timer_start(loop, &p.timer, 10 * MS);
    timer_start(loop, &p.timer, 100 * MS);
    assert_int_equal(timer_wheel_count(loop_wheel(loop)), 1);
    turn_after(50 * MS);
    assert_int_equal(p.fired, 0);
    timer_start(loop, &p.timer, 5 * MS);
    turn_after(6 * MS);
    assert_int_equal(p.fired, 1);
    turn_after(200 * MS);
    assert_int_equal(p.fired, 1);
}

static void
a_callback_may_stop_one_that_is_due_in_the_same_turn(void **state)
{
    struct probe a, b, c;

    (void)state;
    probe_init(&a);
    probe_init(&b);
    probe_init(&c);
    a.to_stop = &b;
    b.to_stop = &a;
    timer_start(loop, &a.timer, 5 * MS);
    timer_start(loop, &b.timer, 5 * MS);
    timer_start(loop, &c.timer, 5 * MS);
    turn_after(10 * MS);
    assert_int_equal(a.fired + b.fired, 1);
    assert_int_equal(c.fired, 1);
    assert_int_equal(timer_wheel_count(loop_wheel(loop)), 0);
}

static void
what_a_callback_starts_waits_for_a_later_turn(void **state)
{
    struct probe a, b;

    (void)state;
    probe_init(&a);
    probe_init(&b);
    a.to_start = &b;
    timer_start(loop, &a.timer, MS);
    turn_after(5 * MS);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    turn_after(0);
    assert_int_equal(b.fired, 1);
}

static void
a_restart_by_another_callback_beats_being_due(void **state)
{
    struct probe a, b;

    (void)state;
    probe_init(&a);
    probe_init(&b);
    a.to_start = &b;
    timer_start(loop, &a.timer, MS);
    timer_start(loop, &b.timer, MS);
    turn_after(5 * MS);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0); /* it was due, but now waits for its new time */
    turn_after(0);
    assert_int_equal(b.fired, 1);
}

static void
stopping_is_idempotent_and_leaves_nothing_to_wake_for(void **state)
{
    struct probe p[3];
    struct timer_wheel *w = loop_wheel(loop);

    (void)state;
    assert_int_equal(timer_wheel_next_us(w, clock_now.now_us), -1);
    for (int i = 0; i < 3; i++) {
        probe_init(&p[i]);
        timer_stop(loop, &p[i].timer);
    }
    timer_start(loop, &p[0].timer, 10 * MS);
    timer_start(loop, &p[1].timer, 10 * MS);
    timer_start(loop, &p[2].timer, 20 * DAY);
    timer_stop(loop, &p[0].timer);
    timer_stop(loop, &p[0].timer);
    assert_int_equal(timer_wheel_count(w), 2);
    assert_in_range(timer_wheel_next_us(w, clock_now.now_us), 0, 11 * MS);
    timer_stop(loop, &p[1].timer);
    timer_stop(loop, &p[2].timer);
    assert_int_equal(timer_wheel_count(w), 0);
    assert_int_equal(timer_wheel_next_us(w, clock_now.now_us), -1);
    turn_after(30 * DAY);
    assert_int_equal(p[0].fired + p[1].fired + p[2].fired, 0);
}

static void
delays_beyond_a_year_are_a_year(void **state)
{
    struct probe p;

    (void)state;
    probe_init(&p);
    timer_start(loop, &p.timer, INT64_MAX);
    turn_after(365 * DAY - 1);
    assert_int_equal(p.fired, 0);
    turn_after(2 * MS);
    assert_int_equal(p.fired, 1);
}

static void
one_wheel_run_counts_what_it_ran(void **state)
{
    struct timer_wheel *w = loop_wheel(loop);
    struct probe p[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        probe_init(&p[i]);
        timer_start(loop, &p[i].timer, (i + 1) * 10 * MS);
    }
    assert_int_equal(timer_wheel_run(w, clock_now.now_us + 25 * MS), 2);
    assert_int_equal(timer_wheel_run(w, clock_now.now_us + 25 * MS), 0);
    assert_int_equal(timer_wheel_run(w, clock_now.now_us + 35 * MS), 1);
}

/* --- the model: a list of due times --- */

enum { MODEL = 200 };

struct entry {
    struct timer timer;
    bool running;
    int64_t due_us; /* not before this */
    bool zero;      /* due in the next turn */
};

static struct entry entries[MODEL];
static struct rng rng;
static int64_t last_due_us;
static unsigned fired_in_turn;

static int64_t
random_delay(void)
{
    const int64_t spans[] = { 1,         3 * MS,          64 * MS,  100 * MS,
                              5000 * MS, 300 * 1000 * MS, 2 * HOUR, 10 * DAY };

    if (rng_below(&rng, 10) == 0)
        return 0;
    return 1 +
           (int64_t)rng_below(&rng, (uint64_t)spans[rng_below(&rng, ARRAY_LEN(spans))]);
}

static void
entry_start(struct entry *e)
{
    int64_t delay = random_delay();

    timer_start(loop, &e->timer, delay);
    e->running = true;
    e->due_us = clock_now.now_us + delay;
    e->zero = delay == 0;
}

static void
entry_stop(struct entry *e)
{
    timer_stop(loop, &e->timer);
    e->running = false;
}

static void
entry_on_timer(struct timer *t)
{
    struct entry *e = CONTAINER_OF(t, struct entry, timer), *other;

    assert_true(e->running);
    assert_true(e->due_us <= clock_now.now_us);
    if (!e->zero) { /* in the order of the ticks */
        assert_true((e->due_us + 999) / 1000 >= last_due_us / 1000);
        last_due_us = (e->due_us + 999) / 1000 * 1000;
    }
    e->running = false;
    fired_in_turn++;
    other = &entries[rng_below(&rng, MODEL)];
    if (rng_below(&rng, 4) == 0)
        entry_start(other);
    else if (rng_below(&rng, 8) == 0)
        entry_stop(other);
}

/* After a turn nobody may be left who was due a tick ago. */
static void
check_nobody_late(void)
{
    struct timer_wheel *w = loop_wheel(loop);
    int64_t next = timer_wheel_next_us(w, clock_now.now_us), first = INT64_MAX;
    unsigned running = 0;

    for (size_t i = 0; i < MODEL; i++) {
        assert_int_equal(entries[i].running, timer_running(&entries[i].timer));
        if (!entries[i].running)
            continue;
        running++;
        if (!entries[i].zero)
            assert_true(entries[i].due_us > clock_now.now_us - 1000);
        if (entries[i].due_us < first)
            first = entries[i].due_us;
    }
    assert_int_equal(timer_wheel_count(w), running);
    if (running == 0)
        assert_int_equal(next, -1);
    else
        assert_true(next >= 0 && clock_now.now_us + next <= first + 999);
}

static void
agrees_with_a_plain_list(void **state)
{
    (void)state;
    unit_seed(&rng);
    for (size_t i = 0; i < MODEL; i++) {
        entries[i] = (struct entry){ 0 };
        timer_init(&entries[i].timer, entry_on_timer);
    }
    for (int step = 0; step < 4000; step++) {
        for (uint64_t n = rng_below(&rng, 6); n > 0; n--) {
            struct entry *e = &entries[rng_below(&rng, MODEL)];

            if (rng_below(&rng, 4))
                entry_start(e);
            else
                entry_stop(e);
        }
        last_due_us = 0;
        if (rng_below(&rng, 3)) {
            int64_t next = timer_wheel_next_us(loop_wheel(loop), clock_now.now_us);

            turn_after(next > 0 ? next : 0);
        } else {
            turn_after(rng_below(&rng, 50) ? random_delay() : 40 * DAY);
        }
        check_nobody_late();
    }
    assert_true(fired_in_turn > 1000);
    for (size_t i = 0; i < MODEL; i++)
        entry_stop(&entries[i]);
}

#define TIMER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(never_fires_early_and_at_most_a_tick_late),
        TIMER_TEST(no_delay_means_the_next_turn),
        TIMER_TEST(a_timer_that_restarts_itself_fires_once_per_turn),
        TIMER_TEST(a_restart_moves_the_due_time_both_ways),
        TIMER_TEST(a_callback_may_stop_one_that_is_due_in_the_same_turn),
        TIMER_TEST(what_a_callback_starts_waits_for_a_later_turn),
        TIMER_TEST(a_restart_by_another_callback_beats_being_due),
        TIMER_TEST(stopping_is_idempotent_and_leaves_nothing_to_wake_for),
        TIMER_TEST(delays_beyond_a_year_are_a_year),
        TIMER_TEST(one_wheel_run_counts_what_it_ran),
        TIMER_TEST(agrees_with_a_plain_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

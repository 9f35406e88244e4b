/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as callbacks of a turn. */
#include "unit.h"

#include <signal.h>

#include "loop/loop.h"
#include "loop/signal.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;
static int heard[2], last;
static struct signal_watch *watch;

static int
setup(void **state)
{
    (void)state;
    heard[0] = heard[1] = last = 0;
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
hear(void *arg, int signum)
{
    ++*(int *)arg;
    last = signum;
}

static void
hear_and_close(void *arg, int signum)
{
    hear(arg, signum);
    signal_watch_close(watch);
}

static void
a_signal_becomes_a_callback_of_the_next_turn(void **state)
{
    struct signal_watch *term = signal_watch_open(loop, SIGTERM, hear, &heard[0]);
    struct signal_watch *usr1 = signal_watch_open(loop, SIGUSR1, hear, &heard[1]);

    (void)state;
    raise(SIGTERM);
    assert_int_equal(heard[0], 0);
    loop_turn(loop, true);
    assert_int_equal(heard[0], 1);
    assert_int_equal(last, SIGTERM);
    raise(SIGUSR1);
    raise(SIGTERM);
    loop_turn(loop, true);
    assert_int_equal(heard[0], 2);
    assert_int_equal(heard[1], 1);
    signal_watch_close(term);
    signal_watch_close(usr1);
}

static void
a_closed_watch_hears_nothing(void **state)
{
    struct signal_watch *kept = signal_watch_open(loop, SIGUSR1, hear, &heard[0]);
    struct signal_watch *gone = signal_watch_open(loop, SIGUSR1, hear, &heard[1]);

    (void)state;
    raise(SIGUSR1);
    signal_watch_close(gone);
    signal_watch_close(gone);
    signal_watch_close(NULL);
    loop_turn(loop, true);
    assert_int_equal(heard[0], 1);
    assert_int_equal(heard[1], 0);
    signal_watch_close(kept);
}

static void
a_callback_may_close_its_own_watch(void **state)
{
    struct signal_watch *other = signal_watch_open(loop, SIGUSR1, hear, &heard[1]);

    (void)state;
    watch = signal_watch_open(loop, SIGUSR1, hear_and_close, &heard[0]);
    raise(SIGUSR1);
    loop_turn(loop, true);
    raise(SIGUSR1);
    loop_turn(loop, true);
    assert_int_equal(heard[0], 1);
    assert_int_equal(heard[1], 2);
    signal_watch_close(other);
}

#define SIGNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNAL_TEST(a_signal_becomes_a_callback_of_the_next_turn),
        SIGNAL_TEST(a_closed_watch_hears_nothing),
        SIGNAL_TEST(a_callback_may_close_its_own_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness of fds, and closing from inside a callback. */
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;

struct end {
    int fd;
    struct fdwatch *watch;
    int reads, writes;
    struct end *to_close, *to_close_too; /* by the first callback */
    struct timer *to_start;
};

static struct end a, b;

static void
end_close(struct end *e)
{
    fdwatch_close(e->watch);
    e->watch = NULL;
    if (e->fd >= 0)
        close(e->fd);
    e->fd = -1;
}

static void
end_on_ready(void *arg, int what)
{
    struct end *e = arg;

    e->reads += (what & FD_READ) != 0;
    e->writes += (what & FD_WRITE) != 0;
    if (e->to_start)
        timer_start(loop, e->to_start, 0);
    if (e->to_close)
        end_close(e->to_close);
    if (e->to_close_too)
        end_close(e->to_close_too);
}

static int
setup(void **state)
{
    int fds[2];

    (void)state;
    loop = loop_new(vclock_init(&clock_now));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    a = (struct end){ .fd = fds[0] };
    b = (struct end){ .fd = fds[1] };
    a.watch = fdwatch_open(loop, a.fd, end_on_ready, &a);
    b.watch = fdwatch_open(loop, b.fd, end_on_ready, &b);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    end_close(&a);
    end_close(&b);
    loop_free(loop);
    return 0;
}

static void
put_byte(const struct end *e)
{
    assert_int_equal(write(e->fd, "x", 1), 1);
}

static void
tells_only_what_is_wanted(void **state)
{
    (void)state;
    put_byte(&b);
    loop_turn(loop, true);
    assert_int_equal(a.reads + a.writes, 0);
    fdwatch_want(a.watch, true, false);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 1);
    assert_int_equal(a.writes, 0);
    fdwatch_want(a.watch, false, true);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 1);
    assert_int_equal(a.writes, 1);
    fdwatch_want(a.watch, false, false);
    loop_turn(loop, true);
    assert_int_equal(a.reads + a.writes, 2);
}

static void
tells_again_until_the_bytes_are_read(void **state)
{
    char byte;

    (void)state;
    fdwatch_want(a.watch, true, false);
    fdwatch_want(a.watch, true, false);
    put_byte(&b);
    loop_turn(loop, true);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 2);
    assert_int_equal(read(a.fd, &byte, 1), 1);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 2);
}

static void
both_directions_at_once(void **state)
{
    (void)state;
    put_byte(&b);
    fdwatch_want(a.watch, true, true);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 1);
    assert_int_equal(a.writes, 1);
}

static void
the_first_callback_may_close_the_other_and_itself(void **state)
{
    (void)state;
    put_byte(&a);
    put_byte(&b);
    a.to_close = b.to_close_too = &b;
    b.to_close = a.to_close_too = &a;
    fdwatch_want(a.watch, true, true);
    fdwatch_want(b.watch, true, true);
    loop_turn(loop, true);
    assert_int_equal(a.reads + a.writes + b.reads + b.writes, 1);
    loop_turn(loop, true);
    assert_int_equal(a.reads + a.writes + b.reads + b.writes, 1);
}

static void
closing_twice_is_closing_once(void **state)
{
    struct fdwatch *w = a.watch;

    (void)state;
    fdwatch_want(w, true, true);
    fdwatch_close(w);
    fdwatch_close(w);
    fdwatch_close(NULL);
    a.watch = NULL;
    put_byte(&b);
    loop_turn(loop, true);
    assert_int_equal(a.reads + a.writes, 0);
}

static void
a_number_that_is_used_again_is_a_new_watch(void **state)
{
    int number = a.fd;

    (void)state;
    fdwatch_want(a.watch, true, false);
    put_byte(&b);
    end_close(&a);
    a.fd = dup(b.fd);
    assert_int_equal(a.fd, number);
    a.watch = fdwatch_open(loop, a.fd, end_on_ready, &a);
    fdwatch_want(a.watch, false, true);
    loop_turn(loop, true);
    assert_int_equal(a.reads, 0);
    assert_int_equal(a.writes, 1);
}

static int timers_run;

static void
count_timer(struct timer *t)
{
    (void)t;
    timers_run++;
}

static void
a_timer_without_delay_from_a_callback_waits_for_the_next_turn(void **state)
{
    struct timer t;

    (void)state;
    timers_run = 0;
    timer_init(&t, count_timer);
    a.to_start = &t;
    fdwatch_want(a.watch, false, true);
    loop_turn(loop, true);
    assert_int_equal(a.writes, 1);
    assert_int_equal(timers_run, 0);
    fdwatch_want(a.watch, false, false);
    loop_turn(loop, true);
    assert_int_equal(timers_run, 1);
}

static void
a_callback_sees_the_time_of_its_turn(void **state)
{
    struct timer t;

    (void)state;
    timers_run = 0;
    timer_init(&t, count_timer);
    timer_start(loop, &t, 1000);
    fdwatch_want(a.watch, false, true);
    vclock_advance_ms(&clock_now, 10);
    loop_turn(loop, true);
    assert_int_equal(timers_run, 1);
    assert_int_equal(a.writes, 1);
}

#define FD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(tells_only_what_is_wanted),
        FD_TEST(tells_again_until_the_bytes_are_read),
        FD_TEST(both_directions_at_once),
        FD_TEST(the_first_callback_may_close_the_other_and_itself),
        FD_TEST(closing_twice_is_closing_once),
        FD_TEST(a_number_that_is_used_again_is_a_new_watch),
        FD_TEST(a_timer_without_delay_from_a_callback_waits_for_the_next_turn),
        FD_TEST(a_callback_sees_the_time_of_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

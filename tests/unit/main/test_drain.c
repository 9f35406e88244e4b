/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of the end: who is told when, what is closed when, and when it is over. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "loop/loop.h"
#include "main/drain.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;
static struct drain drain;
static struct drain_left open_now;
static struct drain_times times;
static char story[512]; /* what the machine asked for, in order */

static void
tell_story(const char *word)
{
    size_t n = strlen(story);

    snprintf(story + n, sizeof(story) - n, "%s%s", n ? " " : "", word);
}

static void
on_phase(void *arg, enum drain_phase phase)
{
    assert_ptr_equal(arg, story);
    tell_story(drain_word(phase));
}

static void
on_tell(void *arg, bool outbound, int64_t spread_us)
{
    char word[40];

    (void)arg;
    snprintf(word, sizeof(word), "tell-%s-%d", outbound ? "out" : "in",
             (int)(spread_us / 1000));
    tell_story(word);
}

static void
on_untell(void *arg)
{
    (void)arg;
    tell_story("untell");
}

static void
on_close(void *arg, bool outbound)
{
    (void)arg;
    tell_story(outbound ? "close-out" : "close-in");
}

static struct drain_left
on_left(void *arg)
{
    (void)arg;
    return open_now;
}

static void
on_stop(void *arg, struct drain_left left)
{
    (void)arg;
    assert_int_equal(left.calls, open_now.calls);
    tell_story("stop");
}

static struct drain_times
on_times(void *arg)
{
    (void)arg;
    return times;
}

static const struct drain_ops ops = {
    .on_phase = on_phase,
    .tell = on_tell,
    .untell = on_untell,
    .close = on_close,
    .left = on_left,
    .stop = on_stop,
    .times = on_times,
};

static int
setup(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, LOG_TEXT);
    loop = loop_new(vclock_init(&clock_now));
    times = (struct drain_times){ .delay_us = 5000000,
                                  .spread_us = 0,
                                  .timeout_us = 30000000 };
    open_now = (struct drain_left){ .inbound = 2, .outbound = 1, .calls = 3 };
    story[0] = '\0';
    drain_init(&drain, loop, &ops, story);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    drain_stop(&drain);
    loop_free(loop);
    return 0;
}

/* In steps, as the machine looks around every 20 ms. */
static void
pass_ms(int ms)
{
    for (int i = 0; i < ms; i += 10) {
        vclock_advance_ms(&clock_now, 10);
        loop_turn(loop, false);
    }
}

static void
expect(const char *want)
{
    assert_string_equal(story, want);
}

static void
the_end_announces_then_tells_then_waits_for_calls(void **state)
{
    (void)state;
    drain_end(&drain);
    pass_ms(4980);
    expect("announced");
    pass_ms(100);
    expect("announced goaway close-in tell-in-0");
    pass_ms(10000);
    expect("announced goaway close-in tell-in-0");
    open_now = (struct drain_left){ 0 };
    pass_ms(50);
    expect("announced goaway close-in tell-in-0 close-out tell-out-0 stopping stop");
    pass_ms(60000);
    expect("announced goaway close-in tell-in-0 close-out tell-out-0 stopping stop");
}

static void
outbound_stays_until_the_last_inbound_connection_is_gone(void **state)
{
    (void)state;
    times.delay_us = 0;
    drain_end(&drain);
    pass_ms(5000);
    expect("announced goaway close-in tell-in-0");
    open_now.inbound = 0;
    pass_ms(50);
    expect("announced goaway close-in tell-in-0 close-out tell-out-0");
    open_now.outbound = 0; /* but a call is still being cancelled at a backend */
    open_now.calls = 1;
    pass_ms(5000);
    expect("announced goaway close-in tell-in-0 close-out tell-out-0");
    open_now.calls = 0;
    pass_ms(50);
    expect("announced goaway close-in tell-in-0 close-out tell-out-0 stopping stop");
}

static void
the_timeout_ends_all_and_closes_what_is_open(void **state)
{
    (void)state;
    times.delay_us = 0;
    drain_end(&drain);
    pass_ms(29900);
    expect("announced goaway close-in tell-in-0");
    pass_ms(200);
    expect("announced goaway close-in tell-in-0 stopping close-out stop");
}

static void
a_spread_keeps_inbound_open_until_it_is_over(void **state)
{
    (void)state;
    times.delay_us = 0;
    times.spread_us = 8000000;
    drain_end(&drain);
    pass_ms(7900);
    expect("announced goaway tell-in-8000");
    pass_ms(200);
    expect("announced goaway tell-in-8000 close-in tell-in-0");
}

static void
a_spread_ends_when_nobody_is_left(void **state)
{
    (void)state;
    times.delay_us = 0;
    times.spread_us = 8000000;
    drain_end(&drain);
    pass_ms(1000);
    open_now = (struct drain_left){ 0 };
    pass_ms(50);
    expect("announced goaway tell-in-8000 close-in tell-in-0 close-out tell-out-0 "
           "stopping stop");
}

static void
a_second_signal_ends_it_now(void **state)
{
    (void)state;
    drain_end(&drain);
    drain_end(&drain);
    expect("announced stopping close-in close-out stop");
    drain_end(&drain);
    expect("announced stopping close-in close-out stop");
}

static void
an_asked_drain_keeps_the_process_and_its_listeners(void **state)
{
    const char *why = "";

    (void)state;
    assert_true(drain_ask(&drain, &why));
    pass_ms(5100);
    expect("announced goaway tell-in-0");
    open_now = (struct drain_left){ 0 };
    pass_ms(100000);
    expect("announced goaway tell-in-0");
    assert_true(drain_ask(&drain, &why)); /* again: nothing new */
    expect("announced goaway tell-in-0");
    drain_end(&drain);
    expect("announced goaway tell-in-0 close-in tell-in-0 close-out tell-out-0 stopping "
           "stop");
}

static void
the_end_counts_the_delay_that_an_asked_drain_has_waited(void **state)
{
    const char *why = "";

    (void)state;
    assert_true(drain_ask(&drain, &why));
    pass_ms(4000);
    drain_end(&drain);
    pass_ms(900);
    expect("announced");
    pass_ms(200);
    expect("announced goaway close-in tell-in-0");
}

static void
the_timeout_counts_from_the_signal_not_from_the_asked_drain(void **state)
{
    const char *why = "";

    (void)state;
    assert_true(drain_ask(&drain, &why));
    pass_ms(100000);
    drain_end(&drain);
    expect("announced goaway tell-in-0 close-in tell-in-0");
    pass_ms(29900);
    expect("announced goaway tell-in-0 close-in tell-in-0");
    pass_ms(200);
    expect("announced goaway tell-in-0 close-in tell-in-0 stopping close-out stop");
}

static void
undo_brings_it_back_in_both_phases(void **state)
{
    const char *why = "";

    (void)state;
    assert_false(drain_undo(&drain, &why));
    assert_non_null(strstr(why, "nothing to undo"));
    assert_true(drain_ask(&drain, &why));
    assert_true(drain_undo(&drain, &why));
    pass_ms(20000);
    expect("announced serving");
    assert_true(drain_ask(&drain, &why));
    pass_ms(6000);
    assert_true(drain_undo(&drain, &why));
    pass_ms(60000);
    expect("announced serving announced goaway tell-in-0 untell serving");
}

static void
undo_is_too_late_when_the_process_ends(void **state)
{
    const char *why = "";

    (void)state;
    drain_end(&drain);
    assert_false(drain_undo(&drain, &why));
    assert_non_null(strstr(why, "too late"));
    assert_false(drain_ask(&drain, &why));
    expect("announced");
}

static void
a_replaced_process_tells_all_at_once_and_ends(void **state)
{
    (void)state;
    times.spread_us = 2000000;
    drain_replaced(&drain);
    expect("goaway close-in close-out tell-in-2000 tell-out-0");
    pass_ms(10000);
    expect("goaway close-in close-out tell-in-2000 tell-out-0");
    open_now = (struct drain_left){ 0 };
    pass_ms(50);
    expect("goaway close-in close-out tell-in-2000 tell-out-0 stopping stop");
}

/* Between the first words of an upgrade and its last, the process was told to end. */
static void
a_replaced_process_closes_nothing_twice(void **state)
{
    (void)state;
    times.delay_us = 0;
    drain_end(&drain);
    pass_ms(20);
    expect("announced goaway close-in tell-in-0");
    drain_replaced(&drain);
    expect("announced goaway close-in tell-in-0 close-out tell-in-0 tell-out-0");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_end_announces_then_tells_then_waits_for_calls),
        TEST(outbound_stays_until_the_last_inbound_connection_is_gone),
        TEST(the_timeout_ends_all_and_closes_what_is_open),
        TEST(a_spread_keeps_inbound_open_until_it_is_over),
        TEST(a_spread_ends_when_nobody_is_left),
        TEST(a_second_signal_ends_it_now),
        TEST(an_asked_drain_keeps_the_process_and_its_listeners),
        TEST(the_end_counts_the_delay_that_an_asked_drain_has_waited),
        TEST(the_timeout_counts_from_the_signal_not_from_the_asked_drain),
        TEST(undo_brings_it_back_in_both_phases),
        TEST(undo_is_too_late_when_the_process_ends),
        TEST(a_replaced_process_tells_all_at_once_and_ends),
        TEST(a_replaced_process_closes_nothing_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

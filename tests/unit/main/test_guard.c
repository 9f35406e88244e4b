/* SPDX-License-Identifier: Apache-2.0 */
/* When a guarded reload goes back: pure arithmetic, time is what we say. */
#include "main/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"

static const int64_t S = 1000000;
static const int64_t WINDOW = 60 * 1000000LL;

static struct guard guard;
static struct guard_count count;
static int64_t now;

/* So many calls in each of these seconds, noted as the process does. */
static void
run(int seconds, int64_t calls, int64_t failed)
{
    for (int i = 0; i < seconds; i++) {
        now += S;
        count.calls += calls;
        count.failed += failed;
        guard_note(&guard, now, count);
    }
}

static void
start(void)
{
    now = 1000 * S;
    count = (struct guard_count){ 0 };
    guard_init(&guard, WINDOW);
    guard_note(&guard, now, count);
}

static enum guard_verdict
after(int64_t us, int64_t calls, int64_t failed)
{
    count.calls += calls;
    count.failed += failed;
    now += us;
    return guard_look(&guard, now, count);
}

static void
verdicts(void **state)
{
    static const struct {
        int64_t calls_before, failed_before; /* per second, for 60 s */
        int64_t calls, failed;               /* 10 s after the change */
        enum guard_verdict verdict;
        const char *what;
    } rows[] = {
        { 100, 0, 1000, 0, GUARD_WAIT, "all is well" },
        { 100, 0, 1000, 1000, GUARD_BAD, "nothing works any more" },
        { 100, 0, 49, 49, GUARD_WAIT, "too few calls to say" },
        { 100, 0, 50, 50, GUARD_BAD, "just enough" },
        { 100, 0, 50, 4, GUARD_WAIT, "too few failures to say" },
        { 100, 0, 50, 5, GUARD_BAD, "just enough failures" },
        { 100, 0, 1000, 10, GUARD_WAIT, "1 % is forgiven" },
        { 100, 0, 1000, 11, GUARD_BAD, "above 1 %" },
        { 100, 10, 1000, 200, GUARD_WAIT, "exactly double" },
        { 100, 10, 1000, 201, GUARD_BAD, "more than double" },
        { 100, 100, 1000, 1000, GUARD_WAIT, "it was as bad before" },
        { 100, 60, 1000, 1000, GUARD_WAIT, "more than double is impossible" },
        { 0, 0, 1000, 100, GUARD_BAD, "no calls before" },
        { 0, 0, 0, 0, GUARD_WAIT, "no calls at all" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        run(60, rows[i].calls_before, rows[i].failed_before);
        guard_begin(&guard, now, count);
        if (after(10 * S, rows[i].calls, rows[i].failed) != rows[i].verdict)
            fail_msg("%s", rows[i].what);
    }
}

static void
the_window_ends_it(void **state)
{
    (void)state;
    start();
    run(60, 100, 0);
    guard_begin(&guard, now, count);
    assert_int_equal(after(WINDOW - 1, 1000, 0), GUARD_WAIT);
    assert_int_equal(after(1, 0, 0), GUARD_GOOD);
    assert_false(guard.on);
    assert_int_equal(after(S, 1000, 1000), GUARD_GOOD); /* nobody is guarded any more */
}

static void
a_verdict_is_said_once(void **state)
{
    (void)state;
    start();
    guard_begin(&guard, now, count);
    assert_int_equal(after(S, 100, 100), GUARD_BAD);
    assert_int_equal(after(S, 100, 100), GUARD_GOOD);
}

/* What failed an hour ago says nothing about the config of today. */
static void
only_the_window_before_counts(void **state)
{
    (void)state;
    start();
    run(3600, 100, 50);
    run(60, 100, 0);
    guard_begin(&guard, now, count);
    assert_in_range(guard.before.calls, 5900, 6100);
    assert_in_range(guard.before.failed, 0, 50);
    assert_int_equal(after(S, 100, 20), GUARD_BAD);
    start();
    run(3600, 100, 0);
    run(60, 100, 50);
    guard_begin(&guard, now, count);
    assert_int_equal(after(S, 100, 60), GUARD_WAIT);
}

/* Notes may come late or too often; the edge stays within the window. */
static void
odd_notes_do_no_harm(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 1000; i++) {
        now += S / 100;
        count.calls++;
        guard_note(&guard, now, count);
    }
    guard_begin(&guard, now, count);
    assert_true(guard.before.calls > 0 && guard.before.calls <= 1000);
    now += 1000 * S;
    guard_note(&guard, now, count);
    guard_begin(&guard, now, count);
    assert_int_equal(guard.before.calls, 0);
}

static void
without_notes_all_since_the_start_counts(void **state)
{
    struct strbuf out;

    (void)state;
    guard_init(&guard, WINDOW);
    count = (struct guard_count){ .calls = 200, .failed = 100 };
    guard_begin(&guard, 0, count);
    now = 0;
    assert_int_equal(after(S, 80, 60), GUARD_WAIT);
    strbuf_init(&out, 200);
    guard_print(&guard, count, &out);
    assert_string_equal(out.s,
                        "60 of 80 calls failed (75.0 %), in the time before 100 of "
                        "200 (50.0 %)");
    strbuf_done(&out);
    assert_int_equal(guard_step_us(&guard), S);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(the_window_ends_it),
        cmocka_unit_test(a_verdict_is_said_once),
        cmocka_unit_test(only_the_window_before_counts),
        cmocka_unit_test(odd_notes_do_no_harm),
        cmocka_unit_test(without_notes_all_since_the_start_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

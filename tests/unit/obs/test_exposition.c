/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a page of metrics: families, labels with escapes, numbers, and lines that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "obs/exposition.h"

static const char page[] =
    "# HELP a_total How many: {x} \"y\".\n"
    "# TYPE a_total counter\n"
    "a_total 12\n"
    "a_total{side=\"up\",word=\"a\\\\b \\\"c\\\"\\nd\",} 18446744073709551615\n"
    "\n"
    "# a comment\n"
    "# TYPE level gauge\n"
    "level -3.5e2 1712345678\n"
    "# TYPE t_seconds histogram\n"
    "t_seconds_bucket{m=\"x\",le=\"0.1\"} 2\n"
    "t_seconds_bucket{m=\"x\",le=\"+Inf\"} 3\n"
    "t_seconds_sum{m=\"x\"} 0.25\n"
    "t_seconds_count{m=\"x\"} 3";

static void
check(struct slice s, const char *want)
{
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

static void
samples_have_their_family_and_labels(void **state)
{
    struct exposition e = exposition_begin(slice_of(page));
    struct exposition_sample s;
    char room[64];

    (void)state;
    assert_true(exposition_next(&e, &s));
    check(e.family, "a_total");
    check(e.help, "How many: {x} \"y\".");
    assert_int_equal(e.kind, EXPOSITION_COUNTER);
    assert_true(s.whole && s.number == 12 && s.label_count == 0);
    assert_true(exposition_next(&e, &s));
    assert_int_equal(s.label_count, 2);
    check(s.labels[0].name, "side");
    check(s.labels[0].value, "up");
    check(exposition_value(s.labels[1].value, room, sizeof(room)), "a\\b \"c\"\nd");
    check(exposition_value(s.labels[1].value, room, 3), "a\\b");
    assert_true(!s.whole && s.real > 1.8e19); /* larger than any int64_t */
    assert_true(exposition_next(&e, &s));
    check(e.family, "level");
    assert_int_equal(e.help.n, 0);
    assert_true(e.kind == EXPOSITION_GAUGE && !s.whole && s.real == -350.0);
    for (int i = 0; i < 4; i++)
        assert_true(exposition_next(&e, &s));
    check(e.family, "t_seconds");
    check(s.name, "t_seconds_count");
    assert_true(e.kind == EXPOSITION_HISTOGRAM && s.whole && s.number == 3);
    assert_false(exposition_next(&e, &s));
    assert_int_equal(e.bad, 0);
}

static void
lines_that_are_none_are_left_out(void **state)
{
    static const char *const bad[] = { "x",           "x ",          "{a=\"b\"} 1",
                                       "x{a=\"b\" 1", "x{a=b} 1",    "x{a=\"b} 1",
                                       "x{a=\"b\\",   "x one",       "x 1.5.2",
                                       "x{=\"b\"} 1", "x{a=\"b\"}1", "x{" };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exposition_sample s;
        struct exposition e;

        snprintf(text, sizeof(text), "%s\ny 1\n", bad[i]);
        e = exposition_begin(slice_of(text));
        assert_true(exposition_next(&e, &s));
        check(s.name, "y");
        assert_int_equal(e.bad, 1);
        assert_false(exposition_next(&e, &s));
    }
}

/* Each piece of a page can be read without looking behind its end. */
static void
a_page_may_end_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(page); n++) {
        char *piece = xmalloc(n + 1);
        struct exposition e = exposition_begin(slice_make(piece, n));
        struct exposition_sample s;
        size_t count = 0;

        memcpy(piece, page, n);
        while (exposition_next(&e, &s))
            count++;
        assert_true(count <= 7);
        xfree(piece);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_their_family_and_labels),
        cmocka_unit_test(lines_that_are_none_are_left_out),
        cmocka_unit_test(a_page_may_end_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

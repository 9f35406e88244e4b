/* SPDX-License-Identifier: Apache-2.0 */
/* The small ones: slices, clocks, and allocations that never return NULL. */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "base/xalloc.h"

static void
slices_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_of("abc"), slice_make("abcd", 3)));
    assert_false(slice_eq(slice_of("abc"), slice_of("abd")));
    assert_false(slice_eq(slice_of("abc"), slice_of("ab")));
    assert_true(slice_eq(slice_of(NULL), slice_of("")));
    assert_true(slice_eq_str(slice_make("a\0b", 1), "a"));
    assert_false(slice_eq_str(slice_make("a\0b", 3), "a"));
}

static void
a_slice_starts_only_with_what_it_holds(void **state)
{
    (void)state;
    assert_true(slice_starts(slice_of("application/grpc+proto"), "application/grpc"));
    assert_false(slice_starts(slice_make("application/grpc", 5), "application/grpc"));
    assert_true(slice_starts(slice_of(""), ""));
}

static void
the_real_clock_never_steps_back(void **state)
{
    int64_t last = clock_real.now_us(clock_real.arg);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_real.now_us(clock_real.arg);

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_us() > INT64_C(1700000000) * 1000000); /* later than 2023 */
}

static void
copies_of_text_are_terminated(void **state)
{
    char *s = xstrdup("hello");

    (void)state;
    assert_string_equal(s, "hello");
    xfree(s);
    s = xstrndup("hello", 2);
    assert_string_equal(s, "he");
    xfree(s);
    s = xstrndup("hi", 100);
    assert_string_equal(s, "hi");
    xfree(s);
}

static void
an_empty_allocation_is_not_null(void **state)
{
    void *p = xmalloc(0), *q = xcalloc(0, 5), *t = xrealloc(NULL, 0);
    char *cleared = xcalloc(3, 5);

    (void)state;
    assert_non_null(p);
    assert_non_null(q);
    assert_non_null(t);
    for (int i = 0; i < 15; i++)
        assert_int_equal(cleared[i], 0);
    xfree(p);
    xfree(q);
    xfree(t);
    xfree(cleared);
    xfree(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(a_slice_starts_only_with_what_it_holds),
        cmocka_unit_test(the_real_clock_never_steps_back),
        cmocka_unit_test(copies_of_text_are_terminated),
        cmocka_unit_test(an_empty_allocation_is_not_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

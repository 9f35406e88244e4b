/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a watch, one event each, in whatever pieces they come. */
#include "unit.h"

#include "base/compat.h"
#include "base/err.h"
#include "resolve/k8s_lines.h"

static void
lines_are_cut_wherever_the_bytes_are(void **s)
{
    static const char text[] = "one\n\ntwo\nthree\n\n\nfour";
    static const char *const want[] = { "one", "two", "three" };

    (void)s;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct k8s_lines l;
        size_t n = 0;

        k8s_lines_init(&l, 24);
        for (size_t at = 0; at < sizeof(text) - 1; at += step) {
            size_t k = sizeof(text) - 1 - at < step ? sizeof(text) - 1 - at : step;
            struct slice line;

            assert_int_equal(k8s_lines_feed(&l, text + at, k), ERR_OK);
            while (k8s_lines_next(&l, &line) == ERR_OK) {
                assert_true(n < 3);
                assert_true(slice_eq_str(line, want[n]));
                n++;
            }
        }
        assert_int_equal(n, 3);
        k8s_lines_done(&l);
    }
}

static void
a_line_has_a_longest_length(void **s)
{
    struct k8s_lines l;
    struct slice line;

    (void)s;
    k8s_lines_init(&l, 4);
    assert_int_equal(k8s_lines_feed(&l, "1234", 4), ERR_OK);
    assert_int_equal(k8s_lines_next(&l, &line), ERR_AGAIN);
    assert_int_equal(k8s_lines_feed(&l, "\n12", 3), ERR_OK);
    assert_int_equal(k8s_lines_next(&l, &line), ERR_OK);
    assert_int_equal(line.n, 4);
    assert_int_equal(k8s_lines_next(&l, &line), ERR_AGAIN);
    assert_int_equal(k8s_lines_feed(&l, "345", 3), ERR_OK);
    assert_int_equal(k8s_lines_next(&l, &line), ERR_LIMIT);
    k8s_lines_done(&l);
    assert_int_equal(k8s_lines_feed(&l, "12345\n12", 8), ERR_OK);
    assert_int_equal(k8s_lines_next(&l, &line), ERR_LIMIT);
    k8s_lines_done(&l);
    assert_int_equal(k8s_lines_feed(&l, "123456789", 9), ERR_LIMIT);
    k8s_lines_done(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_wherever_the_bytes_are),
        cmocka_unit_test(a_line_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

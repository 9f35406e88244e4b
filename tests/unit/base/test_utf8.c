/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: what is a sequence, and what stands for the bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/utf8.h"

static void
sequences_are_told_from_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        { "a", 1 },
        { "\x7f", 1 },
        { "\xc3\xa4", 2 },
        { "\xe2\x82\xac", 3 },
        { "\xf0\x9f\x99\x82", 4 },
        { "\xf4\x8f\xbf\xbf", 4 },
        { "", 0 },
        { "\x80", 0 }, /* no first byte */
        { "\xc3", 0 }, /* cut */
        { "\xc3z", 0 },
        { "\xe2\x82", 0 },
        { "\xe2\x82z", 0 },
        { "\xc0\x80", 0 }, /* overlong */
        { "\xc1\xbf", 0 },
        { "\xe0\x9f\xbf", 0 },
        { "\xf0\x8f\xbf\xbf", 0 },
        { "\xed\xa0\x80", 0 },     /* surrogate */
        { "\xf4\x90\x80\x80", 0 }, /* above U+10FFFF */
        { "\xff", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice s = slice_of(rows[i].bytes);

        assert_int_equal(utf8_len(s.p, s.n), rows[i].len);
        assert_int_equal(utf8_valid(s), rows[i].len > 0 || s.n == 0);
    }
    assert_true(utf8_valid(slice_of("a\xc3\xa4z")));
    assert_false(utf8_valid(slice_of("a\xc3\xa4z\xc3")));
}

static void
bad_bytes_are_replaced_and_nothing_is_cut_in_two(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(utf8_clean(slice_of("a\xff\xe2\x82z"), "!", out, sizeof(out)), 5);
    assert_memory_equal(out, "a!!!z", 5);
    assert_int_equal(utf8_clean(slice_of("\xff"), UTF8_REPLACEMENT, out, 3), 3);
    assert_memory_equal(out, UTF8_REPLACEMENT, 3);
    assert_int_equal(utf8_clean(slice_of("\xff"), UTF8_REPLACEMENT, out, 2), 0);
    assert_int_equal(utf8_clean(slice_of("a\xe2\x82\xacz"), "!", out, 3), 1);
    assert_int_equal(utf8_clean(slice_of("a\xe2\x82\xacz"), "!", out, 4), 4);
    assert_int_equal(utf8_clean(slice_of("abc"), "!", out, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_told_from_bytes),
        cmocka_unit_test(bad_bytes_are_replaced_and_nothing_is_cut_in_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Comments and trailing commas become blanks; nothing moves, and strings are left alone. */
#include "conf/jsonc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"

static void
comments_and_commas_become_blanks(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "{}", "{}" },
        { "{ // a\n}", "{     \n}" },
        { "{ // a\r\n}", "{     \r\n}" },
        { "{ /* a\nb */ }", "{     \n     }" },
        { "[1,]", "[1 ]" },
        { "[1, ]", "[1  ]" },
        { "[1, // x\n]", "[1      \n]" },
        { "{\"a\":1,}", "{\"a\":1 }" },
        { "[[],]", "[[] ]" },
        { "[\"//\",\"/*\",\",]\"]", "[\"//\",\"/*\",\",]\"]" },
        { "[\"\\\"//\",]", "[\"\\\"//\" ]" },
        { "[\"\\\\\",]", "[\"\\\\\" ]" },
        { "\xef\xbb\xbf{}", "   {}" },
        { "[1 /* , */ , /* x */ ]", "[1                   ]" },
        { "// only", "       " },
        { "/**/{}", "    {}" },
        /* A comma without a value before it stays: that is an error, not a style. */
        { "[,]", "[,]" },
        { "{,}", "{,}" },
        { "[1,,]", "[1,,]" },
        { "{\"a\":,}", "{\"a\":,}" },
        { "[1,2]", "[1,2]" },
        /* A string left open ends at its line, so that the rest is still seen. */
        { "\"a\n//b", "\"a\n   " },
        { "/", "/" },
        { "[1/]", "[1/]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        size_t n = strlen(rows[i].in), at = 0;

        memcpy(text, rows[i].in, n + 1);
        assert_int_equal(jsonc_blank(text, n, &at), 0);
        assert_string_equal(text, rows[i].out);
    }
}

static void
an_open_comment_is_told_with_its_place(void **state)
{
    char text[] = "{ \"a\": 1 /* b * / }", slash_star[] = "/*/";
    size_t at = 0;

    (void)state;
    assert_int_equal(jsonc_blank(text, strlen(text), &at), ERR_SYNTAX);
    assert_int_equal(at, 9);
    assert_int_equal(jsonc_blank(slash_star, 3, &at), ERR_SYNTAX);
    assert_int_equal(at, 0);
}

static void
depth_is_bounded(void **state)
{
    char text[2 * JSONC_DEPTH_MAX + 2];
    size_t at = 0;

    (void)state;
    memset(text, '[', JSONC_DEPTH_MAX);
    memset(text + JSONC_DEPTH_MAX, ']', JSONC_DEPTH_MAX);
    assert_int_equal(jsonc_blank(text, 2 * JSONC_DEPTH_MAX, &at), 0);
    memset(text, '[', JSONC_DEPTH_MAX + 1);
    assert_int_equal(jsonc_blank(text, 2 * JSONC_DEPTH_MAX, &at), ERR_LIMIT);
    assert_int_equal(at, JSONC_DEPTH_MAX);
    /* Brackets in strings do not count; closing too often does not wrap. */
    memset(text, '[', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    assert_int_equal(jsonc_blank(text, sizeof text, &at), 0);
    memset(text, ']', sizeof text);
    assert_int_equal(jsonc_blank(text, sizeof text, &at), 0);
}

static void
only_blanks_are_written(void **state)
{
    static const char letters[] = "{}[],:\"\\/*\n\r 1a\t";
    struct rng rng;

    (void)state;
    rng_seed(&rng, 3);
    for (int round = 0; round < 20000; round++) {
        char text[40], once[40];
        size_t n = rng_below(&rng, sizeof text), at = 0;

        for (size_t i = 0; i < n; i++)
            text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        memcpy(once, text, n);
        if (jsonc_blank(once, n, &at) != 0) {
            assert_true(at < n);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            assert_true(once[i] == text[i] || (once[i] == ' ' && text[i] != '\n'));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_and_commas_become_blanks),
        cmocka_unit_test(an_open_comment_is_told_with_its_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(only_blanks_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

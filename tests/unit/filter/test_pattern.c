/* SPDX-License-Identifier: Apache-2.0 */
/* The four forms of values in rules, and methods as patterns. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "conf/field.h"
#include "filter/pattern.h"

static void
four_forms(void **state)
{
    static const struct {
        const char *pattern, *value;
        bool fits;
    } cases[] = {
        { "abc", "abc", true },   { "abc", "abcd", false }, { "abc", "ab", false },
        { "abc", "", false },     { "abc", "ABC", false },  { "abc*", "abc", true },
        { "abc*", "abcd", true }, { "abc*", "ab", false },  { "abc*", "xabc", false },
        { "*abc", "abc", true },  { "*abc", "xabc", true }, { "*abc", "abcx", false },
        { "*abc", "bc", false },  { "*", "a", true },       { "*", "", false },
        { "", "", true },         { "", "a", false },       { "a-b", "a_b", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pattern p = pattern_read(cases[i].pattern);

        if (pattern_fits(&p, slice_of(cases[i].value)) != cases[i].fits)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].value);
    }
}

static bool
method_is_in(const char *pattern, const char *path)
{
    struct pattern_conf text = { pattern };
    const struct conf_list list = { &text, 1 };
    struct pattern_set s;
    bool fits;

    pattern_set_init(&s, &list, true);
    fits = pattern_set_fits(&s, slice_of(path));
    pattern_set_done(&s);
    return fits;
}

static void
methods_with_or_without_their_slash(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool fits;
    } cases[] = {
        { "a.B/C", "/a.B/C", true },   { "/a.B/C", "/a.B/C", true },
        { "a.B/C", "/a.B/CD", false }, { "a.B/C", "/xa.B/C", false },
        { "a.B/*", "/a.B/C", true },   { "/a.B/*", "/a.B/C", true },
        { "a.*", "/a.B/C", true },     { "a.*", "/ba.B/C", false },
        { "/*", "/a.B/C", true },      { "*", "/a.B/C", true },
        { "*/C", "/a.B/C", true },     { "*C", "/a.B/C", true },
        { "*B/C", "/a.B/C", true },    { "*/D", "/a.B/C", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = "";

        if (pattern_method_valid(cases[i].pattern, &why) != ERR_OK)
            fail_msg("\"%s\": %s", cases[i].pattern, why);
        if (method_is_in(cases[i].pattern, cases[i].path) != cases[i].fits)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].path);
    }
}

static void
a_set_fits_when_one_does(void **state)
{
    struct pattern_conf texts[] = { { "a" }, { "b*" } };
    const struct conf_list list = { texts, 2 }, none = { 0 };
    struct pattern_set s;

    (void)state;
    pattern_set_init(&s, &list, false);
    assert_true(pattern_set_fits(&s, slice_of("a")));
    assert_true(pattern_set_fits(&s, slice_of("bc")));
    assert_false(pattern_set_fits(&s, slice_of("c")));
    pattern_set_done(&s);
    pattern_set_init(&s, &none, false);
    assert_false(pattern_set_fits(&s, slice_of("")));
    pattern_set_done(&s);
}

static void
what_can_never_fit_is_refused(void **state)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        { "a.B", "package.Service/*" },
        { "a.B/", "package.Service/*" },
        { "/a.B/C/D", "package" },
        { "a.B/C?x", "letters, digits" },
        { "/a.B/ *", "letters, digits" },
        { "a.*/C", "at the start" },
        { "*.B/*", "only one" },
        { "**", "only one" },
        { "", "1 to 1024" },
        { "//a.B/C", "package" },
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (pattern_method_valid(bad[i].text, &why) != ERR_SYNTAX)
            fail_msg("\"%s\" is taken", bad[i].text);
        if (!strstr(why, bad[i].part))
            fail_msg("\"%s\": %s", bad[i].text, why);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_forms),
        cmocka_unit_test(methods_with_or_without_their_slash),
        cmocka_unit_test(a_set_fits_when_one_does),
        cmocka_unit_test(what_can_never_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of strangers, step by step: what is JSON, what it says, and where it stops. f_jwt compares the same with jansson. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/jscan.h"

static const char marks[] = {
    [JSCAN_OBJECT] = '{',   [JSCAN_OBJECT_END] = '}', [JSCAN_LIST] = '[',
    [JSCAN_LIST_END] = ']', [JSCAN_KEY] = 'k',        [JSCAN_STRING] = 's',
    [JSCAN_WHOLE] = 'i',    [JSCAN_REAL] = 'r',       [JSCAN_TRUE] = 't',
    [JSCAN_FALSE] = 'f',    [JSCAN_NULL] = 'n',
};

/* One mark per step; "!" at the end when it is bad. */
static const char *
steps(const char *text)
{
    static char out[256], copy[256];
    struct jscan s;
    enum jscan_step step;
    size_t n = 0;

    memcpy(copy, text, strlen(text));
    jscan_init(&s, (uint8_t *)copy, strlen(text));
    while ((step = jscan_next(&s)) > JSCAN_DONE)
        out[n++] = marks[step];
    if (step == JSCAN_BAD) {
        out[n++] = '!';
        assert_int_equal(jscan_next(&s), JSCAN_BAD); /* and so it stays */
    }
    out[n] = '\0';
    return out;
}

static void
steps_follow_the_text(void **state)
{
    (void)state;
    assert_string_equal(steps("{}"), "{}");
    assert_string_equal(steps(" [ ] "), "[]");
    assert_string_equal(steps("{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"x\"}}"),
                        "{kik[tfn]k{ks}}");
    assert_string_equal(steps("\r\n{ \"a\" :\t-1.5e3 , \"b\":0 }\n"), "{krki}");
    assert_string_equal(steps("7"), "i");
    assert_string_equal(steps("\"\""), "s");
}

static void
what_is_not_json_is_bad(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{1:1}",
        "[]x",
        "{}{}",
        "[] []",
        "1 2",
        "tru",
        "True",
        "truex",
        "nul",
        "nan",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\"",
        "\"\t\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "// x\n{}",
        "{}//",
        "\xef\xbb\xbf{}",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "1e400",
        "-1e400",
        "[1]]",
        "{\"a\":1}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *got = steps(bad[i]);

        if (got[strlen(got) - 1] != '!')
            fail_msg("%s was read as %s", bad[i], got);
    }
}

static void
a_nul_byte_is_bad_wherever_it_stands(void **state)
{
    static const char good[] = "{\"a\":[1,\"x\"]}";

    (void)state;
    for (size_t i = 0; i <= sizeof(good) - 1; i++) {
        uint8_t copy[sizeof(good)];
        enum jscan_step step;
        struct jscan s;

        memcpy(copy, good, i);
        copy[i] = '\0';
        memcpy(copy + i + 1, good + i, sizeof(good) - 1 - i);
        jscan_init(&s, copy, sizeof(good));
        while ((step = jscan_next(&s)) > JSCAN_DONE)
            ;
        assert_int_equal(step, JSCAN_BAD);
    }
}

static void
check_string(const char *text, const char *want, size_t n)
{
    char copy[128];
    struct jscan s;

    memcpy(copy, text, strlen(text));
    jscan_init(&s, (uint8_t *)copy, strlen(text));
    assert_int_equal(jscan_next(&s), JSCAN_STRING);
    assert_int_equal(s.text.n, n);
    assert_memory_equal(s.text.p, want, n);
    assert_int_equal(jscan_next(&s), JSCAN_DONE);
}

static void
strings_are_decoded_in_place(void **state)
{
    (void)state;
    check_string("\"plain\"", "plain", 5);
    check_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    check_string("\"a\\u0041b\"", "aAb", 3);
    check_string("\"\\u00e4\\u20AC\\uFFFF\"", "\xc3\xa4\xe2\x82\xac\xef\xbf\xbf", 8);
    check_string("\"\\ud83d\\ude00\\u0001\"", "\xf0\x9f\x98\x80\x01", 5);
    check_string("\"\xc3\xa4\xf0\x9f\x98\x80\\n\x7f\"", "\xc3\xa4\xf0\x9f\x98\x80\n\x7f",
                 8);
    check_string("\"\xf4\x8f\xbf\xbf\"", "\xf4\x8f\xbf\xbf", 4);
}

static void
check_number(const char *text, enum jscan_step want, int64_t whole, double real)
{
    char copy[128];
    struct jscan s;

    memcpy(copy, text, strlen(text));
    jscan_init(&s, (uint8_t *)copy, strlen(text));
    assert_int_equal(jscan_next(&s), want);
    assert_true(slice_eq_str(s.text, text));
    if (want == JSCAN_WHOLE)
        assert_int_equal(s.whole, whole);
    else
        assert_true(s.real == real);
    assert_int_equal(jscan_next(&s), JSCAN_DONE);
}

static void
numbers_are_whole_or_not(void **state)
{
    (void)state;
    check_number("0", JSCAN_WHOLE, 0, 0);
    check_number("-0", JSCAN_WHOLE, 0, 0);
    check_number("1700000000", JSCAN_WHOLE, 1700000000, 0);
    check_number("9223372036854775807", JSCAN_WHOLE, INT64_MAX, 0);
    check_number("-9223372036854775808", JSCAN_WHOLE, INT64_MIN, 0);
    check_number("1.0", JSCAN_REAL, 0, 1.0);
    check_number("1e3", JSCAN_REAL, 0, 1000);
    check_number("-2.5E-1", JSCAN_REAL, 0, -0.25);
    check_number("1e-400", JSCAN_REAL, 0, 0);
}

static void
numbers_have_a_longest_text(void **state)
{
    char text[JSCAN_NUMBER_MAX + 2];

    (void)state;
    memset(text, '1', sizeof(text));
    text[1] = '.';
    text[JSCAN_NUMBER_MAX] = '\0';
    assert_string_equal(steps(text), "r");
    text[JSCAN_NUMBER_MAX] = '1';
    text[JSCAN_NUMBER_MAX + 1] = '\0';
    assert_string_equal(steps(text), "!");
}

static void
nesting_has_an_end(void **state)
{
    char text[2 * JSCAN_DEPTH_MAX + 3] = { 0 };

    (void)state;
    memset(text, '[', JSCAN_DEPTH_MAX);
    memset(text + JSCAN_DEPTH_MAX, ']', JSCAN_DEPTH_MAX);
    assert_int_equal(strlen(steps(text)), 2 * JSCAN_DEPTH_MAX);
    memset(text, '[', JSCAN_DEPTH_MAX + 1);
    memset(text + JSCAN_DEPTH_MAX + 1, ']', JSCAN_DEPTH_MAX + 1);
    assert_int_equal(strlen(steps(text)), JSCAN_DEPTH_MAX + 1);
    assert_int_equal(steps(text)[JSCAN_DEPTH_MAX], '!');
}

/* Reads a whole text by jscan_skip. */
static bool
skips(const char *text)
{
    static struct jscan_keys keys;
    static char copy[16 * 1024];
    struct jscan s;

    memcpy(copy, text, strlen(text));
    jscan_init(&s, (uint8_t *)copy, strlen(text));
    jscan_keys_init(&keys);
    assert_true(jscan_next(&s) > JSCAN_DONE);
    return jscan_skip(&s, &keys) && jscan_next(&s) == JSCAN_DONE;
}

static void
a_key_that_stands_twice_is_seen(void **state)
{
    (void)state;
    assert_true(skips("{\"a\":1,\"b\":{\"a\":1,\"b\":{}},\"c\":[{\"a\":1},{\"a\":2}]}"));
    assert_false(skips("{\"a\":1,\"a\":1}"));
    assert_false(skips("{\"a\":1,\"b\":2,\"\\u0061\":3}"));
    assert_false(skips("{\"x\":{\"a\":1,\"b\":{\"a\":1},\"a\":2}}"));
    assert_false(skips("[[{\"\":1,\"\":2}]]"));
    assert_false(skips("{\"a\":{\"b\":{\"c\":1}},\"a\":2}"));
    assert_true(skips("[{\"a\":{\"a\":{\"a\":[{\"a\":1}]}},\"A\":1,\"aa\":2}]"));
}

static void
keys_have_a_limit(void **state)
{
    static char text[16 * 1024];
    size_t n = 1;

    (void)state;
    text[0] = '{';
    for (unsigned i = 0; i < JSCAN_KEYS_MAX; i++)
        n += (size_t)snprintf(text + n, 32, "%s\"%u\":%u", i ? "," : "", i, i);
    snprintf(text + n, 4, "}");
    assert_true(skips(text));
    snprintf(text + n, 16, ",\"x\":1}");
    assert_false(skips(text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_text),
        cmocka_unit_test(what_is_not_json_is_bad),
        cmocka_unit_test(a_nul_byte_is_bad_wherever_it_stands),
        cmocka_unit_test(strings_are_decoded_in_place),
        cmocka_unit_test(numbers_are_whole_or_not),
        cmocka_unit_test(numbers_have_a_longest_text),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(a_key_that_stands_twice_is_seen),
        cmocka_unit_test(keys_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the text: values along a path, lines and columns. */
#include "conf/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"

static const char text[] =
    "{ \"a\": 1,\n"
    "  \"l\": [ 10, { \"k\": \"v\\\"]\", \"p\\u0061\": [[], 7] }, \"s\" ],\n"
    "  \"e\": {} }";

/* The text of the value at the path; keys are separated by blanks, "#1" is an item. */
static struct scan_place
find(const char *path)
{
    static char room[64];
    struct scan_step steps[8];
    size_t n = 0;

    snprintf(room, sizeof room, "%s", path);
    for (char *part = room; *part;) {
        size_t len = strcspn(part, " ");
        char *next = part + len + (part[len] != '\0');

        part[len] = '\0';
        steps[n++] = part[0] == '#'
                         ? (struct scan_step){ .index = (size_t)(part[1] - '0') }
                         : (struct scan_step){ .key = part };
        part = next;
    }
    return scan_find(text, strlen(text), steps, n);
}

static void
assert_value(const char *path, const char *value)
{
    struct scan_place p = find(path);

    if (!p.found || p.end - p.at != strlen(value) ||
        memcmp(text + p.at, value, strlen(value)) != 0)
        fail_msg("%s gave %d %.*s", path, p.found, (int)(p.end - p.at), text + p.at);
}

static void
values_are_found_along_a_path(void **state)
{
    (void)state;
    assert_value("", "{");
    assert_value("a", "1");
    assert_value("l", "[");
    assert_value("l #0", "10");
    assert_value("l #1 k", "\"v\\\"]\"");
    assert_value("l #1 pa #1", "7");
    assert_value("l #2", "\"s\"");
    assert_value("e", "{");
    /* What is no list stands for a list of one. */
    assert_value("a #0", "1");
    assert_value("l #1 #0 k", "\"v\\\"]\"");
}

static void
a_missing_part_gives_the_last_place_that_exists(void **state)
{
    struct scan_place p = find("l #1 nope deeper");

    (void)state;
    assert_false(p.found);
    assert_int_equal(text[p.at], '{');
    assert_true(text[p.at + 2] == '"' && text[p.at + 3] == 'k');
    p = find("l #9");
    assert_false(p.found);
    assert_int_equal(text[p.at], '[');
    p = find("a below");
    assert_false(p.found);
    assert_int_equal(text[p.at], '1');
    p = find("e x");
    assert_false(p.found);
    p = find("l #1 pa #0 #1");
    assert_false(p.found);
}

static void
keys_have_places_too(void **state)
{
    struct scan_place p = find("l #1 pa");

    (void)state;
    assert_true(p.found);
    assert_int_equal(p.key_end - p.key_at, strlen("\"p\\u0061\""));
    assert_memory_equal(text + p.key_at, "\"p\\u0061\"", p.key_end - p.key_at);
    p = find("l #0");
    assert_int_equal(p.key_end, 0);
}

static void
tokens_are_cut_where_they_end(void **state)
{
    static const char in[] = " {\"a\\\"b\":-1.5e+3,true\xc3\xa9'\"open\n]";
    static const struct {
        enum scan_kind kind;
        size_t len;
    } want[] = { { SCAN_PUNCT, 1 }, { SCAN_STRING, 6 }, { SCAN_PUNCT, 1 },
                 { SCAN_WORD, 7 },  { SCAN_PUNCT, 1 },  { SCAN_WORD, 4 },
                 { SCAN_OTHER, 2 }, { SCAN_OTHER, 1 },  { SCAN_UNCLOSED, 5 },
                 { SCAN_PUNCT, 1 }, { SCAN_END, 0 },    { SCAN_END, 0 } };
    struct scan s = { .text = in, .n = strlen(in) };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct scan_token t = scan_next(&s);

        assert_int_equal(t.kind, want[i].kind);
        assert_int_equal(t.end - t.at, want[i].len);
    }
}

static void
columns_count_characters(void **state)
{
    static const struct {
        const char *text;
        size_t at, line, column;
    } rows[] = {
        { "abc", 0, 1, 1 },
        { "abc", 2, 1, 3 },
        { "a\nbc", 3, 2, 2 },
        { "a\n", 2, 2, 1 },
        { "\t\tx", 2, 1, 3 },
        { "\xc3\xa9x", 2, 1, 2 },
        { "\xe4\xb8\x96x", 3, 1, 2 },
        { "\xf0\x9f\x98\x80x", 4, 1, 2 },
        { "\xff\xffx", 2, 1, 3 },
        { "\xef\xbb\xbfx", 3, 1, 1 },
        { "", 0, 1, 1 },
        { "ab", 99, 1, 3 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t line = 0, column = 0;

        scan_line_column(rows[i].text, strlen(rows[i].text), rows[i].at, &line, &column);
        assert_int_equal(line, rows[i].line);
        assert_int_equal(column, rows[i].column);
    }
}

static void
broken_characters_are_one_byte_long(void **state)
{
    static const struct {
        const char *s;
        size_t n, len;
    } rows[] = { { "a", 1, 1 },         { "\xc3\xa9", 2, 2 },
                 { "\xc3\xa9", 1, 1 },  { "\xc3x", 2, 1 },
                 { "\x80", 1, 1 },      { "\xc0\x80", 2, 1 },
                 { "\xe4\xb8x", 3, 1 }, { "\xf5\x80\x80\x80", 4, 1 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(scan_char_len(rows[i].s, rows[i].n), rows[i].len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_along_a_path),
        cmocka_unit_test(a_missing_part_gives_the_last_place_that_exists),
        cmocka_unit_test(keys_have_places_too),
        cmocka_unit_test(tokens_are_cut_where_they_end),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(broken_characters_are_one_byte_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

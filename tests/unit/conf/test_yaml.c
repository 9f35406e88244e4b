/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: the JSON that it stands for, where each part of it comes from, and what is refused.
 * (The words of the errors are in tests/unit/conf/golden.) */
#include "conf/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/problem.h"
#include "conf/snapshot.h"
#include "conf/source.h"
#include "zoo.h"

static int
read_yaml(const char *text, size_t n, struct yaml_text *y, struct problems *ps)
{
    problems_init(ps, "y", text, n);
    return yaml_to_json(text, n, y, ps);
}

static void
yaml_says_what_json_says(void **state)
{
    static const char *const rows[][2] = {
        { "a: 1", "{\"a\":1}" },
        { "a: -12\nb: 0.5\nc: 1e3\n", "{\"a\":-12,\"b\":0.5,\"c\":1e3}" },
        { "a: true\nb: false\nc: null\nd: ~\ne:\n",
          "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null}" },
        /* Only what JSON writes without quotes is no string. */
        { "a: yes\nb: no\nc: on\nd: Off\ne: True\nf: NULL\n",
          "{\"a\":\"yes\",\"b\":\"no\",\"c\":\"on\",\"d\":\"Off\",\"e\":\"True\",\"f\":"
          "\"NULL\"}" },
        { "a: 012\nb: 0x1f\nc: 1_000\nd: 12:30:45\ne: .5\nf: 1.\ng: +1\nh: .inf\n",
          "{\"a\":\"012\",\"b\":\"0x1f\",\"c\":\"1_000\",\"d\":\"12:30:45\",\"e\":\".5\","
          "\"f\":\"1.\",\"g\":\"+1\",\"h\":\".inf\"}" },
        { "a: 2026-11-22\nb: 5s\nc: 64KiB\nd: 20%\n",
          "{\"a\":\"2026-11-22\",\"b\":\"5s\",\"c\":\"64KiB\",\"d\":\"20%\"}" },
        { "a: '1'\nb: \"true\"\nc: ''\n", "{\"a\":\"1\",\"b\":\"true\",\"c\":\"\"}" },
        { "a: 'it''s'\nb: \"t\\ta\\\"b\\u00e9\\x41\"\n",
          "{\"a\":\"it's\",\"b\":\"t\\u0009a\\\"b\xc3\xa9"
          "A\"}" },
        { "a: |\n  one\n  two\nb: >-\n  one\n  two\n",
          "{\"a\":\"one\\u000atwo\\u000a\",\"b\":\"one two\"}" },
        { "a: one\n  two\n", "{\"a\":\"one two\"}" },
        { "1: a\ntrue: b\n'': c\n", "{\"1\":\"a\",\"true\":\"b\",\"\":\"c\"}" },
        { "a: :8080\nb: http://x:1/#y\nc: unix:/a # note\n",
          "{\"a\":\":8080\",\"b\":\"http://x:1/#y\",\"c\":\"unix:/a\"}" },
        { "a: []\nb: {}\nc: [1, [2, {d: 3}], 'x']\n",
          "{\"a\":[],\"b\":{},\"c\":[1,[2,{\"d\":3}],\"x\"]}" },
        { "a:\n- 1\n-\n  - 2\n- b: 3\n  c: 4\n", "{\"a\":[1,[2],{\"b\":3,\"c\":4}]}" },
        { "a: {b, c: 1}\n", "{\"a\":{\"b\":null,\"c\":1}}" },
        { "{\"a\": 1, \"b\": [true,],}", "{\"a\":1,\"b\":[true]}" },
        { "? a\n: 1\n", "{\"a\":1}" },
        { "%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}" },
        { "a: \"${X:-1}\"\nb: $${c}\n", "{\"a\":\"${X:-1}\",\"b\":\"$${c}\"}" },
        { "\xef\xbb\xbf"
          "a: 1\nb: 2\n",
          "{\"a\":1,\"b\":2}" },
        { "a: 1\r\nb:\r\n  - x\r\n", "{\"a\":1,\"b\":[\"x\"]}" },
        { "", "" },
        { "# only a note\n", "" },
        { "---\n", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems ps;
        struct yaml_text y;

        if (read_yaml(rows[i][0], strlen(rows[i][0]), &y, &ps) != 0)
            fail_msg("%s: %s", rows[i][0], ps.kept[0].text);
        assert_string_equal(y.json, rows[i][1]);
        assert_int_equal(y.n, strlen(rows[i][1]));
        yaml_text_done(&y);
        problems_done(&ps);
    }
}

/* Each mark: what stands at its place in the JSON, and what in the YAML. */
static void
marks_lead_back_to_the_yaml(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf# \xc3\xa9\r\n\"\xe6\x97\xa5\": 'x'\nb: # note\n  - c: one\n"
        "       two\n    d:\n  - [5s]\n";
    static const struct {
        const char *json, *yaml;
    } want[] = {
        { "{", "\"" },      { "\"\xe6\x97\xa5\":", "\"\xe6\x97\xa5\"" },
        { "\"x\"", "'x'" }, { "\"b\":", "b" },
        { "[{", "-" },      { "{\"c", "c" },
        { "\"c\"", "c" },   { "\"one two\"", "one\n       two" },
        { "\"d\"", "d" },   { "null", ":" },
        { "[\"5s", "[" },   { "\"5s\"", "5s" },
    };
    struct problems ps;
    struct yaml_text y;

    (void)state;
    assert_int_equal(read_yaml(text, strlen(text), &y, &ps), 0);
    assert_int_equal(y.n_marks, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct problem_mark *m = &y.marks[i];

        if (strncmp(y.json + m->json_at, want[i].json, strlen(want[i].json)) != 0)
            fail_msg("mark %zu: %s", i, y.json + m->json_at);
        if (strcmp(want[i].json, "null") == 0) /* nothing is there: behind the colon */
            assert_int_equal(text[m->at - 1], ':');
        else if (m->end - m->at != strlen(want[i].yaml) ||
                 memcmp(text + m->at, want[i].yaml, strlen(want[i].yaml)) != 0)
            fail_msg("mark %zu: %.*s", i, (int)(m->end - m->at), text + m->at);
    }
    yaml_text_done(&y);
    problems_done(&ps);
}

static void
what_json_has_not_is_refused(void **state)
{
    static const struct {
        const char *text, *code;
        size_t at;
    } rows[] = {
        { "a: &x 1", "E0122", 3 },
        { "a: [1, *x]", "E0122", 7 },
        { "<<: {a: 1}", "E0122", 0 },
        { "a: !!int 1", "E0122", 3 },
        { "a: ! 1", "E0122", 3 },
        { "&x {a: 1}", "E0122", 0 },
        { "[a]: 1", "E0122", 0 },
        { "a: {[1]: 2}", "E0122", 4 },
        { "a: 1\n---\nb: 2\n", "E0122", 5 },
        { "- a", "E0121", 0 },
        { "word", "E0121", 0 },
        { "a: \"\\0\"", "E0105", 3 },
        { "a: \"\xff\"", "E0105", 4 },
        { "a: \x01", "E0121", 3 },
        { "a:\n\tb: 1", "E0121", 3 },
        { "a: 'open", "E0121", 3 },
        { "a: 1\n b: 2\n", "E0121", 7 },
        { "a: [1, 2\nb: 3\n", "E0121", 10 },
        { "'<<': 1\na: @x", "E0121", 11 }, /* in quotes it is a key as any other */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems ps;
        struct yaml_text y;

        assert_int_equal(read_yaml(rows[i].text, strlen(rows[i].text), &y, &ps),
                         ERR_SYNTAX);
        assert_null(y.json);
        assert_int_equal(ps.n_kept, 1);
        if (strcmp(ps.kept[0].code, rows[i].code) != 0 || ps.kept[0].at != rows[i].at)
            fail_msg("%s: %s at %zu: %s", rows[i].text, ps.kept[0].code, ps.kept[0].at,
                     ps.kept[0].text);
        problems_done(&ps);
    }
}

/* Nine levels of nine aliases would be 3.5e8 values. */
static void
a_bomb_of_aliases_does_not_go_off(void **state)
{
    struct strbuf bomb;
    struct problems ps;
    struct yaml_text y;

    (void)state;
    strbuf_init(&bomb, 65536);
    strbuf_puts(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        strbuf_printf(&bomb, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            strbuf_printf(&bomb, "%s*a%d", k ? ", " : "", i - 1);
        strbuf_puts(&bomb, "]\n");
    }
    assert_int_equal(read_yaml(bomb.s, bomb.len, &y, &ps), ERR_SYNTAX);
    assert_string_equal(ps.kept[0].code, "E0122");
    problems_done(&ps);
    strbuf_done(&bomb);
}

/* The limits are those of a JSON file, and what grows most on the way fits. */
static void
large_files_are_read_or_refused(void **state)
{
    enum { SIZE = CONF_FILE_MAX };
    char *text = xmalloc(SIZE + 2);
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    struct problems ps;
    struct yaml_text y;

    (void)state;
    memset(text, '\n', SIZE); /* each becomes \u000a */
    memcpy(text, "a: |+\n  b\n", 10);
    memcpy(text + SIZE - 2, "c:", 2);
    assert_int_equal(read_yaml(text, SIZE, &y, &ps), 0);
    assert_true(y.n > 5ul * SIZE);
    assert_string_equal(y.json + y.n - 11, "\",\"c\":null}");
    yaml_text_done(&y);
    problems_done(&ps);

    memcpy(text, "version: 1 ", 11);
    memset(text + 11, ' ', SIZE - 10);
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z.yaml", text, SIZE + 1, &problems, &s),
                     ERR_SYNTAX);
    assert_non_null(strstr(problems.s, "[E0102]"));
    strbuf_done(&problems);
    xfree(text);
}

static void
depth_is_that_of_json(void **state)
{
    char text[128] = "a: ";
    struct problems ps;
    struct yaml_text y;

    (void)state;
    memset(text + 3, '[', 31);
    memset(text + 34, ']', 31);
    assert_int_equal(read_yaml(text, strlen(text), &y, &ps), 0);
    yaml_text_done(&y);
    memset(text + 3, '[', 32);
    memset(text + 35, ']', 32);
    assert_int_equal(read_yaml(text, strlen(text), &y, &ps), ERR_SYNTAX);
    assert_string_equal(ps.kept[0].code, "E0103");
    assert_int_equal(ps.kept[0].at, 34);
    problems_done(&ps);
}

static void
the_name_or_the_first_character_tells_the_format(void **state)
{
    static const struct {
        const char *name, *text;
        bool yaml;
    } rows[] = {
        { "a.yaml", "{}", true },
        { "a.YML", "{}", true },
        { "a.json", "a: 1", false },
        { "a.jsonc", "a: 1", false },
        { ".yaml", "", true },
        { "yaml", "{}", false },
        { SOURCE_STDIN, "{ \"a\": 1 }", false },
        { SOURCE_STDIN, " \n\t// note\n{}", false },
        { SOURCE_STDIN, "/* note */ {}", false },
        { SOURCE_STDIN, "[]", false },
        { SOURCE_STDIN, "", false },
        { SOURCE_STDIN, " \r\n", false },
        { SOURCE_STDIN, "version: 1", true },
        { SOURCE_STDIN, "# note\nversion: 1", true },
        { SOURCE_STDIN, "---\nversion: 1", true },
        { SOURCE_STDIN, "\"version\": 1", true },
        { SOURCE_STDIN, "\xef\xbb\xbf{}", false },
        { SOURCE_STDIN, "\xef\xbb\xbfversion: 1", true },
        { "/dev/fd/63", "version: 1", true },
        { "<options>", "{", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (source_is_yaml(rows[i].name, rows[i].text, strlen(rows[i].text)) !=
            rows[i].yaml)
            fail_msg("%s: %s", rows[i].name, rows[i].text);
    }
}

static void
values_come_from_yaml_too(void **state)
{
    static const char text[] = "version: 1\n"
                               "closed: true\n"
                               "star: lion\n"
                               "name: \"${ZOO_NAME:-a}$${b}\"\n"
                               "gate:\n  openFor: 1m30s\n  width: 2KiB\n"
                               "cages:\n- animal: bear\n  count: 2\n"
                               "tax: 7%\nprice: 2.5\n";
    struct conf_snapshot *s = NULL;
    const struct zoo *zoo;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    if (conf_load_text(&zoo_struct, "z.yaml", text, strlen(text), &problems, &s) != 0)
        fail_msg("%s", problems.s);
    zoo = conf_root(s);
    assert_true(zoo->closed);
    assert_string_equal(zoo->star.animal, "lion");
    assert_string_equal(zoo->name, "a${b}");
    assert_int_equal(zoo->gate.open_ms, 90000);
    assert_int_equal(zoo->gate.width, 2048);
    assert_int_equal(zoo->cages.n, 1);
    assert_true(zoo->price > 2.49 && zoo->tax > 6.99);
    assert_true(conf_is_given(s, "gate.width"));
    assert_false(conf_is_given(s, "gate.height"));
    conf_drop(s);
    strbuf_done(&problems);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_says_what_json_says),
        cmocka_unit_test(marks_lead_back_to_the_yaml),
        cmocka_unit_test(what_json_has_not_is_refused),
        cmocka_unit_test(a_bomb_of_aliases_does_not_go_off),
        cmocka_unit_test(large_files_are_read_or_refused),
        cmocka_unit_test(depth_is_that_of_json),
        cmocka_unit_test(values_come_from_yaml_too),
    };
    const struct CMUnitTest always[] = {
        cmocka_unit_test(the_name_or_the_first_character_tells_the_format),
    };
    int failed = cmocka_run_group_tests(always, NULL, NULL);

    if (strcmp(yaml_library_version(), "none") == 0)
        return failed;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}

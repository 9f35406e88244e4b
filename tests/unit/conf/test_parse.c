/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to structs by rows: every kind of value, short forms, what is refused and
 * where the caret stands. */
#include "conf/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "zootest.h"

static void
defaults_fill_what_the_file_leaves_out(void **state)
{
    struct conf_snapshot *s = load("{ \"version\": 1, \"star\": \"lion\" }");
    const struct zoo *zoo = conf_root(s);

    (void)state;
    assert_int_equal(zoo->version, 1);
    assert_false(zoo->closed);
    assert_int_equal(zoo->mood, 0);
    assert_string_equal(zoo->name, "zoo");
    assert_null(zoo->motto);
    assert_string_equal(zoo->food, "hay");
    assert_int_equal(zoo->gate.open_ms, 120000);
    assert_int_equal(zoo->gate.width, 1024);
    assert_string_equal(zoo->star.animal, "lion");
    assert_int_equal(zoo->star.count, 1);
    assert_int_equal(zoo->cages.n, 0);
    conf_drop(s);
}

static void
every_kind_of_value_is_read(void **state)
{
    struct conf_snapshot *s =
        load("{ \"$schema\": 7, \"x-note\": [null], \"version\": 1, \"closed\": false, "
             "\"mood\": \"wild\","
             " \"name\": \"\\u00e9\", \"motto\": \"be kind\", \"food\": \"meat\","
             " \"gate\": { \"openFor\": \"1m30s\", \"width\": \"2KiB\", \"x-a\": 1 },"
             " \"star\": { \"animal\": \"lion\", \"count\": 3 },"
             " \"cages\": [\"ape\", { \"animal\": \"bear\", \"count\": 2 }, { \"count\": "
             "4, \"animal\": \"cat\" }, ], }");
    const struct zoo *zoo = conf_root(s);
    const struct cage *cages = zoo->cages.items;

    (void)state;
    assert_false(zoo->closed);
    assert_int_equal(zoo->mood, 1);
    assert_string_equal(zoo->name, "\xc3\xa9");
    assert_string_equal(zoo->motto, "be kind");
    assert_string_equal(zoo->food, "meat");
    assert_int_equal(zoo->gate.open_ms, 90000);
    assert_int_equal(zoo->gate.width, 2048);
    assert_int_equal(zoo->gate.height, 4096);
    assert_int_equal(zoo->star.count, 3);
    assert_int_equal(zoo->cages.n, 3);
    assert_string_equal(cages[0].animal, "ape");
    assert_int_equal(cages[0].count, 1);
    assert_string_equal(cages[1].animal, "bear");
    assert_int_equal(cages[2].count, 4);
    conf_drop(s);
}

static void
numbers_percentages_and_maps_are_read(void **state)
{
    struct conf_snapshot *s =
        load("{ \"version\": 1, \"star\": \"lion\", \"price\": 3, \"tax\": \"0.5%\","
             " \"signs\": { \"z\": \"26\", \"a\": \"1\" } }");
    const struct zoo *zoo = conf_root(s);

    (void)state;
    assert_true(zoo->price == 3.0 && zoo->tax == 0.5);
    assert_int_equal(zoo->signs.n, 2);
    assert_string_equal(zoo->signs.items[0].key, "a");
    assert_string_equal(conf_map_get(&zoo->signs, "z"), "26");
    assert_null(conf_map_get(&zoo->signs, "b"));
    conf_drop(s);
    s = load("{ \"version\": 1, \"star\": \"lion\", \"price\": 1.25 }");
    zoo = conf_root(s);
    assert_true(zoo->price == 1.25 && zoo->tax == 19.0);
    assert_int_equal(zoo->signs.n, 0);
    conf_drop(s);
}

static void
bad_numbers_percentages_and_maps_are_refused(void **state)
{
    static const struct {
        const char *value, *line;
    } cases[] = {
        { "\"price\": 0.5",
          "z:1:56: error: price is 0.5; it must be from 1 to 100 [E0110]" },
        { "\"price\": \"2\"",
          "z:1:56: error: price must be a number, not a string [E0109]" },
        { "\"tax\": 20",
          "z:1:54: error: tax needs a percent sign; did you mean \"20%\"? [E0109]" },
        { "\"tax\": \"20\"",
          "z:1:54: error: tax needs a percent sign; did you mean \"20%\"? [E0117]" },
        { "\"tax\": \"101%\"",
          "z:1:54: error: tax is 101%; it must be from 0% to 100% [E0110]" },
        { "\"tax\": \"much\"",
          "z:1:54: error: tax must be a percentage like \"20%\" [E0117]" },
        { "\"signs\": { \"a\": 1 }", "z:1:63: error: signs.a must be a string, not a "
                                     "number; did you mean \"1\"? [E0109]" },
        { "\"signs\": { \"a\": 1.10 }", "z:1:63: error: signs.a must be a string, not a "
                                        "number; put it in quotes [E0109]" },
        { "\"signs\": [\"a\"]",
          "z:1:56: error: signs must be an object of strings { }, not a list [E0109]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];

        snprintf(text, sizeof text,
                 "{ \"version\": 1, \"star\": { \"animal\": \"lion\" }, %s }",
                 cases[i].value);
        assert_refused(text, cases[i].line);
    }
}

static void
variables_give_strings_numbers_and_truth(void **state)
{
    struct conf_snapshot *s;
    const struct zoo *zoo;

    (void)state;
    setenv("ZOO_N", "7", 1);
    setenv("ZOO_T", "true", 1);
    setenv("ZOO_KEYS", "\", \"closed\": true, \"x\": \"", 1);
    unsetenv("ZOO_NO");
    s = load("{ \"version\": \"${ZOO_NO:-1}\", \"star\": { \"animal\": \"lion\", "
             "\"count\": \"${ZOO_N}\" },"
             " \"name\": \"${ZOO_KEYS}\", \"gate\": { \"openFor\": \"${ZOO_N}s\" } }");
    zoo = conf_root(s);
    assert_int_equal(zoo->star.count, 7);
    assert_int_equal(zoo->gate.open_ms, 7000);
    /* The value of a variable is text: it cannot add keys. */
    assert_false(zoo->closed);
    assert_string_equal(zoo->name, "\", \"closed\": true, \"x\": \"");
    conf_drop(s);
    assert_refused("{ \"version\": 1, \"star\": \"a\", \"closed\": \"${ZOO_T}\" }",
                   "z:1:40: warning: nobody will come [W0398]");
    assert_refused("{ \"version\": 1, \"star\": \"a\", \"closed\": \"${ZOO_N}\" }",
                   "z:1:40: error: closed must be true or false, not \"7\" [E0109]");
    assert_refused(
        "{ \"version\": 1, \"star\": { \"animal\": \"a\", \"count\": \"1${ZOO_N}\" } }",
        "z:1:51: error: star.count is 17; it must be from 1 to 10 [E0110]");
    assert_refused(
        "{ \"version\": 1, \"star\": \"${ZOO_NO}\" }",
        "z:1:25: error: star cannot be read: the environment variable ZOO_NO is not set; "
        "set it, or write ${ZOO_NO:-default} [E0114]");
}

static void
wrong_values_are_refused_at_their_place(void **state)
{
    static const struct {
        const char *body, *line;
    } rows[] = {
        { "\"closed\": 1",
          "z:1:42: error: closed must be true or false, not a number [E0109]" },
        { "\"closed\": \"true\"", "z:1:42: error: closed must be true or false, not a "
                                  "string \"true\"; did you mean true? [E0109]" },
        { "\"closed\": \"Off\"", "z:1:42: error: closed must be true or false, not a "
                                 "string \"Off\"; did you mean false? [E0109]" },
        { "\"closed\": \"later\"",
          "z:1:42: error: closed must be true or false, not a string [E0109]" },
        { "\"closed\": null", "z:1:42: error: closed must be true or false, not null; "
                              "leave the key out to get the default [E0109]" },
        { "\"mood\": \"wlid\"", "z:1:40: error: mood does not know the word \"wlid\"; "
                                "did you mean \"wild\"? [E0113]" },
        { "\"mood\": 1", "z:1:40: error: mood must be a string, not a number [E0109]" },
        { "\"food\": \"cake\"", "z:1:40: error: food does not know the word \"cake\"; "
                                "known words: hay, meat [E0115]" },
        { "\"name\": 5", "z:1:40: error: name must be a string, not a number; did you "
                         "mean \"5\"? [E0109]" },
        { "\"name\": [\"a\"]",
          "z:1:40: error: name must be a string, not a list [E0109]" },
        { "\"motto\": {}",
          "z:1:41: error: motto must be a string, not an object [E0109]" },
        { "\"gate\": true",
          "z:1:40: error: gate must be an object { }, not true or false [E0109]" },
        { "\"gate\": { \"openFor\": 5 }",
          "z:1:53: error: gate.openFor needs a unit (ns us ms s m h d); did you mean "
          "\"5s\"? [E0111]" },
        { "\"gate\": { \"openFor\": \"2h\" }",
          "z:1:53: error: gate.openFor is 2h; it must be from 10ms to 1h [E0110]" },
        { "\"gate\": { \"width\": \"0B\" }",
          "z:1:51: error: gate.width is 0B; it must be at least 1B [E0110]" },
        { "\"gate\": { \"width\": 2048 }",
          "z:1:51: error: gate.width needs a unit (B KiB MiB GiB KB MB GB); did you mean "
          "\"2KiB\"? [E0112]" },
        { "\"cages\": \"lion\"", "z:1:41: error: cages must be a list [ ], not a string; "
                                 "put [ ] around it [E0109]" },
        { "\"cages\": [\"a\", 5]", "z:1:47: error: cages[1] must be a string or an "
                                   "object { }, not a number [E0109]" },
        { "\"cages\": [\"a\", \"B\"]", "z:1:47: error: cages[1] cannot be \"B\": it must "
                                       "be written in small letters [E0299]" },
        { "\"cages\": [{ \"animal\": \"a\", \"count\": 11 }]",
          "z:1:68: error: cages[0].count is 11; it must be from 1 to 10 [E0110]" },
        { "\"cages\": [{ \"count\": -3 }]",
          "z:1:42: error: cages[0] needs the key \"animal\"; for example \"animal\": "
          "\"lion\" [E0108]" },
        { "\"cages\": [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]",
          "z:1:41: error: cages has 6 items; it may have from 0 to 5 [E0116]" },
        { "\"cages\": [{ \"animal\": \"a\", \"count\": 4294967297 }]",
          "z:1:68: error: cages[0].count is 4294967297; it must be from 1 to 10 "
          "[E0110]" },
        { "\"cages\": [{ \"animal\": \"a\", \"count\": 1.0 }]",
          "z:1:68: error: cages[0].count must be a whole number, not a fraction "
          "[E0109]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];

        snprintf(text, sizeof text, "{ \"version\": 1, \"star\": \"abc\", %s }",
                 rows[i].body);
        assert_refused(text, rows[i].line);
    }
}

static void
checks_report_at_the_place_they_name(void **state)
{
    (void)state;
    assert_refused("{ \"version\": 1, \"star\": \"a\", \"motto\": \"none\" }",
                   "z:1:39: error: a real one [E0297]");
    assert_refused("{ \"version\": 1, \"star\": \"a\", \"cages\": [\"b\", \"dragon\"] }",
                   "z:1:45: error: no dragons here [E0298]");
    assert_refused(
        "{ \"version\": 1, \"star\": \"a\", \"cages\": [{ \"animal\": \"mouse\" }] }",
        "z:1:52: warning: small [W0397]");
    /* In the short form the string stands for the object and for its key. */
    assert_refused("{ \"version\": 1, \"star\": \"a\", \"cages\": [\"mouse\"] }",
                   "z:1:40: warning: small [W0397]");
    assert_refused(
        "{ \"version\": 1, \"star\": \"a\", \"gate\": { \"width\": \"77B\" } }",
        "z:1:49: error: an unlucky width [E0296]");
    assert_refused(
        "{ \"version\": 1, \"star\": \"a\", \"cages\": [\"b\", \"c\", { \"animal\": "
        "\"b\" }] }",
        "z:1:62: error: the name \"b\" is used twice; cages[0] has it already [E0202]");
}

static void
two_values_are_compared_only_when_both_were_read(void **state)
{
    (void)state;
    assert_refused(
        "{ \"version\": 1, \"star\": \"a\", \"gate\": { \"width\": \"8KiB\" } }",
        "z:1:49: error: height is 4KiB; it must be at least width, which is 8KiB "
        "[E0210]");
    assert_refused(
        "{ \"version\": 1, \"star\": \"a\", \"gate\": { \"height\": \"512B\" } }",
        "z:1:50: error: height is 512B; it must be at least width, which is 1KiB "
        "[E0210]");
    /* height was meant to be large: its default says nothing about width. */
    assert_non_null(strstr(zoo_problems("{ \"version\": 1, \"star\": \"a\", \"gate\": "
                                        "{ \"width\": \"8KiB\", \"height\": 65536 } }"),
                           "\n1 error in z"));
}

static void
a_missing_key_is_not_told_twice(void **state)
{
    const char *got = zoo_problems("{ \"vresion\": 1 }");

    (void)state;
    assert_non_null(strstr(got, "unknown key \"vresion\"; did you mean \"version\"?"));
    assert_null(strstr(got, "needs the key \"version\""));
    assert_refused("{}", "z:1:1: error: the file needs the key \"version\"; for example "
                         "\"version\": 1 [E0108]");
}

static void
unknown_keys_get_the_best_hint(void **state)
{
    static const struct {
        const char *body, *line;
    } rows[] = {
        { "\"openFor\": \"1s\"", "z:1:30: error: unknown key \"openFor\"; did you mean "
                                 "\"gate.openFor\"? [E0107]" },
        { "\"gate\": { \"open_for\": \"1s\" }",
          "z:1:40: error: unknown key \"open_for\" in gate; did you mean \"openFor\"? "
          "[E0107]" },
        { "\"gate\": { \"motto\": \"1s\" }",
          "z:1:40: error: unknown key \"motto\" in gate; this key belongs to \"motto\" "
          "[E0107]" },
        { "\"gate\": { \"$schema\": 1 }",
          "z:1:40: error: unknown key \"$schema\" in gate; keys here: openFor, width, "
          "height [E0107]" },
        { "\"cages\": [{ \"animal\": \"a\", \"conut\": 1 }]",
          "z:1:57: error: unknown key \"conut\" in cages[0]; did you mean \"count\"? "
          "[E0107]" },
        { "\"cors\": 1", "z:1:30: error: this version of outrigger does not have "
                         "CORS yet; remove \"cors\" [E0124]" },
        { "\"X-note\": 1", "z:1:30: error: unknown key \"X-note\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];

        snprintf(text, sizeof text, "{ \"version\": 1, \"star\": \"a\", %s }",
                 rows[i].body);
        if (strncmp(zoo_problems(text), rows[i].line, strlen(rows[i].line)) != 0)
            fail_msg("want: %s\n got: %s", rows[i].line, zoo_problems(text));
    }
}

static void
the_caret_stands_below_the_value(void **state)
{
    (void)state;
    assert_string_equal(
        zoo_problems("{ \"version\": 1,\n\t\"name\": \"\xc3\xa9\",\t\"star\": 5 }"),
        "z:2:23: error: star must be a string or an object { }, not a number [E0109]\n"
        "    2 | \t\"name\": \"\xc3\xa9\",\t\"star\": 5 }\n"
        "      | \t            \t        ^\n"
        "1 error in z; more: outrigger --explain E0109\n");
}

static void
long_lines_are_shown_in_part(void **state)
{
    char text[1200];
    const char *got, *line, *caret;

    (void)state;
    snprintf(text, sizeof text,
             "{ \"version\": 1, \"x-a\": \"%0300d\", \"star\": -5, \"x-b\": \"%0300d\" }",
             0, 0);
    got = zoo_problems(text);
    line = strchr(got, '\n') + 1;
    caret = strchr(line, '\n') + 1;
    assert_true(caret - line < 160);
    assert_memory_equal(line, "    1 | ...0000", 15);
    assert_memory_equal(line + (strchr(caret, '^') - caret), "-5,", 3);
    assert_memory_equal(caret - 4, "...\n", 4);
}

static void
only_the_first_twenty_are_printed(void **state)
{
    char text[8192] = "{ \"version\": 1, \"star\": \"a\", \"cages\": [\"mouse\"]";
    const char *got;
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < 150; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",\n\"k%03d\": 1", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    got = zoo_problems(text);
    for (const char *at = got; (at = strstr(at, ": error: ")); at++)
        n++;
    assert_int_equal(n, 20);
    /* Errors come first: a warning must not take the place of one. */
    assert_null(strstr(got, "warning: "));
    assert_non_null(strstr(got, "k019"));
    assert_null(strstr(got, "k020"));
    assert_non_null(strstr(got, "\n150 errors, 1 warning in z (the first 20 are shown)"));
}

static void
problems_are_sorted_by_place(void **state)
{
    const char *got =
        zoo_problems("{ \"cages\": [\"dragon\"],\n \"star\": 1,\n \"version\": 2 }");

    (void)state;
    assert_true(strstr(got, "z:1:13") < strstr(got, "z:2:10"));
    assert_true(strstr(got, "z:2:10") < strstr(got, "z:3:13"));
}

static void
text_of_the_user_cannot_control_the_terminal(void **state)
{
    const char *got = zoo_problems(
        "{ \"version\": 1, \"star\": \"\\u001b[31m\", \"\\u009b31m\\n\": 1 }");

    (void)state;
    for (const unsigned char *p = (const unsigned char *)got; *p; p++)
        assert_true((*p >= 0x20 && *p != 0x7f) || *p == '\n');
    assert_null(strstr(got, "\xc2\x9b"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_the_file_leaves_out),
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(numbers_percentages_and_maps_are_read),
        cmocka_unit_test(bad_numbers_percentages_and_maps_are_refused),
        cmocka_unit_test(variables_give_strings_numbers_and_truth),
        cmocka_unit_test(wrong_values_are_refused_at_their_place),
        cmocka_unit_test(checks_report_at_the_place_they_name),
        cmocka_unit_test(two_values_are_compared_only_when_both_were_read),
        cmocka_unit_test(a_missing_key_is_not_told_twice),
        cmocka_unit_test(unknown_keys_get_the_best_hint),
        cmocka_unit_test(the_caret_stands_below_the_value),
        cmocka_unit_test(long_lines_are_shown_in_part),
        cmocka_unit_test(only_the_first_twenty_are_printed),
        cmocka_unit_test(problems_are_sorted_by_place),
        cmocka_unit_test(text_of_the_user_cannot_control_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

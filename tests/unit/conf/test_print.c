/* SPDX-License-Identifier: Apache-2.0 */
/* Text from the rows: the config in force, the commented file, the schema, the manual. */
#include "conf/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/man.h"
#include "conf/schema.h"
#include "conf/snapshot.h"
#include "zoo.h"

static struct conf_snapshot *
load(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 4096);
    if (conf_load_text(&zoo_struct, "z", text, strlen(text), &problems, &s) != 0)
        fail_msg("%s\n%s", problems.s, text);
    strbuf_done(&problems);
    return s;
}

static void
what_is_in_force_is_printed(void **state)
{
    struct conf_snapshot *s = load(
        "{ \"version\": 1, \"star\": \"lion\", \"gate\": { \"openFor\": \"90s\" },"
        " \"cages\": [\"ape\"], \"lamps\": { \"a\": \"red\", \"b\": { \"lit\": true, "
        "\"words\": \"$$ hi\" } } }");
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    conf_print(&zoo_struct, conf_root(s), &out);
    assert_string_equal(out.s, "{\n"
                               "  \"version\": 1,\n"
                               "  \"closed\": false,\n"
                               "  \"mood\": \"calm\",\n"
                               "  \"name\": \"zoo\",\n"
                               "  \"food\": \"hay\",\n"
                               "  \"gate\": {\n"
                               "    \"openFor\": \"1m30s\",\n"
                               "    \"width\": \"1KiB\",\n"
                               "    \"height\": \"4KiB\"\n"
                               "  },\n"
                               "  \"star\": {\n"
                               "    \"animal\": \"lion\",\n"
                               "    \"count\": 1\n"
                               "  },\n"
                               "  \"cages\": [\n"
                               "    {\n"
                               "      \"animal\": \"ape\",\n"
                               "      \"count\": 1\n"
                               "    }\n"
                               "  ],\n"
                               "  \"price\": 2.5,\n"
                               "  \"tax\": \"19%\",\n"
                               "  \"signs\": {},\n"
                               "  \"lamps\": {\n"
                               "    \"a\": {\n"
                               "      \"color\": \"red\",\n"
                               "      \"warmth\": -5\n"
                               "    },\n"
                               "    \"b\": {\n"
                               "      \"warmth\": -5,\n"
                               "      \"lit\": true,\n"
                               "      \"words\": [\n"
                               "        \"$$ hi\"\n"
                               "      ]\n"
                               "    }\n"
                               "  },\n"
                               "  \"rides\": [],\n"
                               "  \"moreRides\": [],\n"
                               "  \"visitors\": \"100/s\"\n"
                               "}\n");
    strbuf_done(&out);
    conf_drop(s);
}

static void
the_printed_config_loads_to_the_same(void **state)
{
    static const char text[] =
        "{ \"version\": 1, \"closed\": false, \"mood\": \"wild\", \"food\": \"meat\","
        " \"name\": \"a\\\"b\\\\c\\n\\t\\u0001\\u00e9 $${X} $$ $\", \"motto\": \"\","
        " \"gate\": { \"openFor\": \"1001ms\", \"width\": \"1000B\", \"height\": "
        "\"1MiB\" },"
        " \"star\": { \"animal\": \"lion\", \"count\": 10 }, \"cages\": [\"ape\", "
        "\"bear\"], \"guests\": \"cat\", \"lamps\": { \"q\\\"\": { \"lit\": false }, "
        "\"${A}\": "
        "{ \"words\": [\"$${B}\", \"c\"] } } }";
    struct conf_snapshot *first = load(text), *second;
    const struct zoo *zoo;
    struct strbuf one, two;

    (void)state;
    strbuf_init(&one, 4096);
    strbuf_init(&two, 4096);
    conf_print(&zoo_struct, conf_root(first), &one);
    second = load(one.s);
    conf_print(&zoo_struct, conf_root(second), &two);
    assert_string_equal(one.s, two.s);
    zoo = conf_root(second);
    assert_string_equal(zoo->name, "a\"b\\c\n\t\001\xc3\xa9 ${X} $$ $");
    assert_string_equal(zoo->motto, "");
    assert_int_equal(zoo->gate.open_ms, 1001);
    assert_int_equal(zoo->gate.width, 1000);
    strbuf_done(&one);
    strbuf_done(&two);
    conf_drop(first);
    conf_drop(second);
}

static void
the_commented_file_has_every_key_and_loads_to_the_defaults(void **state)
{
    struct conf_snapshot *s;
    const struct zoo *zoo;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 16384);
    conf_print_template(&zoo_struct, &out);
    s = load(out.s);
    zoo = conf_root(s);
    assert_int_equal(zoo->gate.open_ms, 120000);
    assert_string_equal(zoo->food, "hay");
    assert_null(zoo->motto);
    assert_non_null(strstr(out.s, "// \"motto\": \"be kind\",\n"));
    assert_non_null(strstr(out.s, "// How many. (from 1 to 10)\n"));
    assert_non_null(strstr(out.s, "// \"lamps\": { \"gate\": \"red\" },\n"));
    assert_non_null(strstr(out.s, "// How they feel. (one of calm, wild)\n"));
    for (const struct conf_field *f = zoo_struct.fields; f->key; f++)
        assert_non_null(strstr(out.s, f->help));
    strbuf_done(&out);
    conf_drop(s);
}

static void
the_schema_names_every_key_and_is_json(void **state)
{
    static const struct conf_field any[] = { { .key = NULL } };
    static const struct conf_struct nothing = { .name = "schema",
                                                .size = 1,
                                                .fields = any };
    struct strbuf out, problems;
    struct conf_snapshot *s = NULL;

    (void)state;
    strbuf_init(&out, 16384);
    strbuf_init(&problems, 16384);
    conf_print_schema(&zoo_struct, &out);
    /* It is JSON when our reader complains about nothing but the keys. */
    if (conf_load_text(&nothing, "s", out.s, out.len, &problems, &s) == 0)
        conf_drop(s);
    assert_null(strstr(problems.s, "[E0104]"));
    assert_non_null(strstr(problems.s, "[E0107]"));
    for (const struct conf_field *f = zoo_struct.fields; f->key; f++) {
        char key[64];

        snprintf(key, sizeof key, "\"%s\": {", f->key);
        assert_non_null(strstr(out.s, key));
    }
    assert_non_null(strstr(out.s, "\"required\": [\"version\"],"));
    assert_non_null(strstr(out.s, "\"minimum\": 1, \"maximum\": 10"));
    assert_non_null(strstr(out.s, "{ \"enum\": [\"calm\", \"wild\"] }"));
    assert_non_null(strstr(out.s, "\"maxProperties\": 3,"));
    assert_non_null(strstr(out.s, "\"anyOf\": [{ \"type\": \"integer\" }, "));
    strbuf_done(&out);
    strbuf_done(&problems);
}

static void
lines_are_broken_between_words(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1024);
    conf_put_wrapped(&out, "> ", 12, "one two three fourteenlongletters five");
    assert_string_equal(out.s, "> one two\n> three\n> fourteenlongletters\n> five\n");
    strbuf_done(&out);
    conf_put_wrapped(&out, "> ", 12, "one two th");
    assert_string_equal(out.s, "> one two th\n");
    strbuf_done(&out);
}

static void
the_manual_shows_text_as_it_is(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 16384);
    man_put_text(&out, ".a 'b\n.c \\n -\"");
    assert_string_equal(out.s, "\\&.a 'b\n\\&.c \\en \\-\\(dq");
    strbuf_done(&out);
    conf_print_man(&zoo_struct, &out);
    assert_non_null(strstr(out.s, ".Ss gate\n"));
    assert_non_null(strstr(out.s, ".Ss cages[]\\&\n"));
    assert_non_null(strstr(out.s, ".Ss lamps.<key>\n"));
    assert_non_null(
        strstr(out.s, ".It Cm guests\nOne or some.\n(string, object or list)\n"));
    assert_non_null(strstr(out.s,
                           ".It Cm openFor\nHow long the gate stays open.\n"
                           "(duration, from 10ms to 1h; default \\(dq120s\\(dq)\n"));
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_force_is_printed),
        cmocka_unit_test(the_printed_config_loads_to_the_same),
        cmocka_unit_test(the_commented_file_has_every_key_and_loads_to_the_defaults),
        cmocka_unit_test(the_schema_names_every_key_and_is_json),
        cmocka_unit_test(lines_are_broken_between_words),
        cmocka_unit_test(the_manual_shows_text_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Objects with free keys, single values for lists of one, numbers of either sign, and truth that
 * may be absent. */
#include "conf/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/copy.h"
#include "conf/snapshot.h"
#include "zootest.h"

static void
a_single_value_stands_for_a_list_of_one(void **state)
{
    static const char *const forms[] = {
        "\"ape\"",
        "{ \"animal\": \"ape\" }",
        "[\"ape\"]",
        "[{ \"animal\": \"ape\", \"count\": 1 }]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct conf_snapshot *s;
        const struct zoo *zoo;
        const struct cage *guests;
        char text[256];

        snprintf(text, sizeof text,
                 "{ \"version\": 1, \"star\": \"lion\", \"guests\": %s }", forms[i]);
        s = load(text);
        zoo = conf_root(s);
        guests = zoo->guests.items;
        assert_int_equal(zoo->guests.n, 1);
        assert_string_equal(guests[0].animal, "ape");
        assert_int_equal(guests[0].count, 1);
        conf_drop(s);
    }
}

static void
free_keys_keep_their_order(void **state)
{
    struct conf_snapshot *s =
        load("{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"x-z\": \"red\","
             " \"a.b\": { \"lit\": false, \"warmth\": -9000000000, \"words\": \"hi\" },"
             " \"\": { \"lit\": true, \"words\": [\"a\", { \"word\": \"b\" }] } } }");
    const struct zoo *zoo = conf_root(s);
    const struct lamp *lamps = zoo->lamps.items;
    const struct word *words;

    (void)state;
    assert_int_equal(zoo->lamps.n, 3);
    assert_string_equal(lamps[0].name, "x-z");
    assert_string_equal(lamps[0].color, "red");
    assert_int_equal(lamps[0].lit, CONF_UNSET);
    assert_int_equal(lamps[0].warmth, -5);
    assert_string_equal(lamps[1].name, "a.b");
    assert_null(lamps[1].color);
    assert_int_equal(lamps[1].lit, CONF_FALSE);
    assert_true(lamps[1].warmth == -9000000000);
    assert_int_equal(lamps[1].words.n, 1);
    words = lamps[1].words.items;
    assert_string_equal(words[0].word, "hi");
    assert_string_equal(lamps[2].name, "");
    assert_int_equal(lamps[2].lit, CONF_TRUE);
    words = lamps[2].words.items;
    assert_int_equal(lamps[2].words.n, 2);
    assert_string_equal(words[1].word, "b");
    conf_drop(s);
    setenv("ZOO_W", "-7", 1);
    setenv("ZOO_L", "true", 1);
    s = load("{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"a\": { \"lit\": "
             "\"${ZOO_L}\", \"warmth\": \"${ZOO_W}\" } } }");
    zoo = conf_root(s);
    lamps = zoo->lamps.items;
    assert_int_equal(lamps[0].lit, CONF_TRUE);
    assert_int_equal(lamps[0].warmth, -7);
    conf_drop(s);
}

static void
free_keys_are_copied_and_compared(void **state)
{
    static const char text[] =
        "{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"a\": { \"lit\": true, "
        "\"words\": \"hi\" }, \"b\": \"red\" } }";
    static const char *const others[] = {
        "{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"a\": { \"lit\": true, "
        "\"words\": \"hi\" }, \"c\": \"red\" } }",
        "{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"a\": { \"lit\": false, "
        "\"words\": \"hi\" }, \"b\": \"red\" } }",
        "{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"a\": { \"lit\": true, "
        "\"words\": \"hi\", \"warmth\": 1 }, \"b\": \"red\" } }",
        "{ \"version\": 1, \"star\": \"lion\", \"lamps\": { \"b\": \"red\", \"a\": { "
        "\"lit\": true, \"words\": \"hi\" } } }",
    };
    struct conf_snapshot *s = load(text), *same;
    struct conf_copy *copy = conf_copy_new(&zoo_struct, conf_root(s));
    const struct zoo *zoo = conf_copy_root(copy);
    const struct lamp *lamps = zoo->lamps.items;

    (void)state;
    conf_drop(s);
    assert_string_equal(lamps[0].name, "a");
    assert_string_equal(lamps[1].name, "b");
    assert_string_equal(((const struct word *)lamps[0].words.items)->word, "hi");
    same = load(text);
    assert_true(conf_equal(&zoo_struct, zoo, conf_root(same)));
    conf_drop(same);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        s = load(others[i]);
        assert_false(conf_equal(&zoo_struct, zoo, conf_root(s)));
        conf_drop(s);
    }
    conf_copy_drop(copy);
}

static void
bad_free_keys_and_single_values_are_refused(void **state)
{
    static const struct {
        const char *value, *line;
    } rows[] = {
        { "\"guests\": 5", "z:1:40: error: guests must be a string, an object { } or a "
                           "list [ ], not a number [E0109]" },
        { "\"guests\": []",
          "z:1:40: error: guests is empty; it needs at least one cage [E0116]" },
        { "\"guests\": { \"animal\": \"B\" }",
          "z:1:52: error: guests.animal cannot be \"B\": it must be written in small "
          "letters [E0299]" },
        { "\"lamps\": [1]",
          "z:1:39: error: lamps must be an object { }, not a list [E0109]" },
        { "\"lamps\": { \"a\": 5 }", "z:1:46: error: lamps.a must be a string or an "
                                     "object { }, not a number [E0109]" },
        { "\"lamps\": { \"a\": { \"colr\": \"\" } }",
          "z:1:48: error: unknown key \"colr\" in lamps.a; did you mean \"color\"? "
          "[E0107]" },
        { "\"lamps\": { \"a\": { \"warmth\": 1.5 } }",
          "z:1:58: error: lamps.a.warmth must be a whole number, not a fraction "
          "[E0109]" },
        { "\"lamps\": { \"a\": { \"lit\": \"true\" } }",
          "z:1:55: error: lamps.a.lit must be true or false, not a string "
          "\"true\"; did you mean true? [E0109]" },
        { "\"lamps\": { \"a\": \"\", \"b\": \"\", \"c\": \"\", \"d\": \"\" }",
          "z:1:39: error: lamps has 4 items; it may have from 0 to 3 [E0116]" },
        { "\"lamps\": { \"sun\": \"\" }", "z:1:48: error: the sun is no lamp [E0295]" },
        { "\"lamps\": { \"a\": { \"words\": [\"\", \"off\"] } }",
          "z:1:62: error: a confusing word [E0294]" },
        { "\"lamps\": { \"a\": { \"words\": \"off\" } }",
          "z:1:57: error: a confusing word [E0294]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];

        snprintf(text, sizeof text, "{ \"version\": 1, \"star\": \"a\", %s }",
                 rows[i].value);
        assert_refused(text, rows[i].line);
    }
}

static void
rows_are_found_below_free_keys(void **state)
{
    (void)state;
    assert_string_equal(field_find_path(&zoo_struct, "lamps.color")->key, "color");
    assert_string_equal(field_find_path(&zoo_struct, "lamps.x-a.color")->key, "color");
    assert_string_equal(field_find_path(&zoo_struct, "lamps.x-a")->key, "lamps");
    assert_string_equal(field_find_path(&zoo_struct, "lamps.x-a.words[0].word")->key,
                        "word");
    assert_null(field_find_path(&zoo_struct, "lamps.x-a.nothing"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_value_stands_for_a_list_of_one),
        cmocka_unit_test(free_keys_keep_their_order),
        cmocka_unit_test(free_keys_are_copied_and_compared),
        cmocka_unit_test(bad_free_keys_and_single_values_are_refused),
        cmocka_unit_test(rows_are_found_below_free_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tagged structs: the key "type" chooses the rows; and rates. */
#include "conf/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/copy.h"
#include "conf/explain.h"
#include "conf/man.h"
#include "conf/print.h"
#include "conf/schema.h"
#include "conf/snapshot.h"
#include "zootest.h"

enum { TRAIN, BOAT, SWING };

#define ZOO "{ \"version\": 1, \"star\": \"lion\", "

static const char full[] =
    ZOO "\"rides\": [\"swing\", { \"stops\": [\"lions\", \"apes\"], \"name\": \"Molly\", "
        "\"type\": \"train\", \"wagons\": 3, \"x-note\": [] }, { \"type\": \"boat\", "
        "\"trips\": \"0.5/m\" }, { \"type\": \"train\", \"off\": true }] }";

static const struct ride *
ride_at(const struct conf_list *rides, size_t i)
{
    return (const struct ride *)rides->items + i;
}

static void
the_tag_chooses_the_keys(void **state)
{
    struct conf_snapshot *s = load(full);
    const struct zoo *zoo = conf_root(s);
    const struct ride *ride = zoo->rides.items;
    const struct train *train = ride[1].kind;
    const struct boat *boat = ride[2].kind;
    const struct word *stops = train->stops.items;

    (void)state;
    assert_int_equal(zoo->rides.n, 4);
    assert_int_equal(ride[0].type, SWING);
    assert_null(ride[0].name);
    assert_non_null(ride[0].kind);
    assert_int_equal(ride[1].type, TRAIN);
    assert_string_equal(ride[1].name, "Molly");
    assert_false(ride[1].off);
    assert_int_equal(train->wagons, 3);
    assert_null(train->whistle);
    assert_int_equal(train->stops.n, 2);
    assert_string_equal(stops[1].word, "apes");
    assert_int_equal(ride[2].type, BOAT);
    assert_int_equal(boat->seats, 4); /* by default */
    assert_true(boat->trips.events == 0.5);
    assert_int_equal(boat->trips.per_ms, 60000);
    conf_drop(s);
}

static void
what_is_off_need_not_be_complete_and_is_not_kept(void **state)
{
    struct conf_snapshot *s =
        load(ZOO "\"rides\": [{ \"type\": \"train\", \"off\": true },"
                 " { \"off\": true, \"wagons\": 7, \"type\": \"train\" },"
                 " { \"type\": \"boat\", \"off\": false }] }");
    const struct zoo *zoo = conf_root(s);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(ride_at(&zoo->rides, i)->off);
        assert_int_equal(ride_at(&zoo->rides, i)->type, TRAIN);
        assert_null(ride_at(&zoo->rides, i)->kind);
    }
    assert_non_null(ride_at(&zoo->rides, 2)->kind);
    conf_drop(s);
    /* It is read all the same. */
    assert_refused(
        ZOO "\"rides\": [{ \"type\": \"train\", \"off\": true, \"wagons\": 70 }] "
            "}",
        "z:1:85: error: rides[0].wagons is 70; it must be from 1 to 10 [E0110]");
}

static void
the_tag_may_come_from_a_variable(void **state)
{
    struct conf_snapshot *s;
    const struct zoo *zoo;

    (void)state;
    setenv("ZOO_T", "boat", 1);
    s = load(ZOO "\"rides\": [{ \"type\": \"${ZOO_T}\", \"seats\": 2 }, \"${ZOO_T}\"] }");
    zoo = conf_root(s);
    assert_int_equal(((const struct boat *)ride_at(&zoo->rides, 0)->kind)->seats, 2);
    assert_int_equal(((const struct boat *)ride_at(&zoo->rides, 1)->kind)->seats, 4);
    conf_drop(s);
}

static void
wrong_tags_and_keys_are_refused(void **state)
{
    static const struct {
        const char *value, *line;
    } rows[] = {
        { "\"trian\"",
          "z:1:43: error: rides[0] does not know the word \"trian\"; did you mean "
          "\"train\"? It is one of train, boat, swing [E0113]" },
        { "{ \"type\": \"ferry\", \"decks\": 2 }",
          "z:1:53: error: rides[0].type does not know the word \"ferry\"; it is one of "
          "train, boat, swing [E0113]" },
        { "{ \"type\": 5 }",
          "z:1:53: error: rides[0].type must be a string, not a number [E0109]" },
        { "{ \"name\": \"x\" }", "z:1:43: error: rides[0] needs the key \"type\"; it is "
                                 "one of train, boat, swing [E0108]" },
        { "{ \"boat\": { \"seats\": 3 } }",
          "z:1:43: error: rides[0] needs the key \"type\"; write \"type\": \"boat\" and "
          "the keys of it beside that [E0108]" },
        { "{ \"seats\": 3 }",
          "z:1:43: error: rides[0] needs the key \"type\"; with these "
          "keys it is \"type\": \"boat\" [E0108]" },
        { "5", "z:1:43: error: rides[0] must be a string or an object { }, not a number "
               "[E0109]" },
        { "\"train\"", "z:1:43: error: rides[0] needs the key \"wagons\"; for example "
                       "\"wagons\": 3 [E0108]" },
        { "{ \"type\": \"train\" }", "z:1:43: error: rides[0] needs the key \"wagons\"; "
                                     "for example \"wagons\": 3 [E0108]" },
        { "{ \"type\": \"train\", \"wagon\": 3 }",
          "z:1:62: error: unknown key \"wagon\" in rides[0]; did you mean \"wagons\"? "
          "[E0107]" },
        { "{ \"type\": \"train\", \"wagons\": 3, \"nmae\": \"x\" }",
          "z:1:75: error: unknown key \"nmae\" in rides[0]; did you mean \"name\"? "
          "[E0107]" },
        { "{ \"type\": \"boat\", \"whistle\": \"x\" }",
          "z:1:61: error: unknown key \"whistle\" in rides[0]; this key belongs to "
          "\"rides.train.whistle\" [E0107]" },
        { "{ \"type\": \"boat\", \"wings\": 2 }",
          "z:1:61: error: unknown key \"wings\" in rides[0]; keys here: seats, "
          "trips, type, name, off [E0107]" },
        { "{ \"type\": \"train\", \"wagons\": 7 }",
          "z:1:72: error: an unlucky train [E0293]" },
        { "{ \"type\": \"swing\", \"name\": \"Titanic\" }", "z:1:70: error: no [E0292]" },
        { "{ \"type\": \"boat\", \"trips\": 5 }",
          "z:1:70: error: rides[0].trips needs a unit (/s /m /h /d); did you mean "
          "\"5/s\"? [E0119]" },
        { "{ \"type\": \"boat\", \"trips\": \"101/s\" }",
          "z:1:70: error: rides[0].trips is 101/s; it must be from 1/d to 100/s "
          "[E0110]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];

        snprintf(text, sizeof text, ZOO "\"rides\": [%s] }", rows[i].value);
        assert_refused(text, rows[i].line);
    }
}

/* The rest cannot be judged. */
static void
a_wrong_tag_is_one_error(void **state)
{
    (void)state;
    assert_non_null(
        strstr(zoo_problems(ZOO "\"rides\": [{ \"type\": \"ferry\", \"decks\": "
                                "2, \"wagons\": 99 }] }"),
               "\n1 error in z;"));
    assert_non_null(
        strstr(zoo_problems(ZOO "\"rides\": [{ \"decks\": 2, \"name\": 5 }] }"),
               "\n2 errors in"));
}

static void
they_are_copied_and_compared(void **state)
{
    static const char *const changes[][2] = {
        { "\"swing\"", "\"boat\"" },
        { "\"apes\"", "\"apse\"" },
        { "Molly", "Polly" },
        { "\"wagons\": 3", "\"wagons\": 4" },
        { "0.5/m", "0.5/h" },
        { "0.5/m", "0.25/m" },
        { "\"off\": true", "\"off\": false, \"wagons\": 1" },
    };
    struct conf_snapshot *s = load(full), *same = load(full);
    struct conf_copy *copy = conf_copy_new(&zoo_struct, conf_root(s)), *again;
    const struct zoo *zoo;
    const struct train *train;

    (void)state;
    conf_drop(s);
    again = conf_copy_new(&zoo_struct, conf_copy_root(copy));
    conf_copy_drop(copy);
    zoo = conf_copy_root(again);
    train = ride_at(&zoo->rides, 1)->kind;
    assert_int_equal(train->wagons, 3);
    assert_string_equal(((const struct word *)train->stops.items)[1].word, "apes");
    assert_null(ride_at(&zoo->rides, 3)->kind);
    assert_true(conf_equal(&zoo_struct, zoo, conf_root(same)));
    conf_drop(same);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        const char *at = strstr(full, changes[i][0]);
        char text[1024];

        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - full), full, changes[i][1],
                 at + strlen(changes[i][0]));
        s = load(text);
        if (conf_equal(&zoo_struct, zoo, conf_root(s)) ||
            conf_equal(&zoo_struct, conf_root(s), zoo))
            fail_msg("\"%s\" is like \"%s\"", changes[i][0], changes[i][1]);
        conf_drop(s);
    }
    conf_copy_drop(again);
}

/* One of them alone, as filters are kept. */
static void
a_single_one_is_copied_with_its_kind(void **state)
{
    struct conf_snapshot *s = load(full);
    const struct zoo *zoo = conf_root(s);
    struct conf_copy *copy = conf_copy_new(&ride_struct, ride_at(&zoo->rides, 1));
    const struct ride *ride;

    (void)state;
    assert_true(conf_equal(&ride_struct, ride_at(&zoo->rides, 1), conf_copy_root(copy)));
    assert_false(conf_equal(&ride_struct, ride_at(&zoo->rides, 3), conf_copy_root(copy)));
    conf_drop(s);
    ride = conf_copy_root(copy);
    assert_int_equal(((const struct train *)ride->kind)->wagons, 3);
    assert_string_equal(conf_variant_of(&ride_struct, ride)->tag, "train");
    assert_ptr_equal(conf_variant_value(&ride_struct, ride), ride->kind);
    conf_copy_drop(copy);
}

static void
they_are_printed_and_load_again(void **state)
{
    struct conf_snapshot *s = load(full), *again;
    struct strbuf one, two;

    (void)state;
    strbuf_init(&one, 8192);
    strbuf_init(&two, 8192);
    conf_print(&zoo_struct, conf_root(s), &one);
    assert_non_null(strstr(one.s, "  \"rides\": [\n"
                                  "    {\n"
                                  "      \"type\": \"swing\",\n"
                                  "      \"off\": false\n"
                                  "    },\n"
                                  "    {\n"
                                  "      \"type\": \"train\",\n"
                                  "      \"name\": \"Molly\",\n"
                                  "      \"off\": false,\n"
                                  "      \"wagons\": 3,\n"
                                  "      \"stops\": [\n"
                                  "        \"lions\",\n"
                                  "        \"apes\"\n"
                                  "      ]\n"
                                  "    },\n"
                                  "    {\n"
                                  "      \"type\": \"boat\",\n"
                                  "      \"off\": false,\n"
                                  "      \"seats\": 4,\n"
                                  "      \"trips\": \"0.5/m\"\n"
                                  "    },\n"
                                  "    {\n"
                                  "      \"type\": \"train\",\n"
                                  "      \"off\": true\n"
                                  "    }\n"
                                  "  ],\n"));
    again = load(one.s);
    assert_true(conf_equal(&zoo_struct, conf_root(s), conf_root(again)));
    conf_print(&zoo_struct, conf_root(again), &two);
    assert_string_equal(one.s, two.s);
    strbuf_done(&one);
    strbuf_done(&two);
    conf_drop(s);
    conf_drop(again);
}

static void
yaml_has_them_too(void **state)
{
    static const char text[] = "version: 1\nstar: lion\nrides:\n  - swing\n"
                               "  - type: train\n    wagons: 3\n    nmae: x\n";
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    if (strcmp(conf_yaml_version(), "none") == 0)
        skip();
    strbuf_init(&problems, 4096);
    assert_int_equal(
        conf_load_text(&zoo_struct, "z.yaml", text, strlen(text), &problems, &s),
        ERR_SYNTAX);
    assert_non_null(strstr(problems.s,
                           "z.yaml:7:5: error: unknown key \"nmae\" in rides[1]; "
                           "did you mean \"name\"? [E0107]"));
    strbuf_done(&problems);
}

static void
paths_go_through_the_tag(void **state)
{
    (void)state;
    assert_string_equal(field_find_path(&zoo_struct, "rides.train.wagons")->key,
                        "wagons");
    assert_string_equal(field_find_path(&zoo_struct, "rides[].boat.trips")->key, "trips");
    assert_string_equal(field_find_path(&zoo_struct, "moreRides[1].boat.trips")->key,
                        "trips");
    assert_string_equal(field_find_path(&zoo_struct, "rides[].train.stops[0].word")->key,
                        "word");
    assert_string_equal(field_find_path(&zoo_struct, "rides.off")->key, "off");
    assert_null(field_find_path(&zoo_struct, "rides.train"));
    assert_null(field_find_path(&zoo_struct, "rides.train.seats"));
    assert_null(field_find_path(&zoo_struct, "rides.wagons"));
    assert_null(field_find_path(&zoo_struct, "train.wagons"));
    assert_string_equal(conf_variant_find_path(&zoo_struct, "rides[].train")->tag,
                        "train");
    assert_null(conf_variant_find_path(&zoo_struct, "rides"));
    assert_null(conf_variant_find_path(&zoo_struct, "rides.ferry"));
    assert_null(conf_variant_find_path(&zoo_struct, "rides.train.wagons"));
}

static void
each_kind_is_explained(void **state)
{
    static const struct {
        const char *what, *part;
        int rv;
    } rows[] = {
        { "rides", "keys:\n  type    one of train, boat, swing; required\n", 0 },
        { "rides",
          "  Each type has keys of its own; ask for them as in rides.train:\n\n"
          "  train\n    Goes around. It is slow.\n",
          0 },
        { "rides[].boat",
          "rides.boat\n\n  Goes over the lake.\n\n  keys:\n  seats    whole "
          "number, from 1 to 8; default 4\n  trips    rate, from 1/d to 100/s; "
          "default \"10/h\"\n",
          0 },
        { "boat", "rides.boat\n", 0 },
        { "rides.boat.trips", "rides.boat.trips\n  rate, from 1/d to 100/s;", 0 },
        { "rides[].train.stops[].word", "rides.train.stops.word\n", 0 },
        { "boat.trips", "rides.boat.trips\n", 0 },
        { "Boat.Trips", "rides.boat.trips\n", 0 },
        { "trips", "rides.boat.trips\n", 0 },
        { "moreRides.boat.trips", "moreRides.boat.trips\n", 0 },
        { "swing", "rides.swing\n\n  Goes up and down.\n", 0 },
        { "rides.boat.trip", "did you mean \"rides.boat.trips\"?", ERR_SYNTAX },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out;

        strbuf_init(&out, 65536);
        assert_int_equal(conf_explain(&zoo_struct, rows[i].what, &out), rows[i].rv);
        if (!strstr(out.s, rows[i].part))
            fail_msg("%s: %s", rows[i].what, out.s);
        strbuf_done(&out);
    }
}

static void
the_manual_describes_each_kind_once(void **state)
{
    struct strbuf out;
    const char *at;

    (void)state;
    strbuf_init(&out, 65536);
    conf_print_man(&zoo_struct, &out);
    at = strstr(out.s, ".Ss rides[]\\&\n");
    assert_non_null(at);
    at = strstr(at, ".Ss rides.train\nAn object with\n.Cm type\n.Dq train .\nGoes "
                    "around.\nIt is slow.\n.Bl -tag -width Ds\n.It Cm wagons\n");
    assert_non_null(at);
    at = strstr(at, ".Ss rides.train.stops[]\\&\n");
    assert_non_null(at);
    at = strstr(at, ".Ss rides.swing\n");
    assert_non_null(at);
    assert_null(strstr(at, "Goes around"));
    assert_non_null(strstr(out.s, "What others like.\nThe keys are those of\nrides .\n"));
    strbuf_done(&out);
}

static void
the_commented_file_shows_each_kind(void **state)
{
    struct conf_snapshot *s;
    const struct zoo *zoo;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    conf_print_template(&zoo_struct, &out);
    assert_non_null(strstr(out.s, "  // \"rides\": [\"swing\", { \"type\": \"train\", "));
    assert_non_null(strstr(out.s, "  // Goes over the lake.\n"
                                  "  // {\n"
                                  "  //   \"type\": \"boat\",\n"
                                  "  //   // How many may come. (from 1 to 8)\n"
                                  "  //   \"seats\": 4,\n"));
    s = load(out.s);
    zoo = conf_root(s);
    assert_int_equal(zoo->rides.n, 0);
    conf_drop(s);
    strbuf_done(&out);
}

static void
the_schema_has_a_branch_for_each_kind(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    conf_print_schema(&zoo_struct, &out);
    assert_non_null(strstr(out.s, "\"oneOf\": [\n"));
    /* A bare string is enough for those that need nothing. */
    assert_non_null(strstr(out.s, "{ \"enum\": [\"boat\", \"swing\"] },"));
    assert_non_null(strstr(out.s, "\"type\": { \"description\": \"Goes over the lake.\", "
                                  "\"enum\": [\"boat\"] },"));
    assert_non_null(strstr(out.s,
                           "\"anyOf\": [{ \"required\": [\"off\"], \"properties\": { "
                           "\"off\": { \"enum\": [true] } } }, { \"required\": "
                           "[\"wagons\"] }],"));
    assert_non_null(strstr(out.s, "\"$ref\": \"#/properties/rides/items\""));
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tag_chooses_the_keys),
        cmocka_unit_test(what_is_off_need_not_be_complete_and_is_not_kept),
        cmocka_unit_test(the_tag_may_come_from_a_variable),
        cmocka_unit_test(wrong_tags_and_keys_are_refused),
        cmocka_unit_test(a_wrong_tag_is_one_error),
        cmocka_unit_test(they_are_copied_and_compared),
        cmocka_unit_test(a_single_one_is_copied_with_its_kind),
        cmocka_unit_test(they_are_printed_and_load_again),
        cmocka_unit_test(yaml_has_them_too),
        cmocka_unit_test(paths_go_through_the_tag),
        cmocka_unit_test(each_kind_is_explained),
        cmocka_unit_test(the_manual_describes_each_kind_once),
        cmocka_unit_test(the_commented_file_shows_each_kind),
        cmocka_unit_test(the_schema_has_a_branch_for_each_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a struct that outlive it, and whether two structs say the same. */
#include "conf/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "zoo.h"

static const char full[] =
    "{ \"version\": 1, \"mood\": \"wild\", \"name\": \"city zoo\", \"motto\": \"come "
    "in\","
    " \"food\": \"meat\", \"gate\": { \"openFor\": \"90s\", \"width\": \"2KiB\" },"
    " \"star\": { \"animal\": \"lion\", \"count\": 2 },"
    " \"cages\": [\"ape\", { \"animal\": \"bear\", \"count\": 3 }], \"price\": 3.5,"
    " \"tax\": \"7%\", \"signs\": { \"ape\": \"\", \"lion\": \"do not feed\" } }";

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
a_copy_says_the_same_when_the_original_is_gone(void **state)
{
    struct conf_snapshot *s = load(full);
    struct conf_copy *c = conf_copy_new(&zoo_struct, conf_root(s));
    struct strbuf before, after;

    (void)state;
    strbuf_init(&before, 4096);
    strbuf_init(&after, 4096);
    conf_print(&zoo_struct, conf_root(s), &before);
    assert_true(conf_equal(&zoo_struct, conf_root(s), conf_copy_root(c)));
    conf_drop(s);
    conf_print(&zoo_struct, conf_copy_root(c), &after);
    assert_string_equal(before.s, after.s);
    strbuf_done(&before);
    strbuf_done(&after);
    conf_copy_drop(c);
}

static void
what_is_absent_stays_absent(void **state)
{
    const struct zoo *zoo;
    struct conf_snapshot *s = load("{ \"version\": 1, \"star\": \"lion\" }");
    struct conf_copy *c = conf_copy_new(&zoo_struct, conf_root(s));

    (void)state;
    zoo = conf_copy_root(c);
    assert_null(zoo->motto);
    assert_int_equal(zoo->cages.n, 0);
    assert_null(zoo->cages.items);
    assert_int_equal(zoo->signs.n, 0);
    assert_string_equal(zoo->star.animal, "lion");
    conf_drop(s);
    conf_copy_drop(c);
}

static void
the_last_drop_frees(void **state)
{
    struct conf_snapshot *s = load(full);
    struct conf_copy *c = conf_copy_new(&zoo_struct, conf_root(s));

    (void)state;
    conf_drop(s);
    assert_ptr_equal(conf_copy_hold(c), c);
    conf_copy_drop(c);
    assert_string_equal(((const struct zoo *)conf_copy_root(c))->star.animal, "lion");
    conf_copy_drop(c);
    conf_copy_drop(NULL);
}

static void
every_difference_counts(void **state)
{
    static const char *const changes[][2] = {
        { "wild", "calm" },
        { "city zoo", "city  zoo" },
        { "come in", "come" },
        { "\"meat\"", "\"hay\"" },
        { "90s", "91s" },
        { "2KiB", "3KiB" },
        { "lion\", \"c", "lynx\", \"c" },
        { "\"count\": 2", "\"count\": 4" },
        { "[\"ape\", ", "[" },
        { "\"ape\", ", "\"ass\", " },
        { "\"count\": 3", "\"count\": 1" },
        { "3.5", "3.25" },
        { "7%", "7.5%" },
        { "\"ape\": \"\"", "\"bee\": \"\"" },
        { "do not feed", "feed" },
        { "\"ape\": \"\", ", "" },
    };
    struct conf_snapshot *s = load(full), *again = load(full);

    (void)state;
    assert_true(conf_equal(&zoo_struct, conf_root(s), conf_root(again)));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *at = strstr(full, changes[i][0]);
        struct conf_snapshot *other;
        char text[1024];

        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - full), full, changes[i][1],
                 at + strlen(changes[i][0]));
        other = load(text);
        if (conf_equal(&zoo_struct, conf_root(s), conf_root(other)) ||
            conf_equal(&zoo_struct, conf_root(other), conf_root(s)))
            fail_msg("\"%s\" is like \"%s\"", changes[i][0], changes[i][1]);
        conf_drop(other);
    }
    conf_drop(again);
    conf_drop(s);
}

static void
keys_can_be_left_out_of_the_question(void **state)
{
    static const char *const gate[] = { "mood", "gate", NULL };
    static const char *const cages[] = { "cages", NULL };
    struct conf_snapshot *s = load(full);
    struct zoo other = *(const struct zoo *)conf_root(s);

    (void)state;
    other.gate.open_ms++;
    other.mood = 0;
    assert_false(conf_equal(&zoo_struct, conf_root(s), &other));
    assert_false(conf_equal_but(&zoo_struct, conf_root(s), &other, cages));
    assert_true(conf_equal_but(&zoo_struct, conf_root(s), &other, gate));
    other.cages.n--;
    assert_false(conf_equal_but(&zoo_struct, conf_root(s), &other, gate));
    conf_drop(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_says_the_same_when_the_original_is_gone),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(the_last_drop_frees),
        cmocka_unit_test(every_difference_counts),
        cmocka_unit_test(keys_can_be_left_out_of_the_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

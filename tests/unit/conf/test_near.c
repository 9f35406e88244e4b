/* SPDX-License-Identifier: Apache-2.0 */
/* The words behind "did you mean". */
#include "conf/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"

static const char *const keys[] = { "name",        "endpoints", "balance",
                                    "connections", "limits",    "backoff" };

static void
distance_counts_edits_and_swaps(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned d;
    } rows[] = { { "", "", 0 },         { "abc", "abc", 0 },       { "abc", "", 3 },
                 { "", "ab", 2 },       { "abc", "abd", 1 },       { "abc", "acb", 1 },
                 { "abcd", "badc", 2 }, { "abc", "ab", 1 },        { "abc", "Abc", 1 },
                 { "ca", "abc", 3 },    { "kitten", "sitting", 3 } };
    char longest[66] = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(near_distance(rows[i].a, rows[i].b), rows[i].d);
        assert_int_equal(near_distance(rows[i].b, rows[i].a), rows[i].d);
    }
    memset(longest, 'x', 64);
    assert_int_equal(near_distance(longest, longest), 0);
    longest[64] = 'x';
    assert_true(near_distance(longest, longest) > 64);
}

static void
same_letters_ignore_case_and_separators(void **state)
{
    (void)state;
    assert_true(near_same_letters("connect_timeout", "connectTimeout"));
    assert_true(near_same_letters("Connect-Timeout", "connectTimeout"));
    assert_true(near_same_letters("__a__", "A"));
    assert_false(near_same_letters("connectTimeouts", "connectTimeout"));
    assert_false(near_same_letters("", "a"));
}

static void
near_words_are_found_and_far_ones_not(void **state)
{
    static const struct {
        const char *word, *near;
    } rows[] = { { "balanse", "balance" },
                 { "blaance", "balance" },
                 { "endpoint", "endpoints" },
                 { "enpoints", "endpoints" },
                 { "nme", "name" },
                 { "NAME", "name" },
                 { "conn", "connections" },
                 { "bal", "balance" },
                 { "fruit", NULL },
                 { "x", NULL },
                 { "", NULL },
                 { "na", NULL },
                 { "balanced", "balance" },
                 { "limts", "limits" },
                 { "back_off", "backoff" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *near = near_find(rows[i].word, keys, ARRAY_LEN(keys));

        if (!rows[i].near)
            assert_null(near);
        else if (!near || strcmp(near, rows[i].near) != 0)
            fail_msg("%s gave %s", rows[i].word, near ? near : "nothing");
    }
}

static void
suggestion_names_one_word_or_lists_all(void **state)
{
    const char *many[20];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1024);
    near_suggest(&out, "balanse", keys, ARRAY_LEN(keys), "keys here");
    assert_string_equal(out.s, "; did you mean \"balance\"?");
    strbuf_done(&out);

    near_suggest(&out, "mane", keys, ARRAY_LEN(keys), "keys here");
    assert_string_equal(
        out.s, "; keys here: name, balance, limits, backoff, endpoints, connections");
    strbuf_done(&out);

    near_suggest(&out, "fruit", keys, ARRAY_LEN(keys), NULL);
    assert_int_equal(out.len, 0);
    near_suggest(&out, "fruit", keys, 0, "keys here");
    assert_int_equal(out.len, 0);

    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = i % 4 == 3 ? NULL : "same";
    near_suggest(&out, "fruit", many, ARRAY_LEN(many), "words");
    assert_string_equal(out.s,
                        "; words: same, same, same, same, same, same, same, same, same, "
                        "same, same, same and 3 more");
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(same_letters_ignore_case_and_separators),
        cmocka_unit_test(near_words_are_found_and_far_ones_not),
        cmocka_unit_test(suggestion_names_one_word_or_lists_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

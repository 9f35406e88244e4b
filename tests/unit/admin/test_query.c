/* SPDX-License-Identifier: Apache-2.0 */
/* Words behind the "?": decoded, one after the other; what is none is refused with a sentence. */
#include <string.h>

#include "admin/query.h"
#include "base/strbuf.h"
#include "unit.h"

static void
words_come_one_after_the_other(void **state)
{
    const char *key, *value, *why;
    struct query q;

    (void)state;
    assert_true(query_begin(&q, "method=%2Fa.B%2Fc&text=a+b%26&empty=", &why));
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_WORD);
    assert_string_equal(key, "method");
    assert_string_equal(value, "/a.B/c");
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_WORD);
    assert_string_equal(value, "a b&");
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_WORD);
    assert_string_equal(key, "empty");
    assert_string_equal(value, "");
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_END);
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_END);
}

static void
nothing_is_no_word(void **state)
{
    const char *key, *value, *why;
    struct query q;

    (void)state;
    assert_true(query_begin(&q, "", &why));
    assert_int_equal(query_next(&q, &key, &value, &why), QUERY_END);
}

static void
what_is_no_word_is_refused(void **state)
{
    static const char *const bad[] = { "a",     "a&b=1", "a=%", "a=%4",
                                       "a=%zz", "a=%00", "%4=a" };
    const char *key, *value, *why;
    struct query q;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(query_begin(&q, bad[i], &why));
        assert_int_equal(query_next(&q, &key, &value, &why), QUERY_BAD);
        assert_non_null(strstr(why, "key=value"));
    }
}

static void
a_long_one_is_refused(void **state)
{
    char text[QUERY_MAX + 2];
    const char *why;
    struct query q;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[QUERY_MAX + 1] = '\0';
    assert_false(query_begin(&q, text, &why));
    assert_string_equal(why, "the query is too long");
    text[QUERY_MAX] = '\0';
    assert_true(query_begin(&q, text, &why));
}

static void
an_action_without_settings_hears_none(void **state)
{
    static const char *const known[] = { "graceful", "skip_exit", NULL };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    strbuf_puts(&out, "");
    assert_true(query_is_void("", NULL, &out));
    assert_true(query_is_void("graceful&skip_exit", known, &out));
    assert_true(query_is_void("skip_exit&", known, &out));
    assert_string_equal(out.s, "");
    assert_false(query_is_void("graceful&percent=50", known, &out));
    assert_non_null(strstr(out.s, "nothing was done"));
    assert_false(query_is_void("graceful=0", known, &out));
    assert_false(query_is_void("grace", known, &out));
    assert_false(query_is_void("graceful", NULL, &out));
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_one_after_the_other),
        cmocka_unit_test(nothing_is_no_word),
        cmocka_unit_test(what_is_no_word_is_refused),
        cmocka_unit_test(a_long_one_is_refused),
        cmocka_unit_test(an_action_without_settings_hears_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

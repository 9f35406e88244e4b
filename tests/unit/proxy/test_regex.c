/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: the whole text, a bounded time, errors with a place. */
#include "proxy/regex.h"

#include "unit.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/compat.h"
#include "base/strbuf.h"

/* Where memory may not be executed, the interpreter does the work. */
#define NO_JIT "(*NO_JIT)"

static enum regex_result
match(const char *pattern, struct slice text)
{
    struct regex *r = regex_new(pattern);
    enum regex_result result;

    assert_non_null(r);
    result = regex_match(r, text);
    regex_free(r);
    return result;
}

static void
the_whole_text_must_match(void **state)
{
    (void)state;
    assert_int_equal(match("a|ab", slice_of("ab")), REGEX_YES);
    assert_int_equal(match("a", slice_of("ab")), REGEX_NO);
    assert_int_equal(match("b", slice_of("ab")), REGEX_NO);
    assert_int_equal(match("a$", slice_of("a\n")), REGEX_NO);
    assert_int_equal(match("a.b", slice_of("a\nb")), REGEX_YES);
    assert_int_equal(match("", slice_of("")), REGEX_YES);
    assert_int_equal(match("", (struct slice){ 0 }), REGEX_YES);
    assert_int_equal(match("a\\x00.", slice_make("a\0b", 3)), REGEX_YES);
    /* Bytes, whatever they are. */
    assert_int_equal(match("..", slice_of("\xc3\xa9")), REGEX_YES);
    assert_int_equal(match(".", slice_of("\xff")), REGEX_YES);
}

static void
errors_have_a_place(void **state)
{
    static const struct {
        const char *pattern, *why;
    } rows[] = {
        { "v[12", "missing terminating ] for character class, at character 5" },
        { "a(b", "missing closing parenthesis, at character 4" },
        { "(*UTF8)a",
          "using UTF is disabled by the application, at character 8 (\"a\")" },
        { "\\C", "using \\C is disabled by the application, at character 3" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf why;

        strbuf_init(&why, 512);
        assert_int_not_equal(regex_check(rows[i].pattern, &why), 0);
        assert_string_equal(why.s, rows[i].why);
        strbuf_done(&why);
        assert_null(regex_new(rows[i].pattern));
    }
}

static double
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Patterns that try each of very many ways. The bound is 1 ms on a quiet machine; here only what
 * no slow machine explains is a fault (without limits each takes longer than the universe). */
static void
bombs_end_soon_and_match_nothing(void **state)
{
    static const char *const bombs[] = {
        "(a+)+$",    "(a+)+[bc]",     "(a|aa)+[bc]",         "(.*)*[bc]",
        "(a*)*[bc]", "((a+)+)+[bc]!", "(a?){900}(a+)+[bc]!", "(.+)+\\1[bc]",
    };
    static char text[REGEX_TEXT_MAX];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    for (size_t i = 0; i < 2 * ARRAY_LEN(bombs); i++) {
        char pattern[64];
        struct regex *r;
        double start, best = 1e9;
        enum regex_result result = REGEX_YES;

        snprintf(pattern, sizeof pattern, "%s%s", i % 2 ? NO_JIT : "", bombs[i / 2]);
        r = regex_new(pattern);
        assert_non_null(r);
        for (int run = 0; run < 5; run++) {
            start = now_ms();
            result = regex_match(r, slice_make(text, sizeof text));
            if (now_ms() - start < best)
                best = now_ms() - start;
        }
        regex_free(r);
        print_message("%s: %.3f ms\n", pattern, best);
        assert_int_equal(result, REGEX_GAVE_UP);
        assert_true(best < 50);
    }
}

static void
common_patterns_match_the_longest_texts(void **state)
{
    static const char *const patterns[] = { ".*a.*", "[a-z]+!", "(?:a)*!",   "(a)*!",
                                            ".*!",   "a.*!",    "(?:a+,?)+!" };
    static char text[REGEX_TEXT_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof text);
    text[REGEX_TEXT_MAX - 1] = '!';
    for (size_t i = 0; i < 2 * ARRAY_LEN(patterns); i++) {
        char pattern[64];

        snprintf(pattern, sizeof pattern, "%s%s", i % 2 ? NO_JIT : "", patterns[i / 2]);
        /* The interpreter counts more steps for the same: it manages a quarter of the text. */
        if (match(pattern, slice_make(text + (i % 2) * 3 * REGEX_TEXT_MAX / 4,
                                      i % 2 ? REGEX_TEXT_MAX / 4 : REGEX_TEXT_MAX)) !=
            REGEX_YES)
            fail_msg("%s", pattern);
    }
    assert_int_equal(match(".*", slice_make(text, REGEX_TEXT_MAX + 1)), REGEX_GAVE_UP);
}

static void *
thread_main(void *arg)
{
    static const char good[] = "abcabcabc", bad[] = "abcabcabx";
    size_t wrong = 0;

    for (int i = 0; i < 20000; i++) {
        wrong += regex_match(arg, slice_of(good)) != REGEX_YES;
        wrong += regex_match(arg, slice_of(bad)) != REGEX_NO;
    }
    return (void *)wrong;
}

static void
threads_share_a_regex(void **state)
{
    struct regex *r = regex_new("(?:a(b)c)+");
    pthread_t threads[3];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, r), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    regex_free(r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_text_must_match),
        cmocka_unit_test(errors_have_a_place),
        cmocka_unit_test(bombs_end_soon_and_match_nothing),
        cmocka_unit_test(common_patterns_match_the_longest_texts),
        cmocka_unit_test(threads_share_a_regex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text and its cap. */
#include "unit.h"

#include <string.h>

#include "base/strbuf.h"

static void
grows_and_stays_terminated(void **state)
{
    struct strbuf b;

    (void)state;
    strbuf_init(&b, 100000);
    for (int i = 0; i < 1000; i++) {
        strbuf_printf(&b, "%04d,", i);
        assert_int_equal(strlen(b.s), b.len);
    }
    assert_int_equal(b.len, 5000);
    assert_memory_equal(b.s + 5 * 777, "0777,", 5);
    assert_false(b.cut);
    strbuf_done(&b);
}

static void
an_empty_add_gives_an_empty_text(void **state)
{
    struct strbuf b;

    (void)state;
    strbuf_init(&b, 10);
    strbuf_puts(&b, "");
    assert_string_equal(b.s, "");
    strbuf_done(&b);
}

static void
fills_exactly_to_the_cap(void **state)
{
    struct strbuf b;

    (void)state;
    strbuf_init(&b, 5);
    strbuf_puts(&b, "hello");
    assert_false(b.cut);
    strbuf_puts(&b, "!");
    assert_true(b.cut);
    assert_string_equal(b.s, "hello");
    strbuf_done(&b);
}

static void
what_follows_a_cut_is_left_out_too(void **state)
{
    struct strbuf b;

    (void)state;
    strbuf_init(&b, 8);
    strbuf_puts(&b, "12345");
    strbuf_puts(&b, "67890");
    assert_string_equal(b.s, "12345678");
    strbuf_puts(&b, "");
    strbuf_printf(&b, "%s", "x");
    assert_string_equal(b.s, "12345678");
    assert_true(b.cut);
    strbuf_done(&b);
}

static void
a_long_format_is_cut_at_the_cap(void **state)
{
    char text[1001];
    struct strbuf b;

    (void)state;
    memset(text, 'a', 1000);
    text[1000] = '\0';
    strbuf_init(&b, 2000);
    strbuf_printf(&b, "<%s>", text);
    assert_int_equal(b.len, 1002);
    assert_int_equal(b.s[1001], '>');
    strbuf_printf(&b, "<%s>", text);
    assert_int_equal(b.len, 2000);
    assert_true(b.cut);
    assert_int_equal(strlen(b.s), 2000);
    assert_int_equal(b.s[1002], '<');
    strbuf_done(&b);
}

static void
steals_the_text_and_is_empty_again(void **state)
{
    struct strbuf b;
    char *s;

    (void)state;
    strbuf_init(&b, 100);
    s = strbuf_steal(&b);
    assert_string_equal(s, "");
    free(s);
    strbuf_puts(&b, "mine");
    s = strbuf_steal(&b);
    assert_string_equal(s, "mine");
    free(s);
    assert_int_equal(b.len, 0);
    strbuf_puts(&b, "next");
    assert_string_equal(b.s, "next");
    strbuf_done(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(an_empty_add_gives_an_empty_text),
        cmocka_unit_test(fills_exactly_to_the_cap),
        cmocka_unit_test(what_follows_a_cut_is_left_out_too),
        cmocka_unit_test(a_long_format_is_cut_at_the_cap),
        cmocka_unit_test(steals_the_text_and_is_empty_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

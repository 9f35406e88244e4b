/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger says does nothing to a terminal, and is bounded. */
#include "main/ctl_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

static void
is_said(const char *text, size_t n, const char *want)
{
    struct strbuf out;

    strbuf_init(&out, 2 * CTL_PLAIN_MAX);
    ctl_plain_add(&out, text, n);
    assert_string_equal(out.s, want);
    assert_int_equal(out.len, strlen(want));
    strbuf_done(&out);
}

#define SAID(text, want) is_said(text, sizeof(text) - 1, want)

static void
text_stays_as_it_is(void **state)
{
    (void)state;
    SAID("line 3: no pool \"b\xc3\xbc"
         "cher\"\n\tsee \xe2\x82\xac \xf0\x9f\x98\x80\n",
         "line 3: no pool \"b\xc3\xbc"
         "cher\"\n\tsee \xe2\x82\xac \xf0\x9f\x98\x80\n");
    SAID("\xc2\xa0", "\xc2\xa0\n"); /* the first behind C1 */
    SAID("", "\n");
}

static void
control_characters_do_nothing(void **state)
{
    (void)state;
    SAID("\x1b[2J\x1b]0;title\x07 ok\r\n", "?[2J?]0;title? ok?\n");
    SAID("a\0b\x08\x7f", "a?b??\n");
    SAID("\xc2\x9b"
         "31m\xc2\x80\xc2\x9f",
         "?31m??\n");
    SAID("\x9b"
         "31m",
         "?31m\n"); /* C1 as Latin-1 has it */
    SAID("\xe2\x80\xae"
         "x\xe2\x81\xa6y\xe2\x80\x8f",
         "?x?y?\n");
    SAID("\xc3", "?\n"); /* half a character */
    SAID("\xc0\x9b", "??\n");
}

static void
long_texts_are_cut_and_say_so(void **state)
{
    static char text[CTL_PLAIN_MAX + 1001];
    static char want[CTL_PLAIN_MAX + 100];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(want, text, CTL_PLAIN_MAX);
    want[CTL_PLAIN_MAX] = '\n';
    is_said(text, CTL_PLAIN_MAX, want);
    snprintf(want + CTL_PLAIN_MAX, 100, "\n... and more, which is left out\n");
    is_said(text, sizeof(text), want);
    memcpy(text + CTL_PLAIN_MAX - 1, "\xe2\x82\xac", 3); /* no half characters */
    snprintf(want + CTL_PLAIN_MAX - 1, 100, "\n... and more, which is left out\n");
    is_said(text, sizeof(text), want);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays_as_it_is),
        cmocka_unit_test(control_characters_do_nothing),
        cmocka_unit_test(long_texts_are_cut_and_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a binary upgrade: what is written is read, what is odd is refused. */
#include "unit.h"

#include <string.h>

#include "base/err.h"
#include "main/handover_line.h"

static int
parse(const char *line, struct handover_line *ret)
{
    return handover_line_parse(line, strlen(line), ret);
}

static void
check_line(struct handover_line m, const char *want)
{
    char out[HANDOVER_LINE_MAX];
    struct handover_line back;
    size_t n = handover_line_format(&m, out);

    assert_int_equal(n, strlen(want) + 1);
    assert_memory_equal(out, want, n - 1);
    assert_int_equal(out[n - 1], '\n');
    assert_int_equal(handover_line_parse(out, n - 1, &back), ERR_OK);
    assert_int_equal(back.word, m.word);
    assert_int_equal(back.number, m.number);
    assert_int_equal(back.owns_file, m.owns_file);
    assert_string_equal(back.text, m.text);
}

static void
each_line_is_read_as_it_was_written(void **state)
{
    (void)state;
    check_line((struct handover_line){ .word = HANDOVER_HELLO },
               "outrigger-upgrade 1 hello");
    check_line((struct handover_line){ .word = HANDOVER_SOCKETS, .number = 3 },
               "outrigger-upgrade 1 sockets 3");
    check_line((struct handover_line){ .word = HANDOVER_ASK },
               "outrigger-upgrade 1 ask 0");
    check_line((struct handover_line){ .word = HANDOVER_SOCKET,
                                       .number = 12,
                                       .owns_file = true,
                                       .text = "unix:/run/a b.sock" },
               "outrigger-upgrade 1 socket 12 own unix:/run/a b.sock");
    check_line((struct handover_line){ .word = HANDOVER_SOCKET, .text = ":8080" },
               "outrigger-upgrade 1 socket 0 shared :8080");
    check_line((struct handover_line){ .word = HANDOVER_GO, .number = 4711 },
               "outrigger-upgrade 1 go 4711");
    check_line((struct handover_line){ .word = HANDOVER_BYE, .number = 1 },
               "outrigger-upgrade 1 bye 1");
    check_line((struct handover_line){ .word = HANDOVER_NO, .text = "it is ending" },
               "outrigger-upgrade 1 no it is ending");
}

static void
what_is_no_such_line_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "hello",
        "outrigger-upgrade 2 hello",
        "outrigger-upgrade 1 hello ",
        "outrigger-upgrade 1 hello 1",
        "outrigger-upgrade 1 sockets",
        "outrigger-upgrade 1 sockets ",
        "outrigger-upgrade 1 sockets 01",
        "outrigger-upgrade 1 sockets -1",
        "outrigger-upgrade 1 sockets 4294967296",
        "outrigger-upgrade 1 sockets 99999999999999999999",
        "outrigger-upgrade 1 sockets 3x",
        "outrigger-upgrade 1 socket 0",
        "outrigger-upgrade 1 socket 0 own",
        "outrigger-upgrade 1 socket 0 own ",
        "outrigger-upgrade 1 socket 0 mine :80",
        "outrigger-upgrade 1 socket 0 own \x01",
        "outrigger-upgrade 1 socket 0 own caf\xc3\xa9",
        "outrigger-upgrade 1 no",
        "OUTRIGGER-UPGRADE 1 hello",
    };
    struct handover_line m = { .word = HANDOVER_BYE, .number = 77 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(bad[i], &m) != ERR_SYNTAX)
            fail_msg("\"%s\" was read", bad[i]);
    }
    assert_int_equal(m.number, 77); /* untouched on failure */
}

static void
a_text_has_a_length(void **state)
{
    char line[HANDOVER_LINE_MAX + 8] = "outrigger-upgrade 1 no ";
    size_t head = strlen(line);
    struct handover_line m;

    (void)state;
    memset(line + head, 'x', sizeof(line) - head);
    assert_int_equal(handover_line_parse(line, head + HANDOVER_TEXT_MAX - 1, &m), ERR_OK);
    assert_int_equal(strlen(m.text), HANDOVER_TEXT_MAX - 1);
    assert_int_equal(handover_line_parse(line, head + HANDOVER_TEXT_MAX, &m), ERR_SYNTAX);
    assert_int_equal(handover_line_parse(line, sizeof(line), &m), ERR_SYNTAX);
}

static void
a_line_end_in_a_text_cannot_make_a_second_line(void **state)
{
    const struct handover_line m = { .word = HANDOVER_NO, .text = "no\ngo 1" };
    char out[HANDOVER_LINE_MAX];
    size_t n = handover_line_format(&m, out);

    (void)state;
    assert_ptr_equal(memchr(out, '\n', n), out + n - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_such_line_is_refused),
        cmocka_unit_test(a_text_has_a_length),
        cmocka_unit_test(a_line_end_in_a_text_cannot_make_a_second_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that need no name service. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "resolve/target.h"

static char got[4096];
static unsigned calls;

static void
note(void *arg, const struct addr *a, const char *host)
{
    char text[ADDR_TEXT_MAX];

    assert_ptr_equal(arg, got);
    calls++;
    snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s ", host ? host : "",
             host ? "=" : "", addr_print(a, text));
}

static int
parse(const char *target, const char **ret_why)
{
    got[0] = '\0';
    calls = 0;
    *ret_why = NULL;
    return target_parse(target, note, got, ret_why);
}

static void
good_targets_give_their_addresses_in_order(void **state)
{
    static const char *const rows[][2] = {
        { "127.0.0.1:50051", "127.0.0.1:50051 " },
        { "[::1]:7", "[::1]:7 " },
        { "LocalHost:7", "localhost=127.0.0.1:7 " },
        { "static:///127.0.0.1:2,localhost:3", "127.0.0.1:2 localhost=127.0.0.1:3 " },
        { "unix:/run/a.sock", "unix:/run/a.sock " },
        { "static:///127.0.0.1:1", "127.0.0.1:1 " },
        { "static:///127.0.0.1:2,127.0.0.1:1,[::1]:3",
          "127.0.0.1:2 127.0.0.1:1 [::1]:3 " },
        { "static:///unix:/run/a.sock,127.0.0.1:1", "unix:/run/a.sock 127.0.0.1:1 " },
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(rows[i][0], &why), ERR_OK);
        assert_string_equal(got, rows[i][1]);
        assert_null(why);
        assert_int_equal(target_parse(rows[i][0], NULL, NULL, &why), ERR_OK);
    }
}

static void
bad_targets_call_nothing_and_say_why(void **state)
{
    static const char *const rows[] = {
        "",
        ":",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0x",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "[::1",
        "[::1]",
        "unix:",
        "static:///",
        "static:///127.0.0.1:1,",
        "static:///,127.0.0.1:1",
        "static:///127.0.0.1:1,,127.0.0.1:2",
        "static:///127.0.0.1:1,bad",
        "static:///127.0.0.1:1, 127.0.0.1:2",
        "dns:///example.org:1",
        "srv:///x",
        "k8s:///x",
        "127.0.0.1:1 ",
        " 127.0.0.1:1",
        "static:///static:///127.0.0.1:1",
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (parse(rows[i], &why) != ERR_SYNTAX)
            fail_msg("\"%s\" was taken as %s", rows[i], got);
        assert_int_equal(calls, 0);
        assert_non_null(why);
        assert_true(strlen(why) > 10);
    }
}

static void
an_address_longer_than_the_buffer_is_refused(void **state)
{
    char text[600] = "static:///127.0.0.1:1,";
    const char *why;

    (void)state;
    memset(text + strlen(text), 'a', 400);
    assert_int_equal(parse(text, &why), ERR_SYNTAX);
    assert_int_equal(calls, 0);
    for (size_t n = 250; n < 262; n++) {
        memset(text, 'a', n);
        text[n] = '\0';
        assert_int_equal(parse(text, &why), ERR_SYNTAX);
    }
}

static void
a_list_of_a_thousand_is_whole(void **state)
{
    static char text[40000];
    const char *why;
    unsigned n = 0;

    (void)state;
    memcpy(text, "static:///", 11);
    for (int i = 0; i < 1000; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s127.0.%d.%d:%d",
                 i ? "," : "", i / 250, i % 250 + 1, i + 1);
    assert_int_equal(parse(text, &why), ERR_OK);
    n = calls;
    assert_int_equal(n, 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_targets_give_their_addresses_in_order),
        cmocka_unit_test(bad_targets_call_nothing_and_say_why),
        cmocka_unit_test(an_address_longer_than_the_buffer_is_refused),
        cmocka_unit_test(a_list_of_a_thousand_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

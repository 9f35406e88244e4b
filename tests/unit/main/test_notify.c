/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager is told, and when the watchdog is asked for. */
#include "unit.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/err.h"
#include "main/notify.h"
#include "net/addr.h"

static void
addresses_are_paths_or_abstract_names(void **state)
{
    const struct sockaddr_un *un;
    const char *why = "";
    struct addr a;

    (void)state;
    un = (const void *)&a.sa;
    assert_int_equal(notify_addr("/run/n", &a, &why), ERR_OK);
    assert_string_equal(un->sun_path, "/run/n");
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + 7);
    assert_int_equal(notify_addr("@n/x", &a, &why), ERR_OK);
    assert_memory_equal(un->sun_path, "\0n/x", 4);
    /* Exactly the name: a further NUL would be another name. */
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + 4);
}

static void
bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = { "", "/", "@", "run/n", "vsock:2:1234" };
    char longest[200] = "/";
    const char *why = "";
    struct addr a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(notify_addr(bad[i], &a, &why), ERR_SYNTAX);
    memset(longest + 1, 'x', 106);
    assert_int_equal(notify_addr(longest, &a, &why), ERR_OK);
    memset(longest + 1, 'x', 107);
    assert_int_equal(notify_addr(longest, &a, &why), ERR_SYNTAX);
    assert_non_null(strstr(why, "longer"));
}

static void
the_watchdog_is_pinged_in_half_of_its_time(void **state)
{
    (void)state;
    assert_int_equal(notify_ping_us("30000000", NULL, 7), 15000000);
    assert_int_equal(notify_ping_us("30000000", "7", 7), 15000000);
    assert_int_equal(notify_ping_us("30000000", "8", 7), 0);
    assert_int_equal(notify_ping_us("30000000", "x", 7), 0);
    assert_int_equal(notify_ping_us("3", NULL, 7), 1000);
    assert_int_equal(notify_ping_us("0", NULL, 7), 0);
    assert_int_equal(notify_ping_us("", NULL, 7), 0);
    assert_int_equal(notify_ping_us("-5", NULL, 7), 0);
    assert_int_equal(notify_ping_us("5s", NULL, 7), 0);
    assert_int_equal(notify_ping_us("99999999999999999999999", NULL, 7), 0);
    assert_int_equal(notify_ping_us(NULL, NULL, 7), 0);
}

static void
a_message_is_lines_and_a_status_on_one_line(void **state)
{
    char out[NOTIFY_TEXT_MAX], longest[2 * NOTIFY_TEXT_MAX];
    size_t n;

    (void)state;
    n = notify_format(out, "READY=1\n", "2 workers\nSTOPPING=1");
    assert_string_equal(out, "READY=1\nSTATUS=2 workers STOPPING=1");
    assert_int_equal(n, strlen(out));
    assert_int_equal(notify_format(out, "WATCHDOG=1\n", NULL), 11);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    n = notify_format(out, "READY=1\n", longest);
    assert_int_equal(n, NOTIFY_TEXT_MAX - 1);
    assert_int_equal(strlen(out), n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_paths_or_abstract_names),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(the_watchdog_is_pinged_in_half_of_its_time),
        cmocka_unit_test(a_message_is_lines_and_a_status_on_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text, both ways, and good reasons for bad ones. */
#include "unit.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "net/addr.h"

static struct addr
parsed(const char *text, bool listen)
{
    struct addr a = { 0 };
    const char *why = NULL;

    if (addr_parse(text, listen, &a, &why) != ERR_OK)
        fail_msg("%s: %s", text, why);
    return a;
}

static void
good_addresses_print_as_they_were_written(void **state)
{
    const char *const texts[] = {
        "127.0.0.1:80",       "10.1.2.3:65535",          "0.0.0.0:1",
        "[::1]:50051",        "[2001:db8::7]:443",       "[::]:8080",
        "[fe80::1%1]:9000",   "[::ffff:127.0.0.1]:1234", "unix:/run/app.sock",
        "unix:relative.sock", "[::ffff:10.0.0.1]:5",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct addr a = parsed(texts[i], false), again;
        char out[ADDR_TEXT_MAX];

        assert_ptr_equal(addr_print(&a, out), out);
        assert_string_equal(out, texts[i]);
        again = parsed(out, false);
        assert_true(addr_equal(&a, &again));
    }
}

static void
other_spellings_mean_the_same(void **state)
{
    const struct {
        const char *text, *plain;
        bool listen;
    } pairs[] = {
        { "localhost:80", "127.0.0.1:80", false },
        { "LocalHost:80", "127.0.0.1:80", true },
        { ":8080", "[::]:8080", true },
        { ":0", "[::]:0", true },
        { "127.0.0.1:0", "127.0.0.1:0", true },
        { "[0:0:0:0:0:0:0:1]:5", "[::1]:5", false },
        { "unix:///run/app.sock", "unix:/run/app.sock", false },
        { "127.0.0.1:00080", "127.0.0.1:80", false },
        { "[::1%lo]:5", "[::1%1]:5", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct addr a = parsed(pairs[i].text, pairs[i].listen);
        char out[ADDR_TEXT_MAX];

        assert_string_equal(addr_print(&a, out), pairs[i].plain);
    }
}

static void
bad_addresses_are_refused_with_a_reason(void **state)
{
    const struct {
        const char *text, *word; /* which the reason contains */
        bool listen;
    } bad[] = {
        { "", "looks like", false },
        { "8080", "looks like", true },
        { "127.0.0.1", "port is missing", false },
        { "127.0.0.1", "port is missing", true },
        { "localhost", "port is missing", true },
        { "127.0.0.1.", "looks like", false },
        { "127.0.0.1:", "port is missing", false },
        { "127.0.0.1:0", "port 0", false },
        { "127.0.0.1:65536", "1 to 65535", false },
        { "127.0.0.1:999999", "1 to 65535", false },
        { "127.0.0.1:8o", "1 to 65535", false },
        { "127.0.0.1:-1", "1 to 65535", false },
        { "127.0.0.1:80 ", "1 to 65535", false },
        { ":8080", "host is missing", false },
        { "::1:8080", "brackets", false },
        { "[::1]", "port is missing", false },
        { "[::1]8080", "port is missing", false },
        { "[::1:8080", "bracket", false },
        { "[::g]:1", "not an IPv6", false },
        { "[]:1", "not an IPv6", false },
        { "[::1%]:1", "not an IPv6", false },
        { "[::1%12x]:1", "not an IPv6", false },
        { "[::1%99999999999]:1", "not an IPv6", false },
        { "[127.0.0.1]:1", "not an IPv6", false },
        { "example.org:80", "looks like", false },
        { "1.2.3:80", "looks like", false },
        { "01.2.3.4.5:80", "looks like", false },
        { "unix:", "path is missing", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct addr a, before;
        const char *why = NULL;

        memset(&a, 0x5a, sizeof(a));
        before = a;
        if (addr_parse(bad[i].text, bad[i].listen, &a, &why) != ERR_SYNTAX)
            fail_msg("\"%s\" was taken", bad[i].text);
        assert_non_null(why);
        if (!strstr(why, bad[i].word))
            fail_msg("\"%s\": the reason is \"%s\"", bad[i].text, why);
        assert_memory_equal(&a, &before, sizeof(a)); /* untouched on failure */
    }
}

static void
a_unix_path_may_have_107_bytes(void **state)
{
    char text[200] = "unix:/", out[ADDR_TEXT_MAX];
    struct addr a;
    const char *why;

    (void)state;
    memset(text + 6, 'p', 106);
    a = parsed(text, true);
    assert_string_equal(addr_print(&a, out), text);
    text[112] = 'p';
    assert_int_equal(addr_parse(text, true, &a, &why), ERR_SYNTAX);
    assert_non_null(strstr(why, "107"));
}

static void
long_hosts_are_refused(void **state)
{
    char text[600];
    struct addr a;
    const char *why;

    (void)state;
    memset(text, '1', sizeof(text));
    memcpy(text + 500, ":80", 4);
    assert_int_equal(addr_parse(text, false, &a, &why), ERR_SYNTAX);
    text[0] = '[';
    memcpy(text + 500, "]:80", 5);
    assert_int_equal(addr_parse(text, false, &a, &why), ERR_SYNTAX);
}

static void
loopback_and_unix_are_local(void **state)
{
    const char *const local[] = { "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/x",
                                  "[::ffff:127.0.0.1]:1" };
    const char *const remote[] = {
        "10.0.0.1:1",      "0.0.0.0:1",           "[::]:1",
        "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1", "128.0.0.1:1"
    };
    const struct addr none = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        struct addr a = parsed(local[i], false);

        assert_true(addr_is_local(&a));
        assert_int_equal(addr_is_unix(&a), strncmp(local[i], "unix", 4) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(remote); i++) {
        struct addr a = parsed(remote[i], false);

        assert_false(addr_is_local(&a));
    }
    assert_false(addr_is_local(&none));
    assert_false(addr_is_unix(&none));
}

static void
only_equal_addresses_are_equal(void **state)
{
    const char *const all[] = { "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "[::1]:1",
                                "[::1]:2",     "[::2]:1",     "[::2%1]:1",   "unix:/a",
                                "unix:/ab",    "unix:/b" };
    struct addr none = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct addr a = parsed(all[i], false);

        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            struct addr b = parsed(all[k], false);

            assert_int_equal(addr_equal(&a, &b), i == k);
        }
        assert_false(addr_equal(&a, &none));
    }
    assert_true(addr_equal(&none, &none));
}

static void
equal_addresses_have_equal_hashes(void **state)
{
    const char *const all[] = { "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "[::1]:1",
                                "[::1]:2",     "[::2]:1",     "unix:/a",     "unix:/b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct addr a = parsed(all[i], false), same = a;

        /* What the kernel may leave in an address, and addr_equal does not look at. */
        if (a.sa.ss_family == AF_INET)
            ((struct sockaddr_in *)(void *)&same.sa)->sin_zero[0] = 1;
        if (a.sa.ss_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)&same.sa)->sin6_flowinfo = 1;
        assert_true(addr_equal(&a, &same));
        assert_true(addr_hash(&a, 7) == addr_hash(&same, 7));
        assert_true(addr_hash(&a, 7) != addr_hash(&a, 8));
        for (size_t k = 0; k < i; k++) {
            struct addr b = parsed(all[k], false);

            assert_true(addr_hash(&a, 7) != addr_hash(&b, 7));
        }
    }
}

static void
unset_and_nameless_addresses_can_be_printed(void **state)
{
    struct addr a = { 0 };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    char out[ADDR_TEXT_MAX];

    (void)state;
    assert_string_equal(addr_print(&a, out), "none");
    memcpy(&a.sa, &un, sizeof(un));
    a.len = sizeof(sa_family_t); /* what accept tells of a nameless peer */
    assert_string_equal(addr_print(&a, out), "unix:");
    memcpy(un.sun_path, "\0name", 5);
    memcpy(&a.sa, &un, sizeof(un));
    a.len = sizeof(sa_family_t) + 5;
    assert_string_equal(addr_print(&a, out), "unix-abstract:name");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_print_as_they_were_written),
        cmocka_unit_test(other_spellings_mean_the_same),
        cmocka_unit_test(bad_addresses_are_refused_with_a_reason),
        cmocka_unit_test(a_unix_path_may_have_107_bytes),
        cmocka_unit_test(long_hosts_are_refused),
        cmocka_unit_test(loopback_and_unix_are_local),
        cmocka_unit_test(only_equal_addresses_are_equal),
        cmocka_unit_test(equal_addresses_have_equal_hashes),
        cmocka_unit_test(unset_and_nameless_addresses_can_be_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

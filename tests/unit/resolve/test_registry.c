/* SPDX-License-Identifier: Apache-2.0 */
/* Which resolver reads a target, what the others are told, and lists that never change. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "resolve/kinds.h"
#include "resolve/resolver.h"
#include "resolve/unique.h"

static char got[4096];

static void
note_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    char text[ADDR_TEXT_MAX];

    assert_ptr_equal(arg, got);
    assert_true(n > 0);
    assert_true(valid_ms == -1);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].weight, 1);
        assert_int_equal(v[i].priority, 0);
        assert_string_equal(v[i].zone, "");
        assert_null(v[i].hash_key);
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
                 addr_print(&v[i].addr, text));
    }
}

static void
note_error(void *arg, const char *why)
{
    (void)arg;
    fail_msg("an error: %s", why);
}

static const struct resolver_ops note_ops = { note_list, note_error };

static void
addresses_are_told_once_and_in_order(void **state)
{
    static const char *const rows[][2] = {
        { "127.0.0.1:50051", "127.0.0.1:50051 " },
        { "[::1]:7", "[::1]:7 " },
        { "localhost:7", "127.0.0.1:7 " },
        { "LocalHost:7", "127.0.0.1:7 " },
        { "unix:/run/a.sock", "unix:/run/a.sock " },
        { "unix:///run/a,b.sock", "unix:/run/a,b.sock " },
        { "unix-abstract:app", "unix-abstract:app " },
        { "static:///127.0.0.1:2,127.0.0.1:1,[::1]:3",
          "127.0.0.1:2 127.0.0.1:1 [::1]:3 " },
        { "static:///unix:/run/a.sock,localhost:1", "unix:/run/a.sock 127.0.0.1:1 " },
        { "static:///127.0.0.1:1,127.0.0.1:2,127.0.0.1:1", "127.0.0.1:1 127.0.0.1:2 " },
    };
    const char *why = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resolver_args args = { .target = rows[i][0],
                                      .ops = &note_ops,
                                      .arg = got };
        struct resolver *r;

        got[0] = '\0';
        if (resolver_check(rows[i][0], &why) != ERR_OK)
            fail_msg("%s: %s", rows[i][0], why);
        assert_null(why);
        r = resolver_start(&args);
        assert_string_equal(got, rows[i][1]);
        resolver_again(r);
        assert_string_equal(got, rows[i][1]);
        resolver_stop(r);
    }
    resolver_stop(NULL);
}

static void
what_nobody_reads_is_told_what_to_write(void **state)
{
    static const char *const rows[][2] = {
        { "", "write an address (\"1.2.3.4:50051\"" },
        { "/run/app.sock", "unix:/run/app.sock" },
        { "http://1.2.3.4:80", "leave out \"http://\"" },
        { "HTTP://1.2.3.4:80", "leave out \"http://\"" },
        { "https://app", "say \"tls\": {} in the pool" },
        { "grpcs://app", "say \"tls\": {} in the pool" },
        { "grpc://app:1", "leave out \"grpc://\"" },
        { "ipv4:1.2.3.4:80", "leave out \"ipv4:\"" },
        { "ipv6:[::1]:80", "leave out \"ipv6:\"" },
        { "xds:///app", "xDS is not supported" },
        { "zookeeper://app", "no resolver has this scheme" },
        { "127.0.0.1:1,127.0.0.1:2", "starts with static:///" },
        { "static:127.0.0.1:1", "three slashes" },
        { "static://127.0.0.1:1", "three slashes" },
        { "static:///", "an address is empty" },
        { "static:///127.0.0.1:1,", "an address is empty" },
        { "static:///app.example:1", "addresses only, not names" },
        { "static:///127.0.0.1:1,xyz", "addresses only, not names" },
        { "127.0.0.1", "the port is missing" },
        { "127.0.0.1:", "the port is missing" },
        { "127.0.0.1:0", "port 0 cannot be connected to" },
        { "unix:", "the path is missing" },
        { "unix-abstract:", "the name is missing" },
        { "[::1]", "the port is missing" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = NULL;

        if (resolver_check(rows[i][0], &why) != ERR_SYNTAX)
            fail_msg("%s was taken", rows[i][0]);
        assert_non_null(why);
        if (!strstr(why, rows[i][1]))
            fail_msg("%s: \"%s\" has no \"%s\"", rows[i][0], why, rows[i][1]);
    }
}

static void
the_scheme_chooses_the_resolver(void **state)
{
    const char *why;

    (void)state;
    assert_ptr_equal(resolver_find("static:///a", &why), &resolver_static);
    assert_ptr_equal(resolver_find("unix:a", &why), &resolver_unix);
    assert_ptr_equal(resolver_find("unix-abstract:a", &why), &resolver_unix_abstract);
    assert_ptr_equal(resolver_find("10.0.0.1:2", &why), &resolver_literal);
    assert_ptr_equal(resolver_find("[::1]:2", &why), &resolver_literal);
}

static void
of_ten_thousand_only_the_doubles_go(void **state)
{
    static struct resolved v[RESOLVE_ENDPOINTS_MAX];
    char text[ADDR_TEXT_MAX];
    const char *why;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
        snprintf(text, sizeof(text), i % 2 ? "10.0.%u.%u:80" : "[fd00::%u:%u]:80",
                 i % 5000 / 250, i % 250);
        assert_int_equal(addr_parse(text, false, &v[i].addr, &why), ERR_OK);
        v[i].weight = i + 1;
    }
    assert_int_equal(resolved_unique(v, ARRAY_LEN(v)), 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(v[i].weight, i + 1);
    assert_int_equal(resolved_unique(v, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_once_and_in_order),
        cmocka_unit_test(what_nobody_reads_is_told_what_to_write),
        cmocka_unit_test(the_scheme_chooses_the_resolver),
        cmocka_unit_test(of_ten_thousand_only_the_doubles_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

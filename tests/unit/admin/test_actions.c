/* SPDX-License-Identifier: Apache-2.0 */
/* Who the admin port takes for one of its own, and what Envoy's names mean. */
#include "admin/actions.h"
#include "admin/aliases.h"
#include "net/addr.h"
#include "unit.h"

static struct addr
at(const char *text)
{
    const char *why;
    struct addr a;

    assert_int_equal(addr_parse(text, true, &a, &why), 0);
    return a;
}

static void
names_of_this_machine_are_good_with_any_port(void **state)
{
    const struct addr v4 = at("127.0.0.1:9901"), v6 = at("[::1]:9901"),
                      own = at("127.0.0.7:80");

    (void)state;
    assert_true(admin_host_ok(&v4, "127.0.0.1:9901"));
    assert_true(admin_host_ok(&v4, "localhost"));
    assert_true(admin_host_ok(&v4, "LocalHost:8000"));
    assert_true(admin_host_ok(&v4, "[::1]:8000"));
    assert_true(admin_host_ok(&v6, "[::1]"));
    assert_true(admin_host_ok(&v6, "127.0.0.1:1"));
    assert_true(admin_host_ok(&own, "127.0.0.7"));
    assert_false(admin_host_ok(&v4, "127.0.0.7"));
}

static void
names_that_others_may_have_are_not(void **state)
{
    const struct addr v4 = at("127.0.0.1:9901");

    (void)state;
    assert_false(admin_host_ok(&v4, ""));
    assert_false(admin_host_ok(&v4, "evil.example:9901"));
    assert_false(admin_host_ok(&v4, "localhost.evil.example"));
    assert_false(admin_host_ok(&v4, "127.0.0.1.evil.example:9901"));
    assert_false(admin_host_ok(&v4, "127.0.0.11"));
    assert_false(admin_host_ok(&v4, "localhost:"));
    assert_false(admin_host_ok(&v4, "localhost:9901.evil.example"));
    assert_false(admin_host_ok(&v4, "localhost:9901@evil.example"));
    assert_false(admin_host_ok(&v4, "evil@localhost"));
}

static void
an_origin_is_the_host(void **state)
{
    const struct addr v4 = at("127.0.0.1:9901");

    (void)state;
    assert_true(admin_origin_ok(&v4, "http://localhost:8000", "localhost:8000"));
    assert_true(admin_origin_ok(&v4, "http://127.0.0.1", "127.0.0.1"));
    assert_false(admin_origin_ok(&v4, "http://localhost:3000", "localhost:9901"));
    assert_false(admin_origin_ok(&v4, "http://localhost", "localhost:9901"));
    assert_false(admin_origin_ok(&v4, "http://127.0.0.1:9901", "localhost:9901"));
    assert_false(admin_origin_ok(&v4, "https://localhost:9901", "localhost:9901"));
    assert_false(admin_origin_ok(&v4, "http://evil.example", "evil.example"));
    assert_false(admin_origin_ok(&v4, "http://localhost:9901", NULL));
    assert_false(admin_origin_ok(&v4, "null", "localhost:9901"));
    assert_false(admin_origin_ok(&v4, "", "localhost:9901"));
}

static void
a_unix_socket_has_no_name(void **state)
{
    const struct addr a = at("unix:/run/a.sock");

    (void)state;
    assert_true(admin_host_ok(&a, "anything"));
    assert_true(admin_origin_ok(&a, "http://anything", NULL));
}

static void
names_of_envoy(void **state)
{
    (void)state;
    assert_string_equal(admin_alias("/stats/prometheus", NULL), "/metrics");
    assert_string_equal(admin_alias("/stats", NULL), "/metrics");
    assert_string_equal(admin_alias("/stats", "format=prometheus&usedonly"), "/metrics");
    assert_string_equal(admin_alias("/stats", "usedonly&format=json"), "/stats.json");
    assert_string_equal(admin_alias("/stats", "format=jsonx"), "/metrics");
    assert_string_equal(admin_alias("/stats", "xformat=json"), "/metrics");
    assert_string_equal(admin_alias("/clusters", "format=json"), "/pools.json");
    assert_string_equal(admin_alias("/certs", ""), "/certs");
    assert_string_equal(admin_alias("/certs", "format=json"), "/certs.json");
    assert_string_equal(admin_alias("/healthcheck/ok", "x"), "/undrain");
    assert_string_equal(admin_alias("/nothing", NULL), "/nothing");
    assert_null(admin_alias(NULL, "format=json"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_this_machine_are_good_with_any_port),
        cmocka_unit_test(names_that_others_may_have_are_not),
        cmocka_unit_test(an_origin_is_the_host),
        cmocka_unit_test(a_unix_socket_has_no_name),
        cmocka_unit_test(names_of_envoy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What people write: targets, name servers, ranges, search lists, the hosts file, the keys. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "resolve/dns_channel.h"
#include "resolve/dns_conf.h"
#include "resolve/dns_file.h"
#include "resolve/dns_target.h"
#include "resolve/kinds.h"
#include "unit.h"

static void
targets_of_dns(void **state)
{
    static const struct {
        const char *text, *host, *server;
        unsigned port;
    } good[] = {
        { "dns:///app.example:50051", "app.example", NULL, 50051 },
        { "DNS:app:1", "app", NULL, 1 },
        { "App.Example.:65535", "app.example", NULL, 65535 },
        { "dns://10.0.0.10/app:80", "app", "10.0.0.10:53", 80 },
        { "dns://127.0.0.1:5353/app:80", "app", "127.0.0.1:5353", 80 },
        { "dns://[::1]:5353/app:80", "app", "[::1]:5353", 80 },
        { "dns://[::1]/app:80", "app", "[::1]:53", 80 },
        { "dns:///my_app.svc:80", "my_app.svc", NULL, 80 },
    };
    struct dns_target t;
    const char *why;
    char text[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (dns_target_parse(good[i].text, &t, &why) != ERR_OK)
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(t.host, good[i].host);
        assert_int_equal(t.port, good[i].port);
        assert_int_equal(t.server.len > 0, good[i].server != NULL);
        if (good[i].server)
            assert_string_equal(addr_print(&t.server, text), good[i].server);
        assert_int_equal(t.literal.len, 0);
        assert_int_equal(resolver_check(good[i].text, &why), ERR_OK);
    }
    assert_int_equal(dns_target_parse("App.:1", &t, &why), ERR_OK);
    assert_true(t.absolute);
    assert_int_equal(dns_target_parse("dns:///10.0.0.1:80", &t, &why), ERR_OK);
    assert_string_equal(addr_print(&t.literal, text), "10.0.0.1:80");
    assert_int_equal(dns_target_parse("dns:///[::1]:80", &t, &why), ERR_OK);
    assert_string_equal(addr_print(&t.literal, text), "[::1]:80");
    assert_int_equal(dns_target_parse("dns:///localhost:80", &t, &why), ERR_OK);
    assert_true(t.literal.len > 0);
}

static void
bad_targets_are_told_what_to_write(void **state)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        { "dns:///app", "port is missing" },
        { "dns:///app:", "number from 1 to 65535" },
        { "dns:///app:0", "number from 1 to 65535" },
        { "dns:///app:65536", "number from 1 to 65535" },
        { "dns:///app:http", "number from 1 to 65535" },
        { "dns:///", "name is missing" },
        { "dns://app:80", "three slashes" },
        { "dns:/app:80", "three slashes" },
        { "dns://ns.example/app:80", "name server is written as an address" },
        { "dns:///a:1,b:2", "endpoint of its own" },
        { "dns:///a/b:1", "no slash" },
        { "dns:///a..b:1", "part of the name is empty" },
        { "dns:///:80", "name is empty" },
        { "dns:///::1", "brackets" },
        { "dns:///1.2.3:80", "neither" },
        { "dns:///caf\xc3\xa9:80", "xn--" },
        { "dns:///a b:80", "letters" },
    };
    static const struct {
        const char *text, *part;
    } bad_srv[] = {
        { "srv:///app.example", "_service._proto.host" },
        { "srv:///_grpc.app.example", "_service._proto.host" },
        { "srv:///_grpc._tcp", "_service._proto.host" },
        { "srv:///_grpc._tcp.app:80", "no port" },
        { "srv:///", "empty" },
        { "srv://_grpc._tcp.app", "three slashes" },
    };
    struct dns_target t;
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why = "";
        assert_int_equal(resolver_dns.check(bad[i].text, &why), ERR_SYNTAX);
        if (!strstr(why, bad[i].part))
            fail_msg("%s: %s", bad[i].text, why);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_srv); i++) {
        why = "";
        assert_int_equal(resolver_srv.check(bad_srv[i].text, &why), ERR_SYNTAX);
        if (!strstr(why, bad_srv[i].part))
            fail_msg("%s: %s", bad_srv[i].text, why);
    }
    assert_int_equal(srv_target_parse("srv:///_Grpc._TCP.app.example.", &t, &why),
                     ERR_OK);
    assert_string_equal(t.host, "_grpc._tcp.app.example");
    assert_true(t.srv && t.absolute);
    assert_int_equal(srv_target_parse("srv://127.0.0.1:53/_a._b.c", &t, &why), ERR_OK);
    assert_true(t.server.len > 0);
}

static void
search_lists_as_resolv_conf_has_them(void **state)
{
    char *domains[] = { "ns.svc.cluster.local", "Svc.cluster.local.", "." };
    struct dns_search k8s = { domains, 3, 5 }, plain = { domains, 1, 1 };
    struct dns_target t = { .host = "app.ns" };
    char out[DNS_HOST_ROOM];

    (void)state;
    assert_true(dns_search_name(&k8s, &t, 0, out));
    assert_string_equal(out, "app.ns.ns.svc.cluster.local");
    assert_true(dns_search_name(&k8s, &t, 1, out));
    assert_string_equal(out, "app.ns.svc.cluster.local");
    assert_true(dns_search_name(&k8s, &t, 2, out)); /* "." */
    assert_string_equal(out, "app.ns");
    assert_true(dns_search_name(&k8s, &t, 3, out));
    assert_string_equal(out, "app.ns");
    assert_false(dns_search_name(&k8s, &t, 4, out));
    assert_true(dns_search_name(&plain, &t, 0, out));
    assert_string_equal(out, "app.ns");
    assert_true(dns_search_name(&plain, &t, 1, out));
    assert_string_equal(out, "app.ns.ns.svc.cluster.local");
    assert_false(dns_search_name(&plain, &t, 2, out));
    t.absolute = true;
    assert_true(dns_search_name(&k8s, &t, 0, out));
    assert_string_equal(out, "app.ns");
    assert_false(dns_search_name(&k8s, &t, 1, out));
}

static void
hosts_files(void **state)
{
    static const char text[] = "# comment app\n"
                               "127.0.0.1\tlocalhost\n"
                               "10.0.0.1 other  App.Example # app.example2\n"
                               "bad app.example\n"
                               "10.0.0.2   app.example. x\r\n"
                               "fd00::1 app.example\n"
                               "10.0.0.3 app.exampl app.example2";
    struct ip v[8];

    (void)state;
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "app.example", 0, v, 8), 3);
    assert_int_equal(v[0].b[3], 1);
    assert_int_equal(v[1].b[3], 2);
    assert_int_equal(v[2].family, 6);
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "app.example", 6, v, 8), 1);
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "app.example", 4, v, 1), 1);
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "app.example2", 0, v, 8), 1);
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "x", 0, v, 8), 1);
    assert_int_equal(dns_hosts_find(text, sizeof(text) - 1, "bad", 0, v, 8), 0);
    assert_int_equal(dns_hosts_find(text, 0, "x", 0, v, 8), 0);
}

/* A file of this test, removed at its end. */
static char path[64];

static void
write_file(const char *text)
{
    int fd;

    snprintf(path, sizeof path, "/tmp/outrigger-test-%ld.conf", (long)getpid());
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int
remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void
a_file_changes_when_its_bytes_do(void **state)
{
    struct dns_file f = { 0 };

    (void)state;
    write_file("nameserver 10.0.0.1\n");
    dns_file_note(&f, path);
    assert_false(dns_file_changed(&f, path));
    write_file("nameserver 10.0.0.1\n"); /* only touched */
    assert_false(dns_file_changed(&f, path));
    unlink(path); /* on its way */
    assert_false(dns_file_changed(&f, path));
    write_file("nameserver 10.0.0.2\n");
    assert_true(dns_file_changed(&f, path));
    dns_file_note(&f, path);
    assert_false(dns_file_changed(&f, path));
    dns_file_done(&f);
}

static void
no_random_device_no_dns(void **state)
{
    (void)state;
    assert_null(dns_random_why_bad(NULL));
    assert_non_null(strstr(dns_random_why_bad("/nonexistent/urandom"), "guessed"));
}

/* Loads text as a pool's dns object; returns its conf or the problems. */
static struct conf_snapshot *
load(const char *text, struct strbuf *problems)
{
    struct conf_snapshot *s = NULL;

    strbuf_init(problems, 8192);
    write_file(text);
    if (conf_load_file(&dns_conf_struct, path, problems, &s) != ERR_OK)
        return NULL;
    return s;
}

static void
keys(void **state)
{
    struct strbuf problems;
    struct conf_snapshot *s = load("{}", &problems);
    const struct dns_conf *c;

    (void)state;
    assert_non_null(s);
    c = conf_root(s);
    assert_int_equal(c->min_ttl_ms, 1000);
    assert_int_equal(c->max_ttl_ms, 30000);
    assert_int_equal(c->refresh_ms, 5000);
    assert_int_equal(c->timeout_ms, 5000);
    assert_int_equal(c->tries, 4);
    assert_true(c->respect_ttl);
    assert_int_equal(c->family, RESOLVE_ALL);
    assert_int_equal(c->on_failure, RESOLVE_KEEP_LAST);
    assert_int_equal(c->stale_ms, 600000);
    assert_int_equal(c->servers.n, 0);
    conf_drop(s);
    strbuf_done(&problems);

    s = load("{ \"servers\": [\"10.0.0.1\", { \"address\": \"[::1]:54\" }], \"family\": "
             "\"v6\", \"allowedCidrs\": [\"fd00::/8\"], \"onFailure\": \"fail\" }",
             &problems);
    assert_non_null(s);
    c = conf_root(s);
    assert_int_equal(c->servers.n, 2);
    assert_string_equal(((const struct resolve_text *)c->servers.items)[1].text,
                        "[::1]:54");
    assert_int_equal(c->family, RESOLVE_V6);
    assert_int_equal(c->on_failure, RESOLVE_FAIL);
    assert_int_equal(c->allowed_cidrs.n, 1);
    conf_drop(s);
    strbuf_done(&problems);
}

static void
bad_keys_are_told(void **state)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        { "{ \"minTtl\": \"500ms\" }", "from 1s" },
        { "{ \"minTtl\": \"40s\" }", "maxTtl is 30s" },
        { "{ \"servers\": [\"ns.example\"] }", "name server is written as an address" },
        { "{ \"servers\": [\"unix:/x\"] }", "name server is written as an address" },
        { "{ \"allowedCidrs\": [\"10.0.0.1/8\"] }", "behind the prefix" },
        { "{ \"family\": \"v5\" }", "v5" },
        { "{ \"emptyIsValid\": true }", "emptyIsValid" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct strbuf problems;

        assert_null(load(bad[i].text, &problems));
        if (!strstr(problems.s, bad[i].part))
            fail_msg("%s", problems.s);
        strbuf_done(&problems);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_dns),
        cmocka_unit_test(bad_targets_are_told_what_to_write),
        cmocka_unit_test(search_lists_as_resolv_conf_has_them),
        cmocka_unit_test(hosts_files),
        cmocka_unit_test_teardown(a_file_changes_when_its_bytes_do, remove_file),
        cmocka_unit_test(no_random_device_no_dns),
        cmocka_unit_test_teardown(keys, remove_file),
        cmocka_unit_test_teardown(bad_keys_are_told, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

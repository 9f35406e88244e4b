/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of Kubernetes: the names of services, the server that is asked, and the config of a pod. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "resolve/k8s_conf.h"
#include "resolve/k8s_target.h"
#include "resolve/resolver.h"

static void
targets_name_a_service_and_a_port(void **s)
{
    static const struct {
        const char *text, *service, *namespace, *name;
        unsigned port;
    } good[] = {
        { "k8s:///app.shop:50051", "app", "shop", "", 50051 },
        { "k8s:///app:1", "app", "", "", 1 },
        { "K8S:///a-1.b-2:grpc", "a-1", "b-2", "grpc", 0 },
        { "k8s:///app.shop:h2c-9", "app", "shop", "h2c-9", 0 },
    };
    static const char *const bad[] = {
        "k8s:app:1",           "k8s://app:1",       "k8s:///app",
        "k8s:///app:",         "k8s:///:1",         "k8s:///.shop:1",
        "k8s:///app.:1",       "k8s:///App:1",      "k8s:///app.shop.svc:1",
        "k8s:///app:0",        "k8s:///app:65536",  "k8s:///app:123456",
        "k8s:///app:a_b",      "k8s:///-app:1",     "k8s:///app-:1",
        "k8s:///app:-a",       "k8s:///app:1-2",    "k8s:///app:sixteen-letters-",
        "k8s:///app.shop:1:2", "k8s:///app%2f.x:1",
    };
    struct k8s_target t;
    const char *text;

    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (resolver_check(good[i].text, &text) != ERR_OK)
            fail_msg("%s: %s", good[i].text, text);
        assert_int_equal(k8s_target_parse(good[i].text, &t, &text), ERR_OK);
        assert_string_equal(t.service, good[i].service);
        assert_string_equal(t.namespace, good[i].namespace);
        assert_string_equal(t.port_name, good[i].name);
        assert_int_equal(t.port, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (k8s_target_parse(bad[i], &t, &text) != ERR_SYNTAX)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(text, "k8s:///service.namespace:50051"));
    }
}

static void
servers_are_https_with_a_number(void **s)
{
    static const char *const good[][3] = {
        { "https://10.96.0.1:443", "10.96.0.1", "10.96.0.1:443" },
        { "https://10.96.0.1", "10.96.0.1", "10.96.0.1:443" },
        { "https://10.96.0.1/", "10.96.0.1", "10.96.0.1:443" },
        { "https://[fd00::1]:6443", "fd00::1", "[fd00::1]:6443" },
        { "https://[fd00::1]", "fd00::1", "[fd00::1]:443" },
        { "https://localhost:1", "127.0.0.1", "127.0.0.1:1" },
    };
    static const char *const bad[] = {
        "http://10.96.0.1:443",   "10.96.0.1:443",       "https://",
        "https://kubernetes:443", "https://10.96.0.1:x", "https://10.96.0.1:443/api",
        "https://unix:/x"
    };
    struct k8s_server server;
    const char *text;

    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (k8s_server_parse(good[i][0], &server, &text) != ERR_OK)
            fail_msg("%s: %s", good[i][0], text);
        assert_string_equal(server.name, good[i][1]);
        assert_string_equal(server.authority, good[i][2]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (k8s_server_parse(bad[i], &server, &text) != ERR_SYNTAX)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(text, "https://10.96.0.1:443"));
    }
}

static void
the_config_has_the_values_of_a_pod(void **s)
{
    struct k8s_conf conf;
    struct strbuf text;
    const char *code;

    (void)s;
    field_defaults(&k8s_conf_struct, &conf);
    assert_string_equal(conf.token_file,
                        "/var/run/secrets/kubernetes.io/serviceaccount/token");
    assert_string_equal(conf.ca_file,
                        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
    assert_null(conf.api_server);
    assert_null(conf.namespace);
    strbuf_init(&text, 1000);
    assert_false(field_parse(field_find(&k8s_conf_struct, "apiServer"), "10.0.0.1", &conf,
                             &text, &code));
    assert_false(field_parse(field_find(&k8s_conf_struct, "tokenFile"), "token", &conf,
                             &text, &code));
    assert_false(field_parse(field_find(&k8s_conf_struct, "namespace"), "Shop", &conf,
                             &text, &code));
    assert_true(field_parse(field_find(&k8s_conf_struct, "namespace"), "shop", &conf,
                            &text, &code));
    strbuf_done(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_name_a_service_and_a_port),
        cmocka_unit_test(servers_are_https_with_a_number),
        cmocka_unit_test(the_config_has_the_values_of_a_pod),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

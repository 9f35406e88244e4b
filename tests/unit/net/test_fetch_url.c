/* SPDX-License-Identifier: Apache-2.0 */
/* What may be fetched at all. The fetching itself has sockets: tests/integration/test_jwt_url.py. */
#include "unit.h"

#include "base/compat.h"
#include "net/fetch.h"

static void
only_http_and_https_with_a_host_are_urls(void **state)
{
    static const char *const good[] = {
        "https://id.example/jwks.json", "http://127.0.0.1:8080/keys?x=1#y",
        "HTTPS://ID.EXAMPLE",           "https://[::1]:443/",
        "https://user:pw@id.example/",  "http://[fd00::1]/",
        "http://id.example:65535?x",    "http://user@id.example:1",
    };
    static const char *const bad[] = {
        "",
        "id.example",
        "file:///etc/passwd",
        "ftp://id.example/",
        "https:",
        "https:///x",
        "https://?x",
        "https://#x",
        "https://",
        "https:/id.example",
        "https://id.example/a b",
        "https://id.example/\n",
        "https://id.ex\xc3\xa4mple/",
        "javascript:https://x",
        " https://id.example/",
        "http://id.example:grpc",
        "http://id.example:0",
        "http://id.example:65536/x",
        "http://id.example:/x",
        "http://id.example:-1",
        "http://id.example:000004318",
        "http://user:pw",
        "http://:4318",
        "http://user@:4318",
        "http://[::1",
        "http://[::1]4318",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(fetch_url_refuse(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!fetch_url_refuse(bad[i]))
            fail_msg("%s is taken", bad[i]);
}

static void
loopback_is_known_by_its_host_alone(void **state)
{
    static const char *const yes[] = {
        "http://127.0.0.1/",  "http://127.8.9.1:80/", "http://localhost/x",
        "http://LocalHost:1", "http://[::1]/",        "http://[::1]:8080",
    };
    static const char *const no[] = {
        "http://id.example/",        "http://127.0.0.1.example/",
        "http://localhost.example/", "http://localhost@evil/",
        "http://127.0.0.1@evil/",    "http://[::1].evil/",
        "http://evil/?h=localhost",  "http://evil#127.0.0.1",
        "http://128.0.0.1/",         "http://[::2]/",
        "http://xlocalhost/",        "http://127.evil/",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!fetch_url_is_loopback(yes[i]))
            fail_msg("%s is loopback", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (fetch_url_is_loopback(no[i]))
            fail_msg("%s is not loopback", no[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_http_and_https_with_a_host_are_urls),
        cmocka_unit_test(loopback_is_known_by_its_host_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

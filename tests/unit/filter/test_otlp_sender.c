/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of collectors: which are taken, and what URL a request goes to. What goes over the wire is in tests/integration/test_tracing_http.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "filter/otlp_sender.h"
#include "net/fetch.h"
#include "net/tls_conf.h"

static void
the_path_of_the_signal_is_added_once(void **state)
{
    static const struct {
        const char *base, *url;
    } rows[] = {
        { "http://sink:4318", "http://sink:4318/v1/traces" },
        { "http://sink:4318/", "http://sink:4318/v1/traces" },
        { "https://sink/otlp//", "https://sink/otlp/v1/traces" },
        { "https://sink/v1/traces", "https://sink/v1/traces" },
        { "https://sink/v1/traces/", "https://sink/v1/traces" },
        { "https://sink/v1/traces2", "https://sink/v1/traces2/v1/traces" },
        { "https://sink/v1/metrics", "https://sink/v1/metrics/v1/traces" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *url = otlp_url_make(rows[i].base, "/v1/traces");

        assert_string_equal(url, rows[i].url);
        xfree(url);
    }
}

static void
targets_and_urls_are_told_apart(void **state)
{
    static const char *const good[] = { "127.0.0.1:4317", "dns:///otel.obs:4317",
                                        "unix:/run/otel.sock", "http://otel:4318",
                                        "HTTPS://otel/otlp" };
    static const char *const bad[] = { "",
                                       "http://",
                                       "https:///v1/traces",
                                       "http://otel:4318?key=1",
                                       "http://a:b@otel:4318",
                                       "http://otel:4318/#x",
                                       "http://otel :4318",
                                       "ftp://otel:4318/" };
    char longest[5000];
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(otlp_target_valid(good[i], &why), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why = NULL;
        assert_int_not_equal(otlp_target_valid(bad[i], &why), ERR_OK);
        assert_non_null(why);
    }
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "http://", 7);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_not_equal(otlp_target_valid(longest, &why), ERR_OK);
}

static const char *
refuse(const char *to, const struct tls_client_conf *tls)
{
    return otlp_way_refuse(&(struct otlp_way){ .to = to, .tls = tls });
}

static void
tls_of_a_url_is_what_libcurl_can_do(void **state)
{
    const struct tls_client_conf off = { .on = false }, on = { .on = true, .ca = "/ca" },
                                 named = { .on = true, .server_name = "other" },
                                 blind = { .on = true, .insecure_skip_verify = true };

    (void)state;
    assert_null(refuse("127.0.0.1:4317", &named)); /* a pool can do all of it */
    if (fetch_missing()) {
        assert_non_null(strstr(refuse("http://otel:4318", &off), "libcurl"));
        return;
    }
    assert_null(refuse("http://otel:4318", &off));
    assert_null(refuse("https://otel:4318", &off)); /* with the system's CAs */
    assert_null(refuse("https://otel:4318", &on));
    assert_non_null(strstr(refuse("http://otel:4318", &on), "https://"));
    assert_non_null(strstr(refuse("https://otel:4318", &named), "ca, cert, key"));
    assert_non_null(refuse("https://otel:4318", &blind));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_of_the_signal_is_added_once),
        cmocka_unit_test(targets_and_urls_are_told_apart),
        cmocka_unit_test(tls_of_a_url_is_what_libcurl_can_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a config has no secrets, and everything else. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/redact.h"
#include "unit.h"

static void
check(const char *json, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    strbuf_puts(&out, "");
    conf_redact(json, &out);
    assert_string_equal(out.s, wanted);
    strbuf_done(&out);
}

#define GONE "\"" CONF_REDACTED "\""

static void
strings_of_secret_keys_go(void **state)
{
    (void)state;
    check("{\"password\": \"a\\\"b\", \"user\": \"x\"}",
          "{\"password\": " GONE ", \"user\": \"x\"}");
    check("{\"metadata\": { \"Authorization\": \"Bearer x\", \"x-a\": \"password\" }}",
          "{\"metadata\": { \"Authorization\": " GONE ", \"x-a\": \"password\" }}");
    check("[\"password\", \"b\"]", "[\"password\", \"b\"]");
}

static void
all_that_a_secret_key_holds_goes(void **state)
{
    (void)state;
    check("{\"x-api-key\": { \"oneOf\": [\"a\", {\"b\": \"c\"}] }, \"next\": \"d\"}",
          "{\"x-api-key\": { \"oneOf\": [" GONE ", {\"b\": " GONE "}] }, \"next\": "
          "\"d\"}");
    check("{\"secret\": [], \"next\": [\"d\"]}", "{\"secret\": [], \"next\": [\"d\"]}");
}

static void
numbers_and_names_of_files_stay(void **state)
{
    (void)state;
    check("{\"x-tenant-key\": \"a\", \"x-auth\": \"b\", \"dbCredential\": \"c\"}",
          "{\"x-tenant-key\": \"" CONF_REDACTED "\", \"x-auth\": \"" CONF_REDACTED
          "\", \"dbCredential\": \"" CONF_REDACTED "\"}");
    check("{\"token\": 5, \"next\": \"a\"}", "{\"token\": 5, \"next\": \"a\"}");
    check("{\"tokenFile\": \"/run/token\", \"maxTokens\": \"1\"}",
          "{\"tokenFile\": \"/run/token\", \"maxTokens\": \"1\"}");
    assert_true(conf_key_is_secret("X-Session-Token"));
    assert_false(conf_key_is_secret("authority"));
    assert_false(conf_key_is_secret("key"));
}

static void
check_url(const char *url, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    conf_redact_url(url, &out);
    assert_string_equal(out.s, wanted);
    strbuf_done(&out);
}

static void
urls_keep_where_they_lead(void **state)
{
    (void)state;
    check_url("https://id.example/keys.json", "\"https://id.example/keys.json\"");
    check_url("https://id.example/k?key=abc#x", "\"https://id.example/k?(redacted)\"");
    check_url("https://id.example/k#abc", "\"https://id.example/k#(redacted)\"");
    check_url("https://joe:pw@id.example/k", "\"https://(redacted)@id.example/k\"");
    check_url("https://a@b@id.example?x@y",
              "\"https://(redacted)@id.example?(redacted)\"");
    check_url("https://id.example/a@b", "\"https://id.example/a@b\"");
    check_url("https:/k?next=http://joe:pw@id.example", "\"https:/k?(redacted)\"");
    check_url("file:/etc/keys.json", "\"file:/etc/keys.json\"");
    check_url("a\"b", "\"a\\\"b\"");
    check_url("", "\"\"");
}

static void
check_url_text(const char *url, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    conf_redact_url_text(url, &out);
    assert_string_equal(out.s, wanted);
    strbuf_done(&out);
}

static void
logs_have_urls_without_secrets(void **state)
{
    (void)state;
    check_url_text("https://id.example/keys.json", "https://id.example/keys.json");
    check_url_text("https://id.example/k?key=abc#x", "https://id.example/k");
    check_url_text("https://joe:pw@id.example/k?a@b", "https://(redacted)@id.example/k");
    check_url_text("{\"keys\": []}", "(redacted)");
}

static void
a_set_of_keys_in_the_place_of_a_url_goes(void **state)
{
    (void)state;
    check_url(" {\"keys\": [{\"k\": \"abc\"}]}", GONE);
}

static void
of_headers_variables_stay(void **state)
{
    (void)state;
    assert_string_equal(conf_header_shown("x-user", "%{san}", false), "%{san}");
    assert_string_equal(conf_header_shown("x-user", "%{san} b", false), CONF_REDACTED);
    assert_string_equal(conf_header_shown("x-user", "%{a}%{b}", false), CONF_REDACTED);
    assert_string_equal(conf_header_shown("x-user", "%{", false), CONF_REDACTED);
    assert_string_equal(conf_header_shown("x-user", "", false), CONF_REDACTED);
    assert_string_equal(conf_header_shown("x-served-by", "us", true), "us");
    assert_string_equal(conf_header_shown("set-cookie", "a=b", true), CONF_REDACTED);
}

static void
text_that_ends_too_early_does_no_harm(void **state)
{
    (void)state;
    check("{\"password\": \"ab", "{\"password\": " GONE);
    check("}}\"\\", "}}\"\\");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_secret_keys_go),
        cmocka_unit_test(all_that_a_secret_key_holds_goes),
        cmocka_unit_test(numbers_and_names_of_files_stay),
        cmocka_unit_test(urls_keep_where_they_lead),
        cmocka_unit_test(logs_have_urls_without_secrets),
        cmocka_unit_test(a_set_of_keys_in_the_place_of_a_url_goes),
        cmocka_unit_test(of_headers_variables_stay),
        cmocka_unit_test(text_that_ends_too_early_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

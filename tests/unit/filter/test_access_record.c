/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log: every field in both forms, what is left out, and that a line is whole whatever is in it. */
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "filter/access_format.h"
#include "filter/access_record.h"
#include "obs/line.h"
#include "unit.h"

static struct line line;

static struct access_record
full(void)
{
    struct access_record r;

    access_record_init(&r);
    r.wall_us = INT64_C(1763825595123456);
    r.event = "end";
    r.logged = "error";
    r.listener = "inbound";
    r.client = "192.0.2.7:4711";
    r.san = "spiffe://a/b";
    r.client_name = slice_of("batch");
    r.service = slice_of("pkg.Service");
    r.method = slice_of("Method");
    r.authority = slice_of("app.example");
    r.code = 14;
    r.message = slice_of("no \"way\"\n");
    r.reason = "CONNECT_FAILED";
    r.cancelled = true;
    r.attempts = 3;
    r.route = "routes[0]";
    r.pool = "app";
    r.endpoint = "10.0.0.1:50051";
    r.bytes_in = 1;
    r.bytes_out = 0;
    r.messages_in = 2;
    r.messages_out = 4;
    r.first_byte_us = 1500;
    r.total_us = 2500000;
    r.deadline_us = 3000000;
    r.blocked_client_us = 0;
    r.blocked_backend_us = 7;
    r.trace_id = slice_of("4bf92f3577b34da6a3ce929d0e0e4736");
    r.request_id = slice_of("id-1");
    r.sampled = true;
    r.header_count = 2;
    r.headers[0] = (struct access_header){ slice_of("x-tenant"), slice_of("a\xff") };
    r.headers[1] = (struct access_header){ slice_of("x-none"), { 0 } };
    return r;
}

static const char *
text_of(void)
{
    line.s[line.n] = '\0';
    return line.s;
}

static void
every_field_is_in_the_object(void **state)
{
    struct access_record r = full();

    (void)state;
    access_record_json(&r, &line);
    assert_string_equal(
        text_of(),
        "{\"time\":\"2025-11-22T15:33:15.123456Z\",\"event\":\"end\",\"logged\":"
        "\"error\","
        "\"listener\":\"inbound\",\"client\":\"192.0.2.7:4711\",\"san\":\"spiffe://a/b\","
        "\"clientName\":\"batch\",\"service\":\"pkg.Service\",\"method\":\"Method\","
        "\"authority\":\"app.example\",\"code\":14,\"status\":\"UNAVAILABLE\","
        "\"message\":\"no \\\"way\\\"\\u000a\",\"reason\":\"CONNECT_FAILED\","
        "\"cancelled\":true,\"attempts\":3,\"route\":\"routes[0]\",\"pool\":\"app\","
        "\"endpoint\":\"10.0.0.1:50051\",\"bytesIn\":1,\"bytesOut\":0,\"messagesIn\":2,"
        "\"messagesOut\":4,\"firstByteMs\":1.500,\"totalMs\":2500.000,"
        "\"deadlineMs\":3000.000,\"blockedClientMs\":0.000,\"blockedBackendMs\":0.007,"
        "\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"requestId\":\"id-1\","
        "\"sampled\":true,\"headers\":{\"x-tenant\":\"a\\u00ff\"}}\n");
}

static void
what_does_not_apply_is_left_out(void **state)
{
    struct access_record r;

    (void)state;
    access_record_init(&r);
    r.event = "interval";
    access_record_json(&r, &line);
    assert_string_equal(text_of(), "{\"time\":\"1970-01-01T00:00:00.000000Z\","
                                   "\"event\":\"interval\"}\n");
}

/* All that a peer may choose is as long and as bad as can be. */
static void
a_line_that_is_too_long_is_still_an_object(void **state)
{
    static char big[70000];
    struct access_record r = full();
    json_t *object;

    (void)state;
    for (int hostile = 0; hostile < 2; hostile++) {
        memset(big, hostile ? '"' : 'x', sizeof(big) - 1);
        r.message = r.service = r.method = r.authority = r.trace_id = r.request_id =
            slice_make(big, sizeof(big));
        r.header_count = ACCESS_HEADERS_MAX;
        for (size_t i = 0; i < ACCESS_HEADERS_MAX; i++)
            r.headers[i] =
                (struct access_header){ slice_of("x-header"), slice_make(big, 60000) };
        access_record_json(&r, &line);
        assert_true(line.n <= LINE_MAX_BYTES);
        assert_int_equal(line.s[line.n - 1], '\n');
        assert_null(memchr(line.s, '\n', line.n - 1));
        object = json_loadb(line.s, line.n, 0, NULL);
        assert_non_null(object);
        assert_true(json_is_true(json_object_get(object, "cut")));
        assert_string_equal(json_string_value(json_object_get(object, "status")),
                            "UNAVAILABLE");
        json_decref(object);
    }
}

/* --- formats -------------------------------------------------------------------------- */

static const char *
written(const char *text)
{
    struct access_format f;
    struct access_record r = full();
    const char *why;

    if (access_format_parse(text, &f, &why) != ERR_OK)
        fail_msg("%s: %s", text, why);
    assert_true(f.header_count <= 2);
    access_format_write(&f, &r, &line);
    return text_of();
}

static void
a_format_has_variables_and_text(void **state)
{
    (void)state;
    assert_string_equal(
        written("%{time} %{service}/%{method} %{code} %{status}"),
        "2025-11-22T15:33:15.123456Z pkg.Service/Method 14 UNAVAILABLE\n");
    assert_string_equal(written("[%{message}] 100% %%{code} %{bytesOut} %{totalMs}ms"),
                        "[no \\\"way\\\"\\x0a] 100% %{code} 0 2500.000ms\n");
    assert_string_equal(written("%{header:x-tenant} %{header:x-none} %{header:x-tenant}"),
                        "a\\xff - a\\xff\n");
    assert_string_equal(written("plain"), "plain\n");
}

static void
every_key_is_a_variable(void **state)
{
    const struct access_field *f;
    char text[64];

    (void)state;
    for (size_t i = 0; (f = access_field_at(i)); i++) {
        snprintf(text, sizeof(text), "%%{%s}", f->name);
        if (strcmp(written(text), "-\n") == 0)
            fail_msg("%s is empty", f->name);
    }
}

static void
what_is_no_format_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {
        "",
        "%{",
        "%{time",
        "%{}",
        "%{Time}",
        "%{verb}",
        "%{header:}",
        "%{header:X-Tenant}",
        "%{header:a b}",
        "%{header::path}",
        "two\nlines",
        "bell\a",
    };
    struct access_format f;
    char many[2048] = "", name[32];
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why = NULL;
        if (access_format_parse(bad[i], &f, &why) != ERR_SYNTAX)
            fail_msg("taken: %s", bad[i]);
        assert_true(why && strlen(why) > 10);
    }
    assert_null(f.unknown.p);
    for (size_t i = 0; i <= ACCESS_HEADERS_MAX; i++) {
        size_t n = strlen(many);

        snprintf(name, sizeof(name), "%%{header:x-%zu}", i);
        snprintf(many + n, sizeof(many) - n, "%s", name);
    }
    assert_int_equal(access_format_parse(many, &f, &why), ERR_SYNTAX);
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i <= ACCESS_PARTS_MAX; i++)
        memcpy(many + 7 * i, "%{code}", 7);
    assert_int_equal(access_format_parse(many, &f, &why), ERR_SYNTAX);
}

static void
check_unknown(const char *text, const char *name, const char *hint)
{
    struct access_format f;
    struct strbuf out;
    const char *why;

    assert_int_equal(access_format_parse(text, &f, &why), ERR_SYNTAX);
    assert_true(slice_eq_str(f.unknown, name));
    strbuf_init(&out, 1024);
    access_format_suggest(&f, &out);
    assert_false(out.cut);
    if (!strstr(out.s, hint))
        fail_msg("%s: %s", text, out.s);
    strbuf_done(&out);
}

static void
a_variable_that_is_none_is_named(void **state)
{
    char name[500], text[510];

    (void)state;
    check_unknown("%{time} %{foo}", "foo", "; known are %{header:NAME} %{");
    check_unknown("%{foo}", "foo", " %{totalMs}");
    check_unknown("%{totalMS}", "totalMS", "; did you mean \"%{totalMs}\"?");
    check_unknown("%{}", "", "; known are ");
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text), "%%{%s}", name);
    check_unknown(text, name, "; known are ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_in_the_object),
        cmocka_unit_test(what_does_not_apply_is_left_out),
        cmocka_unit_test(a_line_that_is_too_long_is_still_an_object),
        cmocka_unit_test(a_format_has_variables_and_text),
        cmocka_unit_test(every_key_is_a_variable),
        cmocka_unit_test(a_variable_that_is_none_is_named),
        cmocka_unit_test(what_is_no_format_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The filter "accessLog": who gets a line, what is in it, and where its settings come from. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "filter/access_conf.h"
#include "filter/access_writer.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/tracing_conf.h"
#include "filterrig.h"

static struct filter_services *services;
static char path[64];

static int
setup(void **state)
{
    int fd;

    (void)state;
    services = rig_watch(10);
    snprintf(path, sizeof(path), "/tmp/outrigger-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rig_watch_end(services, 20);
    unlink(path);
    return 0;
}

#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static struct filter *
open_log(const char *keys)
{
    char json[1024];

    snprintf(json, sizeof(json), "{ \"to\": \"%s\"%s%s }", path, *keys ? ", " : "", keys);
    return rig_only(&filter_access_log, json);
}

/* All lines so far. */
static const char *
lines(void)
{
    static char text[1 << 20];
    ssize_t n;
    int fd;

    rig_advance_ms(11);
    rig_advance_ms(11);
    fd = open(path, O_RDONLY);
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static unsigned
count(void)
{
    unsigned n = 0;

    for (const char *p = lines(); (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static json_t *
last(void)
{
    const char *text = lines(), *p = text;
    json_t *object;

    for (const char *next; (next = strchr(p, '\n')) && next[1]; p = next + 1)
        ;
    object = json_loads(p, 0, NULL);
    assert_non_null(object);
    return object;
}

static const char *
word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void
pass(int code, int64_t ms)
{
    struct rigcall *c = rig_call("pkg.Service/Method");

    assert_int_equal(rig_request(c), FILTER_NEXT);
    if (ms)
        rig_advance_ms(ms);
    rig_end(c, code);
}

static void
a_call_becomes_a_line(void **state)
{
    struct rigcall *c;
    json_t *o;

    (void)state;
    open_log("\"headers\": [\"x-tenant\", \"x-none\"]");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-tenant", "acme\"");
    c->identity = "spiffe://a/b";
    c->fc.deadline_us = c->fc.begun_us + 1500000;
    assert_int_equal(rig_request(c), FILTER_NEXT);
    /* what is in the request later does not count, and what others find out does */
    h2_headers_done(&c->request, rig_slab);
    c->fc.request_id = slice_of("id-7");
    c->fc.client = slice_of("batch");
    c->result.message = slice_of("not%20here%0a");
    c->result.pool = "app";
    c->result.backend = "10.0.0.1:1";
    c->result.attempts = 2;
    c->result.messages_in = 3;
    c->result.bytes_out = 17;
    c->result.first_byte_us = c->fc.begun_us + 1234;
    rig_advance_ms(20);
    rig_end(c, GRPC_NOT_FOUND);
    o = last();
    assert_string_equal(word(o, "service"), "pkg.Service");
    assert_string_equal(word(o, "method"), "Method");
    assert_string_equal(word(o, "authority"), "test.example");
    assert_string_equal(word(o, "client"), "192.0.2.7:4711");
    assert_string_equal(word(o, "san"), "spiffe://a/b");
    assert_string_equal(word(o, "clientName"), "batch");
    assert_string_equal(word(o, "requestId"), "id-7");
    assert_string_equal(word(o, "status"), "NOT_FOUND");
    assert_string_equal(word(o, "message"), "not here\n");
    assert_string_equal(word(o, "pool"), "app");
    assert_string_equal(word(o, "endpoint"), "10.0.0.1:1");
    assert_string_equal(word(json_object_get(o, "headers"), "x-tenant"), "acme\"");
    assert_null(json_object_get(json_object_get(o, "headers"), "x-none"));
    assert_int_equal(json_integer_value(json_object_get(o, "attempts")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "messagesIn")), 3);
    assert_int_equal(json_integer_value(json_object_get(o, "bytesOut")), 17);
    assert_true(json_real_value(json_object_get(o, "firstByteMs")) == 1.234);
    assert_true(json_real_value(json_object_get(o, "totalMs")) == 20);
    assert_true(json_real_value(json_object_get(o, "deadlineMs")) == 1500);
    json_decref(o);
    assert_int_equal(rig_counted(STAT_ACCESS_LOG_LINES), 1);
}

/* Our own text is plain already: what looks like an escape is none. */
static void
our_own_text_is_not_decoded(void **state)
{
    struct rigcall *c;
    json_t *o;

    (void)state;
    open_log("");
    c = rig_call("pkg.Service/Method");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    c->result.local = true;
    c->result.message = slice_of("100%20");
    c->result.reason = "NO_ENDPOINT";
    rig_end(c, GRPC_UNAVAILABLE);
    o = last();
    assert_string_equal(word(o, "message"), "100%20");
    assert_string_equal(word(o, "reason"), "NO_ENDPOINT");
    json_decref(o);
}

static void
a_call_that_never_came_to_its_filters_has_a_line(void **state)
{
    struct rigcall *c;
    json_t *o;

    (void)state;
    open_log("\"headers\": [\"x-tenant\"]");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-tenant", "t");
    chain_watch(&c->fc);
    rig_end(c, GRPC_UNIMPLEMENTED);
    o = last();
    assert_string_equal(word(o, "method"), "Method");
    assert_string_equal(word(o, "authority"), "test.example");
    assert_string_equal(word(json_object_get(o, "headers"), "x-tenant"), "t");
    json_decref(o);
}

/* Short ones are kept in the call's state, others in its arena. */
static void
an_authority_of_any_length_is_kept(void **state)
{
    static const size_t lengths[] = { 1, 7, 8, 9, 16, 17, 47, 48, 49, 300 };

    (void)state;
    open_log("");
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct rigcall *c = rig_call("pkg.Service/Method");
        char text[301] = "";
        json_t *o;

        for (size_t k = 0; k < lengths[i]; k++)
            text[k] = (char)('a' + k % 26);
        c->request.v[c->request.first[H2_TOKEN_AUTHORITY] - 1].f = (struct h2_field){
            .name = (uint8_t *)(uintptr_t) ":authority",
            .value = (uint8_t *)text,
            .namelen = 10,
            .valuelen = lengths[i],
        };
        assert_int_equal(rig_request(c), FILTER_NEXT);
        h2_headers_done(&c->request, rig_slab);
        memset(text, '!', lengths[i]);
        rig_end(c, GRPC_OK);
        for (size_t k = 0; k < lengths[i]; k++)
            text[k] = (char)('a' + k % 26);
        o = last();
        assert_string_equal(word(o, "authority"), text);
        json_decref(o);
    }
}

/* Where no rule can want a line any more, a call that is not drawn pays for nothing. */
static void
a_call_that_cannot_have_a_line_keeps_nothing(void **state)
{
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        struct rigcall *c;

        open_log(
            rule ? "\"sample\": \"0%\", \"interval\": \"1s\", \"headers\": [\"x-a\"], "
                   "\"always\": [\"error\"]"
                 : "\"sample\": \"0%\", \"interval\": \"1s\", \"headers\": [\"x-a\"]");
        c = rig_call("pkg.Service/Method");
        rig_header(c, "x-a", "b");
        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_int_equal(c->arena.used > 0, rule);
        rig_advance_ms(2500);
        rig_end(c, rule ? GRPC_OK : GRPC_INTERNAL);
        assert_int_equal(count(), 0);
    }
}

static void
a_path_that_is_kept_for_ever_is_not_copied(void **state)
{
    static const char path_of_process[] = "/kept.Service/Method";
    struct rigcall *c;
    json_t *o;

    (void)state;
    open_log("");
    c = rig_call("kept.Service/Method");
    c->fc.kept_path = slice_of(path_of_process);
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_int_equal(c->arena.used, 0);
    rig_end(c, GRPC_OK);
    o = last();
    assert_string_equal(word(o, "service"), "kept.Service");
    json_decref(o);
}

static void
a_share_of_the_calls_is_chosen(void **state)
{
    static const struct {
        const char *sample;
        unsigned least, most;
    } rows[] = { { "0%", 0, 0 }, { "10%", 60, 140 }, { "100%", 1000, 1000 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char keys[64];

        assert_int_equal(truncate(path, 0), 0);
        snprintf(keys, sizeof(keys), "\"sample\": \"%s\"", rows[i].sample);
        open_log(keys);
        for (int k = 0; k < 1000; k++)
            pass(GRPC_OK, 0);
        assert_in_range(count(), rows[i].least, rows[i].most);
    }
}

static void
rules_take_calls_whatever_the_share(void **state)
{
    json_t *o;

    (void)state;
    open_log("\"sample\": \"0%\", \"always\": [\"code:OUT_OF_RANGE\", \"error\", "
             "\"slow:500ms\"]");
    pass(GRPC_OK, 0);
    pass(GRPC_OK, 490);
    assert_int_equal(count(), 0);
    pass(GRPC_OK, 500);
    o = last();
    assert_string_equal(word(o, "logged"), "slow");
    json_decref(o);
    pass(GRPC_CANCELLED, 0);
    o = last();
    assert_string_equal(word(o, "logged"), "error");
    json_decref(o);
    pass(GRPC_OUT_OF_RANGE, 0);
    o = last();
    assert_string_equal(word(o, "logged"), "code");
    json_decref(o);
    assert_int_equal(count(), 3);
}

static void
a_long_call_has_lines_in_between(void **state)
{
    struct rigcall *c;
    json_t *o;

    (void)state;
    open_log("\"interval\": \"2s\"");
    c = rig_call("pkg.Service/Method");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    c->messages_in = 5;
    for (int i = 0; i < 50; i++)
        rig_advance_ms(100);
    o = last();
    assert_string_equal(word(o, "event"), "interval");
    assert_null(json_object_get(o, "code"));
    assert_int_equal(json_integer_value(json_object_get(o, "messagesIn")), 5);
    assert_int_equal(json_integer_value(json_object_get(o, "bytesIn")), 700);
    assert_int_equal(json_integer_value(json_object_get(o, "attempts")), 2);
    assert_string_equal(word(o, "endpoint"), "192.0.2.9:50051");
    assert_true(json_real_value(json_object_get(o, "blockedBackendMs")) == 1.5);
    assert_null(json_object_get(o, "firstByteMs"));
    json_decref(o);
    assert_int_equal(count(), 2);
    rig_end(c, GRPC_OK);
    rig_advance_ms(10000);
    assert_int_equal(count(), 3);
}

static void
lines_in_between_are_drawn_with_their_call(void **state)
{
    unsigned lines_of_calls = 0;

    (void)state;
    open_log("\"interval\": \"1s\", \"sample\": \"30%\"");
    for (int i = 0; i < 100; i++) {
        struct rigcall *c = rig_call("pkg.Service/Method");
        unsigned before = count(), now;

        assert_int_equal(rig_request(c), FILTER_NEXT);
        for (int k = 0; k < 35; k++)
            rig_advance_ms(100);
        rig_end(c, GRPC_OK);
        now = count() - before;
        assert_true(now == 0 || now == 4); /* three in between, and the end */
        lines_of_calls += now > 0;
    }
    assert_in_range(lines_of_calls, 10, 55);
}

static void
what_does_not_fit_is_counted_and_the_call_goes_on(void **state)
{
    unsigned kept;

    (void)state;
    open_log("");
    for (int i = 0; i < 5000; i++)
        pass(GRPC_OK, 0);
    assert_int_equal(rig_counted(STAT_ACCESS_LOG_LINES), 5000);
    assert_true(rig_counted(STAT_ACCESS_LOG_FULL) > 500);
    kept = count();
    assert_int_equal(kept + rig_counted(STAT_ACCESS_LOG_FULL), 5000);
}

/* --- settings --------------------------------------------------------------------------- */

static void
settings_that_cannot_be_are_refused(void **state)
{
    static const char *const bad[] = {
        "{ \"to\": \"access.log\" }",
        "{ \"always\": [\"errors\"] }",
        "{ \"always\": [\"slow:500\"] }",
        "{ \"always\": [\"code:GONE\"] }",
        "{ \"sample\": \"101%\" }",
        "{ \"format\": \"%{nothing}\" }",
        "{ \"format\": \"%{time}\", \"headers\": [\"x\"] }",
        "{ \"headers\": [\"X-Tenant\"] }",
        "{ \"interval\": \"10ms\" }",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (!strstr(rig_problems(&filter_access_log, bad[i]), "error"))
            fail_msg("taken: %s", bad[i]);
    }
    assert_non_null(strstr(rig_problems(&filter_access_log, "{ \"interval\": \"10ms\" }"),
                           "interval is shorter than a second"));
    rig_chain(NULL, 0);
}

/* Not named in a list, the filter is what log.access says, and is not there without it. */
static void
it_is_what_the_file_says_for_all(void **state)
{
    struct access_conf root = { .on = true, .to = "/tmp/x", .sample = 25 }, conf;
    struct tracing_conf tracing = { .on = false };

    (void)state;
    memset(&conf, 0, sizeof(conf));
    filter_access_log.usual(&conf, &rig_store.env);
    assert_false(filter_access_log.wanted(&conf, &rig_store.env));
    assert_true(services_configure(services, &root, &tracing));
    assert_false(services_configure(services, &root, &tracing));
    filter_access_log.usual(&conf, &rig_store.env);
    assert_true(filter_access_log.wanted(&conf, &rig_store.env));
    assert_string_equal(conf.to, "/tmp/x");
    assert_true(conf.sample == 25);
    root.sample = 26;
    assert_true(services_configure(services, &root, &tracing));
    root.on = false;
    assert_true(services_configure(services, &root, &tracing));
    filter_access_log.usual(&conf, &rig_store.env);
    assert_false(filter_access_log.wanted(&conf, &rig_store.env));
    rig_chain(NULL, 0);
}

static void
what_a_filter_leaves_out_is_taken_from_the_file(void **state)
{
    struct access_conf outer = { .to = "stderr", .sample = 5, .format = "%{time}" };
    const struct filter *f = open_log("\"headers\": [\"x\"]");
    struct access_conf own = *(const struct access_conf *)f->conf;

    (void)state;
    assert_true(own.on);
    access_conf_inherit(&own, &outer);
    assert_string_equal(own.to, path);
    assert_true(own.sample == 5);
    assert_null(own.format); /* its headers mean JSON */
    assert_int_equal(own.headers.n, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_call_becomes_a_line),
        LOG_TEST(our_own_text_is_not_decoded),
        LOG_TEST(a_call_that_never_came_to_its_filters_has_a_line),
        LOG_TEST(an_authority_of_any_length_is_kept),
        LOG_TEST(a_call_that_cannot_have_a_line_keeps_nothing),
        LOG_TEST(a_path_that_is_kept_for_ever_is_not_copied),
        LOG_TEST(a_share_of_the_calls_is_chosen),
        LOG_TEST(rules_take_calls_whatever_the_share),
        LOG_TEST(a_long_call_has_lines_in_between),
        LOG_TEST(lines_in_between_are_drawn_with_their_call),
        LOG_TEST(what_does_not_fit_is_counted_and_the_call_goes_on),
        LOG_TEST(settings_that_cannot_be_are_refused),
        LOG_TEST(it_is_what_the_file_says_for_all),
        LOG_TEST(what_a_filter_leaves_out_is_taken_from_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

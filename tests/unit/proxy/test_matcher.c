/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of match against calls that fit and calls that just do not. */
#include "proxy/matcher.h"

#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "matchrig.h"

/* One match and one call. */
struct row {
    const char *match; /* JSON */
    const char *authority, *path;
    const char *headers[5]; /* "name=value" */
    bool fits;
};

static void
call_of(struct rig_call *c, const struct row *row, char room[4][64])
{
    rig_call_set(c, row->authority, row->path ? row->path : "/a.B/C");
    for (size_t i = 0; i < ARRAY_LEN(row->headers) && row->headers[i]; i++) {
        const char *eq = strchr(row->headers[i], '=');

        snprintf(room[i], 64, "%.*s", (int)(eq - row->headers[i]), row->headers[i]);
        rig_call_add(c, room[i], slice_of(eq + 1));
    }
}

static void
open_rig(struct rig *r, const char *json)
{
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (!rig_open(r, json, &problems))
        fail_msg("%s\n%s", json, problems.s);
    strbuf_done(&problems);
}

/* The sentence for people agrees with the answer. */
static void
check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char json[512], room[4][64];
        struct rig_call c;
        struct strbuf why;
        struct rig r;
        int found;
        bool why_not;

        snprintf(json, sizeof json, "[{ %s }]", rows[i].match);
        open_rig(&r, json);
        call_of(&c, &rows[i], room);
        found = matcher_find(r.matcher, &c.in);
        strbuf_init(&why, 4096);
        why_not = matcher_why_not(r.matcher, 0, &c.in, &why);
        if ((found == 0) != rows[i].fits || why_not == rows[i].fits)
            fail_msg("row %zu: { %s }: found %d, why not: %s", i, rows[i].match, found,
                     why.s ? why.s : "-");
        strbuf_done(&why);
        rig_close(&r);
    }
}

static void
paths_are_compared_in_whole_or_in_part(void **state)
{
    static const struct row rows[] = {
        { "", NULL, "/a.B/C", { NULL }, true },
        { "\"service\": \"a.B\"", NULL, "/a.B/C", { NULL }, true },
        { "\"service\": \"a.B\"", NULL, "/a.b/C", { NULL }, false },
        { "\"service\": \"a.B\"", NULL, "/a.BB/C", { NULL }, false },
        { "\"service\": \"a\"", NULL, "/a.B/C", { NULL }, false },
        { "\"method\": \"C\"", NULL, "/x.Y/C", { NULL }, true },
        { "\"method\": \"C\"", NULL, "/C/x", { NULL }, false },
        { "\"service\": \"a.B\", \"method\": \"C\"", NULL, "/a.B/C", { NULL }, true },
        { "\"service\": \"a.B\", \"method\": \"C\"", NULL, "/a.B/D", { NULL }, false },
        { "\"path\": \"/a.B/C\"", NULL, "/a.B/C", { NULL }, true },
        { "\"path\": \"/a.B/C\"", NULL, "/a.B/Cc", { NULL }, false },
        { "\"path\": { \"exact\": \"/a.B/C\" }", NULL, "/a.B/c", { NULL }, false },
        { "\"path\": { \"prefix\": \"/a.\" }", NULL, "/a.B/C", { NULL }, true },
        { "\"path\": { \"prefix\": \"/a.B/C\" }", NULL, "/a.B/C", { NULL }, true },
        /* Plain bytes: it need not end at a slash or a dot. */
        { "\"path\": { \"prefix\": \"/a.B/C\" }", NULL, "/a.B/Cat", { NULL }, true },
        { "\"path\": { \"prefix\": \"/a.B/C\" }", NULL, "/a.B/", { NULL }, false },
        { "\"path\": { \"prefix\": \"/A\" }", NULL, "/a.B/C", { NULL }, false },
        { "\"path\": { \"regex\": \"/a\\\\.[BX]/.*\" }", NULL, "/a.X/C", { NULL }, true },
        { "\"path\": { \"regex\": \"/a\" }", NULL, "/a.B/C", { NULL }, false },
        { "\"path\": { \"regex\": \"a.*\" }", NULL, "/a.B/C", { NULL }, false },
        { "\"path\": { \"regex\": \"/a|/a.B/C\" }", NULL, "/a.B/C", { NULL }, true },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

#define H1 "\"hosts\": \"shop.Example.com\""
#define H2 "\"hosts\": [\"*.example.com\"]"
#define H3 "\"hosts\": [\"shop.*\", \"[::1]\"]"

static void
hosts_have_no_port_and_no_case(void **state)
{
    static const struct row rows[] = {
        { H1, "shop.example.com", NULL, { NULL }, true },
        { H1, "SHOP.example.COM:443", NULL, { NULL }, true },
        { H1, "shop.example.com.", NULL, { NULL }, true },
        { H1, "shop.example.com.:80", NULL, { NULL }, true },
        { H1, "shop.example.com..", NULL, { NULL }, false },
        { H1, "xshop.example.com", NULL, { NULL }, false },
        { H1, "example.com", NULL, { NULL }, false },
        { H1, NULL, NULL, { NULL }, false },
        { H1, "", NULL, { NULL }, false },
        { "\"hosts\": \"shop.example.com.\"", "shop.example.com", NULL, { NULL }, true },
        { H2, "a.example.com:1", NULL, { NULL }, true },
        { H2, "a.b.Example.com", NULL, { NULL }, true },
        { H2, "example.com", NULL, { NULL }, false },
        { H2, ".example.com", NULL, { NULL }, false },
        { H2, "aexample.com", NULL, { NULL }, false },
        { H3, "shop.de", NULL, { NULL }, true },
        { H3, "shop.a.b:1", NULL, { NULL }, true },
        { H3, "shop.", NULL, { NULL }, false },
        { H3, "shop", NULL, { NULL }, false },
        { H3, "[::1]:8080", NULL, { NULL }, true },
        { H3, "[::1]", NULL, { NULL }, true },
        { H3, "[::1]junk", NULL, { NULL }, false },
        { H3, "::1", NULL, { NULL }, false },
        { "\"hosts\": \"*\"", NULL, NULL, { NULL }, true },
        { "\"hosts\": \"*\"", "a:1", NULL, { NULL }, true },
        { "\"hosts\": []", "a:1", NULL, { NULL }, true },
        { "\"hosts\": [\"a\", \"*\"]", "b", NULL, { NULL }, true },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void
a_host_that_is_too_long_is_no_name(void **state)
{
    static char name[600];
    struct rig_call c;
    struct rig r;

    (void)state;
    memset(name, 'a', sizeof name - 1);
    memcpy(name + sizeof name - 1 - 4, ".com", 4);
    rig_call_set(&c, name, "/a.B/C");
    open_rig(&r, "[{ \"hosts\": \"*.com\" }, { \"hosts\": \"*\" }]");
    assert_int_equal(matcher_find(r.matcher, &c.in), 1);
    rig_close(&r);
}

#define X(how) "\"headers\": { \"x\": " how " }"

static void
headers_are_compared_in_eight_ways(void **state)
{
    static const struct row rows[] = {
        { X("\"v2\""), NULL, NULL, { "x=v2" }, true },
        { X("\"v2\""), NULL, NULL, { "x=V2" }, false },
        { X("\"v2\""), NULL, NULL, { "x=v22" }, false },
        { X("\"v2\""), NULL, NULL, { "y=v2", "xx=v2", "x=v1" }, false },
        { X("\"\""), NULL, NULL, { "x=" }, true },
        { X("\"\""), NULL, NULL, { NULL }, false },
        { X("{ \"prefix\": \"v\" }"), NULL, NULL, { "x=v" }, true },
        { X("{ \"prefix\": \"v\" }"), NULL, NULL, { "x=" }, false },
        { X("{ \"prefix\": \"v2\" }"), NULL, NULL, { "x=v3" }, false },
        { X("{ \"suffix\": \"-b\" }"), NULL, NULL, { "x=a-b" }, true },
        { X("{ \"suffix\": \"-b\" }"), NULL, NULL, { "x=-bb-" }, false },
        { X("{ \"contains\": \"go\" }"), NULL, NULL, { "x=grpc-go/1" }, true },
        { X("{ \"contains\": \"go\" }"), NULL, NULL, { "x=g-o" }, false },
        { X("{ \"contains\": \"go\" }"), NULL, NULL, { "x=" }, false },
        { X("{ \"oneOf\": [\"b\", \"a\", \"cc\"] }"), NULL, NULL, { "x=cc" }, true },
        { X("{ \"oneOf\": [\"b\", \"a\", \"cc\"] }"), NULL, NULL, { "x=c" }, false },
        { X("{ \"oneOf\": \"b\" }"), NULL, NULL, { "x=b" }, true },
        { X("{ \"regex\": \"v[0-9]+\" }"), NULL, NULL, { "x=v12" }, true },
        { X("{ \"regex\": \"v[0-9]+\" }"), NULL, NULL, { "x=v12a" }, false },
        { X("{ \"regex\": \"v[0-9]+\" }"), NULL, NULL, { "x=av12" }, false },
        { X("{ \"regex\": \"(?i)V\" }"), NULL, NULL, { "x=v" }, true },
        { X("{ \"present\": true }"), NULL, NULL, { "x=" }, true },
        { X("{ \"present\": true }"), NULL, NULL, { "xx=1" }, false },
        { X("{ \"present\": false }"), NULL, NULL, { "xx=1" }, true },
        { X("{ \"present\": false }"), NULL, NULL, { "x=1" }, false },
        /* All of them. */
        { "\"headers\": { \"x\": \"1\", \"y\": \"2\" }",
          NULL,
          NULL,
          { "y=2", "x=1" },
          true },
        { "\"headers\": { \"x\": \"1\", \"y\": \"2\" }", NULL, NULL, { "x=1" }, false },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

#define RANGE(from, to) X("{ \"range\": { \"from\": " #from ", \"to\": " #to " } }")
#define INT64_LOW       RANGE(-9223372036854775807, 0)

static void
ranges_are_half_open_and_decimal(void **state)
{
    static const struct row rows[] = {
        { RANGE(1, 3), NULL, NULL, { "x=1" }, true },
        { RANGE(1, 3), NULL, NULL, { "x=2" }, true },
        { RANGE(1, 3), NULL, NULL, { "x=3" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=0" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=0002" }, true },
        { RANGE(1, 3), NULL, NULL, { "x=2.0" }, false },
        { RANGE(1, 3), NULL, NULL, { "x= 2" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=+2" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=-" }, false },
        { RANGE(1, 3), NULL, NULL, { "x=1", "x=2" }, false }, /* "1,2" */
        { RANGE(-5, 0), NULL, NULL, { "x=-5" }, true },
        { RANGE(-5, 0), NULL, NULL, { "x=-6" }, false },
        { RANGE(-5, 1), NULL, NULL, { "x=-0" }, true },
        { RANGE(0, 9223372036854775807), NULL, NULL, { "x=9223372036854775806" }, true },
        { RANGE(0, 9223372036854775807), NULL, NULL, { "x=9223372036854775808" }, false },
        { RANGE(0, 9223372036854775807),
          NULL,
          NULL,
          { "x=18446744073709551617" },
          false },
        { INT64_LOW, NULL, NULL, { "x=-9223372036854775807" }, true },
        { INT64_LOW, NULL, NULL, { "x=-9223372036854775808" }, false },
        { INT64_LOW, NULL, NULL, { "x=-9223372036854775809" }, false },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void
options_turn_the_answer_but_not_for_missing_headers(void **state)
{
    static const struct row rows[] = {
        { X("{ \"exact\": \"a\", \"invert\": true }"), NULL, NULL, { "x=b" }, true },
        { X("{ \"exact\": \"a\", \"invert\": true }"), NULL, NULL, { "x=a" }, false },
        { X("{ \"exact\": \"a\", \"invert\": true }"), NULL, NULL, { "y=b" }, false },
        { X("{ \"regex\": \"a+\", \"invert\": true }"), NULL, NULL, { "x=b" }, true },
        { X("{ \"regex\": \"a+\", \"invert\": true }"), NULL, NULL, { NULL }, false },
        { X("{ \"present\": true, \"invert\": true }"), NULL, NULL, { NULL }, true },
        { X("{ \"present\": true, \"invert\": true }"), NULL, NULL, { "x=" }, false },
        { X("{ \"present\": false, \"invert\": true }"), NULL, NULL, { "x=" }, true },
        { X("{ \"exact\": \"\", \"treatMissingAsEmpty\": true }"),
          NULL,
          NULL,
          { NULL },
          true },
        { X("{ \"exact\": \"a\", \"treatMissingAsEmpty\": true }"),
          NULL,
          NULL,
          { NULL },
          false },
        { X("{ \"exact\": \"a\", \"treatMissingAsEmpty\": true, \"invert\": true }"),
          NULL,
          NULL,
          { NULL },
          true },
        { X("{ \"regex\": \"a*\", \"treatMissingAsEmpty\": true }"),
          NULL,
          NULL,
          { NULL },
          true },
        { X("{ \"exact\": \"AbC\", \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x=aBc" },
          true },
        { X("{ \"oneOf\": [\"q\", \"AB\"], \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x=Ab" },
          true },
        { X("{ \"contains\": \"B\", \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x=aBc" },
          true },
        { X("{ \"prefix\": \"[\", \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x={" },
          false },
        { X("{ \"suffix\": \"Z\", \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x=az" },
          true },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void
several_headers_of_one_name_are_one_with_commas(void **state)
{
    static const struct row rows[] = {
        { X("\"a,b\""), NULL, NULL, { "x=a", "y=1", "x=b" }, true },
        { X("\"a\""), NULL, NULL, { "x=a", "x=b" }, false },
        { X("{ \"suffix\": \",b\" }"), NULL, NULL, { "x=a", "x=b" }, true },
        { X("{ \"oneOf\": [\"a\", \"b,a,c\"] }"),
          NULL,
          NULL,
          { "x=b", "x=a", "x=c" },
          true },
        { X("{ \"regex\": \"a,B\" }"), NULL, NULL, { "x=a", "x=B" }, true },
        { X("{ \"exact\": \"a,b\", \"ignoreCase\": true }"),
          NULL,
          NULL,
          { "x=A", "x=B" },
          true },
        { X("\",\""), NULL, NULL, { "x=", "x=" }, true },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

#define BIN(how) "\"headers\": { \"x-bin\": " how " }"

static void
binary_headers_are_compared_decoded(void **state)
{
    static const struct row rows[] = {
        { BIN("\"/wA=\""), NULL, NULL, { "x-bin=/wA" }, true },
        { BIN("\"/wA\""), NULL, NULL, { "x-bin=/wA=" }, true },
        { BIN("\"/wA\""),
          NULL,
          NULL,
          { "x-bin=/wB" },
          true }, /* bits that stand for nothing */
        { BIN("\"/wA\""), NULL, NULL, { "x-bin=/wAA" }, false },
        { BIN("{ \"prefix\": \"/w\" }"), NULL, NULL, { "x-bin=/wAA" }, true },
        { BIN("{ \"contains\": \"AA\" }"), NULL, NULL, { "x-bin=/wAB" }, true },
        { BIN("{ \"oneOf\": [\"AA\", \"AQ\"] }"), NULL, NULL, { "x-bin=AQ==" }, true },
        { BIN("{ \"present\": true }"), NULL, NULL, { "x-bin=???" }, true },
        { BIN("{ \"exact\": \"AA\", \"invert\": true }"),
          NULL,
          NULL,
          { "x-bin=AQ" },
          true },
        /* Not base64: no match, also inverted. */
        { BIN("{ \"exact\": \"AA\", \"invert\": true }"),
          NULL,
          NULL,
          { "x-bin=?" },
          false },
        { BIN("\"AA\""), NULL, NULL, { "x-bin=A" }, false },
        /* "\0" and "\1", in one header or in two: 00 2c 01 */
        { BIN("\"ACwB\""), NULL, NULL, { "x-bin=AA,AQ" }, true },
        { BIN("\"ACwB\""), NULL, NULL, { "x-bin=AA", "x-bin=AQ" }, true },
        { BIN("\"ACwB\""), NULL, NULL, { "x-bin=AA", "x-bin=?" }, false },
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void
names_in_certificates_are_compared(void **state)
{
    static const struct {
        const char *match, *san;
        enum tls_san_kind kind;
        bool fits;
    } rows[] = {
        { "\"spiffe://a/b\"", "spiffe://a/b", TLS_SAN_URI, true },
        { "\"spiffe://a/b\"", "spiffe://a/B", TLS_SAN_URI, false },
        { "\"Shop.a\"", "shop.A", TLS_SAN_DNS, true },
        { "{ \"prefix\": \"spiffe://a/\" }", "spiffe://a/b", TLS_SAN_URI, true },
        { "{ \"prefix\": \"spiffe://a/\" }", "spiffe://a", TLS_SAN_URI, false },
        { "[\"x\", { \"suffix\": \"@a.b\" }]", "me@a.b", TLS_SAN_EMAIL, true },
        { "[\"x\", { \"suffix\": \"@a.b\" }]", "me@A.b", TLS_SAN_EMAIL, false },
        { "[\"x\", { \"suffix\": \"@a.b\" }]", "@a.b.c", TLS_SAN_EMAIL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[256];
        struct rig_call c;
        struct rig r;

        snprintf(json, sizeof json, "[{ \"san\": %s }]", rows[i].match);
        open_rig(&r, json);
        rig_call_set(&c, NULL, "/a.B/C");
        assert_int_equal(matcher_find(r.matcher, &c.in), -1);
        rig_call_add_san(&c, TLS_SAN_DNS, "other");
        rig_call_add_san(&c, rows[i].kind, rows[i].san);
        if ((matcher_find(r.matcher, &c.in) == 0) != rows[i].fits)
            fail_msg("row %zu", i);
        c.peer.verified = false;
        assert_int_equal(matcher_find(r.matcher, &c.in), -1);
        rig_close(&r);
    }
}

/* More matches than are looked at one by one. */
static void
the_first_in_the_file_wins(void **state)
{
    static const struct {
        const char *authority, *path, *x;
        int found;
    } rows[] = {
        { NULL, "/a.A/One", NULL, 1 },   { NULL, "/a.A/Two", NULL, 2 },
        { NULL, "/a.A/One", "v2", 0 },   { NULL, "/b.B/Two", NULL, 3 },
        { NULL, "/b.B/One", NULL, 4 },   { "h:1", "/b.B/Three", NULL, 6 },
        { NULL, "/b.B/Three", NULL, 8 }, { "h", "/c.C/X", NULL, 6 },
        { NULL, "/a.AA/One", NULL, 8 },  { "h", "/p.Q/R", NULL, 6 },
        { NULL, "/p.Q/R", NULL, 7 },
    };
    struct rig r;

    (void)state;
    open_rig(&r,
             "[{ \"service\": \"a.A\", \"headers\": { \"x\": \"v2\" } },"
             " { \"service\": \"a.A\", \"method\": \"One\" }, { \"service\": \"a.A\" },"
             " { \"method\": \"Two\" }, { \"path\": \"/b.B/One\" },"
             " { \"path\": \"/a.A/Two\" }, { \"hosts\": [\"g\", \"h\"] },"
             " { \"path\": { \"prefix\": \"/p.\" } }, {}]");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig_call c;

        rig_call_set(&c, rows[i].authority, rows[i].path);
        if (rows[i].x)
            rig_call_add(&c, "x", slice_of(rows[i].x));
        if (matcher_find(r.matcher, &c.in) != rows[i].found)
            fail_msg("row %zu: %d", i, matcher_find(r.matcher, &c.in));
    }
    rig_close(&r);
}

static void
values_that_are_too_long_do_not_match(void **state)
{
    static char half[5000];
    struct rig_call c;
    struct rig r;

    (void)state;
    memset(half, 'a', sizeof half);
    open_rig(&r, "[{ \"headers\": { \"x\": { \"regex\": \"a*\" } } },"
                 " { \"headers\": { \"x\": { \"prefix\": \"a\" } } },"
                 " { \"headers\": { \"x\": { \"exact\": \"b\", \"invert\": true } } }]");
    rig_call_set(&c, NULL, "/a.B/C");
    rig_call_add(&c, "x", slice_make(half, sizeof half));
    assert_int_equal(matcher_find(r.matcher, &c.in), 0);
    assert_int_equal(c.in.gave_up, 0);
    /* Two of them are 10,001 bytes: no regex, and nothing that must be put together. */
    rig_call_add(&c, "x", slice_make(half, sizeof half));
    assert_int_equal(matcher_find(r.matcher, &c.in), -1);
    assert_int_equal(c.in.gave_up, 3);
    rig_close(&r);
}

static void
sentences_tell_why_not(void **state)
{
    static const struct {
        const char *match, *why;
    } rows[] = {
        { "\"service\": \"x.Y\"", "the service is \"a.B\", not \"x.Y\"" },
        { "\"method\": \"Z\"", "the method is \"C\", not \"Z\"" },
        { "\"path\": { \"prefix\": \"/z\" }",
          "the path is \"/a.B/C\", which does not begin with \"/z\"" },
        { "\"hosts\": [\"x\", \"y\"]",
          "the host is \"h\", not \"x\" or one of 1 others" },
        { X("\"v2\""), "header x is \"v1\", not \"v2\"" },
        { X("{ \"prefix\": \"w\" }"),
          "header x is \"v1\", which does not begin with \"w\"" },
        { X("{ \"range\": { \"from\": 1, \"to\": 5 } }"),
          "header x is \"v1\", not a number from 1 to below 5" },
        { X("{ \"present\": false }"), "header x is there" },
        { "\"headers\": { \"y\": \"1\" }", "header y is missing" },
        { BIN("\"AA\""), "header x-bin is not base64" },
        { "\"san\": \"x\"", "the client has no verified certificate" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[256];
        struct rig_call c;
        struct strbuf why;
        struct rig r;

        snprintf(json, sizeof json, "[{ %s }]", rows[i].match);
        open_rig(&r, json);
        rig_call_set(&c, "h:1", "/a.B/C");
        rig_call_add(&c, "x", slice_of("v1"));
        rig_call_add(&c, "x-bin", slice_of("?"));
        strbuf_init(&why, 4096);
        assert_true(matcher_why_not(r.matcher, 0, &c.in, &why));
        assert_string_equal(why.s, rows[i].why);
        strbuf_done(&why);
        rig_close(&r);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_compared_in_whole_or_in_part),
        cmocka_unit_test(hosts_have_no_port_and_no_case),
        cmocka_unit_test(a_host_that_is_too_long_is_no_name),
        cmocka_unit_test(headers_are_compared_in_eight_ways),
        cmocka_unit_test(ranges_are_half_open_and_decimal),
        cmocka_unit_test(options_turn_the_answer_but_not_for_missing_headers),
        cmocka_unit_test(several_headers_of_one_name_are_one_with_commas),
        cmocka_unit_test(binary_headers_are_compared_decoded),
        cmocka_unit_test(names_in_certificates_are_compared),
        cmocka_unit_test(the_first_in_the_file_wins),
        cmocka_unit_test(values_that_are_too_long_do_not_match),
        cmocka_unit_test(sentences_tell_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

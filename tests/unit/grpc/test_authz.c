/* SPDX-License-Identifier: Apache-2.0 */
/* CheckRequest and CheckResponse: the public field numbers, what silence means, what denies, and what is no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "grpc/authz.h"
#include "pbtest.h"

static struct slab *slab;
static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    pb_reset();
    slab = slab_new();
    arena_init(&arena, slab, NULL, 0, 256 * 1024);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    slab_free(slab);
    return 0;
}

#define AUTHZ_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static struct slice
field(const char *name, const char *value)
{
    return JOIN(TEXT(1, name), TEXT(2, value));
}

static void
request_has_the_public_field_numbers(void **state)
{
    const struct authz_pair headers[] = { { slice_of(":path"), slice_of("/p.S/M") },
                                          { slice_of("x-bad"), slice_of("a\xff"
                                                                        "b") } };
    const struct authz_pair extensions[] = { { slice_of("env"), slice_of("prod") } };
    const struct authz_request r = {
        .source = { .address = slice_of("10.0.0.1"),
                    .port = 4711,
                    .principal = slice_of("spiffe://a/b") },
        .destination = { .address = slice_of("/run/a.sock"), .is_path = true },
        .time_us = 1500000,
        .id = slice_of("id1"),
        .path = slice_of("/p.S/M"),
        .host = slice_of("h"),
        .scheme = slice_of("https"),
        .headers = headers,
        .header_count = 2,
        .extensions = extensions,
        .extension_count = 1,
        .sni = slice_of("a.example"),
    };
    struct slice source =
        JOIN(M(1, M(1, TEXT(2, "10.0.0.1"), NUMBER(3, 4711))), TEXT(4, "spiffe://a/b"));
    struct slice http =
        JOIN(TEXT(1, "id1"), TEXT(2, "POST"), BYTES_FIELD(3, field(":path", "/p.S/M")),
             BYTES_FIELD(3, field("x-bad", "a!b")), TEXT(4, "/p.S/M"), TEXT(5, "h"),
             TEXT(6, "https"), NUMBER(9, UINT64_MAX), TEXT(10, "HTTP/2"));
    struct slice want =
        M(1, BYTES_FIELD(1, source), M(2, M(1, M(2, TEXT(1, "/run/a.sock")))),
          M(4, M(1, NUMBER(1, 1), NUMBER(2, 500000000)), BYTES_FIELD(2, http)),
          BYTES_FIELD(10, field("env", "prod")), M(12, TEXT(1, "a.example")));
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    assert_int_equal(authz_request_encode(&r, &arena, &out), ERR_OK);
    assert_int_equal(out.len, want.n);
    assert_memory_equal(out.s, want.p, want.n);
    strbuf_done(&out);
}

static void
request_says_when_it_does_not_fit(void **state)
{
    static char big[300 * 1024];
    struct authz_pair header = { slice_of("x"), slice_make(big, 2000) };
    const struct authz_request r = { .headers = &header, .header_count = 1 };
    struct strbuf out;

    (void)state;
    memset(big, 'a', sizeof(big));
    strbuf_init(&out, 1000);
    assert_int_equal(authz_request_encode(&r, &arena, &out), ERR_LIMIT);
    strbuf_done(&out);
    strbuf_init(&out, 1 << 20);
    big[0] = '\xff'; /* the clean copy is too long for the arena */
    header.value = slice_make(big, sizeof(big));
    assert_int_equal(authz_request_encode(&r, &arena, &out), ERR_NOMEM);
    strbuf_done(&out);
}

static struct authz_answer
decoded(struct slice message)
{
    struct authz_answer a = { .code = -1 };

    assert_int_equal(authz_answer_decode(message, &arena, &a), ERR_OK);
    return a;
}

static void
yes_comes_with_edits(void **state)
{
    struct slice ok =
        M(3, M(2, M(1, TEXT(1, "X-User"), TEXT(2, "ann"))),
          M(2, M(1, TEXT(1, "x-list"), TEXT(2, "v")),
            M(2, NUMBER(1, 1))),                                  /* append: true */
          M(2, M(1, TEXT(1, "x-set"), TEXT(3, "raw")), EMPTY(2)), /* append: false */
          M(2, M(1, TEXT(1, "x-absent"), TEXT(2, "v")), NUMBER(3, 1)),
          M(2, M(1, TEXT(1, "x-there"), TEXT(2, "v")), NUMBER(3, 3)),
          M(2, M(1, TEXT(1, "x-odd"), TEXT(2, "v")), NUMBER(3, 77)), TEXT(5, "X-Gone"),
          TEXT(5, "x-too"), M(6, M(1, TEXT(1, "x-back"), TEXT(2, "b"))));
    static const enum authz_action actions[] = { AUTHZ_SET,          AUTHZ_APPEND,
                                                 AUTHZ_SET,          AUTHZ_ADD_IF_ABSENT,
                                                 AUTHZ_SET_IF_THERE, AUTHZ_SET };
    struct authz_answer a = decoded(JOIN(EMPTY(1), ok));

    (void)state;
    assert_int_equal(a.verdict, AUTHZ_ALLOWED);
    assert_int_equal(a.request.n, ARRAY_LEN(actions));
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        assert_int_equal(a.request.v[i].action, actions[i]);
    assert_true(slice_eq_str(a.request.v[0].name, "x-user"));
    assert_true(slice_eq_str(a.request.v[0].value, "ann"));
    assert_true(slice_eq_str(a.request.v[2].value, "raw"));
    assert_int_equal(a.remove_count, 2);
    assert_true(slice_eq_str(a.remove[0], "x-gone"));
    assert_int_equal(a.response.n, 1);
    assert_true(slice_eq_str(a.response.v[0].name, "x-back"));
    assert_int_equal(a.response.v[0].action, AUTHZ_APPEND);
}

static void
short_ways_to_say_yes(void **state)
{
    (void)state;
    assert_int_equal(decoded(EMPTY(1)).verdict, AUTHZ_ALLOWED); /* status { code: 0 } */
    assert_int_equal(decoded(EMPTY(3)).verdict, AUTHZ_ALLOWED); /* ok_response {} */
}

/* Doubt denies. */
static void
what_denies(void **state)
{
    struct slice denied = M(2, M(1, NUMBER(1, 401)),
                            M(2, M(1, TEXT(1, "www-authenticate"), TEXT(2, "Bearer"))),
                            TEXT(3, "who are you?"));
    struct authz_answer a = decoded(JOIN(M(1, NUMBER(1, 7), TEXT(2, "no")), denied));

    (void)state;
    assert_int_equal(a.verdict, AUTHZ_DENIED);
    assert_int_equal(a.code, 7);
    assert_int_equal(a.http_status, 401);
    assert_true(slice_eq_str(a.message, "who are you?"));
    assert_int_equal(a.response.n, 1);
    assert_true(slice_eq_str(a.response.v[0].name, "www-authenticate"));
    /* only a status */
    a = decoded(M(1, NUMBER(1, 16), TEXT(2, "no token")));
    assert_int_equal(a.verdict, AUTHZ_DENIED);
    assert_true(slice_eq_str(a.message, "no token"));
    /* contradictions */
    a = decoded(JOIN(EMPTY(1), denied));
    assert_int_equal(a.verdict, AUTHZ_DENIED);
    a = decoded(JOIN(M(1, NUMBER(1, 7)), M(3, M(2, M(1, TEXT(1, "a"), TEXT(2, "b"))))));
    assert_int_equal(a.verdict, AUTHZ_DENIED);
    assert_int_equal(a.request.n, 0);
    assert_int_equal(decoded(denied).verdict, AUTHZ_DENIED);
    /* a code that no gRPC has */
    assert_int_equal(decoded(M(1, NUMBER(1, 99))).verdict, AUTHZ_DENIED);
    assert_int_equal(decoded(M(1, NUMBER(1, UINT64_MAX))).verdict, AUTHZ_DENIED);
    /* the service could not decide */
    a = decoded(JOIN(EMPTY(1), M(5, M(1, NUMBER(1, 503)))));
    assert_int_equal(a.verdict, AUTHZ_ERROR);
    assert_int_equal(a.http_status, 503);
}

static void
details_are_kept_when_they_can_be_read(void **state)
{
    struct slice any = JOIN(TEXT(1, "type.googleapis.com/x"), TEXT(2, "v"));
    struct authz_answer a = decoded(M(1, NUMBER(1, 7), BYTES_FIELD(3, any),
                                      TEXT(3, "\x0a\x05"), BYTES_FIELD(3, any)));

    (void)state;
    assert_int_equal(a.detail_count, 2);
    assert_true(slice_eq(a.details[1], any));
}

static void
what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        { "", 0 },         /* neither yes nor no */
        { "\x22\x00", 2 }, /* only dynamic_metadata */
        { "\x0a", 1 },     /* cut */
        { "\x0a\x02\x08", 3 },
        { "\x08\x01", 2 }, /* status is no number: as an unknown field it says nothing */
        { "\x0b\x08\x01", 3 }, /* a wire type that is gone */
        { "garbage", 7 },
    };
    struct authz_answer a = { .code = -1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(
            authz_answer_decode(slice_make(rows[i].bytes, rows[i].n), &arena, &a),
            ERR_SYNTAX);
        assert_int_equal(a.code, -1);
    }
}

static void
too_many_headers_are_refused(void **state)
{
    struct slice one = M(2, M(1, TEXT(1, "a"), TEXT(2, "b"))), all = { 0 };
    struct authz_answer a = { .code = -1 };

    (void)state;
    for (int i = 0; i <= AUTHZ_EDITS_MAX; i++)
        all = JOIN(all, one);
    assert_int_equal(authz_answer_decode(BYTES_FIELD(3, all), &arena, &a), ERR_LIMIT);
    assert_int_equal(authz_answer_decode(BYTES_FIELD(2, all), &arena, &a), ERR_LIMIT);
    assert_int_equal(a.code, -1);
    arena_reset(&arena);
    arena.cap = 64;
    assert_int_equal(authz_answer_decode(M(3, one, one), &arena, &a), ERR_NOMEM);
    assert_int_equal(a.code, -1);
}

static void
code_is_that_of_the_http_status_first(void **state)
{
    static const struct {
        int http, code, want;
    } rows[] = {
        { 0, 0, 7 },     { 0, 7, 7 },    { 0, 16, 16 },  { 0, 8, 8 },     { 0, 99, 7 },
        { 0, -3, 7 },    { 401, 7, 16 }, { 403, 16, 7 }, { 404, 7, 12 },  { 503, 7, 14 },
        { 429, 8, 8 },   { 429, 0, 14 }, { 200, 0, 7 },  { 200, 16, 16 }, { 418, 0, 7 },
        { 302, 16, 16 }, { -1, 0, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct authz_answer a = { .verdict = AUTHZ_DENIED,
                                        .http_status = rows[i].http,
                                        .code = rows[i].code };

        if (authz_answer_code(&a) != rows[i].want)
            fail_msg("http %d, code %d: %d", rows[i].http, rows[i].code,
                     authz_answer_code(&a));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        AUTHZ_TEST(request_has_the_public_field_numbers),
        AUTHZ_TEST(request_says_when_it_does_not_fit),
        AUTHZ_TEST(yes_comes_with_edits),
        AUTHZ_TEST(short_ways_to_say_yes),
        AUTHZ_TEST(what_denies),
        AUTHZ_TEST(details_are_kept_when_they_can_be_read),
        AUTHZ_TEST(what_is_no_answer_is_refused),
        AUTHZ_TEST(too_many_headers_are_refused),
        AUTHZ_TEST(code_is_that_of_the_http_status_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

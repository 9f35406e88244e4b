/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of health, greeter and echo: the bytes of the specification, and what is not
 * such a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/echo.h"
#include "grpc/greeter.h"
#include "grpc/health.h"

#define BYTES(text) slice_make((text), sizeof(text) - 1)

static struct slice
text_of(const struct strbuf *b)
{
    return slice_make(b->s, b->len);
}

static void
health_requests_have_the_public_bytes(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1024);
    health_request_encode(slice_of(""), &out);
    assert_int_equal(out.len, 0);
    health_request_encode(slice_of("pkg.Foo"), &out);
    assert_true(slice_eq(text_of(&out), BYTES("\x0a\x07pkg.Foo")));
    strbuf_done(&out);
}

static void
health_requests_are_read(void **state)
{
    static const struct {
        struct slice bytes, service;
    } rows[] = {
        { { (const uint8_t *)"", 0 }, { (const uint8_t *)"", 0 } },
        { { (const uint8_t *)"\x0a\x03pkg", 5 }, { (const uint8_t *)"pkg", 3 } },
        /* the last value counts; unknown fields of each wire type are skipped */
        { { (const uint8_t *)"\x0a\x01x\x0a\x03pkg", 8 }, { (const uint8_t *)"pkg", 3 } },
        { { (const uint8_t *)"\x78\x01\x0a\x01x\x72\x02yy", 9 },
          { (const uint8_t *)"x", 1 } },
        { { (const uint8_t *)"\x69........\x75....\x0a\x01x", 17 },
          { (const uint8_t *)"x", 1 } },
        /* a NUL is a byte of the name, not its end */
        { { (const uint8_t *)"\x0a\x03p\0g", 5 }, { (const uint8_t *)"p\0g", 3 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf name;

        strbuf_init(&name, 1024);
        assert_int_equal(health_request_decode(rows[i].bytes, &name), 0);
        assert_true(slice_eq(text_of(&name), rows[i].service));
        strbuf_done(&name);
    }
}

static void
broken_messages_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        { "\x0a", 1 },                        /* no length */
        { "\x0a\x05pkg", 5 },                 /* length past the end */
        { "\x0a\xff\xff\xff\xff\x0fpkg", 9 }, /* length of 4 GiB */
        { "\x80", 1 },                        /* tag without end */
        { "\x69...", 4 },                     /* cut 64-bit field */
        { "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13 }, /* 12-byte varint
                                                                         */
        { "\x0f", 1 },                                                  /* wire type 7 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct slice m = slice_make(bad[i].bytes, bad[i].n);
        struct echo_request r = { .count = 7 };
        enum health_status status = HEALTH_NOT_SERVING;
        uint32_t number = 9;
        struct strbuf text;

        strbuf_init(&text, 1024);
        assert_int_equal(health_request_decode(m, &text), ERR_SYNTAX);
        assert_int_equal(greeter_request_decode(m, &text), ERR_SYNTAX);
        assert_int_equal(greeter_reply_decode(m, &text), ERR_SYNTAX);
        assert_int_equal(echo_request_decode(m, &text, &r), ERR_SYNTAX);
        assert_int_equal(echo_reply_decode(m, &text, &number), ERR_SYNTAX);
        assert_int_equal(health_response_decode(m, &status), ERR_SYNTAX);
        assert_int_equal(text.len, 0);
        assert_int_equal(r.count, 7);
        assert_int_equal(number, 9);
        assert_int_equal(status, HEALTH_NOT_SERVING);
        strbuf_done(&text);
    }
}

static void
health_responses_have_the_public_bytes(void **state)
{
    static const struct {
        enum health_status status;
        struct slice bytes;
    } rows[] = {
        { HEALTH_UNKNOWN, { (const uint8_t *)"", 0 } },
        { HEALTH_SERVING, { (const uint8_t *)"\x08\x01", 2 } },
        { HEALTH_NOT_SERVING, { (const uint8_t *)"\x08\x02", 2 } },
        { HEALTH_SERVICE_UNKNOWN, { (const uint8_t *)"\x08\x03", 2 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum health_status back;
        struct strbuf out;

        strbuf_init(&out, 1024);
        health_response_encode(rows[i].status, &out);
        assert_true(slice_eq(text_of(&out), rows[i].bytes));
        assert_int_equal(health_response_decode(rows[i].bytes, &back), 0);
        assert_int_equal(back, rows[i].status);
        strbuf_done(&out);
    }
}

static void
only_serving_is_serving(void **state)
{
    static const struct {
        struct slice bytes;
        enum health_status want;
    } rows[] = {
        { { (const uint8_t *)"\x08\x00", 2 }, HEALTH_UNKNOWN },
        { { (const uint8_t *)"\x08\x04", 2 }, HEALTH_UNKNOWN },
        { { (const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
          HEALTH_UNKNOWN }, /* -1 */
        { { (const uint8_t *)"\x08\x01\x08\x02", 4 }, HEALTH_NOT_SERVING },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum health_status got = HEALTH_SERVING;

        assert_int_equal(health_response_decode(rows[i].bytes, &got), 0);
        assert_int_equal(got, rows[i].want);
    }
}

/* protobuf-c leaves an empty key out of its map entry; readers take a missing key as "".
 */
static void
health_lists_have_the_public_bytes(void **state)
{
    static const struct health_entry entries[] = { { "", HEALTH_SERVING },
                                                   { "a.B", HEALTH_NOT_SERVING } };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1024);
    health_list_encode(entries, 1, &out);
    assert_true(slice_eq(text_of(&out), BYTES("\x0a\x04\x12\x02\x08\x01")));
    strbuf_done(&out);
    strbuf_init(&out, 1024);
    health_list_encode(entries, 2, &out);
    assert_true(slice_eq(text_of(&out), BYTES("\x0a\x04\x12\x02\x08\x01"
                                              "\x0a\x09\x0a\x03"
                                              "a.B\x12\x02\x08\x02")));
    strbuf_done(&out);
}

static void
greetings_survive_the_round_trip(void **state)
{
    struct slice name = BYTES("J\xc3\xbcrgen \0 \xe2\x98\xba");
    struct strbuf wire, back;

    (void)state;
    strbuf_init(&wire, 1024);
    strbuf_init(&back, 1024);
    greeter_request_encode(name, &wire);
    assert_int_equal((uint8_t)wire.s[0], 0x0a);
    assert_int_equal((uint8_t)wire.s[1], name.n);
    assert_int_equal(greeter_request_decode(text_of(&wire), &back), 0);
    assert_true(slice_eq(text_of(&back), name));
    strbuf_done(&wire);
    strbuf_done(&back);

    strbuf_init(&wire, 1024);
    strbuf_init(&back, 1024);
    greeter_reply_encode(name, &wire);
    assert_int_equal(greeter_reply_decode(text_of(&wire), &back), 0);
    assert_true(slice_eq(text_of(&back), name));
    strbuf_done(&wire);
    strbuf_done(&back);
}

static void
echo_messages_have_their_field_numbers(void **state)
{
    const struct echo_request sent = { .count = 300, .delay_ms = 5 };
    struct echo_request got;
    struct strbuf wire, back;
    uint32_t number = 0;

    (void)state;
    strbuf_init(&wire, 1024);
    strbuf_init(&back, 1024);
    echo_request_encode(slice_of("hi"), &sent, &wire);
    assert_true(slice_eq(text_of(&wire), BYTES("\x0a\x02hi\x10\xac\x02\x18\x05")));
    assert_int_equal(echo_request_decode(text_of(&wire), &back, &got), 0);
    assert_true(slice_eq_str(text_of(&back), "hi"));
    assert_int_equal(got.count, 300);
    assert_int_equal(got.delay_ms, 5);
    strbuf_done(&wire);
    strbuf_done(&back);

    strbuf_init(&wire, 1024);
    strbuf_init(&back, 1024);
    echo_reply_encode(slice_of("hi"), slice_of("demo-1"), 2, &wire);
    assert_true(slice_eq(text_of(&wire), BYTES("\x0a\x02hi\x12\x06"
                                               "demo-1\x18\x02")));
    assert_int_equal(echo_reply_decode(text_of(&wire), &back, &number), 0);
    assert_true(slice_eq_str(text_of(&back), "hi"));
    assert_int_equal(number, 2);
    strbuf_done(&wire);
    strbuf_done(&back);
}

static void
output_beyond_the_cap_is_told(void **state)
{
    struct strbuf out;
    char name[200];

    (void)state;
    memset(name, 'n', sizeof(name));
    strbuf_init(&out, 100);
    greeter_request_encode(slice_make(name, sizeof(name)), &out);
    assert_true(out.cut);
    assert_true(out.len <= 100);
    strbuf_done(&out);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_requests_have_the_public_bytes),
        cmocka_unit_test(health_requests_are_read),
        cmocka_unit_test(broken_messages_are_refused),
        cmocka_unit_test(health_responses_have_the_public_bytes),
        cmocka_unit_test(only_serving_is_serving),
        cmocka_unit_test(health_lists_have_the_public_bytes),
        cmocka_unit_test(greetings_survive_the_round_trip),
        cmocka_unit_test(echo_messages_have_their_field_numbers),
        cmocka_unit_test(output_beyond_the_cap_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

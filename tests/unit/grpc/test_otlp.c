/* SPDX-License-Identifier: Apache-2.0 */
/* Spans for collectors: the bytes that Python's protobuf makes of the same values with the public field numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "grpc/otlp.h"

static const uint8_t trace[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t span[8] = { 16, 17, 18, 19, 20, 21, 22, 23 };
static const uint8_t parent[8] = { 32, 33, 34, 35, 36, 37, 38, 39 };

static void
check_bytes(const struct strbuf *out, const char *want, size_t n)
{
    assert_int_equal(out->len, n);
    assert_memory_equal(out->s, want, n);
}

#define CHECK(out, text) check_bytes((out), (text), sizeof(text) - 1)

static void
a_span_has_the_public_bytes(void **state)
{
    static const struct otlp_attribute attempt = { .key = "attempt",
                                                   .kind = OTLP_INT,
                                                   .number = 1 };
    const struct otlp_attribute attributes[] = {
        { .key = "rpc.method", .text = slice_of("pkg.S/M") },
        { .key = "n", .kind = OTLP_INT, .number = -5 },
        { .key = "b", .kind = OTLP_BOOL, .number = 1 },
    };
    const struct otlp_event event = { .wall_us = INT64_C(1700000000000001),
                                      .name = "retry",
                                      .attributes = &attempt,
                                      .attribute_count = 1 };
    const struct otlp_span s = {
        .trace = trace,
        .span = span,
        .parent = parent,
        .state = slice_of("a=1"),
        .name = slice_of("pkg.S/M"),
        .kind = OTLP_SERVER,
        .start_us = INT64_C(1700000000000001),
        .end_us = INT64_C(1700000000000002),
        .attributes = attributes,
        .attribute_count = 3,
        .events = &event,
        .event_count = 1,
        .events_dropped = 3,
        .status = OTLP_ERROR,
        .message = slice_of("UNAVAILABLE, x\xff"), /* no UTF-8 */
        .flags = 0x301,
    };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    otlp_span_encode(&s, &out);
    CHECK(&out, "\x0a\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                "\x12\x08\x10\x11\x12\x13\x14\x15\x16\x17\x1a\x03\x61\x3d\x31\x22\x08\x20"
                "\x21\x22\x23\x24\x25\x26\x27\x2a\x07\x70\x6b\x67\x2e\x53\x2f\x4d\x30\x02"
                "\x39\xe8\x03\x2a\x36\xfe\x9c\x97\x17\x41\xd0\x07\x2a\x36\xfe\x9c\x97\x17"
                "\x4a\x17\x0a\x0a\x72\x70\x63\x2e\x6d\x65\x74\x68\x6f\x64\x12\x09\x0a\x07"
                "\x70\x6b\x67\x2e\x53\x2f\x4d\x4a\x10\x0a\x01\x6e\x12\x0b\x18\xfb\xff\xff"
                "\xff\xff\xff\xff\xff\xff\x01\x4a\x07\x0a\x01\x62\x12\x02\x10\x01\x5a\x1f"
                "\x09\xe8\x03\x2a\x36\xfe\x9c\x97\x17\x12\x05\x72\x65\x74\x72\x79\x1a\x0d"
                "\x0a\x07\x61\x74\x74\x65\x6d\x70\x74\x12\x02\x18\x01\x60\x03\x7a\x15\x12"
                "\x11\x55\x4e\x41\x56\x41\x49\x4c\x41\x42\x4c\x45\x2c\x20\x78\xef\xbf\xbd"
                "\x18\x02\x85\x01\x01\x03\x00\x00");
    strbuf_done(&out);
}

/* The largest span that there can be, all of it hostile, still fits where spans go. */
static void
a_span_is_bounded_whatever_is_in_it(void **state)
{
    static char big[100000];
    struct otlp_attribute attributes[OTLP_ATTRIBUTES_MAX];
    struct otlp_event events[OTLP_EVENTS_MAX];
    struct otlp_span s = { .trace = trace, .span = span, .kind = OTLP_CLIENT };
    struct strbuf out;

    (void)state;
    memset(big, 0xc3, sizeof(big));
    for (size_t i = 0; i < OTLP_ATTRIBUTES_MAX; i++)
        attributes[i] =
            (struct otlp_attribute){ .key = "key", .text = slice_make(big, sizeof(big)) };
    for (size_t i = 0; i < OTLP_EVENTS_MAX; i++)
        events[i] = (struct otlp_event){ .name = "event",
                                         .attributes = attributes,
                                         .attribute_count = OTLP_EVENT_ATTRIBUTES_MAX };
    s.attributes = attributes;
    s.attribute_count = OTLP_ATTRIBUTES_MAX;
    s.events = events;
    s.event_count = OTLP_EVENTS_MAX;
    s.name = s.state = s.message = slice_make(big, sizeof(big));
    s.status = OTLP_ERROR;
    strbuf_init(&out, SIZE_MAX);
    otlp_span_encode(&s, &out);
    assert_true(out.len > 4000 && out.len < 16384);
    strbuf_done(&out);
}

/* Lengths of two and three bytes, and numbers of any length. */
static void
long_parts_have_long_lengths(void **state)
{
    static const char head[] = "\x0a\x01k\x12\xeb\x07\x0a\xe8\x07";
    static char text[1000];
    const struct otlp_attribute attributes[] = {
        { .key = "k", .text = slice_make(text, sizeof(text)) },
        { .key = "n", .kind = OTLP_INT, .number = INT64_C(300) },
    };
    const struct otlp_span s = { .trace = trace,
                                 .span = span,
                                 .kind = OTLP_CLIENT,
                                 .attributes = attributes,
                                 .attribute_count = 2,
                                 .events_dropped = 1u << 31 };
    struct strbuf out;
    size_t at = 18 + 10 + 2; /* the ids and the kind */

    (void)state;
    memset(text, 'x', sizeof(text));
    strbuf_init(&out, 4096);
    otlp_span_encode(&s, &out);
    assert_int_equal(out.len, at + 3 + 9 + 1000 + 10 + 6);
    assert_memory_equal(out.s + at, "\x4a\xf1\x07", 3);
    assert_memory_equal(out.s + at + 3, head, 9);
    assert_memory_equal(out.s + at + 12, text, sizeof(text));
    assert_memory_equal(out.s + at + 1012, "\x4a\x08\x0a\x01n\x12\x03\x18\xac\x02", 10);
    assert_memory_equal(out.s + at + 1022, "\x60\x80\x80\x80\x80\x08", 6);
    strbuf_done(&out);
}

static void
a_span_that_is_too_long_is_left_out(void **state)
{
    static char text[OTLP_TEXT_MAX];
    struct otlp_attribute attributes[OTLP_EVENT_ATTRIBUTES_MAX];
    struct otlp_event events[OTLP_EVENTS_MAX];
    struct otlp_span s = { .trace = trace, .span = span, .kind = OTLP_CLIENT };
    struct strbuf out;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < OTLP_EVENT_ATTRIBUTES_MAX; i++)
        attributes[i] = (struct otlp_attribute){ .key = "key",
                                                 .text = slice_make(text, sizeof(text)) };
    for (size_t i = 0; i < OTLP_EVENTS_MAX; i++)
        events[i] = (struct otlp_event){ .name = "event",
                                         .attributes = attributes,
                                         .attribute_count = OTLP_EVENT_ATTRIBUTES_MAX };
    s.events = events;
    strbuf_init(&out, SIZE_MAX);
    s.event_count = 7;
    otlp_span_encode(&s, &out);
    assert_true(out.len > 7 * 4 * sizeof(text) && out.len < OTLP_SPAN_MAX);
    strbuf_done(&out);
    s.event_count = 8;
    otlp_span_encode(&s, &out);
    assert_int_equal(out.len, 0);
    assert_true(out.cut);
    strbuf_done(&out);
}

static void
a_request_has_the_public_bytes(void **state)
{
    const struct otlp_attribute service = { .key = "service.name",
                                            .text = slice_of("shop") };
    const struct otlp_resource r = {
        .attributes = &service, .attribute_count = 1, .scope = "outrigger", .version = "1"
    };
    const struct slice spans[] = { slice_of("\x2a\x01"
                                            "a"),
                                   slice_of("\x2a\x01"
                                            "b") };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    otlp_request_encode(&r, spans, 2, &out);
    CHECK(&out, "\x0a\x36\x0a\x18\x0a\x16\x0a\x0c\x73\x65\x72\x76\x69\x63\x65\x2e\x6e\x61"
                "\x6d\x65\x12\x06\x0a\x04\x73\x68\x6f\x70\x12\x1a\x0a\x0e\x0a\x09\x6f\x75"
                "\x74\x72\x69\x67\x67\x65\x72\x12\x01\x31\x12\x03\x2a\x01\x61\x12\x03\x2a"
                "\x01\x62");
    strbuf_done(&out);
}

static void
answers_are_read(void **state)
{
    struct otlp_answer a = { .rejected = 99 };

    (void)state;
    assert_int_equal(otlp_answer_read(slice_of(""), &a), ERR_OK);
    assert_int_equal(a.rejected, 0);
    assert_int_equal(
        otlp_answer_read(slice_of("\x0a\x0b\x08\x07\x12\x07\x74\x6f\x6f\x20\x6f\x6c\x64"),
                         &a),
        ERR_OK);
    assert_int_equal(a.rejected, 7);
    assert_string_equal(a.why, "too old");
    assert_int_equal(otlp_answer_read(slice_of("\x0a\x7f"), &a), ERR_SYNTAX);
    assert_int_equal(a.rejected, 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_has_the_public_bytes),
        cmocka_unit_test(a_span_is_bounded_whatever_is_in_it),
        cmocka_unit_test(long_parts_have_long_lengths),
        cmocka_unit_test(a_span_that_is_too_long_is_left_out),
        cmocka_unit_test(a_request_has_the_public_bytes),
        cmocka_unit_test(answers_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

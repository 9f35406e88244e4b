/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes: the tables of the specification, and the percent code of grpc-message. */
#include "grpc/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"

static const struct code_row {
    int code;
    const char *name, *label;
} code_rows[] = {
    { 0, "OK", "OK" },
    { 1, "CANCELLED", "Canceled" },
    { 2, "UNKNOWN", "Unknown" },
    { 3, "INVALID_ARGUMENT", "InvalidArgument" },
    { 4, "DEADLINE_EXCEEDED", "DeadlineExceeded" },
    { 5, "NOT_FOUND", "NotFound" },
    { 6, "ALREADY_EXISTS", "AlreadyExists" },
    { 7, "PERMISSION_DENIED", "PermissionDenied" },
    { 8, "RESOURCE_EXHAUSTED", "ResourceExhausted" },
    { 9, "FAILED_PRECONDITION", "FailedPrecondition" },
    { 10, "ABORTED", "Aborted" },
    { 11, "OUT_OF_RANGE", "OutOfRange" },
    { 12, "UNIMPLEMENTED", "Unimplemented" },
    { 13, "INTERNAL", "Internal" },
    { 14, "UNAVAILABLE", "Unavailable" },
    { 15, "DATA_LOSS", "DataLoss" },
    { 16, "UNAUTHENTICATED", "Unauthenticated" },
    { 17, "UNKNOWN", "Unknown" },
    { -1, "UNKNOWN", "Unknown" },
};

static void
names_are_those_of_the_specification(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(code_rows); i++) {
        assert_string_equal(grpc_code_name(code_rows[i].code), code_rows[i].name);
        assert_string_equal(grpc_code_label(code_rows[i].code), code_rows[i].label);
    }
}

static void
each_code_reads_back_from_its_text(void **state)
{
    char text[12];

    (void)state;
    for (int code = 0; code < GRPC_CODE_COUNT; code++) {
        snprintf(text, sizeof(text), "%d", code);
        assert_string_equal(grpc_code_text(code), text);
        assert_int_equal(grpc_code_parse(slice_of(text)), code);
    }
}

static void
what_is_no_known_number_is_unknown(void **state)
{
    static const char *const bad[] = { "",    "17", "99", "00", "01",
                                       "007", "-1", "+1", "1x", "x1",
                                       " 1",  "1 ", "1:", "/",  "4294967296" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(grpc_code_parse(slice_of(bad[i])), GRPC_UNKNOWN);
}

static void
http_status_maps_as_the_table_says(void **state)
{
    (void)state;
    for (int http = 100; http < 600; http++) {
        enum grpc_code want = GRPC_UNKNOWN;

        if (http == 400 || http == 431)
            want = GRPC_INTERNAL;
        else if (http == 401)
            want = GRPC_UNAUTHENTICATED;
        else if (http == 403)
            want = GRPC_PERMISSION_DENIED;
        else if (http == 404)
            want = GRPC_UNIMPLEMENTED;
        else if (http == 429 || (http >= 502 && http <= 504))
            want = GRPC_UNAVAILABLE;
        assert_int_equal(grpc_code_from_http(http), want);
    }
}

static void
reset_codes_map_as_the_table_says(void **state)
{
    (void)state;
    for (uint32_t h2 = 0; h2 <= 13; h2++) {
        enum grpc_code want = GRPC_INTERNAL;

        if (h2 == 7)
            want = GRPC_UNAVAILABLE;
        else if (h2 == 8)
            want = GRPC_CANCELLED;
        else if (h2 == 11)
            want = GRPC_RESOURCE_EXHAUSTED;
        else if (h2 == 12)
            want = GRPC_PERMISSION_DENIED;
        assert_int_equal(grpc_code_from_h2(h2), want);
    }
    assert_int_equal(grpc_code_from_h2(14), GRPC_UNKNOWN);
    assert_int_equal(grpc_code_from_h2(UINT32_MAX), GRPC_UNKNOWN);
}

static void
a_call_cut_short_is_never_called_refused(void **state)
{
    (void)state;
    for (int code = -1; code <= GRPC_CODE_COUNT; code++) {
        uint32_t want = 2;

        if (code == GRPC_CANCELLED || code == GRPC_DEADLINE_EXCEEDED)
            want = 8;
        else if (code == GRPC_RESOURCE_EXHAUSTED)
            want = 11;
        assert_int_equal(grpc_code_to_h2(code), want);
    }
}

static void
own_errors_map_to_codes_that_a_proxy_may_make(void **state)
{
    (void)state;
    assert_int_equal(grpc_code_from_err(ERR_OK), GRPC_OK);
    assert_int_equal(grpc_code_from_err(ERR_DEADLINE), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(grpc_code_from_err(ERR_CANCELLED), GRPC_CANCELLED);
    assert_int_equal(grpc_code_from_err(ERR_NO_ENDPOINT), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_CONNECT), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_QUEUE_FULL), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_QUEUE_TIMEOUT), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_DRAIN), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_CONN_LOST), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_REFUSED), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_from_err(ERR_LIMIT), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(grpc_code_from_err(-1000), GRPC_INTERNAL);
    /* Proposal A54: the codes that only an application may use never come from us. */
    for (int err = ERR_AGE; err < 0; err++) {
        enum grpc_code code = grpc_code_from_err(err);

        assert_true(code != GRPC_OK && code != GRPC_INVALID_ARGUMENT &&
                    code != GRPC_NOT_FOUND && code != GRPC_ALREADY_EXISTS &&
                    code != GRPC_FAILED_PRECONDITION && code != GRPC_ABORTED &&
                    code != GRPC_OUT_OF_RANGE && code != GRPC_DATA_LOSS);
    }
}

static const struct message_row {
    const char *text, *wire;
} message_rows[] = {
    { "", "" },
    { "plain words ~ with {signs}", "plain words ~ with {signs}" },
    { "100% \xc3\xa9", "100%25 %C3%A9" },
    { "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
      "\xf0\x9f\x98\x88\t\n",
      "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP "
      "%F0%9F%98%88%09%0A" },
    { "\x7f", "%7F" },
};

static void
messages_encode_and_decode_as_the_vectors_say(void **state)
{
    char out[GRPC_MESSAGE_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(message_rows); i++) {
        const struct message_row *r = &message_rows[i];
        size_t n = grpc_message_encode(slice_of(r->text), out, sizeof(out));

        assert_true(slice_eq_str(slice_make(out, n), r->wire));
        n = grpc_message_decode(slice_of(r->wire), out, sizeof(out));
        assert_true(slice_eq_str(slice_make(out, n), r->text));
    }
}

static void
bytes_that_are_no_utf8_become_the_replacement_character(void **state)
{
    static const struct message_row rows[] = {
        { "a\xff"
          "b",
          "a%EF%BF%BDb" },
        { "\xc3", "%EF%BF%BD" },                           /* cut in the middle */
        { "\xc0\x80", "%EF%BF%BD%EF%BF%BD" },              /* overlong NUL */
        { "\xe0\x9f\xbf", "%EF%BF%BD%EF%BF%BD%EF%BF%BD" }, /* overlong */
        { "\xed\xa0\x80", "%EF%BF%BD%EF%BF%BD%EF%BF%BD" }, /* surrogate */
        { "\xf4\x90\x80\x80", "%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD" }, /* > U+10FFFF */
        { "\xef\xbf\xbd", "%EF%BF%BD" }, /* the character itself */
    };
    char out[GRPC_MESSAGE_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = grpc_message_encode(slice_of(rows[i].text), out, sizeof(out));

        assert_true(slice_eq_str(slice_make(out, n), rows[i].wire));
    }
}

static void
a_message_is_cut_between_two_characters(void **state)
{
    static const char text[] = "x%\xc3\xa9\xe2\x98\xba\xf0\x9f\x98\x88y";
    /* Encoded length after each character of text. */
    static const size_t ends[] = { 0, 1, 4, 10, 19, 31, 32 };
    char out[64];

    (void)state;
    for (size_t room = 0; room < sizeof(out); room++) {
        size_t want = 0;

        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            want = ends[i] <= room ? ends[i] : want;
        memset(out, '#', sizeof(out));
        assert_int_equal(grpc_message_encode(slice_of(text), out, room), want);
        for (size_t i = want; i < sizeof(out); i++)
            assert_int_equal(out[i], '#');
    }
}

static void
an_own_message_never_passes_its_cap(void **state)
{
    char text[5000], out[8000];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(
        grpc_message_encode(slice_make(text, sizeof(text)), out, sizeof(out)),
        GRPC_MESSAGE_MAX);
    memset(text, '%', sizeof(text));
    assert_int_equal(
        grpc_message_encode(slice_make(text, sizeof(text)), out, sizeof(out)),
        GRPC_MESSAGE_MAX - GRPC_MESSAGE_MAX % 3);
}

static void
broken_escapes_stay_as_they_are(void **state)
{
    static const struct message_row rows[] = {
        /* wire in .text, decoded in .wire */
        { "%", "%" },     { "a%4", "a%4" },         { "%zz", "%zz" },   { "%4g", "%4g" },
        { "%%41", "%A" }, { "%c3%A9", "\xc3\xa9" }, { "%25%32", "%2" }, { "%-1", "%-1" },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = grpc_message_decode(slice_of(rows[i].text), out, sizeof(out));

        assert_true(slice_eq_str(slice_make(out, n), rows[i].wire));
    }
}

static void
a_decoded_message_is_cut_between_two_characters(void **state)
{
    static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11 };
    char out[16];

    (void)state;
    for (size_t room = 0; room < ARRAY_LEN(want); room++)
        assert_int_equal(
            grpc_message_decode(slice_of("x%C3%A9%E2%98%BA%F0%9F%98%88y"), out, room),
            want[room]);
}

static void
random_text_survives_the_round_trip(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 20261122);
    for (int round = 0; round < 5000; round++) {
        char text[80], wire[GRPC_MESSAGE_MAX], back[GRPC_MESSAGE_MAX];
        size_t n = rng_below(&rng, sizeof(text)), wire_n, back_n;

        for (size_t i = 0; i < n; i++)
            text[i] = (char)rng_below(&rng, 128);
        wire_n = grpc_message_encode(slice_make(text, n), wire, sizeof(wire));
        for (size_t i = 0; i < wire_n; i++)
            assert_true(wire[i] >= 0x20 && wire[i] <= 0x7e);
        back_n = grpc_message_decode(slice_make(wire, wire_n), back, sizeof(back));
        assert_true(slice_eq(slice_make(text, n), slice_make(back, back_n)));
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_specification),
        cmocka_unit_test(each_code_reads_back_from_its_text),
        cmocka_unit_test(what_is_no_known_number_is_unknown),
        cmocka_unit_test(http_status_maps_as_the_table_says),
        cmocka_unit_test(reset_codes_map_as_the_table_says),
        cmocka_unit_test(a_call_cut_short_is_never_called_refused),
        cmocka_unit_test(own_errors_map_to_codes_that_a_proxy_may_make),
        cmocka_unit_test(messages_encode_and_decode_as_the_vectors_say),
        cmocka_unit_test(bytes_that_are_no_utf8_become_the_replacement_character),
        cmocka_unit_test(a_message_is_cut_between_two_characters),
        cmocka_unit_test(an_own_message_never_passes_its_cap),
        cmocka_unit_test(broken_escapes_stay_as_they_are),
        cmocka_unit_test(a_decoded_message_is_cut_between_two_characters),
        cmocka_unit_test(random_text_survives_the_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

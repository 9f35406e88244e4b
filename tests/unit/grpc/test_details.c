/* SPDX-License-Identifier: Apache-2.0 */
/* Rich errors: the known bytes, each detail, and that nothing makes them longer than their bound or unreadable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/compat.h"
#include "base/err.h"
#include "grpc/details.h"

#define BYTES(text) slice_make((text), sizeof(text) - 1)

static const char retry_url[] = "type.googleapis.com/google.rpc.RetryInfo";
static const char error_url[] = "type.googleapis.com/google.rpc.ErrorInfo";
static const char quota_url[] = "type.googleapis.com/google.rpc.QuotaFailure";

static bool
has(const uint8_t *bytes, size_t n, const char *text)
{
    return memmem(bytes, n, text, strlen(text)) != NULL;
}

/* The example of every description of this trailer: code 8, "slow down", 2.5 seconds. */
static void
known_bytes_come_out(void **state)
{
    const struct details d = {
        .code = 8, .message = slice_of("slow down"), .retry_known = true, .retry_ms = 2500
    };
    const struct slice want = BYTES("\x08\x08\x12\x09slow down\x1a\x36\x0a\x28"
                                    "type.googleapis.com/google.rpc.RetryInfo"
                                    "\x12\x0a\x0a\x08\x08\x02\x10\x80\xca\xb5\xee\x01");
    uint8_t out[DETAILS_MAX];
    char text[DETAILS_BASE64_MAX];
    size_t n = details_build(&d, out);
    int code = -1;

    (void)state;
    assert_int_equal(n, 69);
    assert_true(slice_eq(slice_make(out, n), want));
    n = details_base64(slice_make(out, n), text);
    assert_true(slice_eq_str(slice_make(text, n),
                             "CAgSCXNsb3cgZG93bho2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5"
                             "ycGMuUmV0cnlJbmZvEgoKCAgCEIDKte4B"));
    assert_int_equal(details_check(want, &code), ERR_OK);
    assert_int_equal(code, 8);
}

static void
error_info_names_reason_domain_and_metadata(void **state)
{
    const struct details_pair pairs[] = { { "pool", slice_of("app") },
                                          { "bad", slice_of("\xff") },
                                          { "rule", slice_of("r1") } };
    const struct details d = { .code = 7,
                               .reason = "NO",
                               .domain = "or",
                               .metadata = pairs,
                               .metadata_count = ARRAY_LEN(pairs) };
    const struct slice want = BYTES("\x08\x07\x1a\x4d\x0a\x28"
                                    "type.googleapis.com/google.rpc.ErrorInfo\x12\x21"
                                    "\x0a\x02NO\x12\x02or\x1a\x0b\x0a\x04pool\x12\x03"
                                    "app\x1a\x0a\x0a\x04rule\x12\x02r1");
    uint8_t out[DETAILS_MAX];

    (void)state;
    assert_true(slice_eq(slice_make(out, details_build(&d, out)), want));
}

static void
quota_failure_names_its_subject(void **state)
{
    const struct details d = { .code = 8,
                               .subject = "route orders",
                               .description = "100/s" };
    uint8_t out[DETAILS_MAX];
    size_t n = details_build(&d, out);

    (void)state;
    assert_true(has(out, n, quota_url));
    assert_true(has(out, n,
                    "\x0a\x15\x0a\x0croute orders\x12\x05"
                    "100/s"));
}

static void
retry_times_are_whole_milliseconds(void **state)
{
    static const struct {
        int64_t ms;
        const char *bytes;
        size_t n;
    } rows[] = {
        { 0, "\x12\x02\x0a\x00", 4 },
        { -5, "\x12\x02\x0a\x00", 4 },
        { 1, "\x12\x06\x0a\x04\x10\xc0\x84\x3d", 8 },
        { 60000, "\x12\x04\x0a\x02\x08\x3c", 6 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct details d = { .code = 8,
                                   .retry_known = true,
                                   .retry_ms = rows[i].ms };
        uint8_t out[DETAILS_MAX];
        size_t n = details_build(&d, out);

        assert_memory_equal(out + n - rows[i].n, rows[i].bytes, rows[i].n);
        assert_memory_equal(out + n - rows[i].n - 40, retry_url, 40);
    }
}

static void
texts_are_utf8_whatever_they_were(void **state)
{
    const struct details d = { .code = 13,
                               .message = slice_of("a\xff"
                                                   "b"),
                               .reason = "R\xc3",
                               .domain = "or" };
    uint8_t out[DETAILS_MAX];
    size_t n = details_build(&d, out);
    int code = -1;

    (void)state;
    assert_true(has(out, n,
                    "a\xef\xbf\xbd"
                    "b"));
    assert_false(has(out, n, "R\xc3"));
    assert_true(has(out, n, "or"));
    assert_int_equal(details_check(slice_make(out, n), &code), ERR_OK);
}

/* Metadata goes before the reason, foreign details before our own; a long message is cut between two characters. */
static void
what_does_not_fit_is_left_out(void **state)
{
    static char big[2 * DETAILS_MAX], long_message[2 * DETAILS_MESSAGE_MAX];
    struct slice foreign[3];
    struct details_pair pair = { "big", slice_make(big, sizeof(big)) };
    struct details d = { .code = 8,
                         .message = slice_make(long_message, sizeof(long_message)),
                         .reason = "THE_REASON",
                         .metadata = &pair,
                         .metadata_count = 1,
                         .retry_known = true,
                         .subject = "s",
                         .foreign = foreign,
                         .foreign_count = 3 };
    uint8_t out[DETAILS_MAX];
    int code = -1;
    size_t n;

    (void)state;
    memset(big, 'x', sizeof(big));
    for (size_t i = 0; i < sizeof(long_message); i++)
        long_message[i] = "\xe2\x82\xac"[i % 3];
    big[0] = '\x0a'; /* an Any with a long type_url */
    big[1] = (char)(0x80 | (1497 & 0x7f));
    big[2] = 1497 >> 7;
    for (size_t i = 0; i < 3; i++)
        foreign[i] = slice_make(big, 1500);
    n = details_build(&d, out);
    assert_in_range(n, 1, DETAILS_MAX);
    assert_int_equal(details_check(slice_make(out, n), &code), ERR_OK);
    assert_int_equal(code, 8);
    assert_true(has(out, n, "THE_REASON"));
    assert_true(has(out, n, retry_url));
    assert_true(has(out, n, quota_url));
    assert_in_range(n, 1023 + 2 * 1500, 1023 + 2 * 1500 + 400);
    /* a subject that is too long goes with its detail */
    big[0] = 'x';
    big[1] = 'x';
    big[2] = 'x';
    big[sizeof(big) - 1] = '\0';
    d.subject = big;
    d.foreign_count = 0;
    n = details_build(&d, out);
    assert_false(has(out, n, quota_url));
    assert_true(has(out, n, error_url));
}

static void
what_no_client_can_read_is_refused(void **state)
{
    static uint8_t longest[DETAILS_MAX + 1];
    static const struct {
        const char *bytes;
        size_t n;
        int err;
    } rows[] = {
        { "", 0, ERR_OK },
        { "\x08\x05", 2, ERR_OK },
        { "\x08\x05\x1a\x05\x0a\x01u\x12\x00", 9, ERR_OK },
        { "\x08\x05\x78\x01", 4, ERR_OK }, /* a field that nobody knows */
        { "\x08", 1, ERR_SYNTAX },         /* cut */
        { "\x12\x05"
          "ab",
          4, ERR_SYNTAX },
        { "\x12\x01\xff", 3, ERR_SYNTAX },     /* no UTF-8 */
        { "\x1a\x02\x0a\x05", 4, ERR_SYNTAX }, /* no Any */
        { "\x1a\x03\x0a\x01\xff", 5, ERR_SYNTAX },
    };
    int code = -1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int want = rows[i].err == ERR_OK ? (rows[i].n ? 5 : 0) : -1;

        code = -1;
        assert_int_equal(details_check(slice_make(rows[i].bytes, rows[i].n), &code),
                         rows[i].err);
        assert_int_equal(code, want);
    }
    code = -1;
    assert_int_equal(details_check(slice_make(longest, sizeof(longest)), &code),
                     ERR_LIMIT);
    assert_int_equal(code, -1);
}

static void
the_pause_that_somebody_asks_for_is_read(void **state)
{
    static const struct {
        bool known;
        int64_t ms, read;
    } rows[] = { { true, 0, 0 },
                 { true, 1500, 1500 },
                 { true, INT64_MAX / 2000, DETAILS_RETRY_MAX_MS },
                 { false, 7, -1 } };
    uint8_t out[DETAILS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct details d = { .code = 8,
                                   .reason = "RATE_LIMITED",
                                   .domain = "x",
                                   .retry_known = rows[i].known,
                                   .retry_ms = rows[i].ms };
        size_t n = details_build(&d, out);
        int64_t ms = -1;

        assert_int_equal(details_retry(slice_make(out, n), &ms), rows[i].known);
        assert_int_equal(ms, rows[i].read);
    }
    for (size_t n = 0; n < 40; n++) { /* a part of it, garbage */
        int64_t ms = -1;

        memset(out, (int)n * 37, n);
        assert_true(!details_retry(slice_make(out, n), &ms) && ms == -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_that_somebody_asks_for_is_read),
        cmocka_unit_test(known_bytes_come_out),
        cmocka_unit_test(error_info_names_reason_domain_and_metadata),
        cmocka_unit_test(quota_failure_names_its_subject),
        cmocka_unit_test(retry_times_are_whole_milliseconds),
        cmocka_unit_test(texts_are_utf8_whatever_they_were),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(what_no_client_can_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

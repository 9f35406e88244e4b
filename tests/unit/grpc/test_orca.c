/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports: the known vectors, every form, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/orca.h"

static const struct orca_names no_names;

#define EXPECT(load, want_qps, want_eps, want_utilization)              \
    assert_true((load).qps == (want_qps) && (load).eps == (want_eps) && \
                (load).utilization == (want_utilization))

static void
known_values_are_read(void **state)
{
    struct orca_load load;

    (void)state;
    assert_int_equal(
        orca_read_base64(slice_of("CQAAAAAAAOA/MQAAAAAAAFlA"), &no_names, &load), ERR_OK);
    EXPECT(load, 100, 0, 0.5);
    assert_int_equal(orca_read_base64(slice_of("SQAAAAAAANA/MQAAAAAAAGlAOQAAAAAAAABA"),
                                      &no_names, &load),
                     ERR_OK);
    EXPECT(load, 200, 2, 0.25);
    assert_int_equal(orca_read_base64(slice_of(""), &no_names, &load), ERR_OK);
    EXPECT(load, 0, 0, 0);
}

/* cpu 0.5: nine bytes, so base64 has no padding; with one more field it has. */
static void
padding_may_be_left_out(void **state)
{
    struct orca_load load;

    (void)state;
    /* 09 .. 3f 18 07: rps = 7 behind it, 11 bytes */
    assert_int_equal(orca_read_base64(slice_of("CQAAAAAAAOA/GAc="), &no_names, &load),
                     ERR_OK);
    EXPECT(load, 0, 0, 0.5);
    assert_int_equal(orca_read_base64(slice_of("CQAAAAAAAOA/GAc"), &no_names, &load),
                     ERR_OK);
    EXPECT(load, 0, 0, 0.5);
}

static void
what_is_no_report_is_refused(void **state)
{
    static const char *const rows[] = {
        "CQAAAAAAAOA",       /* cut inside the number */
        "CQAAAAAAAOA/MQ",    /* cut behind a tag */
        "CQAAAAAAAOA/GAc==", /* too much padding */
        "CQAAAAAAAOA/=",     /* padding where none belongs */
        "CQAAAAAAAOA/G",     /* no such length */
        "CQAAAAAA-OA/",      /* another alphabet */
        "CQ AAAAAAAOA/",     "CQAA,AAAAAOA/", "====", "BwAAAAAAAAA", /* wire type 7 */
    };
    struct orca_load load = { .qps = 7 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (orca_read_base64(slice_of(rows[i]), &no_names, &load) != ERR_SYNTAX)
            fail_msg("\"%s\" was read", rows[i]);
        assert_true(load.qps == 7);
    }
}

static void
long_reports_are_refused(void **state)
{
    static char text[2 * ORCA_REPORT_MAX];
    struct orca_load load;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = 'A';
    assert_int_equal(orca_read_base64(slice_make(text, sizeof(text)), &no_names, &load),
                     ERR_SYNTAX);
    assert_int_equal(orca_read_text(slice_make(text, sizeof(text)), &no_names, &load),
                     ERR_SYNTAX);
}

static void
text_form_is_read(void **state)
{
    static const struct {
        const char *text;
        double qps, eps, utilization;
    } rows[] = {
        { "TEXT cpu_utilization=0.5", 0, 0, 0.5 },
        { "TEXT cpu_utilization=0.5,rps_fractional=1e2, eps=3", 100, 3, 0.5 },
        { "TEXT cpu_utilization=0.5,application_utilization=0.25", 0, 0, 0.25 },
        { "TEXT cpu_utilization=1.5", 0, 0, 1.5 }, /* more than one core */
        { "TEXT cpu_utilization=-1,eps=-3", 0, 0, 0 },
        { "TEXT something_else=4,eps=1", 0, 1, 0 },
        { "BIN CQAAAAAAAOA/MQAAAAAAAFlA", 100, 0, 0.5 },
    };
    static const char *const bad[] = {
        "",
        "TEXT",
        "TEXT ",
        "TEXT cpu_utilization",
        "TEXT =1",
        "TEXT eps=",
        "TEXT eps=nan",
        "TEXT eps=inf",
        "TEXT eps=1,",
        "TEXT eps=0x10",
        "TEXT eps=1 2",
        "cpu_utilization=1",
        "BIN !",
        "text eps=1",
        "JSON {\"eps\":1}",
    };
    struct orca_load load;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(orca_read_text(slice_of(rows[i].text), &no_names, &load),
                         ERR_OK);
        EXPECT(load, rows[i].qps, rows[i].eps, rows[i].utilization);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (orca_read_text(slice_of(bad[i]), &no_names, &load) != ERR_SYNTAX)
            fail_msg("\"%s\" was read", bad[i]);
    }
}

/* gRFC A114: the largest of the named ones; names are split at the first dot. */
static void
named_metrics_choose_the_utilization(void **state)
{
    static const char *const wanted[] = { "named_metrics.a.b", "utilization.disk",
                                          "mem_utilization" };
    const struct orca_names names = { .v = wanted, .n = ARRAY_LEN(wanted) };
    static const struct {
        const char *text;
        double utilization;
    } rows[] = {
        { "TEXT named_metrics.a.b=5,utilization.disk=0.5,cpu_utilization=9", 5 },
        { "TEXT utilization.disk=0.5,mem_utilization=0.75,cpu_utilization=9", 0.75 },
        { "TEXT utilization.disk=1.5,mem_utilization=2,cpu_utilization=9", 9 },
        { "TEXT named_metrics.a=5,named_metrics.b=5,disk=1,cpu_utilization=9", 9 },
        { "TEXT application_utilization=3,cpu_utilization=9", 3 },
    };
    /* named_metrics { "a.b": 2 }, utilization { "disk": 0.5 }, cpu 0.25 */
    static const uint8_t message[] = {
        0x42, 14,   0x0a, 3,    'a',  '.',  'b', 0x11, 0,   0,   0,    0, 0,    0,
        0,    0x40, 0x2a, 15,   0x0a, 4,    'd', 'i',  's', 'k', 0x11, 0, 0,    0,
        0,    0,    0,    0xe0, 0x3f, 0x09, 0,   0,    0,   0,   0,    0, 0xd0, 0x3f,
    };
    struct orca_load load;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(orca_read_text(slice_of(rows[i].text), &names, &load), ERR_OK);
        assert_true(load.utilization == rows[i].utilization);
    }
    assert_int_equal(
        orca_read_message(slice_make(message, sizeof(message)), &names, &load), ERR_OK);
    EXPECT(load, 0, 0, 2);
    assert_int_equal(
        orca_read_message(slice_make(message, sizeof(message)), &no_names, &load),
        ERR_OK);
    EXPECT(load, 0, 0, 0.25);
}

/* NaN (not a number) and infinity count as absent. */
static void
odd_numbers_count_as_absent(void **state)
{
    static const uint8_t nan_cpu[] = { 0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f };
    static const uint8_t infinite[] = { 0x31, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f };
    static const uint8_t negative[] = { 0x39, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf };
    struct orca_load load;

    (void)state;
    assert_int_equal(orca_read_message(slice_make(nan_cpu, 9), &no_names, &load), ERR_OK);
    EXPECT(load, 0, 0, 0);
    assert_int_equal(orca_read_message(slice_make(infinite, 9), &no_names, &load),
                     ERR_OK);
    EXPECT(load, 0, 0, 0);
    assert_int_equal(orca_read_message(slice_make(negative, 9), &no_names, &load),
                     ERR_OK);
    EXPECT(load, 0, 0, 0);
}

static void
request_asks_for_its_interval(void **state)
{
    static const struct {
        int64_t ms;
        const char *bytes;
        size_t n;
    } rows[] = {
        { 10000, "\x0a\x02\x08\x0a", 4 },
        { 500, "\x0a\x06\x10\x80\xca\xb5\xee\x01", 8 },
        { 0, "\x0a\x00", 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out;

        strbuf_init(&out, 64);
        orca_request_encode(rows[i].ms, &out);
        assert_int_equal(out.len, rows[i].n);
        assert_memory_equal(out.s, rows[i].bytes, rows[i].n);
        strbuf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_are_read),
        cmocka_unit_test(padding_may_be_left_out),
        cmocka_unit_test(what_is_no_report_is_refused),
        cmocka_unit_test(long_reports_are_refused),
        cmocka_unit_test(text_form_is_read),
        cmocka_unit_test(named_metrics_choose_the_utilization),
        cmocka_unit_test(odd_numbers_count_as_absent),
        cmocka_unit_test(request_asks_for_its_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

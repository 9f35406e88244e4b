/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, sizes and rates: what is read, what is refused with which guess, and the way back. */
#include "conf/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rand.h"

static void
durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        { "0s", 0 },
        { "0ns", 0 },
        { "1ms", 1 },
        { "250ms", 250 },
        { "1s", 1000 },
        { "1.5s", 1500 },
        { "0.1s", 100 },
        { "0.001s", 1 },
        { "1m30s", 90000 },
        { "2h", 7200000 },
        { "1d", 86400000 },
        { "1d2h3m4s5ms", 93784005 },
        { "1.5h30m", 7200000 },
        { "36500d", INT64_C(3153600000000) },
        /* Parts of a millisecond are never lost to 0. */
        { "1ns", 1 },
        { "100us", 1 },
        { "1001us", 2 },
        { "0.0000000001d", 1 },
        { "1ms1ns", 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note;
        int64_t ms = -1;

        assert_int_equal(duration_parse(rows[i].text, &ms, &note), 0);
        if (ms != rows[i].ms)
            fail_msg("%s gave %lld", rows[i].text, (long long)ms);
    }
}

static void
bad_durations_come_with_a_guess(void **state)
{
    static const struct {
        const char *text, *meant;
    } rows[] = {
        { "5", "5s" },
        { "1.5", "1.5s" },
        { "5sec", "5s" },
        { "5 s", "5s" },
        { "5 Minutes", "5m" },
        { "5mins", "5m" },
        { "5S", "5s" },
        { "2hrs", "2h" },
        { "1 day", "1d" },
        { "10msec", "10ms" },
        { "5_s", "5s" },
        { "", "" },
        { "s", "" },
        { "-5s", "" },
        { "+5s", "" },
        { "5s5s", "" },
        { "5s1m", "" },
        { "1.s", "" },
        { ".5s", "" },
        { "1..5s", "" },
        { "5x", "" },
        { "5s ", "" },
        { " 5s", "" },
        { "1e3s", "" },
        { "36501d", "" },
        { "99999999999999999999s", "" },
        { "9223372036854775808ns", "" },
        { "soon", "" },
        { "5s foo", "" },
        { "0x5s", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note;
        int64_t ms = 77;
        bool meant_ok;

        if (duration_parse(rows[i].text, &ms, &note) != ERR_SYNTAX)
            fail_msg("\"%s\" was read as %lld", rows[i].text, (long long)ms);
        assert_int_equal(ms, 77);
        assert_true(note.why[0] != '\0');
        meant_ok = rows[i].meant[0] || strcmp(rows[i].text, "5s ") == 0;
        if (meant_ok && rows[i].meant[0])
            assert_string_equal(note.meant, rows[i].meant);
        /* A guess that is itself wrong would send the user round in circles. */
        if (note.meant[0]) {
            struct value_note again;

            assert_int_equal(duration_parse(note.meant, &ms, &again), 0);
        }
    }
}

static void
a_printed_duration_is_read_back(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (int i = 0; i < 20000; i++) {
        static const int64_t steps[] = { 1, 10, 1000, 60000, 3600000, 86400000 };
        int64_t ms = (int64_t)rng_below(&rng, 36500) *
                     steps[rng_below(&rng, ARRAY_LEN(steps))],
                back;
        struct value_note note;
        char text[VALUE_TEXT_MAX];

        duration_print(ms, text);
        assert_int_equal(duration_parse(text, &back, &note), 0);
        assert_int_equal(back, ms);
    }
}

static void
durations_print_with_the_largest_units(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = { { 0, "0s" },        { 1, "1ms" },
                 { 1500, "1500ms" }, { 1000, "1s" },
                 { 90000, "1m30s" }, { 120000, "2m" },
                 { 86400000, "1d" }, { 90061000, "1d1h1m1s" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[VALUE_TEXT_MAX];

        duration_print(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void
sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        { "0B", 0 },
        { "512B", 512 },
        { "64KiB", 65536 },
        { "64Ki", 65536 },
        { "4MiB", 4194304 },
        { "4Mi", 4194304 },
        { "4MB", 4000000 },
        { "1KB", 1000 },
        { "1kB", 1000 },
        { "1.5KiB", 1536 },
        { "0.5MiB", 524288 },
        { "1GiB", 1073741824 },
        { "1TiB", 1ull << 40 },
        { "2147483647B", 2147483647 },
        { "1.001MB", 1001000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note;
        uint64_t bytes = 7;

        assert_int_equal(size_parse(rows[i].text, &bytes, &note), 0);
        if (bytes != rows[i].bytes)
            fail_msg("%s gave %llu", rows[i].text, (unsigned long long)bytes);
    }
}

static void
bad_sizes_come_with_a_guess(void **state)
{
    static const struct {
        const char *text, *meant;
    } rows[] = {
        { "65536", "64KiB" },  { "1000", "1000B" },   { "0", "0B" },
        { "64k", "64KiB" },    { "64K", "64KiB" },    { "4m", "4MiB" },
        { "4M", "4MiB" },      { "1 GB", "1GB" },     { "1gib", "1GiB" },
        { "10 bytes", "10B" }, { "1048576", "1MiB" }, { "", "" },
        { "-1B", "" },         { "B", "" },           { "1.5B", "" },
        { "1.0001KB", "" },    { "99999999TiB", "" }, { "1KiB1B", "" },
        { "1XB", "" },         { "1.KiB", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note, again;
        uint64_t bytes = 77;

        if (size_parse(rows[i].text, &bytes, &note) != ERR_SYNTAX)
            fail_msg("\"%s\" was read as %llu", rows[i].text, (unsigned long long)bytes);
        assert_int_equal(bytes, 77);
        assert_true(note.why[0] != '\0');
        assert_string_equal(note.meant, rows[i].meant);
        if (note.meant[0])
            assert_int_equal(size_parse(note.meant, &bytes, &again), 0);
    }
}

static void
a_printed_size_is_read_back(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 12);
    for (int i = 0; i < 20000; i++) {
        uint64_t bytes = (uint64_t)rng_below(&rng, 1u << 20) << rng_below(&rng, 24), back;
        struct value_note note;
        char text[VALUE_TEXT_MAX];

        size_print(bytes, text);
        assert_int_equal(size_parse(text, &back, &note), 0);
        assert_true(back == bytes);
    }
}

static void
rates_are_read(void **state)
{
    static const struct {
        const char *text;
        double events;
        int64_t per_ms;
    } rows[] = {
        { "100/s", 100, 1000 },
        { "0/s", 0, 1000 },
        { "5000/m", 5000, 60000 },
        { "10/h", 10, 3600000 },
        { "7/d", 7, 86400000 },
        { "0.5/s", 0.5, 1000 },
        { "0.000000001/d", 1e-9, 86400000 },
        { "999999999/s", 999999999, 1000 },
        { "1000000000/s", 1e9, 1000 },
        { "1.10/s", 1.1, 1000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note;
        double events = -1;
        int64_t per_ms = -1;

        assert_int_equal(rate_parse(rows[i].text, &events, &per_ms, &note), 0);
        if (events != rows[i].events || per_ms != rows[i].per_ms)
            fail_msg("%s gave %.10g in %lld", rows[i].text, events, (long long)per_ms);
    }
}

static void
bad_rates_come_with_a_guess(void **state)
{
    static const struct {
        const char *text, *meant, *why;
    } rows[] = {
        { "100", "100/s", "needs a unit (/s /m /h /d)" },
        { "0.5", "0.5/s", "needs a unit (/s /m /h /d)" },
        { "100/", "100/s", "needs a unit (/s /m /h /d)" },
        { "100 / ", "100/s", "needs a unit (/s /m /h /d)" },
        { "100/sec", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100/S", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100/second", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100 / s", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100 per minute", "100/m", "has an unknown unit (known: /s /m /h /d)" },
        { "100s", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "10r/s", "10/s", "has an unknown unit (known: /s /m /h /d)" },
        { "10r/m", "10/m", "has an unknown unit (known: /s /m /h /d)" },
        { "10 req/s", "10/s", "has an unknown unit (known: /s /m /h /d)" },
        { "10 requests per hour", "10/h", "has an unknown unit (known: /s /m /h /d)" },
        { "10 calls/day", "10/d", "has an unknown unit (known: /s /m /h /d)" },
        { "100rps", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100 QPS", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "60rpm", "60/m", "has an unknown unit (known: /s /m /h /d)" },
        { "100/1s", "100/s", "has an unknown unit (known: /s /m /h /d)" },
        { "5Hz", "5/s", "has an unknown unit (known: /s /m /h /d)" },
        { "100/2s", "", "has an unknown unit (known: /s /m /h /d)" },
        { "100/ms", "", "has an unknown unit (known: /s /m /h /d)" },
        { "100/w", "", "has an unknown unit (known: /s /m /h /d)" },
        { "100/s or so", "", "has an unknown unit (known: /s /m /h /d)" },
        { "100/ss", "", "has an unknown unit (known: /s /m /h /d)" },
        { "-1/s", "", "cannot be negative" },
        { "", "", "must be a rate like \"100/s\" (units: /s /m /h /d)" },
        { "/s", "", "must be a rate like \"100/s\" (units: /s /m /h /d)" },
        { "s", "", "must be a rate like \"100/s\" (units: /s /m /h /d)" },
        { "1./s", "", "must be a rate like \"100/s\" (units: /s /m /h /d)" },
        { "+1/s", "", "must be a rate like \"100/s\" (units: /s /m /h /d)" },
        { "1e3/s", "", "has an unknown unit (known: /s /m /h /d)" },
        { "1000000001/s", "", "is too large; the most is 1000000000/s" },
        { "1000000000.1/d", "", "is too large; the most is 1000000000/s" },
        { "99999999999999999999999999/s", "", "is too large; the most is 1000000000/s" },
        { "99999999999999999999999999", "", "needs a unit (/s /m /h /d)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_note note;
        double events = -1;
        int64_t per_ms = -1;

        assert_int_equal(rate_parse(rows[i].text, &events, &per_ms, &note), ERR_SYNTAX);
        assert_true(events == -1 && per_ms == -1);
        if (strcmp(note.meant, rows[i].meant) != 0 || strcmp(note.why, rows[i].why) != 0)
            fail_msg("%s: %s; \"%s\"", rows[i].text, note.why, note.meant);
    }
}

static void
a_printed_rate_is_read_back(void **state)
{
    static const int64_t units[] = { 1000, 60000, 3600000, 86400000 };
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (int i = 0; i < 100000; i++) {
        int64_t per_ms = units[rng_below(&rng, 4)], back_ms = 0;
        double events = (double)rng_below(&rng, 1000000000), back = -1;
        struct value_note note;
        char text[VALUE_TEXT_MAX];

        if (i % 2) /* else a whole number */
            events = events / (double)(1 + rng_below(&rng, 1000000));
        rate_print(events, per_ms, text);
        assert_int_equal(rate_parse(text, &back, &back_ms, &note), 0);
        assert_true(back_ms == per_ms);
        if (i % 2 == 0)
            assert_true(back == events);
        /* What is read once is read the same for ever. */
        events = back;
        rate_print(events, per_ms, text);
        assert_int_equal(rate_parse(text, &back, &back_ms, &note), 0);
        if (back != events)
            fail_msg("%s: %.17g became %.17g", text, events, back);
    }
}

static void
whole_numbers_are_digits_only(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", "1.0", " 1", "1 ", "0x1", "1e3", "11", "99999999999999999999999"
    };
    uint64_t n = 0;

    (void)state;
    assert_int_equal(uint_parse("10", 10, &n), 0);
    assert_int_equal(n, 10);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(uint_parse(bad[i], 10, &n), ERR_SYNTAX);
    assert_int_equal(n, 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(bad_durations_come_with_a_guess),
        cmocka_unit_test(a_printed_duration_is_read_back),
        cmocka_unit_test(durations_print_with_the_largest_units),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(bad_sizes_come_with_a_guess),
        cmocka_unit_test(a_printed_size_is_read_back),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(bad_rates_come_with_a_guess),
        cmocka_unit_test(a_printed_rate_is_read_back),
        cmocka_unit_test(whole_numbers_are_digits_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

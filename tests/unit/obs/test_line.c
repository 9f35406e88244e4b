/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a log: nobody can end it, forge a field of it or make it longer than it may be (reliability.md E3). */
#include <string.h>

#include "base/utf8.h"
#include "obs/line.h"
#include "unit.h"

static struct line line;

static const char *
text_of(void)
{
    line.s[line.n] = '\0';
    return line.s;
}

static const char *
value(const char *s, size_t n, enum line_escape how)
{
    line_begin(&line);
    line_value(&line, slice_make(s, n), how);
    return text_of();
}

static int
hex(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Reads an escaped value back; -1: it could have ended a line or a string. */
static long
unescape(const char *s, size_t n, enum line_escape how, uint8_t *out)
{
    long k = 0;

    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)s[i] < 0x20 || (uint8_t)s[i] > 0x7e || s[i] == '"')
            return -1;
        if (s[i] != '\\') {
            out[k++] = (uint8_t)s[i];
            continue;
        }
        i++;
        if (s[i] == '"' || s[i] == '\\') {
            out[k++] = (uint8_t)s[i];
        } else if (how == LINE_JSON && strncmp(s + i, "u00", 3) == 0) {
            out[k++] = (uint8_t)(hex(s[i + 3]) << 4 | hex(s[i + 4]));
            i += 4;
        } else if (how == LINE_TEXT && s[i] == 'x') {
            out[k++] = (uint8_t)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        } else {
            return -1;
        }
    }
    return k;
}

static void
each_pair_of_bytes_stays_in_its_value_and_reads_back(void **state)
{
    static const enum line_escape both[] = { LINE_JSON, LINE_TEXT };

    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t in[2] = { (uint8_t)(pair >> 8), (uint8_t)pair }, out[16];

        for (int i = 0; i < 2; i++) {
            if (both[i] == LINE_JSON && utf8_len(in, 2) == 2)
                continue; /* one character, see below */
            value((const char *)in, 2, both[i]);
            assert_int_equal(unescape(line.s, line.n, both[i], out), 2);
            assert_memory_equal(in, out, 2);
        }
    }
}

/* Plain bytes are looked at eight at a time: a byte that is none is seen wherever it stands. */
static void
each_byte_is_seen_at_each_place(void **state)
{
    static const enum line_escape both[] = { LINE_JSON, LINE_TEXT };

    (void)state;
    for (unsigned place = 0; place < 20; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t in[20], out[200];

            memset(in, 'x', sizeof(in));
            in[place] = (uint8_t)byte;
            for (int i = 0; i < 2; i++) {
                value((const char *)in, sizeof(in), both[i]);
                assert_int_equal(unescape(line.s, line.n, both[i], out), sizeof(in));
                assert_memory_equal(in, out, sizeof(in));
            }
        }
    }
}

static void
escapes_are_spelled_as_everywhere(void **state)
{
    (void)state;
    assert_string_equal(value("a\"b\\c\n\x7f\xe4", 8, LINE_JSON),
                        "a\\\"b\\\\c\\u000a\\u007f\\u00e4");
    assert_string_equal(value("a\"b\\c\n\x7f\xe4", 8, LINE_TEXT),
                        "a\\\"b\\\\c\\x0a\\x7f\\xe4");
    assert_string_equal(value("", 0, LINE_JSON), "");
}

static void
characters_of_json_are_the_ones_that_were_sent(void **state)
{
    static const char text[] = "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x80\xae";

    (void)state;
    assert_string_equal(value(text, sizeof(text) - 1, LINE_JSON),
                        "\\u00e4 \\u20ac \\ud83d\\ude00 \\u202e");
    assert_string_equal(value(text, 3, LINE_TEXT), "\\xc3\\xa4 ");
    /* cut in the middle, too short, a surrogate: byte by byte */
    assert_string_equal(value("\xe2\x82", 2, LINE_JSON), "\\u00e2\\u0082");
    assert_string_equal(value("\xc0\x80", 2, LINE_JSON), "\\u00c0\\u0080");
    assert_string_equal(value("\xed\xa0\x80", 3, LINE_JSON), "\\u00ed\\u00a0\\u0080");
}

static void
a_long_value_is_cut_between_two_escapes(void **state)
{
    char big[5000];
    uint8_t out[5000];

    (void)state;
    for (int hostile = 0; hostile < 2; hostile++) {
        long n;

        memset(big, hostile ? '\n' : 'x', sizeof(big));
        value(big, sizeof(big), LINE_JSON);
        assert_true(line.n <= LINE_VALUE_MAX && line.n > LINE_VALUE_MAX - 10);
        assert_memory_equal(line.s + line.n - 3, "...", 3);
        n = unescape(line.s, line.n - 3, LINE_JSON, out);
        assert_true(n > 100);
        assert_memory_equal(out, big, (size_t)n);
        assert_false(line.cut);
    }
    memset(big, 'x', sizeof(big));
    value(big, LINE_VALUE_MAX - 3, LINE_JSON);
    assert_int_equal(line.n, LINE_VALUE_MAX - 3);
    assert_memory_equal(line.s + line.n - 3, "xxx", 3);
}

static void
a_line_never_passes_its_cap(void **state)
{
    char big[1000];

    (void)state;
    for (int hostile = 0; hostile < 2; hostile++) {
        memset(big, hostile ? 0xff : 'x', sizeof(big));
        line_begin(&line);
        for (int i = 0; i < 100; i++) {
            line_value(&line, slice_make(big, sizeof(big) - (size_t)i), LINE_JSON);
            line_puts(&line, "some fixed words");
            line_number(&line, UINT64_MAX);
            assert_true(line.n <= LINE_MAX_BYTES - LINE_TAIL_ROOM);
        }
        assert_true(line.cut);
        line_end(&line, "12345678901234567890123456789012");
        assert_true(line.n <= LINE_MAX_BYTES);
    }
}

static void
numbers_and_times_are_exact(void **state)
{
    (void)state;
    line_begin(&line);
    line_number(&line, 0);
    line_puts(&line, " ");
    line_number(&line, UINT64_MAX);
    line_puts(&line, " ");
    line_ms(&line, 0);
    line_puts(&line, " ");
    line_ms(&line, -5);
    line_puts(&line, " ");
    line_ms(&line, 1234567);
    line_puts(&line, " ");
    line_ms(&line, 42);
    line_puts(&line, " ");
    line_ms(&line, INT64_MAX);
    assert_string_equal(
        text_of(),
        "0 18446744073709551615 0.000 0.000 1234.567 0.042 9223372036854775.807");
    line_begin(&line);
    line_time(&line, 0);
    line_puts(&line, " ");
    line_time(&line, INT64_C(1763825595123456));
    assert_string_equal(text_of(),
                        "1970-01-01T00:00:00.000000Z 2025-11-22T15:33:15.123456Z");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_of_bytes_stays_in_its_value_and_reads_back),
        cmocka_unit_test(each_byte_is_seen_at_each_place),
        cmocka_unit_test(escapes_are_spelled_as_everywhere),
        cmocka_unit_test(characters_of_json_are_the_ones_that_were_sent),
        cmocka_unit_test(a_long_value_is_cut_between_two_escapes),
        cmocka_unit_test(a_line_never_passes_its_cap),
        cmocka_unit_test(numbers_and_times_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

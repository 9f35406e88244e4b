/* SPDX-License-Identifier: Apache-2.0 */
/* obs/line.c - a line of a log, without printf: it is made on the path of a call. */
#include "obs/line.h"

#include <assert.h>

#include "base/utf8.h"

enum { LINE_ROOM = LINE_MAX_BYTES - LINE_TAIL_ROOM, NUMBER_DIGITS = 20 };

void
line_add(struct line *l, const char *s, size_t n)
{
    if (l->n > LINE_ROOM || n > LINE_ROOM - l->n) {
        l->cut = true;
        return;
    }
    memcpy(l->s + l->n, s, n);
    l->n += n;
}

void
line_puts(struct line *l, const char *s)
{
    line_add(l, s, strlen(s));
}

static bool
line_is_plain(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Not 0: some byte is 0. */
static uint64_t
has_zero(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* How many of the first n bytes are plain in a row: nearly always all, so eight are asked at a time. */
static size_t
line_plain(const uint8_t *p, size_t n)
{
    size_t i = 0;

    for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word, not_plain;

        memcpy(&word, p + i, sizeof(word));
        not_plain =
            ((word - EACH_BYTE(0x20)) & ~word) | word; /* below 0x20, above 0x7f */
        not_plain &= EACH_BYTE(0x80);
        not_plain |= has_zero(word ^ EACH_BYTE('"')) | has_zero(word ^ EACH_BYTE('\\')) |
                     has_zero(word ^ EACH_BYTE(0x7f));
        if (not_plain)
            break;
    }
    while (i < n && line_is_plain(p[i]))
        i++;
    return i;
}

/* Writes what is at p as an escape. *ret_taken: bytes that it stands for. */
static size_t
line_escape(char out[UTF8_ESCAPED_MAX], const uint8_t *p, size_t left,
            enum line_escape how, size_t *ret_taken)
{
    static const char hex[] = "0123456789abcdef";
    bool quote = *p == '"' || *p == '\\';

    *ret_taken = 1;
    if (!quote && how == LINE_JSON)
        return utf8_escape(p, left, out, ret_taken);
    out[0] = '\\';
    out[1] = quote ? (char)*p : 'x';
    out[2] = hex[*p >> 4];
    out[3] = hex[*p & 15];
    return quote ? 2 : 4;
}

void
line_value(struct line *l, struct slice v, enum line_escape how)
{
    static const char dots[] = "...";
    size_t end = l->n + LINE_VALUE_MAX - (sizeof(dots) - 1);

    if (l->n + LINE_VALUE_MAX > LINE_ROOM) {
        /* A short one may still fit whole. */
        if (l->n + v.n * 6 > LINE_ROOM) {
            l->cut = true;
            return;
        }
        end = LINE_ROOM;
    }
    for (size_t i = 0; i < v.n;) {
        char one[UTF8_ESCAPED_MAX];
        size_t from = i, n, taken;

        i += line_plain(v.p + i, v.n - i < end - l->n ? v.n - i : end - l->n);
        memcpy(l->s + l->n, v.p + from, i - from);
        l->n += i - from;
        if (i == v.n)
            return;
        n = line_escape(one, v.p + i, v.n - i, how, &taken);
        if (l->n + n > end || line_is_plain(v.p[i])) {
            memcpy(l->s + l->n, dots, sizeof(dots) - 1);
            l->n += sizeof(dots) - 1;
            return;
        }
        memcpy(l->s + l->n, one, n);
        l->n += n;
        i += taken;
    }
}

char *
line_digits(char *end, uint64_t v, int width)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
        width--;
    } while (v > 0 || width > 0);
    return end;
}

void
line_number(struct line *l, uint64_t v)
{
    char room[NUMBER_DIGITS], *end = room + sizeof(room), *s = line_digits(end, v, 1);

    line_add(l, s, (size_t)(end - s));
}

void
line_ms(struct line *l, int64_t us)
{
    char room[NUMBER_DIGITS + 1], *end = room + sizeof(room), *s;
    uint64_t v = us > 0 ? (uint64_t)us : 0;

    s = line_digits(end, v % 1000, 3);
    *--s = '.';
    s = line_digits(s, v / 1000, 1);
    line_add(l, s, (size_t)(end - s));
}

/* The day of the Gregorian calendar, from days since 1970: counted in years that begin in March, so that the leap day is their last. */
static void
day_date(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    uint64_t shifted = days + 719468; /* since March 1 of the year 0 */
    uint64_t era = shifted / 146097;  /* of 400 years */
    unsigned of_era = (unsigned)(shifted % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153; /* 0: March */

    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (unsigned)(era * 400) + year + (*ret_month <= 2);
}

void
line_time(struct line *l, int64_t wall_us)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";
    uint64_t sec = wall_us > 0 ? (uint64_t)wall_us / 1000000 : 0;
    unsigned year, month, day;
    char out[sizeof(form)];

    day_date(sec / 86400, &year, &month, &day);
    memcpy(out, form, sizeof(form));
    line_digits(out + 4, year % 10000, 4);
    line_digits(out + 7, month, 2);
    line_digits(out + 10, day, 2);
    line_digits(out + 13, sec / 3600 % 24, 2);
    line_digits(out + 16, sec / 60 % 60, 2);
    line_digits(out + 19, sec % 60, 2);
    line_digits(out + 26, (uint64_t)(wall_us % 1000000), 6);
    line_add(l, out, sizeof(form) - 1);
}

void
line_end(struct line *l, const char *s)
{
    size_t n = strlen(s);

    assert(n <= LINE_MAX_BYTES - l->n);
    memcpy(l->s + l->n, s, n);
    l->n += n;
}

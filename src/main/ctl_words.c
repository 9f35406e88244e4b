/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_words.c - numbers to words. */
#include "main/ctl_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "conf/json.h"

static const struct ctl_word word_none = { "-" };

double
ctl_number(const struct json_t *object, const char *key, double other)
{
    double v;

    return jtree_number(jtree_get(object, key), &v) ? v : other;
}

/* NAN: there is none. */
static double
number_of(const struct json_t *object, const char *key)
{
    return ctl_number(object, key, NAN);
}

struct ctl_word
ctl_word_span(double ms)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
    double left = floor(fmin(fmax(ms, 0), 1e15) / 1000);
    struct ctl_word w;
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && left < units[i].seconds)
        i++;
    /* A second unit only where the first one says little. */
    if (i < 2 && fmod(left, units[i].seconds) >= units[i + 1].seconds)
        snprintf(w.s, sizeof w.s, "%.0f%s %.0f%s", floor(left / units[i].seconds),
                 units[i].name,
                 floor(fmod(left, units[i].seconds) / units[i + 1].seconds),
                 units[i + 1].name);
    else
        snprintf(w.s, sizeof w.s, "%.0f%s", floor(left / units[i].seconds),
                 units[i].name);
    return w;
}

struct ctl_word
ctl_word_span_of(const struct json_t *object, const char *key)
{
    double v = number_of(object, key);

    return isnan(v) ? word_none : ctl_word_span(v);
}

struct ctl_word
ctl_word_rate(const struct json_t *object, const char *key)
{
    double v = number_of(object, key);
    struct ctl_word w;

    if (isnan(v))
        return word_none;
    snprintf(w.s, sizeof w.s, v > 0 && v < 9.95 ? "%.1f" : "%.0f", v);
    return w;
}

struct ctl_word
ctl_word_percent(const struct json_t *object, const char *key)
{
    double v = number_of(object, key);
    struct ctl_word w;

    if (isnan(v))
        return word_none;
    if (v >= 1)
        snprintf(w.s, sizeof w.s, "100");
    else
        snprintf(w.s, sizeof w.s, "%.2f", floor(v * 10000 + 1e-6) / 100);
    return w;
}

struct ctl_word
ctl_word_ms(const struct json_t *object, const char *key)
{
    double v = number_of(object, key);
    struct ctl_word w;

    if (isnan(v))
        return word_none;
    snprintf(w.s, sizeof w.s, v < 99.95 ? "%.1f" : "%.0f", v);
    return w;
}

struct ctl_word
ctl_word_count(const struct json_t *object, const char *key)
{
    double v = number_of(object, key);
    struct ctl_word w;

    if (isnan(v))
        return word_none;
    snprintf(w.s, sizeof w.s, "%.0f", v);
    return w;
}

struct ctl_word
ctl_word_size(const struct json_t *object, const char *key)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = number_of(object, key);
    struct ctl_word w;
    size_t i = 0;

    if (isnan(v))
        return word_none;
    for (; v >= 1024 && i + 1 < ARRAY_LEN(units); i++)
        v /= 1024;
    snprintf(w.s, sizeof w.s, v < 9.95 && i > 0 ? "%.1f %s" : "%.0f %s", v, units[i]);
    return w;
}

struct ctl_word
ctl_word_with(struct ctl_word w, const char *unit)
{
    size_t n = strlen(w.s);

    if (strcmp(w.s, "-") != 0)
        snprintf(w.s + n, sizeof w.s - n, "%s", unit);
    return w;
}

/* C0, DEL and C1: a terminal would obey them. */
static bool
is_control(const char *p, size_t n)
{
    unsigned char first = (unsigned char)p[0], second = (unsigned char)p[n > 1];

    return n == 1 ? first < 0x20 || first == 0x7f
                  : n == 2 && first == 0xc2 && second < 0xa0;
}

void
ctl_put_clean(struct strbuf *out, const char *text)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        n = utf8_len((const uint8_t *)text, left);
        if (n == 0 || is_control(text, n))
            strbuf_puts(out, "?");
        else
            strbuf_add(out, text, n);
        n = n ? n : 1;
    }
}

/* Neither the C locale nor a musl build knows these, so they are here: what Unicode calls wide, in blocks. */
struct span {
    uint32_t from, to;
};

static const struct span wide[] = {
    { 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
    { 0xa960, 0xa97f },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
    { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
    { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
    { 0x20000, 0x3fffd },
};
static const struct span none[] = {
    { 0x300, 0x36f },   { 0x200b, 0x200f }, { 0x20d0, 0x20ff },
    { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff },
};

static bool
spans_have(const struct span *spans, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= spans[i].from && c <= spans[i].to)
            return true;
    }
    return false;
}

/* Takes a character of well-formed text; returns its columns. */
static size_t
char_take(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    uint32_t c = p[0];
    size_t n = 1;

    if (c >= 0xc0) {
        c &= c >= 0xf0 ? 0x07 : c >= 0xe0 ? 0x0f : 0x1f;
        for (; (p[n] & 0xc0) == 0x80; n++)
            c = c << 6 | (p[n] & 0x3f);
    }
    *text += n;
    if (c < 0x300)
        return 1;
    return spans_have(none, ARRAY_LEN(none), c)   ? 0
           : spans_have(wide, ARRAY_LEN(wide), c) ? 2
                                                  : 1;
}

size_t
ctl_columns(const char *text)
{
    size_t n = 0;

    while (*text)
        n += char_take(&text);
    return n;
}

size_t
ctl_columns_cut(const char *text, size_t columns)
{
    const char *s = text, *end = text;

    while (*s) {
        size_t n = char_take(&s);

        if (n > columns)
            break;
        columns -= n;
        end = s;
    }
    return (size_t)(end - text);
}

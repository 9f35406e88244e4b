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

size_t
ctl_columns(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

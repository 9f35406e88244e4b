/* SPDX-License-Identifier: Apache-2.0 */
/* base/jscan.c - one state: what may come next. */
#include "base/jscan.h"

#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

enum { VALUE, VALUE_OR_END, KEY, KEY_OR_END, REST_OR_END, OVER, FAILED };

void
jscan_init(struct jscan *s, uint8_t *text, size_t n)
{
    *s = (struct jscan){ .at = text, .end = text + n, .expect = VALUE };
}

static enum jscan_step
scan_bad(struct jscan *s)
{
    s->expect = FAILED;
    return JSCAN_BAD;
}

static void
scan_blanks(struct jscan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* ---- strings ---- */

/* Four hex digits at p; -1: something else. */
static int32_t
hex4(const uint8_t *p, const uint8_t *end)
{
    int32_t v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i], low = c | 0x20;

        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (low - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* What stands behind \u, at s->at, as UTF-8 to out; returns the end of it, NULL: it is none. */
static uint8_t *
scan_unicode(struct jscan *s, uint8_t *out)
{
    int32_t v = hex4(s->at, s->end), low;

    if (v <= 0 || (v >= 0xdc00 && v <= 0xdfff))
        return NULL;
    s->at += 4;
    if (v < 0x80) {
        *out++ = (uint8_t)v;
        return out;
    }
    if (v < 0x800) {
        *out++ = (uint8_t)(0xc0 | v >> 6);
    } else if (v >= 0xd800 && v <= 0xdbff) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return NULL;
        low = hex4(s->at + 2, s->end);
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        s->at += 6;
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        *out++ = (uint8_t)(0xf0 | v >> 18);
        *out++ = (uint8_t)(0x80 | (v >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (v >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (v & 0x3f));
        return out;
    } else {
        *out++ = (uint8_t)(0xe0 | v >> 12);
        *out++ = (uint8_t)(0x80 | (v >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (v & 0x3f));
        return out;
    }
    *out++ = (uint8_t)(0x80 | (v & 0x3f));
    return out;
}

static uint8_t *
scan_escape(struct jscan *s, uint8_t *out)
{
    static const uint8_t plain[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    uint8_t c;

    if (s->at == s->end)
        return NULL;
    c = *s->at++;
    if (c == 'u')
        return scan_unicode(s, out);
    *out = plain[c];
    return plain[c] ? out + 1 : NULL;
}

/* Behind the first quote. Most strings have no escape and are not moved. */
static bool
scan_string(struct jscan *s)
{
    uint8_t *start = s->at, *out = s->at;

    while (s->at < s->end) {
        uint8_t c = *s->at;

        if (c == '"') {
            s->text = slice_make(start, (size_t)(out - start));
            s->at++;
            return true;
        }
        if (c == '\\') {
            s->at++;
            out = scan_escape(s, out);
            if (!out)
                return false;
        } else if (c >= 0x80) {
            size_t n = utf8_len(s->at, (size_t)(s->end - s->at));

            if (n == 0)
                return false;
            memmove(out, s->at, n);
            out += n;
            s->at += n;
        } else if (c >= 0x20) {
            *out++ = c;
            s->at++;
        } else {
            return false;
        }
    }
    return false;
}

/* ---- numbers ---- */

static size_t
scan_digits(struct jscan *s)
{
    uint8_t *start = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - start);
}

static enum jscan_step
number_whole(struct jscan *s)
{
    bool minus = s->text.p[0] == '-';
    int64_t v = 0;

    for (size_t i = minus; i < s->text.n; i++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, s->text.p[i] - '0', &v))
            return scan_bad(s);
    if (!minus && v == INT64_MIN)
        return scan_bad(s);
    s->whole = minus ? v : -v;
    s->expect = s->depth ? REST_OR_END : OVER;
    return JSCAN_WHOLE;
}

static enum jscan_step
number_real(struct jscan *s)
{
    char text[JSCAN_NUMBER_MAX + 1];

    memcpy(text, s->text.p, s->text.n);
    text[s->text.n] = '\0';
    s->real = strtod(text, NULL);
    if (!isfinite(s->real))
        return scan_bad(s);
    s->expect = s->depth ? REST_OR_END : OVER;
    return JSCAN_REAL;
}

static enum jscan_step
scan_number(struct jscan *s)
{
    uint8_t *start = s->at;
    bool real = false;
    size_t n;

    if (*s->at == '-')
        s->at++;
    n = scan_digits(s);
    if (n == 0 || (n > 1 && s->at[-(ptrdiff_t)n] == '0'))
        return scan_bad(s);
    if (s->at < s->end && *s->at == '.') {
        real = true;
        s->at++;
        if (scan_digits(s) == 0)
            return scan_bad(s);
    }
    if (s->at < s->end && (*s->at | 0x20) == 'e') {
        real = true;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (scan_digits(s) == 0)
            return scan_bad(s);
    }
    s->text = slice_make(start, (size_t)(s->at - start));
    if (s->text.n > JSCAN_NUMBER_MAX)
        return scan_bad(s);
    return real ? number_real(s) : number_whole(s);
}

/* ---- steps ---- */

static enum jscan_step
scan_word(struct jscan *s, const char *word, enum jscan_step step)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return scan_bad(s);
    s->at += n;
    s->expect = s->depth ? REST_OR_END : OVER;
    return step;
}

static enum jscan_step
scan_open(struct jscan *s, bool object)
{
    if (s->depth == JSCAN_DEPTH_MAX)
        return scan_bad(s);
    s->objects = (s->objects & ~(UINT32_C(1) << s->depth)) | (uint32_t)object << s->depth;
    s->depth++;
    s->at++;
    s->expect = object ? KEY_OR_END : VALUE_OR_END;
    return object ? JSCAN_OBJECT : JSCAN_LIST;
}

static bool
in_object(const struct jscan *s)
{
    return s->objects >> (s->depth - 1) & 1;
}

static enum jscan_step
scan_close(struct jscan *s)
{
    enum jscan_step step = in_object(s) ? JSCAN_OBJECT_END : JSCAN_LIST_END;

    s->at++;
    s->depth--;
    s->expect = s->depth ? REST_OR_END : OVER;
    return step;
}

static enum jscan_step
scan_value(struct jscan *s)
{
    switch (*s->at) {
    case '{':
        return scan_open(s, true);
    case '[':
        return scan_open(s, false);
    case '"':
        s->at++;
        if (!scan_string(s))
            return scan_bad(s);
        s->expect = s->depth ? REST_OR_END : OVER;
        return JSCAN_STRING;
    case 't':
        return scan_word(s, "true", JSCAN_TRUE);
    case 'f':
        return scan_word(s, "false", JSCAN_FALSE);
    case 'n':
        return scan_word(s, "null", JSCAN_NULL);
    default:
        return scan_number(s);
    }
}

static enum jscan_step
scan_key(struct jscan *s)
{
    if (*s->at != '"')
        return scan_bad(s);
    s->at++;
    if (!scan_string(s))
        return scan_bad(s);
    scan_blanks(s);
    if (s->at == s->end || *s->at != ':')
        return scan_bad(s);
    s->at++;
    s->expect = VALUE;
    return JSCAN_KEY;
}

enum jscan_step
jscan_next(struct jscan *s)
{
    scan_blanks(s);
    if (s->expect == OVER)
        return s->at == s->end ? JSCAN_DONE : scan_bad(s);
    if (s->expect == FAILED || s->at == s->end)
        return scan_bad(s);
    if (s->expect == REST_OR_END && *s->at == ',') {
        s->at++;
        s->expect = in_object(s) ? KEY : VALUE;
        scan_blanks(s);
        if (s->at == s->end)
            return scan_bad(s);
    } else if (s->expect >= KEY_OR_END || s->expect == VALUE_OR_END) {
        if (s->depth && *s->at == (in_object(s) ? '}' : ']'))
            return scan_close(s);
        if (s->expect == REST_OR_END)
            return scan_bad(s);
    }
    return s->expect == KEY || s->expect == KEY_OR_END ? scan_key(s) : scan_value(s);
}

/* ---- keys ---- */

void
jscan_keys_init(struct jscan_keys *k)
{
    k->n = 0;
}

void
jscan_keys_open(struct jscan_keys *k, const struct jscan *s)
{
    k->starts[s->depth] = k->n;
}

bool
jscan_keys_add(struct jscan_keys *k, const struct jscan *s)
{
    if (k->n == JSCAN_KEYS_MAX)
        return false;
    for (unsigned i = k->starts[s->depth]; i < k->n; i++)
        if (k->v[i].n == s->text.n && memcmp(k->v[i].p, s->text.p, s->text.n) == 0)
            return false;
    k->v[k->n++] = s->text;
    return true;
}

void
jscan_keys_close(struct jscan_keys *k, const struct jscan *s)
{
    k->n = k->starts[s->depth + 1];
}

bool
jscan_skip(struct jscan *s, struct jscan_keys *keys)
{
    unsigned depth = s->depth;

    if (in_object(s))
        jscan_keys_open(keys, s);
    while (s->depth >= depth) {
        switch (jscan_next(s)) {
        case JSCAN_BAD:
            return false;
        case JSCAN_OBJECT:
            jscan_keys_open(keys, s);
            break;
        case JSCAN_KEY:
            if (!jscan_keys_add(keys, s))
                return false;
            break;
        case JSCAN_OBJECT_END:
            jscan_keys_close(keys, s);
            break;
        default:
            break;
        }
    }
    return true;
}

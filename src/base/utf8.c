/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.c - one table of first and second bytes decides; texts that are ASCII do not need it. */
#include "base/utf8.h"

#include "base/compat.h"

size_t
utf8_len(const uint8_t *p, size_t n)
{
    static const struct utf8_row {
        uint8_t first_lo, first_hi, second_lo, second_hi, len;
    } rows[] = {
        { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; n && i < ARRAY_LEN(rows); i++) {
        const struct utf8_row *r = &rows[i];

        if (p[0] < r->first_lo || p[0] > r->first_hi)
            continue;
        if (r->len > n)
            return 0;
        if (r->len > 1 && (p[1] < r->second_lo || p[1] > r->second_hi))
            return 0;
        for (size_t k = 2; k < r->len; k++) {
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        }
        return r->len;
    }
    return 0;
}

/* Bytes at the begin that are ASCII, eight at a time: nearly always all. */
static size_t
ascii_len(struct slice text)
{
    size_t at = 0;

    for (; text.n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, text.p + at, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            return at;
    }
    while (at < text.n && text.p[at] < 0x80)
        at++;
    return at;
}

static size_t
escape_unit(char *out, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = 'u';
    for (int i = 0; i < 4; i++)
        out[2 + i] = hex[unit >> (12 - 4 * i) & 15];
    return 6;
}

size_t
utf8_escape(const uint8_t *p, size_t n, char out[UTF8_ESCAPED_MAX], size_t *ret_taken)
{
    static const uint8_t first_bits[] = { 0xff, 0x7f, 0x1f, 0x0f, 0x07 };
    size_t len = utf8_len(p, n);
    uint32_t c = p[0] & first_bits[len];

    *ret_taken = len ? len : 1;
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    if (c < 0x10000)
        return escape_unit(out, c);
    c -= 0x10000;
    return escape_unit(out, 0xd800 + (c >> 10)) +
           escape_unit(out + 6, 0xdc00 + (c & 0x3ff));
}

bool
utf8_valid(struct slice text)
{
    for (size_t at = ascii_len(text); at < text.n;) {
        size_t n = utf8_len(text.p + at, text.n - at);

        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

size_t
utf8_clean(struct slice text, const char *replacement, char *out, size_t room)
{
    size_t bad_n = strlen(replacement), len = 0;

    for (size_t at = 0; at < text.n;) {
        size_t n = utf8_len(text.p + at, text.n - at);
        const char *from = n ? (const char *)text.p + at : replacement;
        size_t add = n ? n : bad_n;

        if (add > room - len)
            break;
        memcpy(out + len, from, add);
        len += add;
        at += n ? n : 1;
    }
    return len;
}

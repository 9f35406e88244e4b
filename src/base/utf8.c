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

/* SPDX-License-Identifier: Apache-2.0 */
/* base/base64.c - six bits at a time. */
#include "base/base64.h"

/* 0 to 63, or -1. */
static int
base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long
base64_decode(struct slice text, uint8_t *out)
{
    uint32_t bits = 0;
    size_t n = 0, padding = 0;

    while (text.n && padding < 2 && text.p[text.n - 1] == '=') {
        text.n--;
        padding++;
    }
    if (text.n % 4 == 1 || (padding && (text.n + padding) % 4))
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        int digit = base64_digit(text.p[i]);

        if (digit < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        if (i % 4 == 1)
            out[n++] = (uint8_t)(bits >> 4);
        else if (i % 4 == 2)
            out[n++] = (uint8_t)(bits >> 2);
        else if (i % 4 == 3)
            out[n++] = (uint8_t)bits;
    }
    return (long)n;
}

size_t
base64_encode(struct slice bytes, char *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t bits = (uint32_t)bytes.p[i] << 16;

        if (have > 1)
            bits |= (uint32_t)bytes.p[i + 1] << 8;
        if (have > 2)
            bits |= bytes.p[i + 2];
        for (size_t k = 0; k <= have; k++)
            out[n++] = digits[bits >> (18 - 6 * k) & 63];
    }
    return n;
}

/* The value + 1 of each character; 0: none of the alphabet. Tokens are long and come with every call. */
static const uint8_t url_digits[256] = {
    ['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
    ['N'] = 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
    ['n'] = 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
};

/* The last 2 or 3 characters. */
static long
url_tail(const uint8_t *p, size_t n, uint8_t *out)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        if (!url_digits[p[i]])
            return -1;
        bits = bits << 6 | (uint32_t)(url_digits[p[i]] - 1);
    }
    bits <<= 6 * (4 - n);
    out[0] = (uint8_t)(bits >> 16);
    if (n == 3)
        out[1] = (uint8_t)(bits >> 8);
    if (bits & (n == 3 ? 0xff : 0xffff))
        return -1;
    return (long)n - 1;
}

long
base64url_decode(struct slice text, uint8_t *out)
{
    size_t at = 0, n = 0;

    for (; text.n - at >= 4; at += 4, n += 3) {
        const uint8_t *p = text.p + at;
        uint32_t a = url_digits[p[0]], b = url_digits[p[1]], c = url_digits[p[2]],
                 d = url_digits[p[3]];
        uint32_t bits;

        if (!a || !b || !c || !d)
            return -1;
        bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[n] = (uint8_t)(bits >> 16);
        out[n + 1] = (uint8_t)(bits >> 8);
        out[n + 2] = (uint8_t)bits;
    }
    if (text.n - at == 1)
        return -1;
    if (text.n > at) {
        long tail = url_tail(text.p + at, text.n - at, out + n);

        if (tail < 0)
            return -1;
        n += (size_t)tail;
    }
    return (long)n;
}

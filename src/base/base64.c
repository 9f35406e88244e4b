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

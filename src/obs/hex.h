/* SPDX-License-Identifier: Apache-2.0 */
/* obs/hex.h - lower-case digits of 8 or 16 bytes at once, for ids that each call has. Pure; any thread. */
#ifndef OUTRIGGER_OBS_HEX_H
#define OUTRIGGER_OBS_HEX_H

#include <stdint.h>
#include <string.h>

typedef uint8_t hex_vector __attribute__((vector_size(16)));
typedef int8_t hex_signed
    __attribute__((vector_size(16))); /* x86-64 compares no others */
typedef uint64_t hex_words __attribute__((vector_size(16)));

/* The halves of eight bytes by turns. gcc has this since version 12, and an older form of its own. */
#if defined(__clang__) || __GNUC__ >= 12
#define HEX_ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define HEX_ZIP(a, b, ...) __builtin_shuffle(a, b, (hex_vector){ __VA_ARGS__ })
#endif
#define HEX_ZIP_LOW(a, b) \
    HEX_ZIP(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HEX_ZIP_HIGH(a, b) \
    HEX_ZIP(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* A digit above 9 is further on by what lies between '9' and 'a'. */
static inline void
hex_digits(hex_vector v, char *out)
{
    v = v + '0' + ((hex_vector)((hex_signed)v > 9) & ('a' - '9' - 1));
    memcpy(out, &v, 16);
}

/* Digits of 8 bytes, or of 16, at once: the high halves between the low ones. */
static inline void
hex_write_eight(const uint8_t *bytes, char *out)
{
    hex_vector v;
    uint64_t word; /* a vector that was written in parts is read again slowly */

    memcpy(&word, bytes, 8);
    v = (hex_vector)(hex_words){ word };
    hex_digits(HEX_ZIP_LOW(v >> 4, v & 15), out);
}

static inline void
hex_write_sixteen(const uint8_t *bytes, char *out)
{
    hex_vector v, high, low;

    memcpy(&v, bytes, 16);
    high = v >> 4;
    low = v & 15;
    hex_digits(HEX_ZIP_LOW(high, low), out);
    hex_digits(HEX_ZIP_HIGH(high, low), out + 16);
}

#endif

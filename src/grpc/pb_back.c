/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/pb_back.c - numbers that take several bytes, lowest first. */
#include "grpc/pb_back.h"

#include <endian.h>

void
pb_back_long(struct pb_back *b, uint64_t v)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(v | 1), n = (bits + 6) / 7;
    uint8_t *to = pb_back_room(b, n);

    if (UNLIKELY(!to))
        return;
    for (; v > 0x7f; v >>= 7)
        *to++ = (uint8_t)(v | 0x80);
    *to = (uint8_t)v;
}

void
pb_back_fixed64(struct pb_back *b, unsigned field, uint64_t v)
{
    uint8_t *to;

    if (v == 0)
        return;
    v = htole64(v);
    to = pb_back_room(b, sizeof(v));
    if (LIKELY(to != NULL))
        memcpy(to, &v, sizeof(v));
    pb_back_tag(b, field, PB_FIXED64);
}

void
pb_back_fixed32(struct pb_back *b, unsigned field, uint32_t v)
{
    uint8_t *to;

    if (v == 0)
        return;
    v = htole32(v);
    to = pb_back_room(b, sizeof(v));
    if (LIKELY(to != NULL))
        memcpy(to, &v, sizeof(v));
    pb_back_tag(b, field, PB_FIXED32);
}

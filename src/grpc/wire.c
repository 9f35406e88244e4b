/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/wire.c - varints, fixed numbers, and lengths that fit into what is there. */
#include "grpc/wire.h"

enum { TYPE_VARINT = 0, TYPE_64 = 1, TYPE_BYTES = 2, TYPE_32 = 5 };
enum { NUMBER_MAX = (1 << 29) - 1, VARINT_MAX = 10 };

static void
wire_skip(struct slice *s, size_t n)
{
    *s = slice_make(s->p + n, s->n - n);
}

static bool
wire_varint(struct slice *rest, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < rest->n && i < VARINT_MAX; i++) {
        v |= (uint64_t)(rest->p[i] & 0x7f) << (7 * i);
        if (!(rest->p[i] & 0x80)) {
            wire_skip(rest, i + 1);
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool
wire_fixed(struct slice *rest, size_t n, uint64_t *ret)
{
    if (rest->n < n)
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        *ret |= (uint64_t)rest->p[i] << (8 * i);
    wire_skip(rest, n);
    return true;
}

static bool
wire_bytes(struct slice *rest, struct slice *ret)
{
    uint64_t n;

    if (!wire_varint(rest, &n) || n > rest->n)
        return false;
    *ret = slice_make(rest->p, (size_t)n);
    wire_skip(rest, (size_t)n);
    return true;
}

enum wire_step
wire_next(struct slice *rest, struct wire_field *ret)
{
    uint64_t key;
    bool good;

    if (rest->n == 0)
        return WIRE_END;
    if (!wire_varint(rest, &key) || key >> 3 == 0 || key >> 3 > NUMBER_MAX)
        return WIRE_BAD;
    *ret = (struct wire_field){ .number = (uint32_t)(key >> 3) };
    switch (key & 7) {
    case TYPE_VARINT:
        good = wire_varint(rest, &ret->value);
        break;
    case TYPE_64:
        good = wire_fixed(rest, 8, &ret->value);
        break;
    case TYPE_BYTES:
        ret->is_bytes = true;
        good = wire_bytes(rest, &ret->bytes);
        break;
    case TYPE_32:
        good = wire_fixed(rest, 4, &ret->value);
        break;
    default:
        good = false;
        break;
    }
    return good ? WIRE_FIELD : WIRE_BAD;
}

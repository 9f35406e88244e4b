/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/pb_back.h - a protobuf message written from its end to its begin, into the caller's room: when the length of a nested message has to be written, its bytes are there already, so
 * nothing is measured twice. Fields are given in the reverse of the order that they have on the wire. For messages that are made on the path of a call; protobuf-c is for all others.
 * What does not fit makes the message full, which is asked once at the end. Any thread. Source: protobuf.dev/programming-guides/encoding. */
#ifndef OUTRIGGER_GRPC_PB_BACK_H
#define OUTRIGGER_GRPC_PB_BACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compat.h"
#include "base/slice.h"

struct pb_back {
    uint8_t *begin, *end; /* of the room */
    uint8_t *at;          /* the message is from here to end */
    bool full;            /* something did not fit: the message must not be used */
};

static inline void
pb_back_init(struct pb_back *b, uint8_t *room, size_t n)
{
    *b = (struct pb_back){ .begin = room, .end = room + n, .at = room + n };
}

static inline struct slice
pb_back_message(const struct pb_back *b)
{
    return slice_make(b->at, (size_t)(b->end - b->at));
}

/* n bytes in front of what is there; NULL: there is no room for them. */
static inline uint8_t *
pb_back_room(struct pb_back *b, size_t n)
{
    if (UNLIKELY((size_t)(b->at - b->begin) < n)) {
        b->full = true;
        return NULL;
    }
    return b->at -= n;
}

/* A varint of any length. */
void pb_back_long(struct pb_back *b, uint64_t v);

static inline void
pb_back_varint(struct pb_back *b, uint64_t v)
{
    uint8_t *to;

    if (UNLIKELY(v > 0x7f)) {
        pb_back_long(b, v);
        return;
    }
    to = pb_back_room(b, 1);
    if (LIKELY(to != NULL))
        *to = (uint8_t)v;
}

enum pb_wire { PB_VARINT, PB_FIXED64, PB_BYTES, PB_FIXED32 = 5 };

static inline void
pb_back_tag(struct pb_back *b, unsigned field, enum pb_wire wire)
{
    pb_back_varint(b, field << 3 | wire);
}

/* Those that are zero or empty are left out, as proto3 has it. */
static inline void
pb_back_number(struct pb_back *b, unsigned field, uint64_t v)
{
    if (v == 0)
        return;
    pb_back_varint(b, v);
    pb_back_tag(b, field, PB_VARINT);
}

/* A member of a oneof is written whatever it is. */
static inline void
pb_back_one_number(struct pb_back *b, unsigned field, uint64_t v)
{
    pb_back_varint(b, v);
    pb_back_tag(b, field, PB_VARINT);
}

void pb_back_fixed64(struct pb_back *b, unsigned field, uint64_t v);
void pb_back_fixed32(struct pb_back *b, unsigned field, uint32_t v);

static inline void
pb_back_one_bytes(struct pb_back *b, unsigned field, struct slice bytes)
{
    uint8_t *to = pb_back_room(b, bytes.n);

    if (LIKELY(to != NULL && bytes.n > 0))
        memcpy(to, bytes.p, bytes.n);
    pb_back_varint(b, bytes.n);
    pb_back_tag(b, field, PB_BYTES);
}

static inline void
pb_back_bytes(struct pb_back *b, unsigned field, struct slice bytes)
{
    if (bytes.n > 0)
        pb_back_one_bytes(b, field, bytes);
}

/* What was written since the room left was `left` becomes the nested message `field`: size_t left = pb_back_left(b); ... pb_back_nest(b, field, left). */
static inline size_t
pb_back_left(const struct pb_back *b)
{
    return (size_t)(b->at - b->begin);
}

static inline void
pb_back_nest(struct pb_back *b, unsigned field, size_t left)
{
    pb_back_varint(b, left - pb_back_left(b));
    pb_back_tag(b, field, PB_BYTES);
}

#endif

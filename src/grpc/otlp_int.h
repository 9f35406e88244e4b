/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp_int.h - attributes and texts as protobuf-c has them while something is packed; for otlp.c and otlp_metrics.c. */
#ifndef OUTRIGGER_GRPC_OTLP_INT_H
#define OUTRIGGER_GRPC_OTLP_INT_H

#include "grpc/otlp.h"
#include "grpc/pb.h"
#include "grpc/proto/otlp_part.pb-c.h"

typedef Outrigger__OtlpPart__Attribute pb_attribute;
typedef Outrigger__OtlpPart__Value pb_value;

/* Room for texts that had to be changed. All that had to be, of one span, are seldom more than a few hundred bytes. */
struct otlp_texts {
    size_t n;
    char room[4 * OTLP_TEXT_MAX];
};

enum { OTLP_ROOM_MAX = OTLP_ATTRIBUTES_MAX };

/* Attributes of a resource or a point. Not initialized but for n. */
struct otlp_room {
    size_t n;
    pb_attribute *list[OTLP_ROOM_MAX];
    pb_attribute all[OTLP_ROOM_MAX];
    pb_value values[OTLP_ROOM_MAX];
};

/* As it is when it is legal and short; else a clean copy, cut to what is left of the room. */
ProtobufCBinaryData otlp_text_clean(struct slice s, struct otlp_texts *t);
/* Returns the list of them. */
pb_attribute **
otlp_attributes_fill(struct otlp_room *to, const struct otlp_attribute *from, size_t n,
                     struct otlp_texts *t);
uint64_t otlp_nanoseconds(int64_t us);

#endif

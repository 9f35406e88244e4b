/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/wire.h - reads the fields of a protobuf message one after the other, in place and without memory: for messages that are too large to be made into objects. Groups, which nobody
 * writes any more, are refused. Source: protobuf.dev "Encoding". Pure; any thread. */
#ifndef OUTRIGGER_GRPC_WIRE_H
#define OUTRIGGER_GRPC_WIRE_H

#include <stdint.h>

#include "base/slice.h"

struct wire_field {
    uint32_t number;
    bool is_bytes;      /* text, bytes or a message; else a number */
    struct slice bytes; /* points into the message */
    uint64_t value;
};

enum wire_step { WIRE_FIELD, WIRE_END, WIRE_BAD };

/* Takes the next field out of *rest. */
enum wire_step wire_next(struct slice *rest, struct wire_field *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/pb.h - the few lines between protobuf-c and our types; for codecs in this folder
 * only. Any thread. */
#ifndef OUTRIGGER_GRPC_PB_H
#define OUTRIGGER_GRPC_PB_H

#include <protobuf-c/protobuf-c.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Appends the wire form of m to out.  What passes out's cap is left out (out->cut). */
void pb_write(const ProtobufCMessage *m, struct strbuf *out);
/* Appends the bytes of a text field. */
void pb_add_text(struct strbuf *out, ProtobufCBinaryData text);

/* Names of headers, which services write as they like, as HTTP/2 has them. */
void pb_lower(char *name, size_t n);

/* A field that points to bytes of somebody else.  For packing only: protobuf-c does not
 * write to them. */
static inline ProtobufCBinaryData
pb_data(struct slice s)
{
    return (ProtobufCBinaryData){ .len = s.n, .data = (uint8_t *)(uintptr_t)s.p };
}

static inline struct slice
pb_slice(ProtobufCBinaryData d)
{
    return slice_make(d.data, d.len);
}

#endif

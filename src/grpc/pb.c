/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/pb.c - protobuf-c writes straight into a strbuf. */
#include "grpc/pb.h"

#include "base/compat.h"

struct pb_sink {
    ProtobufCBuffer base;
    struct strbuf *out;
};

static void
pb_sink_append(ProtobufCBuffer *base, size_t n, const uint8_t *bytes)
{
    strbuf_add(CONTAINER_OF(base, struct pb_sink, base)->out, (const char *)bytes, n);
}

void
pb_write(const ProtobufCMessage *m, struct strbuf *out)
{
    struct pb_sink sink = { .base = { .append = pb_sink_append }, .out = out };

    protobuf_c_message_pack_to_buffer(m, &sink.base);
}

void
pb_add_text(struct strbuf *out, ProtobufCBinaryData text)
{
    if (text.len > 0)
        strbuf_add(out, (const char *)text.data, text.len);
}

void
pb_lower(char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] - 'A' + 'a');
    }
}

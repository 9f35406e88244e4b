/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/channelz_int.h - what the two files of the codec share. */
#ifndef OUTRIGGER_GRPC_CHANNELZ_INT_H
#define OUTRIGGER_GRPC_CHANNELZ_INT_H

#include "base/utf8.h"
#include "grpc/channelz.h"
#include "grpc/pb.h"
#include "grpc/proto/channelz_part.pb-c.h"

typedef Outrigger__ChannelzPart__SocketRef pb_socket_ref;

/* A reader would refuse the whole answer for one byte that is no UTF-8. */
static inline ProtobufCBinaryData
channelz_text(const char *s)
{
    struct slice text = slice_of(s);

    return pb_data(utf8_valid(text) ? text : (struct slice){ 0 });
}

static inline void
channelz_socket_ref_fill(pb_socket_ref *to, const struct channelz_ref *from)
{
    outrigger__channelz_part__socket_ref__init(to);
    to->socket_id = from->id;
    to->name = channelz_text(from->name);
}

#endif

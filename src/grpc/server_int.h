/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/server_int.h - what the files of the server share: server.c, which has the connections, and server_call.c, which has the calls on them. */
#ifndef OUTRIGGER_GRPC_SERVER_INT_H
#define OUTRIGGER_GRPC_SERVER_INT_H

#include <stdbool.h>

#include "base/list.h"
#include "grpc/server.h"
#include "h2/conn.h"

struct server_conn {
    struct list link;
    struct h2_conn *h2;
    struct grpc_server *server;
    bool leaving; /* it was told to make room */
};

struct grpc_server {
    struct h2_worker *w;
    const struct grpc_server_conf *conf;
    struct list conns;
};

/* A stream begins: makes the call. arg: the server_conn. NULL: no memory. From below the library, so it only makes the object. */
struct h2_stream *grpc_server_on_open(struct h2_conn *h2, void *arg);
void grpc_server_on_events(struct h2_stream *stream, unsigned events);

#endif

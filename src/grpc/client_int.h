/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/client_int.h - what the files of the client share: client.c, which keeps a connection, and client_call.c, which has the calls on it. */
#ifndef OUTRIGGER_GRPC_CLIENT_INT_H
#define OUTRIGGER_GRPC_CLIENT_INT_H

#include "base/list.h"
#include "grpc/client.h"
#include "h2/conn.h"
#include "loop/timer.h"
#include "net/tls_store.h"

/* A connection outlives its place in the client: after GOAWAY it ends its calls while a
 * new one is made. */
struct client_conn {
    struct list link;
    struct h2_conn *h2;
    struct grpc_client *client; /* NULL: not the client's current one any more */
};

struct grpc_client {
    struct h2_worker *w;
    const struct grpc_client_conf *conf;
    struct transport *connecting;
    struct client_conn *conn; /* takes new calls */
    struct list conns;        /* all */
    struct timer retry;
    struct timer no_tls; /* running: an attempt that fails in the next turn */
    struct tls_session_slot session;
    bool closed, freed;
};

/* Of each stream that is a call. */
void grpc_client_on_events(struct h2_stream *stream, unsigned events);

#endif

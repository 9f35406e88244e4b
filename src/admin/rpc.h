/* SPDX-License-Identifier: Apache-2.0 */
/* admin/rpc.h - gRPC on the admin port: HTTP/2 in plain text, without asking first ("prior knowledge"), beside HTTP/1.1 on the same socket, for grpcurl and grpcdebug. admin/sniff.h
 * tells the two apart. Here is the table of the services that other files mount, and the bounds: RPC_CONNS_MAX connections (one more ends the one that is open longest; all of them count
 * as connections of the port, admin/crowd.h), RPC_STREAMS_MAX calls each, requests of RPC_MESSAGE_MAX bytes, the port's budget of time (admin/crowd.h). Who may read pages may call: a foreign authority is refused as a foreign Host
 * is. Main thread only.
 *
 * To mount a service: a table of struct grpc_method (grpc/server.h), a struct grpc_service around it that lives as long as the process, admin_set_service before the port is asked first. */
#ifndef OUTRIGGER_ADMIN_RPC_H
#define OUTRIGGER_ADMIN_RPC_H

#include "base/compat.h"

struct admin;
struct admin_rpc;
struct grpc_service;
struct h2_worker;

enum {
    RPC_SERVICES_MAX = 8,
    RPC_CONNS_MAX = 8,
    RPC_STREAMS_MAX = 8,
    RPC_MESSAGE_MAX =
        16 * 1024, /* of a request; an answer may be larger, its maker bounds it */
};

/* h2: of the admin port's loop. Never NULL. */
struct admin_rpc *admin_rpc_open(struct admin *a, struct h2_worker *h2);
/* Its methods are answered from now on, and reflection lists it when its descriptors are among those of grpc/descriptors.h. The struct stays valid until admin_rpc_free. a NULL, or without
 * admin_rpc_open: nothing happens. */
void admin_set_service(struct admin *a, const struct grpc_service *service);
/* Ends all connections; new ones are closed. Calls of admin_leave and admin_close do that. */
void admin_rpc_close(struct admin_rpc *r);
/* After admin_close and h2_worker_free. NULL is fine. */
void admin_rpc_free(struct admin_rpc *r);

#endif

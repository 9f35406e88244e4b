/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/server.h - a small gRPC server for services of our own: whole messages in, whole
 * messages out. It does what a gRPC library does for its user: checks the request,
 * enforces grpc-timeout, puts messages together (at most max_message), stops
 * reading while its answers are not taken, and ends each call with a status. A service is
 * a table of methods; the memory of a call belongs to the server and holds `state_size`
 * zeroed bytes for the service. Everything belongs to the loop's thread of its h2_worker.
 * Source of the rules: grpc/grpc doc/PROTOCOL-HTTP2.md. */
#ifndef OUTRIGGER_GRPC_SERVER_H
#define OUTRIGGER_GRPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "grpc/status.h"

struct grpc_call;
struct grpc_server;
struct h2_limits;
struct h2_worker;
struct loop;
struct transport;

enum {
    GRPC_SERVER_MESSAGE_MAX = 4 << 20, /* as gRPC libraries have it; a longer one ends the
                                          call RESOURCE_EXHAUSTED */
    GRPC_SERVER_QUEUE_HIGH = 256 << 10, /* bytes not yet taken by the client above which a
                                           call reads no more */
};

struct grpc_method {
    const char *path;    /* "/package.Service/Method" */
    bool client_streams; /* false: the server sees to it that there is exactly one request
                            message */
    /* One request message; the bytes are valid during the call.  Not called after
     * grpc_call_finish. */
    void (*on_message)(struct grpc_call *call, struct slice message);
    /* The client has sent all.  With client_streams = false it comes right after
     * on_message. May be NULL. */
    void (*on_half_close)(struct grpc_call *call);
    /* Answers were taken: grpc_call_queued is low again. For methods that send more than
     * one message on their own. May be NULL. */
    void (*on_room)(struct grpc_call *call);
    /* The call is over, also when it was cancelled: stop timers.  Once, last, for calls
     * that had an on_message or on_half_close or not. May be NULL. */
    void (*on_gone)(struct grpc_call *call);
};

/* One of several services that share a server, made by people who know nothing of each other. Constant while the server lives. */
struct grpc_service {
    const struct grpc_method *methods;
    size_t n_methods;
    size_t state_size; /* zeroed bytes of each call, grpc_call_state */
    void *arg;         /* grpc_call_arg of its calls */
};

struct grpc_server_conf { /* everything in it must outlive the server */
    const struct grpc_method *methods;
    size_t n_methods;
    size_t state_size; /* of the largest of methods and services */
    const struct grpc_service *const *services; /* beside methods; NULL: none */
    size_t n_services;
    const char *unknown_text; /* for UNIMPLEMENTED; NULL: plain words */
    const char *backend_name; /* sent as x-backend with each answer; NULL: none */
    const struct h2_limits *limits;
    uint32_t max_message; /* bytes of a request message; 0: GRPC_SERVER_MESSAGE_MAX */
    /* Whether who asks for this authority (no bytes: none was sent) may call anything. False: it is PERMISSION_DENIED with *ret_why, static text. NULL: all may. */
    bool (*may_call)(void *arg, struct slice authority, const char **ret_why);
    /* Around on_message, for servers with a budget of time. begin false: the call ends RESOURCE_EXHAUSTED with *ret_why, static text; what it set *ret_note to is for end. Both, or NULL. */
    bool (*message_begin)(void *arg, const struct grpc_method *method, int64_t *ret_note,
                          const char **ret_why);
    void (*message_end)(void *arg, const struct grpc_method *method, int64_t note);
    /* A connection of grpc_server_take is gone. May be NULL. */
    void (*on_conn_closed)(void *arg);
    void *arg; /* of methods and of these callbacks */
};

struct grpc_server *
grpc_server_new(struct h2_worker *w, const struct grpc_server_conf *conf);
/* Takes the connection of a client over. */
void grpc_server_take(struct grpc_server *s, struct transport *t);
/* Closes the connection that is open longest and was not closed so before; false: there is none. */
bool grpc_server_close_oldest(struct grpc_server *s);
/* Closes all connections at once; their calls end in this turn of the loop. */
void grpc_server_close(struct grpc_server *s);
/* After h2_worker_free (its connections outlive grpc_server_close a little). NULL is
 * fine. */
void grpc_server_free(struct grpc_server *s);

void *grpc_call_state(struct grpc_call *call);
void *grpc_call_arg(const struct grpc_call *call); /* conf.arg, or its service's */
struct loop *grpc_call_loop(const struct grpc_call *call);
/* Queues one message for the client. Ignored after grpc_call_finish and after the call
 * was cancelled.  A message that finds no memory ends the call RESOURCE_EXHAUSTED. */
void grpc_call_send(struct grpc_call *call, struct slice message);
/* Bytes queued and not taken by the client yet. */
size_t grpc_call_queued(const struct grpc_call *call);
/* Ends the call after what is queued.  text: for grpc-message, may be ""; copied.  The
 * first one counts. */
void grpc_call_finish(struct grpc_call *call, enum grpc_code code, const char *text);
bool grpc_call_finished(const struct grpc_call *call);

#endif

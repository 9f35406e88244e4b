/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/client.h - a small gRPC client for calls that we make ourselves: one connection to
 * one address, whole messages in and out. It connects on its own and again after a loss,
 * or, with `manual`, when told; a call made while there is no connection ends
 * UNAVAILABLE. Everything belongs to the loop's thread of its h2_worker.  Source of the
 * rules: grpc/grpc doc/PROTOCOL-HTTP2.md. */
#ifndef OUTRIGGER_GRPC_CLIENT_H
#define OUTRIGGER_GRPC_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "grpc/status.h"
#include "net/addr.h"

struct grpc_client;
struct grpc_client_call;
struct h2_limits;
struct h2_worker;
struct tls_keyring;
struct transport;

enum {
    GRPC_CLIENT_MESSAGE_MAX = 4 << 20,
    GRPC_CLIENT_FIELDS_MAX = 16,
    GRPC_CLIENT_RETRY_US = 100 * 1000, /* pause before connecting again */
};

struct grpc_client_field {
    const char *name, *value;
};

enum grpc_client_event {
    GRPC_CLIENT_CONNECTED,
    GRPC_CLIENT_FAILED, /* the connect; why says what the system said */
    GRPC_CLIENT_GOAWAY, /* takes no new calls; those under way go on. code: HTTP/2's */
    GRPC_CLIENT_LOST,   /* without a GOAWAY before; its calls had their on_end */
};

struct grpc_client_conf {  /* everything in it must outlive the client's connections */
    struct addr to;        /* len 0: it never connects, see grpc_client_take */
    const char *authority; /* "127.0.0.1:8080" */
    const struct h2_limits *limits;
    struct tls_keyring *tls; /* NULL: plain text */
    const char *tls_name;    /* with tls: whom the certificate must be for */
    bool manual;             /* connects only by grpc_client_connect, once each time */
    /* Sent with each call behind our own fields. */
    const struct grpc_client_field *fields;
    size_t field_count;     /* at most GRPC_CLIENT_FIELDS_MAX */
    const char *user_agent; /* NULL: outrigger's */
    /* News of the connection that takes calls; may close and free the client. Not told
     * of what grpc_client_close and grpc_client_disconnect end. May be NULL. */
    void (*on_conn)(void *arg, enum grpc_client_event event, uint32_t code,
                    const char *why);
    /* The peer's SETTINGS arrived (or changed) on that connection: it speaks HTTP/2. May
     * be NULL. */
    void (*on_settings)(void *arg);
    void *arg;
};

struct grpc_client_ops {
    /* One whole message of the answer; the bytes are valid during the call. May be NULL.
     */
    void (*on_message)(struct grpc_client_call *call, void *arg, struct slice message);
    /* The call ended.  Once, always, last, never inside grpc_client_start; the call's
     * pointer is dead afterwards.  text: grpc-message as it came (percent-encoded), or
     * our own words when no status came. */
    void (*on_end)(struct grpc_client_call *call, void *arg, enum grpc_code code,
                   struct slice text);
};

struct grpc_client *
grpc_client_new(struct h2_worker *w, const struct grpc_client_conf *conf);
/* Uses a connected transport from now on. */
void grpc_client_take(struct grpc_client *c, struct transport *t);
bool grpc_client_connected(const struct grpc_client *c);
/* Ends the connection: open calls end UNAVAILABLE in this turn, no new connection is
 * made. */
void grpc_client_close(struct grpc_client *c);
/* After grpc_client_close. Its connections outlive that a little; the memory goes with
 * the last of them. NULL is fine. */
void grpc_client_free(struct grpc_client *c);
/* With `manual`: starts a connect unless there is a connection or an attempt; news come
 * by on_conn, never inside this call. There is no time limit: see
 * grpc_client_disconnect. */
void grpc_client_connect(struct grpc_client *c);
/* Ends connections and attempts: open calls end UNAVAILABLE in this turn. The client can
 * connect again. */
void grpc_client_disconnect(struct grpc_client *c);

/* Starts a call. path: "/package.Service/Method", must stay valid until on_end.
 * timeout_us: deadline of the call, also sent as grpc-timeout; 0: none. ERR_CONNECT: not
 * connected (on_end does not follow); ERR_GOAWAY, ERR_NOMEM likewise; ERR_LIMIT: the
 * peer takes no further stream now. */
int grpc_client_start(struct grpc_client *c, const char *path, int64_t timeout_us,
                      const struct grpc_client_ops *ops, void *arg,
                      struct grpc_client_call **ret) MUST_CHECK;
void grpc_client_send(struct grpc_client_call *call, struct slice message);
void grpc_client_half_close(struct grpc_client_call *call);
void grpc_client_cancel(struct grpc_client_call *call); /* on_end comes later in this turn
                                                           or the next: CANCELLED */
/* The same, and the owner hears nothing of this call any more. */
void grpc_client_forget(struct grpc_client_call *call);
/* In on_end: the peer's GOAWAY named this call as one that it has not seen. */
bool grpc_client_unseen(const struct grpc_client_call *call);
/* The first value of an answer's metadata (headers, then trailers); p is NULL when there
 * is none. Valid until on_end returned. */
struct slice grpc_client_metadata(const struct grpc_client_call *call, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/down.h - one client connection. It lives until the connection is closed and its last call ended: a stream slot is free only
 * when the call's backend stream is gone too, which bounds Rapid Reset and its kin by construction (reliability.md 1). Worker's thread only. */
#ifndef OUTRIGGER_PROXY_DOWN_H
#define OUTRIGGER_PROXY_DOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/timer.h"
#include "net/addr.h"

struct front;
struct h2_conn;
struct server;
struct tls_peer;
struct transport;
struct worker;

struct down {
    struct h2_conn *h2; /* NULL: closed */
    struct worker *worker;
    struct server *
        server; /* valid while h2 is: a listener that was taken out of the config goes with its last connection */
    struct transport *transport; /* of h2; NULL: closed */
    struct front *front;         /* held: what the config said when it came */
    struct list link;            /* worker->downs */
    unsigned calls;              /* not ended, also those whose stream the client reset */
    uint64_t failed;             /* calls that ended with another status than OK */
    struct addr peer;
    char *xfcc;          /* our element of x-forwarded-client-cert; NULL: not made */
    struct timer depart; /* depart.c: running: it is told to go then */
};

void down_open(struct worker *w, struct server *s, int fd, const struct addr *peer);
/* A call of this connection ended; frees the object when it was the last and the connection is closed. */
void down_call_ended(struct down *d);

/* Who the client is by TLS: NULL when the listener has none, before the handshake is over, and when the connection is closed (a call may live a little
 * longer: who needs it then copies what it needs). See net/tls.h. */
const struct tls_peer *down_peer(const struct down *d);
/* The best name of a client that showed a certificate which was verified: its SPIFFE ID, first subject alternative name, or subject. NULL: none. Lives as long
 * as down_peer. */
const char *down_identity(const struct down *d);

#endif

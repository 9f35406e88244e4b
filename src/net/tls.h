/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.h - TLS over another transport, as a transport (OpenSSL 3). TLS 1.2 or newer, ALPN
 * "h2" is required, certificates are always verified, no renegotiation, no compression, no
 * early data (reliability.md 6).
 *
 * A context holds what is read from files. It is counted: to reload, make a new one for new
 * connections and drop the old one; connections that are open keep theirs. Contexts may be
 * shared by threads, a transport belongs to its loop's thread. */
#ifndef OUTRIGGER_NET_TLS_H
#define OUTRIGGER_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct addr;
struct loop;
struct tls_ctx;
struct transport;

enum { TLS_WHY_MAX = 512, TLS_NAME_MAX = 253 };

struct tls_client_conf {
    const char
        *ca_file; /* PEM; who may sign the peer's certificate. NULL: the system's */
};

/* Reads the files, so it waits for the disk. NULL with a sentence in why. */
struct tls_ctx *
tls_ctx_new_client(const struct tls_client_conf *conf, char why[TLS_WHY_MAX]) MUST_CHECK;
void tls_ctx_hold(struct tls_ctx *ctx);
void tls_ctx_drop(struct tls_ctx *ctx); /* NULL is fine */

/* Starts the client's handshake over `inner`, which must be connected and is owned (closed)
 * by the new transport. name: whom the certificate must be for, a DNS name (sent as SNI) or
 * an IP address. The callback gets TRANSPORT_CONNECTED or TRANSPORT_FAILED in a later turn,
 * as after transport_connect. The caller has the timer. Never NULL. */
struct transport *tls_client_over(struct loop *l, struct tls_ctx *ctx,
                                  struct transport *inner, const char *name);
/* transport_connect and the handshake. */
struct transport *
tls_connect(struct loop *l, struct tls_ctx *ctx, const struct addr *to, const char *name);
/* Why a transport made here failed: a plain sentence without a full stop; "" when it did
 * not. Valid until the end of the turn in which it is closed. */
const char *tls_why(const struct transport *t);
/* "TLSv1.3"; "" before the handshake is over. */
const char *tls_version(const struct transport *t);

/* Version of the library that runs. Any thread. */
const char *tls_library_version(void);

#endif

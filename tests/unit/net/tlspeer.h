/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.h - the other side of a TLS connection for tests, a server or a client: OpenSSL on
 * memory, bytes through the other end of a memory pair. It echoes nothing by itself. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSPEER_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSPEER_H

#include <stdbool.h>
#include <stddef.h>

#include "tlscert.h"

struct transport;

struct tlspeer {
    struct transport *t;
    SSL_CTX *ctx;
    SSL *ssl;
    bool handshaken, ended; /* ended: close_notify or end of bytes was seen */
    unsigned char *in;      /* what it got */
    size_t in_n, in_room;
    const unsigned char *out; /* what it still has to send */
    size_t out_n;
    bool hold; /* reads nothing from the wire */
    SSL_SESSION *session; /* newest one that the server gave; a client's */
    unsigned sessions;
    char alert[80]; /* why the handshake or a read failed; "" when it did not */
};

struct tlspeer_conf {
    const struct tlsid *id; /* NULL: a client without a certificate */
    bool no_alpn;
    int min_version, max_version; /* 0: any */
    /* A client's: */
    bool client;
    const char *sni;          /* NULL: none */
    const char *alpn;         /* as on the wire; NULL: "\2h2" */
    const char *ciphers;      /* of TLS 1.2; NULL: all */
    const char *sigalgs;      /* NULL: as OpenSSL has them */
    const struct tlsid *above; /* sent behind the certificate */
    SSL_SESSION *session;     /* to be resumed */
};

void
tlspeer_open(struct tlspeer *p, struct transport *t, const struct tlspeer_conf *conf);
/* Moves bytes both ways as far as they go. */
void tlspeer_pump(struct tlspeer *p);
void tlspeer_close(struct tlspeer *p);

#endif

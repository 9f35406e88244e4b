/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.h - a TLS server for tests: certificates made on the spot, OpenSSL on memory, bytes
 * through the other end of a memory pair. It echoes nothing by itself. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSPEER_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSPEER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct loop;
struct transport;

struct tlsid { /* a key and its certificate */
    EVP_PKEY *key;
    X509 *cert;
};

/* san: "DNS:a.example,IP:127.0.0.1"; NULL: none. by NULL: self-signed CA. Days from now. */
void tlsid_make(struct tlsid *id, const char *san, const struct tlsid *by, int from_day,
                int to_day);
void tlsid_done(struct tlsid *id);
/* The certificate in PEM form. */
void tlsid_save(const struct tlsid *id, const char *path);

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
};

struct tlspeer_conf {
    const struct tlsid *id;
    bool no_alpn;
    int max_version; /* 0: any */
};

void
tlspeer_open(struct tlspeer *p, struct transport *t, const struct tlspeer_conf *conf);
/* Moves bytes both ways as far as they go. */
void tlspeer_pump(struct tlspeer *p);
void tlspeer_close(struct tlspeer *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_int.h - what the files of TLS tell each other. Other rooms do not include it. */
#ifndef OUTRIGGER_NET_TLS_INT_H
#define OUTRIGGER_NET_TLS_INT_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_ctx {
    SSL_CTX *ssl_ctx;
    char *ca_file; /* for sentences; NULL: the system's */
    _Atomic unsigned count;
};

/* tls_why.c: why the peer's certificate was refused; from a verify callback. */
void tls_explain_cert(X509_STORE_CTX *store, const struct tls_ctx *ctx, const char *name,
                      char why[TLS_WHY_MAX]);
/* Why the handshake failed, when why is still empty: from OpenSSL's queue of errors, which
 * it empties. */
void tls_explain(char why[TLS_WHY_MAX]);

#endif

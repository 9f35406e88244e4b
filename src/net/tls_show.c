/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_show.c - asks OpenSSL. */
#include "net/tls_show.h"

#include <openssl/err.h>

#include "base/strbuf.h"
#include "net/tls_int.h"

static const SSL *
ssl_of(const struct transport *t)
{
    return CONTAINER_OF((struct transport *)(uintptr_t)t, struct tls, t)->ssl;
}

const char *
tls_show_cipher(const struct transport *t, bool *ret_standard)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl_of(t));
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;

    *ret_standard = name != NULL;
    return name ? name : SSL_CIPHER_get_name(cipher);
}

void
tls_show_certificate(const struct transport *t, bool of_peer, struct strbuf *out)
{
    const SSL *ssl = ssl_of(t);
    const X509 *cert =
        of_peer ? SSL_get0_peer_certificate(ssl) : SSL_get_certificate(ssl);
    unsigned char *der = NULL;
    int n = cert ? i2d_X509(cert, &der) : 0;

    if (n > 0 && (size_t)n < out->cap)
        strbuf_add(out, (const char *)der, (size_t)n);
    OPENSSL_free(der);
    ERR_clear_error();
}

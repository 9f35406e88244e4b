/* SPDX-License-Identifier: Apache-2.0 */
/* secure.c - see secure.h */
#include "secure.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_AHEAD = 64 * 1024 }; /* many records with one system call */

static int
secure_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
               const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char h2[] = { 2, 'h', '2' };
    (void)ssl;
    (void)arg;

    return SSL_select_next_proto((unsigned char **)out, out_len, h2, sizeof(h2), in,
                                 in_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
secure_die(const char *what)
{
    fprintf(stderr, "bench_backend: TLS: %s: ", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

SSL_CTX *
secure_init(const char *file)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    if (c == NULL || SSL_CTX_use_certificate_chain_file(c, file) != 1 ||
        SSL_CTX_use_PrivateKey_file(c, file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1)
        secure_die(file);
    SSL_CTX_set_mode(c,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, READ_AHEAD);
    SSL_CTX_set_alpn_select_cb(c, secure_on_alpn, NULL);
    return c;
}

SSL *
secure_open(SSL_CTX *tls, int fd)
{
    SSL *ssl = SSL_new(tls);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        secure_die("a connection");
    SSL_set_accept_state(ssl);
    return ssl;
}

void
secure_close(SSL *ssl)
{
    SSL_free(ssl);
}

static ssize_t
secure_result(SSL *ssl, int rv)
{
    int e = rv > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, rv);

    if (rv > 0)
        return rv;
    ERR_clear_error();
    errno = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return e == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t
secure_send(SSL *ssl, const void *from, size_t n)
{
    return secure_result(ssl, SSL_write(ssl, from, (int)n));
}

ssize_t
secure_recv(SSL *ssl, void *to, size_t room)
{
    size_t n = 0;

    for (;;) {
        ssize_t k = secure_result(ssl, SSL_read(ssl, (char *)to + n, (int)(room - n)));

        if (k <= 0)
            return n > 0 ? (ssize_t)n : k;
        n += (size_t)k;
        if (n == room || !secure_pending(ssl))
            return (ssize_t)n;
    }
}

bool
secure_pending(SSL *ssl)
{
    return SSL_has_pending(ssl) == 1;
}

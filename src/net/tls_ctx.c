/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_ctx.c - what connections share: versions, ciphers, whom we trust. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/xalloc.h"
#include "net/tls_int.h"

/* Suites with authenticated encryption and forward secrecy; TLS 1.3 has no others. */
static const char suites_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
static const unsigned char alpn_h2[] = { 2, 'h', '2' };

static bool
ctx_set_common(SSL_CTX *c)
{
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* A blocked write is kept by us and tried again from the same bytes. Idle connections
     * give their buffers back. */
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(c, 1); /* one system call for many small records */
    return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(c, suites_12) == 1 &&
           SSL_CTX_set1_groups_list(c, groups) == 1;
}

/* Fails closed: a file without a certificate trusts nobody, and says so now. */
static bool
ctx_load_ca(SSL_CTX *c, const char *file, char why[TLS_WHY_MAX])
{
    if (!file && SSL_CTX_set_default_verify_paths(c) == 1)
        return true;
    if (file && SSL_CTX_load_verify_file(c, file) == 1)
        return true;
    if (!file)
        snprintf(why, TLS_WHY_MAX, "the system's list of CAs cannot be read");
    else if (access(file, R_OK) < 0)
        snprintf(why, TLS_WHY_MAX, "the CA file %s cannot be read: %s", file,
                 strerror(errno));
    else
        snprintf(why, TLS_WHY_MAX, "the CA file %s has no certificate in PEM form", file);
    return false;
}

struct tls_ctx *
tls_ctx_new_client(const struct tls_client_conf *conf, char why[TLS_WHY_MAX])
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    struct tls_ctx *ctx;
    bool good;

    ERR_clear_error();
    snprintf(why, TLS_WHY_MAX, "OpenSSL cannot be set up");
    good = c && ctx_set_common(c) &&
           SSL_CTX_set_alpn_protos(c, alpn_h2, sizeof(alpn_h2)) == 0 &&
           ctx_load_ca(c, conf->ca_file, why);
    ERR_clear_error();
    if (!good) {
        SSL_CTX_free(c);
        return NULL;
    }
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    ctx = xcalloc(1, sizeof(*ctx));
    ctx->ssl_ctx = c;
    ctx->ca_file = conf->ca_file ? xstrdup(conf->ca_file) : NULL;
    atomic_init(&ctx->count, 1);
    why[0] = '\0';
    return ctx;
}

void
tls_ctx_hold(struct tls_ctx *ctx)
{
    atomic_fetch_add_explicit(&ctx->count, 1, memory_order_relaxed);
}

void
tls_ctx_drop(struct tls_ctx *ctx)
{
    if (!ctx || atomic_fetch_sub_explicit(&ctx->count, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(ctx->ssl_ctx);
    xfree(ctx->ca_file);
    xfree(ctx);
}

const char *
tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.c - see tlspeer.h */
#include "tlspeer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/err.h"
#include "net/transport.h"

enum { DAY_S = 86400 };

static void
must(bool good)
{
    if (good)
        return;
    ERR_print_errors_fp(stderr);
    abort();
}

static void
add_extension(X509 *cert, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)issuer, cert, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
}

void
tlsid_make(struct tlsid *id, const char *san, const struct tlsid *by, int from_day,
           int to_day)
{
    static long serial;
    X509_NAME *name = X509_NAME_new();

    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    must(id->key && id->cert && name);
    if (!by)
        by = id;
    must(X509_set_version(id->cert, 2) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(id->cert), ++serial) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(id->cert), (long)from_day * DAY_S) &&
         X509_gmtime_adj(X509_getm_notAfter(id->cert), (long)to_day * DAY_S) &&
         X509_set_pubkey(id->cert, id->key) == 1 &&
         X509_NAME_add_entry_by_txt(
             name, "CN", MBSTRING_ASC,
             (const unsigned char *)(by == id ? "test CA" : "test"), -1, -1, 0) == 1 &&
         X509_set_subject_name(id->cert, name) == 1 &&
         X509_set_issuer_name(id->cert, X509_get_subject_name(by->cert)) == 1);
    X509_NAME_free(name);
    if (by == id)
        add_extension(id->cert, id->cert, NID_basic_constraints, "critical,CA:TRUE");
    if (san)
        add_extension(id->cert, by->cert, NID_subject_alt_name, san);
    must(X509_sign(id->cert, by->key, EVP_sha256()) > 0);
}

void
tlsid_done(struct tlsid *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

void
tlsid_save(const struct tlsid *id, const char *path)
{
    FILE *f = fopen(path, "w");

    must(f && PEM_write_X509(f, id->cert) == 1 && fclose(f) == 0);
}

static int
choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_n,
          const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl, (void)arg;
    assert(in_n == 3 && memcmp(in, "\2h2", 3) == 0);
    *out = in + 1;
    *out_n = 2;
    return SSL_TLSEXT_ERR_OK;
}

void
tlspeer_open(struct tlspeer *p, struct transport *t, const struct tlspeer_conf *conf)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    memset(p, 0, sizeof(*p));
    p->t = t;
    p->ctx = SSL_CTX_new(TLS_server_method());
    must(p->ctx && in && out);
    SSL_CTX_set_security_level(p->ctx, 0); /* so that it can speak TLS 1.1 */
    must(SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0") == 1 &&
         SSL_CTX_use_certificate(p->ctx, conf->id->cert) == 1 &&
         SSL_CTX_use_PrivateKey(p->ctx, conf->id->key) == 1 &&
         SSL_CTX_set_max_proto_version(p->ctx, conf->max_version) == 1);
    SSL_CTX_set_mode(p->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (!conf->no_alpn)
        SSL_CTX_set_alpn_select_cb(p->ctx, choose_h2, NULL);
    p->ssl = SSL_new(p->ctx);
    must(p->ssl != NULL);
    SSL_set_bio(p->ssl, in, out);
    SSL_set_accept_state(p->ssl);
}

/* Bytes of the wire into OpenSSL. */
static bool
pump_in(struct tlspeer *p)
{
    char room[4096];
    ssize_t n = p->hold ? ERR_AGAIN : transport_read(p->t, room, sizeof(room));

    if (n > 0)
        must(BIO_write(SSL_get_rbio(p->ssl), room, (int)n) == n);
    return n > 0;
}

static bool
pump_out(struct tlspeer *p)
{
    char *bytes;
    long n = BIO_get_mem_data(SSL_get_wbio(p->ssl), &bytes);
    struct iovec v = { .iov_base = bytes, .iov_len = n > 0 ? (size_t)n : 0 };
    ssize_t done = n > 0 ? transport_writev(p->t, &v, 1) : 0;
    char sink[4096];

    for (ssize_t left = done; left > 0;) {
        int k = left < (ssize_t)sizeof(sink) ? (int)left : (int)sizeof(sink);

        must(BIO_read(SSL_get_wbio(p->ssl), sink, k) == k);
        left -= k;
    }
    return done > 0;
}

static bool
pump_app(struct tlspeer *p)
{
    unsigned char room[4096];
    int n;

    ERR_clear_error();
    if (!p->handshaken) {
        p->handshaken = SSL_do_handshake(p->ssl) == 1;
        return p->handshaken;
    }
    if (p->out_n > 0 && BIO_pending(SSL_get_wbio(p->ssl)) < 65536) {
        n = SSL_write(p->ssl, p->out, p->out_n < 65536 ? (int)p->out_n : 65536);
        must(n > 0);
        p->out += n;
        p->out_n -= (size_t)n;
        return true;
    }
    n = SSL_read(p->ssl, room, sizeof(room));
    if (n <= 0) {
        p->ended |= SSL_get_error(p->ssl, n) == SSL_ERROR_ZERO_RETURN;
        return false;
    }
    if (p->in_n + (size_t)n > p->in_room) {
        p->in_room = 2 * (p->in_n + (size_t)n);
        p->in = realloc(p->in, p->in_room);
        must(p->in != NULL);
    }
    memcpy(p->in + p->in_n, room, (size_t)n);
    p->in_n += (size_t)n;
    return true;
}

void
tlspeer_pump(struct tlspeer *p)
{
    bool moved;

    do {
        moved = pump_in(p);
        moved |= pump_app(p);
        moved |= pump_out(p);
    } while (moved);
}

void
tlspeer_close(struct tlspeer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    free(p->in);
    transport_close(p->t);
}

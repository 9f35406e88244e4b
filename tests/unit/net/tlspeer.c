/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.c - see tlspeer.h */
#include "tlspeer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/transport.h"

static void
must(bool good)
{
    if (good)
        return;
    ERR_print_errors_fp(stderr);
    abort();
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

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tlspeer *p = SSL_get_app_data(ssl);

    SSL_SESSION_free(p->session);
    p->session = session;
    p->sessions++;
    return 1;
}

static void
open_server(struct tlspeer *p, const struct tlspeer_conf *conf)
{
    if (!conf->no_alpn)
        SSL_CTX_set_alpn_select_cb(p->ctx, choose_h2, NULL);
    p->ssl = SSL_new(p->ctx);
    must(p->ssl != NULL);
    SSL_set_accept_state(p->ssl);
}

static void
open_client(struct tlspeer *p, const struct tlspeer_conf *conf)
{
    const char *alpn = conf->alpn ? conf->alpn : "\2h2";

    if (conf->ciphers)
        must(SSL_CTX_set_cipher_list(p->ctx, conf->ciphers) == 1);
    if (conf->sigalgs)
        must(SSL_CTX_set1_sigalgs_list(p->ctx, conf->sigalgs) == 1);
    SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT |
                                               SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(p->ctx, keep_session);
    p->ssl = SSL_new(p->ctx);
    must(p->ssl != NULL);
    if (!conf->no_alpn)
        must(SSL_set_alpn_protos(p->ssl, (const unsigned char *)alpn,
                                 (unsigned)strlen(alpn)) == 0);
    if (conf->sni)
        must(SSL_set_tlsext_host_name(p->ssl, conf->sni) == 1);
    if (conf->session)
        must(SSL_set_session(p->ssl, conf->session) == 1);
    SSL_set_connect_state(p->ssl);
}

void
tlspeer_open(struct tlspeer *p, struct transport *t, const struct tlspeer_conf *conf)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    memset(p, 0, sizeof(*p));
    p->t = t;
    p->ctx = SSL_CTX_new(conf->client ? TLS_client_method() : TLS_server_method());
    must(p->ctx && in && out);
    SSL_CTX_set_security_level(p->ctx, 0); /* so that it can speak TLS 1.1 */
    must(SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0") == 1 &&
         SSL_CTX_set_min_proto_version(p->ctx, conf->min_version) == 1 &&
         SSL_CTX_set_max_proto_version(p->ctx, conf->max_version) == 1);
    if (conf->id)
        must(SSL_CTX_use_certificate(p->ctx, conf->id->cert) == 1 &&
             SSL_CTX_use_PrivateKey(p->ctx, conf->id->key) == 1);
    if (conf->above)
        must(SSL_CTX_add1_chain_cert(p->ctx, conf->above->cert) == 1);
    SSL_CTX_set_mode(p->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (conf->client)
        open_client(p, conf);
    else
        open_server(p, conf);
    SSL_set_app_data(p->ssl, p);
    SSL_set_bio(p->ssl, in, out);
}

static void
note_error(struct tlspeer *p, int rv)
{
    unsigned long e = ERR_peek_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;

    if (SSL_get_error(p->ssl, rv) == SSL_ERROR_SSL && reason && !p->alert[0])
        snprintf(p->alert, sizeof(p->alert), "%s", reason);
    ERR_clear_error();
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
        n = SSL_do_handshake(p->ssl);
        p->handshaken = n == 1;
        if (!p->handshaken)
            note_error(p, n);
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
        note_error(p, n);
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
    SSL_SESSION_free(p->session);
    SSL_CTX_free(p->ctx);
    free(p->in);
    transport_close(p->t);
}

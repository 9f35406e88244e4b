/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_ctx.c - what connections share: versions, ciphers, whom we trust, our own
 * certificates. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/xalloc.h"
#include "net/tls_int.h"

enum { DEPTH_MAX = 5, READ_BUFFER = 64 << 10 };

/* Suites with authenticated encryption and forward secrecy. The cheapest first; who prefers
 * ChaCha20 has no AES in hardware and gets it. */
static const char suites_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups_server[] = "X25519:P-256";
static const char groups_client[] = "X25519:P-256:P-384";
static const unsigned char alpn_h2[] = { 2, 'h', '2' };

bool
tls_ctx_set_common(struct tls_ctx *ctx, uint32_t min_version)
{
    SSL_CTX *c = ctx->ssl_ctx;

    ctx->only_13 = min_version == TLS_MIN_1_3;
    SSL_CTX_set_security_level(c, 2);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
    /* A blocked write is kept by us and tried again from the same bytes. Buffers of idle
     * connections are given back by our timer: RELEASE_BUFFERS would allocate for each
     * record. */
    SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_clear_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(c, 1); /* one system call for many records */
    SSL_CTX_set_default_read_buffer_len(c, READ_BUFFER);
    SSL_CTX_set_verify_depth(c, DEPTH_MAX);
    SSL_CTX_set_msg_callback(c, tls_on_message);
    SSL_CTX_set_max_early_data(c, 0);
    SSL_CTX_set_recv_max_early_data(c, 0);
    return SSL_CTX_set_min_proto_version(c, ctx->only_13 ? TLS1_3_VERSION
                                                         : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(c, 0) == 1 &&
           SSL_CTX_set_cipher_list(c, suites_12) == 1 &&
           SSL_CTX_set_ciphersuites(c, suites_13) == 1 &&
           SSL_CTX_set1_groups_list(c, ctx->server ? groups_server : groups_client) == 1;
}

bool
tls_ctx_load_ca(struct tls_ctx *ctx, STACK_OF(X509_NAME) *names, const char *file,
                const char *crl, char why[TLS_WHY_MAX])
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx->ssl_ctx);
    struct tls_fault fault;
    bool old;

    if (file) {
        ctx->ca_file = xstrdup(file);
        if (!tls_load_cas(store, names, file, &fault)) {
            snprintf(why, TLS_WHY_MAX, "the CA file %.*s", TLS_WHY_MAX - 16, fault.text);
            return false;
        }
    } else if (SSL_CTX_set_default_verify_paths(ctx->ssl_ctx) != 1) {
        snprintf(why, TLS_WHY_MAX, "the system's list of CAs cannot be read");
        return false;
    }
    if (crl && !tls_load_crls(store, crl, &old, &fault)) {
        snprintf(why, TLS_WHY_MAX, "%s", fault.text);
        return false;
    }
    return true;
}

void
tls_ctx_copy_rules(struct tls_ctx *ctx, const struct conf_list *sans,
                   const struct conf_list *pins)
{
    const struct tls_san_conf *san = sans->items;
    const struct tls_pin_conf *pin = pins->items;

    ctx->sans = xcalloc(sans->n + 1, sizeof(*ctx->sans));
    ctx->n_sans = sans->n;
    for (size_t i = 0; i < sans->n; i++)
        ctx->sans[i] = (struct tls_san_conf){
            .exact = san[i].exact ? xstrdup(san[i].exact) : NULL,
            .prefix = san[i].prefix ? xstrdup(san[i].prefix) : NULL,
            .suffix = san[i].suffix ? xstrdup(san[i].suffix) : NULL,
            .kind = san[i].kind,
        };
    ctx->pins = xcalloc(pins->n + 1, sizeof(*ctx->pins));
    ctx->n_pins = pins->n;
    for (size_t i = 0; i < pins->n; i++) {
        unsigned char out[48] = { 0 };
        size_t n = strlen(pin[i].sha256);

        /* The rows have checked it; from elsewhere a bad one fits no key. */
        if (n == 44 && EVP_DecodeBlock(out, (const unsigned char *)pin[i].sha256, 44) > 0)
            memcpy(ctx->pins[i], out, TLS_HASH_LEN);
    }
}

bool
tls_ctx_add_own(struct tls_ctx *ctx, const char *cert, const char *key,
                char why[TLS_WHY_MAX])
{
    size_t n = ctx->n_own;
    struct tls_fault fault;
    struct tls_own *o;

    ctx->own = xrealloc(ctx->own, (n + 1) * sizeof(*ctx->own));
    ctx->expiry = xrealloc(ctx->expiry, (n + 1) * sizeof(*ctx->expiry));
    o = &ctx->own[n];
    if (!tls_pair_load(&o->pair, cert, key, &fault)) {
        snprintf(why, TLS_WHY_MAX, "%s", fault.text);
        return false;
    }
    o->key_type = EVP_PKEY_get_base_id(o->pair.key);
    ctx->expiry[n] = (struct tls_expiry){
        .file = xstrdup(cert),
        .name = tls_cert_name(o->pair.cert),
        .not_after_s = tls_time_s(X509_get0_notAfter(o->pair.cert)),
    };
    ctx->n_own++;
    return true;
}

/* ---- clients ---- */

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *s = SSL_get_app_data(ssl);

    if (!s->slot || s->slot->session == session)
        return 0;
    tls_session_slot_done(s->slot);
    s->slot->session = session; /* its hold is ours now */
    s->slot->made = s->ctx;
    tls_ctx_hold(s->ctx);
    return 1;
}

void
tls_session_slot_done(struct tls_session_slot *slot)
{
    SSL_SESSION_free(slot->session);
    tls_ctx_drop((struct tls_ctx *)(uintptr_t)slot->made);
    *slot = (struct tls_session_slot){ 0 };
}

static bool
client_fill(struct tls_ctx *ctx, const struct tls_client_conf *conf,
            char why[TLS_WHY_MAX])
{
    SSL_CTX *c = ctx->ssl_ctx;

    if (!c || !tls_ctx_set_common(ctx, conf->min_version) ||
        SSL_CTX_set_alpn_protos(c, alpn_h2, sizeof(alpn_h2)) != 0)
        return false;
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT |
                                          SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_session);
    ctx->verify = !conf->insecure_skip_verify;
    ctx->server_name = conf->server_name ? xstrdup(conf->server_name) : NULL;
    tls_ctx_copy_rules(ctx, &conf->match_san, &conf->pins);
    if (ctx->verify && !tls_ctx_load_ca(ctx, NULL, conf->ca, conf->crl, why))
        return false;
    if (conf->cert && conf->key) {
        struct tls_own *o;

        if (!tls_ctx_add_own(ctx, conf->cert, conf->key, why))
            return false;
        o = &ctx->own[0];
        if (SSL_CTX_use_cert_and_key(c, o->pair.cert, o->pair.key, o->pair.chain, 1) != 1) {
            snprintf(why, TLS_WHY_MAX, "the certificate in %s cannot be used: %s",
                     conf->cert, ERR_reason_error_string(ERR_peek_last_error()));
            return false;
        }
    }
    SSL_CTX_set_verify(c, ctx->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       ctx->verify ? tls_on_verify : NULL);
    return true;
}

struct tls_ctx *
tls_ctx_new_client(const struct tls_client_conf *conf, char why[TLS_WHY_MAX])
{
    struct tls_ctx *ctx = xcalloc(1, sizeof(*ctx));
    bool good;

    ERR_clear_error();
    snprintf(why, TLS_WHY_MAX, "OpenSSL cannot be set up");
    atomic_init(&ctx->count, 1);
    ctx->ssl_ctx = SSL_CTX_new(TLS_client_method());
    good = client_fill(ctx, conf, why);
    ERR_clear_error();
    if (!good) {
        tls_ctx_drop(ctx);
        return NULL;
    }
    why[0] = '\0';
    return ctx;
}

/* ---- both ---- */

void
tls_ctx_hold(struct tls_ctx *ctx)
{
    atomic_fetch_add_explicit(&ctx->count, 1, memory_order_relaxed);
}

static void
xfree_const(const char *p)
{
    xfree((char *)(uintptr_t)p);
}

static void
ctx_free(struct tls_ctx *ctx)
{
    SSL_CTX_free(ctx->ssl_ctx);
    for (size_t i = 0; i < ctx->n_own; i++) {
        tls_pair_done(&ctx->own[i].pair);
        xfree_const(ctx->expiry[i].file);
        xfree_const(ctx->expiry[i].name);
    }
    for (size_t i = 0; i < ctx->n_names; i++)
        xfree(ctx->names[i].name);
    for (size_t i = 0; i < ctx->n_sans; i++) {
        xfree_const(ctx->sans[i].exact);
        xfree_const(ctx->sans[i].prefix);
        xfree_const(ctx->sans[i].suffix);
    }
    tls_tickets_drop(ctx->tickets);
    xfree(ctx->own);
    xfree(ctx->expiry);
    xfree(ctx->names);
    xfree(ctx->sans);
    xfree(ctx->pins);
    xfree(ctx->ca_file);
    xfree(ctx->server_name);
    xfree(ctx);
}

void
tls_ctx_drop(struct tls_ctx *ctx)
{
    if (ctx && atomic_fetch_sub_explicit(&ctx->count, 1, memory_order_acq_rel) == 1)
        ctx_free(ctx);
}

size_t
tls_ctx_expiry(const struct tls_ctx *ctx, const struct tls_expiry **ret)
{
    *ret = ctx->expiry;
    return ctx->n_own;
}

bool
tls_ctx_insecure(const struct tls_ctx *ctx)
{
    return !ctx->server && !ctx->verify;
}

const char *
tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

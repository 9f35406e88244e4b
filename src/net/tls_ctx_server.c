/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_ctx_server.c - contexts of listeners: which certificate for which name, what the
 * first message of a client must have, certificates of clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/xalloc.h"
#include "net/tls_hello.h"
#include "net/tls_int.h"
#include "net/tls_san.h"

enum {
    PICK_MAX = 4,
    TICKET_LIFE_S = 11 * 3600, /* the key that wrote it lives that long at least */
    CLIENT_CAS_TOLD = 64,      /* more would make the handshake large */
};

/* ---- names of our certificates ---- */

static int
name_compare(const void *a, const void *b)
{
    const struct own_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->own > y->own) - (x->own < y->own);
}

static void
names_add(struct tls_ctx *ctx, unsigned own, const char *p, size_t n)
{
    struct own_name *e;

    if (n == 0 || n > TLS_NAME_MAX || (p[0] == '*' && !san_wildcard_is_good(p, n)) ||
        (p[0] != '*' && memchr(p, '*', n)))
        return;
    ctx->names = xrealloc(ctx->names, (ctx->n_names + 1) * sizeof(*ctx->names));
    e = &ctx->names[ctx->n_names++];
    *e = (struct own_name){ .name = xmalloc(n + 1), .own = own };
    for (size_t i = 0; i < n; i++)
        e->name[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    e->name[n] = '\0';
}

static void
names_collect(struct tls_ctx *ctx)
{
    for (unsigned i = 0; i < ctx->n_own; i++) {
        GENERAL_NAMES *all = X509_get_ext_d2i(ctx->own[i].pair.cert, NID_subject_alt_name,
                                              NULL, NULL);
        struct san_view v;

        for (int k = 0; k < sk_GENERAL_NAME_num(all); k++)
            if (san_get(sk_GENERAL_NAME_value(all, k), &v) == SAN_GOOD &&
                v.kind == TLS_SAN_DNS)
                names_add(ctx, i, v.text, v.len);
        GENERAL_NAMES_free(all);
    }
    if (ctx->n_names > 0)
        qsort(ctx->names, ctx->n_names, sizeof(*ctx->names), name_compare);
}

static void
pick_add(const struct tls_ctx *ctx, unsigned own, const struct tls_own *ret[PICK_MAX],
         size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (ret[i]->key_type == ctx->own[own].key_type)
            return;
    if (*n < PICK_MAX)
        ret[(*n)++] = &ctx->own[own];
}

/* All with this name, the first of each type of key. */
static size_t
pick_exact(const struct tls_ctx *ctx, const char *name,
           const struct tls_own *ret[PICK_MAX])
{
    size_t low = 0, high = ctx->n_names, n = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(ctx->names[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < ctx->n_names && strcmp(ctx->names[low].name, name) == 0; low++)
        pick_add(ctx, ctx->names[low].own, ret, &n);
    return n;
}

/* The first certificate, and one of another type with its name. */
static size_t
pick_default(const struct tls_ctx *ctx, const struct tls_own *ret[PICK_MAX])
{
    size_t n = 0;

    pick_add(ctx, 0, ret, &n);
    for (size_t i = 0; i < ctx->n_names; i++) {
        const struct tls_own *same[PICK_MAX];
        size_t n_same;

        if (ctx->names[i].own != 0)
            continue;
        n_same = pick_exact(ctx, ctx->names[i].name, same);
        for (size_t k = 0; k < n_same; k++)
            pick_add(ctx, (unsigned)(same[k] - ctx->own), ret, &n);
        break;
    }
    return n;
}

size_t
tls_ctx_pick(const struct tls_ctx *ctx, const char *name,
             const struct tls_own *ret[PICK_MAX])
{
    char wild[TLS_NAME_MAX + 2];
    const char *dot = strchr(name, '.');
    size_t n;

    if (!name[0] || ctx->n_own < 2)
        return 0;
    n = pick_exact(ctx, name, ret);
    if (n == 0 && dot && dot != name) {
        snprintf(wild, sizeof(wild), "*%s", dot);
        n = pick_exact(ctx, wild, ret);
    }
    return n;
}

/* ---- the first message of a client ---- */

static void
hello_take_name(SSL *ssl, struct tls *s)
{
    char name[TLS_NAME_MAX + 1];
    const unsigned char *p;
    size_t n;

    if (!s->name && SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) == 1 &&
        hello_sni(p, n, name))
        s->name = xstrdup(name);
}

static bool
hello_has_h2(SSL *ssl, struct tls *s)
{
    const char *word = "HTTP/2 (ALPN h2)";
    const unsigned char *p;
    char others[80];
    size_t n;

    if (SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) != 1) {
        tls_say(s, TLS_REFUSAL_ALPN, "the client offers no protocol; gRPC needs %s",
                word);
        return false;
    }
    switch (hello_alpn(p, n, others)) {
    case HELLO_ALPN_H2:
        return true;
    case HELLO_ALPN_OTHERS:
        tls_say(s, TLS_REFUSAL_ALPN, "the client offers only %s; gRPC needs %s", others,
                word);
        return false;
    default:
        tls_say(s, TLS_REFUSAL_ALPN, "the client's list of protocols (ALPN) is broken");
        return false;
    }
}

static bool
hello_set_certificates(SSL *ssl, const struct tls *s)
{
    const struct tls_own *picked[PICK_MAX];
    size_t n = tls_ctx_pick(s->ctx, s->name ? s->name : "", picked);

    if (n == 0)
        return true;
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < n; i++)
        if (SSL_use_cert_and_key(ssl, picked[i]->pair.cert, picked[i]->pair.key,
                                 picked[i]->pair.chain, 1) != 1)
            return false;
    return true;
}

static int
on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls *s = SSL_get_app_data(ssl);

    (void)arg;
    /* TLS 1.1 and older: OpenSSL refuses it with the alert and reason that fit. */
    if (SSL_client_hello_get0_legacy_version(ssl) < TLS1_2_VERSION)
        return SSL_CLIENT_HELLO_SUCCESS;
    hello_take_name(ssl, s);
    if (!hello_has_h2(ssl, s)) {
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    return hello_set_certificates(ssl, s) ? SSL_CLIENT_HELLO_SUCCESS
                                          : SSL_CLIENT_HELLO_ERROR;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
        const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char h2[] = { 2, 'h', '2' };

    (void)ssl, (void)arg;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, h2, sizeof(h2),
                                 in, in_n) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- the context ---- */

/* Each must be one that OpenSSL takes, also those that a name chooses later. */
static bool
own_are_usable(const struct tls_ctx *ctx, char why[TLS_WHY_MAX])
{
    SSL_CTX *scratch = SSL_CTX_new(TLS_server_method());
    bool good = scratch != NULL;

    if (good)
        SSL_CTX_set_security_level(scratch, SSL_CTX_get_security_level(ctx->ssl_ctx));
    for (size_t i = 0; good && i < ctx->n_own; i++) {
        const struct tls_pair *p = &ctx->own[i].pair;

        good = SSL_CTX_use_cert_and_key(scratch, p->cert, p->key, p->chain, 1) == 1;
        if (!good)
            snprintf(why, TLS_WHY_MAX, "the certificate in %s cannot be used: %s",
                     ctx->expiry[i].file, ERR_reason_error_string(ERR_peek_last_error()));
    }
    SSL_CTX_free(scratch);
    return good;
}

static bool
server_load_own(struct tls_ctx *ctx, const struct tls_server_conf *conf,
                char why[TLS_WHY_MAX])
{
    const struct tls_cert_conf *more = conf->certificates.items;
    const struct tls_own *first[PICK_MAX];
    size_t n;

    if (conf->cert && conf->key && !tls_ctx_add_own(ctx, conf->cert, conf->key, why))
        return false;
    for (size_t i = 0; i < conf->certificates.n; i++)
        if (!tls_ctx_add_own(ctx, more[i].cert, more[i].key, why))
            return false;
    if (ctx->n_own == 0) {
        snprintf(why, TLS_WHY_MAX, "a listener with TLS needs a certificate");
        return false;
    }
    if (!own_are_usable(ctx, why))
        return false;
    names_collect(ctx);
    n = pick_default(ctx, first);
    for (size_t i = 0; i < n; i++) {
        const struct tls_pair *p = &first[i]->pair;

        if (SSL_CTX_use_cert_and_key(ctx->ssl_ctx, p->cert, p->key, p->chain, 1) != 1)
            return false;
    }
    return true;
}

static bool
server_load_clients(struct tls_ctx *ctx, const struct tls_server_conf *conf,
                    char why[TLS_WHY_MAX])
{
    STACK_OF(X509_NAME) *names;
    int mode = SSL_VERIFY_PEER;

    if (conf->client_cert == TLS_CLIENT_CERT_OFF)
        return true;
    if (!conf->client_ca) {
        snprintf(why, TLS_WHY_MAX,
                 "certificates of clients cannot be verified without a clientCa");
        return false;
    }
    names = sk_X509_NAME_new_null();
    if (!tls_ctx_load_ca(ctx, names, conf->client_ca, conf->crl, why)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return false;
    }
    if (sk_X509_NAME_num(names) <= CLIENT_CAS_TOLD)
        SSL_CTX_set_client_CA_list(ctx->ssl_ctx, names); /* takes them */
    else
        sk_X509_NAME_pop_free(names, X509_NAME_free);
    ctx->verify = true;
    ctx->require = conf->client_cert == TLS_CLIENT_CERT_REQUIRE;
    if (ctx->require)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx->ssl_ctx, mode, tls_on_verify);
    tls_ctx_copy_rules(ctx, &conf->allow_san, &conf->pins);
    return true;
}

/* A session is for one listener and way of asking for certificates. */
static bool
server_set_sessions(struct tls_ctx *ctx, const struct tls_server_conf *conf,
                    struct tls_tickets *tickets, const char *scope)
{
    SSL_CTX *c = ctx->ssl_ctx;
    char text[512];

    snprintf(text, sizeof(text), "%u %u %s", conf->client_cert, conf->min_version, scope);
    SHA256((const unsigned char *)text, strlen(text), ctx->scope);
    if (!tickets || !conf->session_tickets || conf->client_cert != TLS_CLIENT_CERT_OFF) {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(c, 0) == 1;
    }
    tls_tickets_hold(tickets);
    ctx->tickets = tickets;
    SSL_CTX_set_timeout(c, TICKET_LIFE_S);
    return SSL_CTX_set_num_tickets(c, 1) == 1 &&
           SSL_CTX_set_session_id_context(c, ctx->scope, sizeof(ctx->scope)) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(c, tls_tickets_on_key) == 1;
}

struct tls_ctx *
tls_ctx_new_server(const struct tls_server_conf *conf, struct tls_tickets *tickets,
                   const char *scope, char why[TLS_WHY_MAX])
{
    struct tls_ctx *ctx = xcalloc(1, sizeof(*ctx));
    bool good;

    ERR_clear_error();
    snprintf(why, TLS_WHY_MAX, "OpenSSL cannot be set up");
    atomic_init(&ctx->count, 1);
    ctx->server = true;
    ctx->ssl_ctx = SSL_CTX_new(TLS_server_method());
    good = ctx->ssl_ctx && tls_ctx_set_common(ctx, conf->min_version) &&
           server_set_sessions(ctx, conf, tickets, scope) &&
           server_load_own(ctx, conf, why) && server_load_clients(ctx, conf, why);
    ERR_clear_error();
    if (!good) {
        tls_ctx_drop(ctx);
        return NULL;
    }
    SSL_CTX_set_client_hello_cb(ctx->ssl_ctx, on_hello, NULL);
    SSL_CTX_set_alpn_select_cb(ctx->ssl_ctx, on_alpn, NULL);
    why[0] = '\0';
    return ctx;
}

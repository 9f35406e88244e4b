/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_peer.c - who the peer is, in one block of memory made when somebody asks. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/xalloc.h"
#include "net/tls_int.h"
#include "net/tls_san.h"

enum { SUBJECT_MAX = 512, HEX_LEN = 2 * TLS_HASH_LEN };

struct room { /* behind the struct: first the names' rows, then texts */
    struct tls_peer peer;
    struct tls_san sans[TLS_SANS_MAX];
    char sha256[HEX_LEN + 1];
    char subject[SUBJECT_MAX];
    char our_uri[TLS_SAN_LEN_MAX + 1];
    char texts[]; /* of the names */
};

static void
set_subject(struct room *r, const X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n;

    if (!bio ||
        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) < 0) {
        BIO_free(bio);
        return;
    }
    n = BIO_get_mem_data(bio, &text);
    if (n >= SUBJECT_MAX) /* a part of a name is another name */
        n = 0;
    if (n > 0)
        memcpy(r->subject, text, (size_t)n);
    r->subject[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}

static void
set_hash(struct room *r, const X509 *cert)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[TLS_HASH_LEN];
    unsigned n = 0;

    if (X509_digest(cert, EVP_sha256(), hash, &n) != 1 || n != TLS_HASH_LEN)
        return;
    for (unsigned i = 0; i < n; i++) {
        r->sha256[2 * i] = hex[hash[i] >> 4];
        r->sha256[2 * i + 1] = hex[hash[i] & 15];
    }
    r->sha256[HEX_LEN] = '\0';
}

/* Bytes that the texts of the names take. */
static size_t
names_size(const GENERAL_NAMES *all)
{
    struct san_view v;
    size_t size = 0, n = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(all) && n < TLS_SANS_MAX; i++) {
        if (san_get(sk_GENERAL_NAME_value(all, i), &v) != SAN_GOOD ||
            v.len > TLS_SAN_LEN_MAX)
            continue;
        size += v.len + 1;
        n++;
    }
    return size;
}

static void
set_names(struct room *r, const GENERAL_NAMES *all)
{
    struct san_view v;
    char *to = r->texts;

    for (int i = 0; i < sk_GENERAL_NAME_num(all) && r->peer.n_sans < TLS_SANS_MAX; i++) {
        struct tls_san *san = &r->sans[r->peer.n_sans];

        if (san_get(sk_GENERAL_NAME_value(all, i), &v) != SAN_GOOD ||
            v.len > TLS_SAN_LEN_MAX)
            continue;
        memcpy(to, v.text, v.len);
        to[v.len] = '\0';
        *san = (struct tls_san){ .kind = v.kind, .len = (uint32_t)v.len, .text = to };
        if (v.kind == TLS_SAN_URI && san_is_spiffe_id(v.text, v.len))
            r->peer.spiffe = to;
        to += v.len + 1;
        r->peer.n_sans++;
    }
}

static void
set_our_uri(struct room *r, const X509 *own)
{
    GENERAL_NAMES *all =
        own ? X509_get_ext_d2i(own, NID_subject_alt_name, NULL, NULL) : NULL;
    struct san_view v;

    for (int i = 0; i < sk_GENERAL_NAME_num(all) && !r->our_uri[0]; i++) {
        if (san_get(sk_GENERAL_NAME_value(all, i), &v) == SAN_GOOD &&
            v.kind == TLS_SAN_URI && v.len <= TLS_SAN_LEN_MAX)
            memcpy(r->our_uri, v.text, v.len);
    }
    GENERAL_NAMES_free(all);
}

static struct tls_peer *
peer_make(const struct tls *s)
{
    const X509 *cert = SSL_get0_peer_certificate(s->ssl);
    GENERAL_NAMES *all =
        cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;
    struct room *r = xcalloc(1, sizeof(*r) + names_size(all));

    r->peer = (struct tls_peer){
        .has_cert = cert != NULL,
        .verified = cert && s->ctx->verify && SSL_get_verify_result(s->ssl) == X509_V_OK,
        .subject = r->subject,
        .sha256 = r->sha256,
        .sans = r->sans,
        .our_uri = r->our_uri,
        .version = SSL_get_version(s->ssl),
        .cipher = SSL_get_cipher_name(s->ssl),
        .sni = s->name ? s->name : "",
    };
    if (cert) {
        set_subject(r, cert);
        set_hash(r, cert);
        set_names(r, all);
    }
    set_our_uri(r, SSL_get_certificate(s->ssl));
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return &r->peer;
}

const struct tls_peer *
tls_peer(const struct transport *t)
{
    struct tls *s = CONTAINER_OF((struct transport *)(uintptr_t)t, struct tls, t);

    if (s->state != TLS_OPEN && !s->peer)
        return NULL;
    if (!s->peer)
        s->peer = peer_make(s); /* `peer` is the first field, so xfree knows it */
    return s->peer;
}

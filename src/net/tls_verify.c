/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_verify.c - what the peer's certificate must be besides signed and in time: clean
 * names, one of the allowed ones, one of the pinned keys. Asked while OpenSSL verifies, so
 * that the peer gets an alert and nothing is sent to it before. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "net/tls_int.h"
#include "net/tls_san.h"

static bool
names_are_good(struct tls *s, const X509 *cert)
{
    int critical = -1;
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
    const char *whose = s->server ? "client" : "server";
    const char *fault = san_fault(all);
    bool good = false;

    if (!all && critical != -1)
        tls_say(s, TLS_REFUSAL_SAN, "the %s's certificate has names that cannot be read",
                whose);
    else if (fault)
        tls_say(s, TLS_REFUSAL_SAN, "the %s's certificate %s", whose, fault);
    else if (s->ctx->n_sans > 0 && !san_any_matches(all, s->ctx->sans, s->ctx->n_sans))
        tls_explain_san(s, cert);
    else
        good = true;
    GENERAL_NAMES_free(all);
    return good;
}

static bool
key_is_pinned(struct tls *s, const X509 *cert)
{
    unsigned char *der = NULL, hash[TLS_HASH_LEN];
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    if (n <= 0)
        return false;
    SHA256(der, (size_t)n, hash);
    OPENSSL_free(der);
    for (size_t i = 0; i < s->ctx->n_pins; i++)
        if (CRYPTO_memcmp(hash, s->ctx->pins[i], TLS_HASH_LEN) == 0)
            return true;
    tls_say(s, TLS_REFUSAL_PIN, "the key of the %s's certificate is none of the pins",
            s->server ? "client" : "server");
    return false;
}

/* Here the certificate at fault is at hand; later it is gone. */
int
tls_on_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);
    struct tls *s = ssl ? SSL_get_app_data(ssl) : NULL;

    if (!s) /* the chain of whoever signed a revocation list, looked at on the way */
        return good;
    if (!good) {
        tls_explain_cert(s, store);
        return 0;
    }
    if (X509_STORE_CTX_get_error_depth(store) > 0)
        return 1;
    if (names_are_good(s, cert) && (s->ctx->n_pins == 0 || key_is_pinned(s, cert)))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_tickets.c - keys of session tickets. A ticket is AES-256-CBC and HMAC-SHA-256 (RFC
 * 5077 4). The key of the HMAC is made from ours, the listener and the name that the client
 * asks for: a ticket is only good where it was given (reliability.md D4), else it is as
 * unknown as a stranger's, and a full handshake follows.
 *
 * Locked, since workers share it; only handshakes come here. */
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/xalloc.h"
#include "net/tls_int.h"

enum {
    NAME_LEN = 16,
    HOUR_S = 3600,
    KEEP_S = 12 * HOUR_S,
    KEYS_MAX = KEEP_S / HOUR_S + 1,
    IV_LEN = 16,
};

struct ticket_key {
    unsigned char name[NAME_LEN];
    unsigned char aes[32], hmac[32];
    int64_t made_s;
};

struct tls_tickets {
    _Atomic unsigned count;
    pthread_mutex_t lock;
    bool used; /* a context came */
    int64_t now_s;
    struct ticket_key keys[KEYS_MAX]; /* newest first */
    unsigned n;
};

static bool
key_make(struct ticket_key *k, int64_t now_s)
{
    k->made_s = now_s;
    return RAND_bytes(k->name, sizeof(k->name)) == 1 &&
           RAND_priv_bytes(k->aes, sizeof(k->aes)) == 1 &&
           RAND_priv_bytes(k->hmac, sizeof(k->hmac)) == 1;
}

struct tls_tickets *
tls_tickets_new(int64_t now_s)
{
    struct tls_tickets *t = xcalloc(1, sizeof(*t));

    atomic_init(&t->count, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->now_s = now_s;
    return t;
}

void
tls_tickets_hold(struct tls_tickets *t)
{
    atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
    pthread_mutex_lock(&t->lock);
    if (!t->used) {
        t->used = true;
        t->n = key_make(&t->keys[0], t->now_s) ? 1 : 0;
    }
    pthread_mutex_unlock(&t->lock);
}

void
tls_tickets_drop(struct tls_tickets *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->count, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&t->lock);
    if (t->used)
        OPENSSL_cleanse(t->keys, sizeof(t->keys));
    xfree(t);
}

/* Under the lock. */
static void
tickets_rotate(struct tls_tickets *t, int64_t now_s)
{
    struct ticket_key made;

    if ((t->n == 0 || now_s - t->keys[0].made_s >= HOUR_S) && key_make(&made, now_s)) {
        if (t->n == KEYS_MAX)
            t->n--;
        memmove(&t->keys[1], &t->keys[0], t->n * sizeof(made));
        t->keys[0] = made;
        t->n++;
    }
    while (t->n > 0 && now_s - t->keys[t->n - 1].made_s >= KEEP_S)
        t->n--;
    OPENSSL_cleanse(&t->keys[t->n], (KEYS_MAX - t->n) * sizeof(made));
    OPENSSL_cleanse(&made, sizeof(made));
}

void
tls_tickets_rotate(struct tls_tickets *t, int64_t now_s)
{
    pthread_mutex_lock(&t->lock);
    t->now_s = now_s;
    if (t->used)
        tickets_rotate(t, now_s);
    pthread_mutex_unlock(&t->lock);
}

/* A copy of the newest key, or of the one with this name. */
static bool
key_find(struct tls_tickets *t, const unsigned char *name, struct ticket_key *ret,
         bool *ret_newest)
{
    unsigned i = 0;
    bool found;

    pthread_mutex_lock(&t->lock);
    while (name && i < t->n && memcmp(t->keys[i].name, name, NAME_LEN) != 0)
        i++;
    found = i < t->n;
    if (found)
        *ret = t->keys[i];
    pthread_mutex_unlock(&t->lock);
    *ret_newest = i == 0;
    return found;
}

/* The key of the HMAC for this listener and name. */
static bool
key_derive(const struct ticket_key *k, const struct tls *s, unsigned char ret[32])
{
    unsigned char text[TLS_HASH_LEN + TLS_NAME_MAX + 1];
    size_t n = s->name ? strlen(s->name) : 0, len = 0;

    memcpy(text, s->ctx->scope, TLS_HASH_LEN);
    if (n > 0)
        memcpy(text + TLS_HASH_LEN, s->name, n);
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, k->hmac, sizeof(k->hmac), text,
                     TLS_HASH_LEN + n, ret, 32, &len) != NULL &&
           len == 32;
}

static bool
key_set(const struct ticket_key *k, const struct tls *s, const unsigned char *iv,
        EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
    static char digest[] = "SHA256";
    unsigned char hmac[32];
    OSSL_PARAM params[3];
    bool good;

    if (!key_derive(k, s, hmac))
        return false;
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof(hmac));
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    params[2] = OSSL_PARAM_construct_end();
    good = EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, enc) == 1;
    OPENSSL_cleanse(hmac, sizeof(hmac));
    return good;
}

/* 1: done; 2: done, and the client should get a newer ticket; 0: no ticket, or a ticket that
 * nobody knows; -1: broken. */
int
tls_tickets_on_key(SSL *ssl, unsigned char name[16], unsigned char *iv,
                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
    const struct tls *s = SSL_get_app_data(ssl);
    struct ticket_key k;
    bool newest;
    int rv = -1;

    if (!key_find(s->ctx->tickets, enc ? NULL : name, &k, &newest))
        return 0;
    if (enc) {
        memcpy(name, k.name, NAME_LEN);
        if (RAND_bytes(iv, IV_LEN) == 1 && key_set(&k, s, iv, cipher, mac, 1))
            rv = 1;
    } else if (key_set(&k, s, iv, cipher, mac, 0)) {
        rv = newest ? 1 : 2;
    }
    OPENSSL_cleanse(&k, sizeof(k));
    return rv;
}

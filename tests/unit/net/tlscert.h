/* SPDX-License-Identifier: Apache-2.0 */
/* tlscert.h - keys and certificates made on the spot for tests, good and bad. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSCERT_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSCERT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tlsid { /* a key and its certificate */
    EVP_PKEY *key;
    X509 *cert;
};

struct tlsname { /* a subject alternative name byte by byte */
    int type;    /* GEN_DNS ... */
    const char *bytes;
    size_t n;
};

struct tlscert { /* days from now */
    const char *cn;             /* NULL: "test" or "test CA" */
    const char *san;            /* "DNS:a.example,IP:127.0.0.1"; NULL: none */
    const struct tlsname *raw;  /* instead, n_raw of them */
    size_t n_raw;
    const struct tlsid *by;     /* NULL: self-signed */
    bool ca;
    const char *path_len;       /* of a CA: "critical,CA:TRUE,pathlen:0" */
    const char *eku;            /* "clientAuth"; NULL: no extended key usage */
    const char *constraints;    /* "permitted;DNS:.x" */
    int from_day, to_day;
    int rsa_bits;               /* 0: P-256 */
    const EVP_MD *digest;       /* NULL: SHA-256 */
};

void tlsid_make_as(struct tlsid *id, const struct tlscert *c);
/* san NULL: none. by NULL: self-signed CA. Days from now. */
void tlsid_make(struct tlsid *id, const char *san, const struct tlsid *by, int from_day,
                int to_day);
void tlsid_done(struct tlsid *id);
/* The certificate in PEM form. */
void tlsid_save(const struct tlsid *id, const char *path);
void tlsid_save_key(const struct tlsid *id, const char *path);
/* A list of `by` that revokes the certificate (NULL: nobody), good from from_day to to_day. */
void tlscrl_save(const struct tlsid *by, const X509 *revoked, int from_day, int to_day,
                 const char *path);
/* The pin of its key: base64, 44 characters. */
void tlsid_pin(const struct tlsid *id, char ret[64]);

#endif

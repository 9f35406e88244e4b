/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_load.h - certificates, keys, CAs and lists of revoked certificates from PEM files.
 * Used by the checks of the config and by the contexts, so both say the same. Only regular
 * files up to a size are read, so nothing here waits for a pipe or a terminal. Waits for the
 * disk. For room net; any thread. */
#ifndef OUTRIGGER_NET_TLS_LOAD_H
#define OUTRIGGER_NET_TLS_LOAD_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls.h"

struct tls_fault {
    const char *code; /* of conf/explain_codes*.c */
    bool in_key;      /* the file of the key is at fault, not the certificate's */
    char text[TLS_WHY_MAX];
};

struct tls_pair { /* a certificate, those above it, and its key */
    X509 *cert;
    STACK_OF(X509) * chain; /* never NULL after loading */
    EVP_PKEY *key;
    bool key_is_public; /* other users of the host may read the file */
};

/* False: fault says why, the pair is empty. */
bool tls_pair_load(struct tls_pair *p, const char *cert_file, const char *key_file,
                   struct tls_fault *fault) MUST_CHECK;
void tls_pair_done(struct tls_pair *p); /* zeroed is fine */

/* Adds the certificates of a file to a store; with `names` not NULL also their subjects. False
 * also when there is none: a store that trusts nobody is never meant. */
bool tls_load_cas(X509_STORE *store, STACK_OF(X509_NAME) * names, const char *file,
                  struct tls_fault *fault) MUST_CHECK;
/* Adds revocation lists and turns the check of the whole chain on. store NULL: only looks.
 * *ret_old is set when one of them is past its next update. */
bool tls_load_crls(X509_STORE *store, const char *file, bool *ret_old,
                   struct tls_fault *fault) MUST_CHECK;

/* Seconds since 1970. */
int64_t tls_time_s(const ASN1_TIME *t);
/* "2026-11-22 14:05 UTC" */
void tls_time_print(const ASN1_TIME *t, char out[32]);
/* The first name of a certificate that people know it by: to be freed with xfree. */
char *tls_cert_name(const X509 *cert);

#endif

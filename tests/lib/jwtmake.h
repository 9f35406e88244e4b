/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/jwtmake.h - the side of the issuer: keys, their JSON Web Keys, and tokens of any shape, good and bad. Texts are xmalloc'ed. */
#ifndef OUTRIGGER_TESTS_LIB_JWTMAKE_H
#define OUTRIGGER_TESTS_LIB_JWTMAKE_H

#include <stdint.h>

#include <openssl/evp.h>

#include "base/slice.h"
#include "net/sigkey.h"

struct jwtkey {
    enum sig_alg alg; /* what it is made for */
    char kid[64];     /* "": none */
    EVP_PKEY *pkey;   /* NULL: a secret */
    uint8_t secret[64];
    size_t secret_n;
};

/* A new key. bits: of an RSA key, or bytes of a secret; 0: the usual. kid NULL: none. */
struct jwtkey *jwtkey_new(enum sig_alg alg, const char *kid, int bits);
void jwtkey_free(struct jwtkey *k);

char *jwt_b64(struct slice bytes);
/* {"kty": ...}; more: further members that begin with a comma (", \"use\": \"sig\""), "" none. */
char *jwtkey_jwk(const struct jwtkey *k, const char *more);
/* {"keys": [...]} of their plain JWKs. */
char *jwtkeys_set(struct jwtkey *const *keys, size_t n);

/* The raw signature of a token, whatever the key was made for: RSA keys sign with PS and RS. out has SIG_LEN_MAX. */
size_t
jwt_sign(const struct jwtkey *k, enum sig_alg alg, struct slice input, uint8_t *out);
/* A signed token of these bytes. */
char *jwt_make_raw(const struct jwtkey *k, enum sig_alg alg, struct slice header,
                   struct slice payload);
/* A token with a signature from elsewhere. */
char *jwt_join(struct slice header, struct slice payload, struct slice signature);
/* A signed token with exactly this header. */
char *jwt_make_with(const struct jwtkey *k, enum sig_alg alg, const char *header,
                    const char *payload);
/* The same with {"alg": ..., "kid": ...} of the key. */
char *jwt_make(const struct jwtkey *k, const char *payload);

#endif

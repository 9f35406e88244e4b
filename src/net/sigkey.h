/* SPDX-License-Identifier: Apache-2.0 */
/* net/sigkey.h - keys that check signatures of tokens, and the algorithms of RFC 7518 section 3.1 and
 * RFC 8037 by their JOSE names. A key is made from the numbers of a JWK, is refused when it is
 * weak (RSA below 2048 bits, a secret shorter than its hash, a point that is not on the curve), and
 * then never changes: all threads may check with it. What a key is decides what it can check, never
 * the token: an RSA key has no HMAC (RFC 8725 3.1). Signatures must have exactly the length that
 * their key gives them; secrets are compared in constant time. */
#ifndef OUTRIGGER_NET_SIGKEY_H
#define OUTRIGGER_NET_SIGKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

enum sig_alg {
    SIG_HS256,
    SIG_HS384,
    SIG_HS512,
    SIG_RS256,
    SIG_RS384,
    SIG_RS512,
    SIG_PS256,
    SIG_PS384,
    SIG_PS512,
    SIG_ES256,
    SIG_ES384,
    SIG_ES512,
    SIG_EDDSA,
    SIG_ALGS
};

/* Sets of algorithms: bit 1 << enum sig_alg. */
#define SIG_BIT(alg) (1u << (alg))
enum {
    SIG_SET_HS = SIG_BIT(SIG_HS256) | SIG_BIT(SIG_HS384) | SIG_BIT(SIG_HS512),
    SIG_SET_RSA = SIG_BIT(SIG_RS256) | SIG_BIT(SIG_RS384) | SIG_BIT(SIG_RS512) |
                  SIG_BIT(SIG_PS256) | SIG_BIT(SIG_PS384) | SIG_BIT(SIG_PS512),
    SIG_SET_EC = SIG_BIT(SIG_ES256) | SIG_BIT(SIG_ES384) | SIG_BIT(SIG_ES512),
    SIG_SET_PUBLIC = SIG_SET_RSA | SIG_SET_EC | SIG_BIT(SIG_EDDSA), /* without secrets */
};

enum {
    SIG_RSA_BITS_MIN = 2048,
    SIG_RSA_BITS_MAX = 8192, /* a check costs as the square of this */
    SIG_LEN_MAX = SIG_RSA_BITS_MAX / 8,
};

/* The names, "HS256" to "EdDSA", in the order of the enum, then NULL. */
extern const char *const sig_alg_names[SIG_ALGS + 1];
/* Exactly as RFC 7518 spells it; -1: none of them, as "none" is. */
int sig_alg_find(struct slice name);

struct sigkey;

/* NULL: *ret_why gets the rest of a sentence that starts with the key. Numbers are big-endian
 * bytes. algs: what the key will be asked for, else less is prepared; bits that do not fit are left out. */
struct sigkey *sigkey_rsa(struct slice n, struct slice e, unsigned algs,
                          const char **ret_why) MUST_CHECK;
/* alg: SIG_ES256 (P-256), SIG_ES384 (P-384) or SIG_ES512 (P-521); x and y have the curve's length. */
struct sigkey *sigkey_ec(enum sig_alg alg, struct slice x, struct slice y,
                         const char **ret_why) MUST_CHECK;
struct sigkey *sigkey_ed25519(struct slice x, const char **ret_why) MUST_CHECK;
/* The secret is copied, and wiped with the key. */
struct sigkey *
sigkey_hmac(struct slice secret, unsigned algs, const char **ret_why) MUST_CHECK;
void sigkey_free(struct sigkey *k); /* NULL is fine */

/* The algorithms that this key can check. */
unsigned sigkey_algs(const struct sigkey *k);
/* True when sig is the key's signature of input. False for an algorithm that the key does not have. */
bool sigkey_verify(const struct sigkey *k, enum sig_alg alg, struct slice input,
                   struct slice sig) MUST_CHECK;

#endif

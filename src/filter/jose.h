/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jose.h - a token in the compact form of RFC 7515 section 7.1: three parts in strict base64url, of which the
 * first is a JSON header with an algorithm from a list of ours. Only `alg` and `kid` of the header mean anything; keys and addresses of
 * keys in it (jwk, jku, x5u, x5c) are never looked at, and what must be understood (crit, b64) refuses the
 * token. Nothing is verified here. Pure; any thread. */
#ifndef OUTRIGGER_FILTER_JOSE_H
#define OUTRIGGER_FILTER_JOSE_H

#include "base/compat.h"
#include "base/slice.h"
#include "filter/jwt_result.h"
#include "net/sigkey.h"

enum {
    JOSE_TOKEN_MAX = 8192, /* bytes of a token as it is sent */
    JOSE_KID_MAX = 256,
};

struct jose {
    enum sig_alg alg;
    bool has_kid;
    uint16_t kid_n;
    struct slice input;        /* part of the token: what was signed */
    struct slice payload_text; /* part of the token: base64url */
    struct slice payload;      /* decoded, in room */
    struct slice signature;    /* decoded, in room */
    char kid[JOSE_KID_MAX];
    uint8_t room[JOSE_TOKEN_MAX / 4 * 3];
};

static inline struct slice
jose_kid(const struct jose *j)
{
    return slice_make(j->kid, j->kid_n);
}

/* JWT_OK, or why not. The token must outlive *ret. algs: SIG_BITs that are allowed. */
enum jwt_result
jose_parse(struct slice token, unsigned algs, struct jose *ret) MUST_CHECK;

#endif

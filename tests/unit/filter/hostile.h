/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/hostile.h - tokens that must not pass, made by kind for test_jwt_hostile.c, which has the keys, keeps the tokens and sends them.
 * J1 to J7 are those of reliability.md; RFC 8725. */
#ifndef OUTRIGGER_TESTS_HOSTILE_H
#define OUTRIGGER_TESTS_HOSTILE_H

#include "base/compat.h"
#include "jwtmake.h"
#include "unit.h"

/* The issuer's, all in its set. */
extern struct jwtkey *rsa, *es256, *es384, *es512, *ed, *hs;
extern struct jwtkey *mine[5]; /* the attacker's, with the same names */
extern char now[32];           /* the member "exp", good for a while */
extern char *payload;          /* of a good token */

/* A token for the list, which takes it. reason NULL: whichever. One that is there is counted once. */
void hostile_add(const char *what, const char *reason, char *token);
/* Good until the eighth one after it. */
const char *printed(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The good payload under this header. */
char *signed_with(const struct jwtkey *k, enum sig_alg alg, const char *header);

/* hostile_headers.c */
void hostile_none(void);
void hostile_secrets(void);
void hostile_headers(void);
void hostile_other_keys(void);

/* hostile_signatures.c; header: of the good token of that key */
void hostile_mangled(struct jwtkey *k, const char *header);
void hostile_encodings(void);
void hostile_mixed(void);

/* hostile_claims.c */
void hostile_payloads(void);
void hostile_claims(void);
void hostile_bytes(void);

#endif

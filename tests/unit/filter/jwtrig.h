/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/jwtrig.h - for tests of the filter jwt: keys of two issuers, their sets as text and as files, tokens that are good for a while, and fetches
 * of sets that the test answers. Texts that a function returns are good until the eighth one after it. */
#ifndef OUTRIGGER_TESTS_JWTRIG_H
#define OUTRIGGER_TESTS_JWTRIG_H

#include "filterrig.h"

#include "base/compat.h"
#include "filter/jwks_source.h"
#include "filter/jwt_result.h"
#include "filter/kinds.h"
#include "jwtmake.h"

/* Keys that come from here do so when the test says answer(). */
#define URL "http://127.0.0.1:1/jwks.json"

/* The fetch that is open, or the last one. */
struct jwt_fetch {
    unsigned started; /* how many */
    bool open;
    fetch_fn *fn;
    void *arg;
};
extern struct jwt_fetch net;

/* Of the issuers; named "a" and "b". */
extern struct jwtkey *key_a, *key_b;
extern char *set_a, *set_b, *set_ab;
/* Where a.json, b.json, bad.json (no JSON) and weak.json (a key of 2 bytes) are. */
extern char dir[];

/* For the group, and for each test. */
int jwt_begin(void **state);
int jwt_end(void **state);
int jwt_setup(void **state);
int jwt_teardown(void **state);
#define JWT_TEST(fn) cmocka_unit_test_setup_teardown(fn, jwt_setup, jwt_teardown)

const char *printed(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Another set in a file of dir. */
void put(const char *name, const char *set);
/* The end of the open fetch: why it failed, or the set. */
void answer(const char *why, const char *set);

/* Settings: the keys of one issuer, "me", from a file or by URL; more: other keys, with a comma before. */
const char *one(const char *more);
const char *one_by_url(const char *more);
/* A token that is good for 100 s; more: other claims, with a comma before. */
const char *
token(const struct jwtkey *k, const char *iss, const char *aud, const char *more);
/* The one of joe that one() lets pass. */
const char *good(void);
const char *bearer(const char *t);

struct rigcall *call_with(const char *name, const char *value);
/* A call with one header, from begin to end. reason NULL: it goes on. */
void expect_header(const char *name, const char *value, const char *reason);
void expect(const char *value, const char *reason);
int64_t counted(enum jwt_result r);

#endif

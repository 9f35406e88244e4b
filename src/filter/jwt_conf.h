/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_conf.h - the settings of the filter "jwt". One issuer is written straight into the filter, several as `providers`. The rows are in
 * jwt_conf.c; jwt_check.c looks at what goes together, and at the keys as they are now. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_JWT_CONF_H
#define OUTRIGGER_FILTER_JWT_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"
#include "filter/jwks_source.h"

struct conf_place;

enum { JWT_PROVIDERS_MAX = 8, JWT_PLACES_MAX = 8 };
enum jwt_require { JWT_REQUIRE_ANY, JWT_REQUIRE_ALL, JWT_REQUIRE_OPTIONAL };

struct jwt_audience_conf {
    const char *name;
};

struct jwt_alg_conf {
    uint32_t alg; /* enum sig_alg */
};

struct jwt_place_conf { /* where a token is sent */
    const char *name;   /* header */
    const char *prefix; /* NULL: "Bearer " in authorization, else none */
};

struct jwt_provider_conf {
    const char *issuer;
    struct conf_list audiences;  /* of struct jwt_audience_conf */
    struct conf_list algorithms; /* of struct jwt_alg_conf; empty: all with public keys */
    struct jwks_conf jwks;
    struct conf_list places; /* of struct jwt_place_conf; empty: authorization */
    bool forward;
    struct conf_map claim_headers; /* header: claim */
    const char *payload_header;    /* NULL: none */
    struct conf_map required;      /* claim: value */
    int64_t skew_ms;
    bool require_exp;
};

struct jwt_conf {
    struct jwt_provider_conf one; /* first: its rows are those of a provider */
    struct conf_list providers;   /* of struct jwt_provider_conf; empty: one */
    uint32_t require;             /* enum jwt_require */
    struct conf_list except;      /* of struct pattern_conf */
    uint32_t cache_tokens;        /* of each worker; 0: none */
    uint64_t cache_bytes;
};

extern const struct conf_struct jwt_conf_struct, jwks_conf_struct;

/* What stands before the token in this header. */
const char *jwt_place_prefix(const struct jwt_place_conf *p);
/* The algorithms that it takes: SIG_BITs. */
unsigned jwt_provider_algs(const struct jwt_provider_conf *p);
/* One or several, in their order. */
const struct jwt_provider_conf *
jwt_conf_providers(const struct jwt_conf *c, size_t *ret_n);

/* jwt_check.c */
void jwt_check(void *obj, struct conf_place *place);
void jwks_conf_check(void *obj, struct conf_place *place);
void jwt_check_provider(void *obj, struct conf_place *place);
int jwt_from_valid(const char *text, const char **ret_why);
int jwt_header_valid(const char *text, const char **ret_why);

#endif

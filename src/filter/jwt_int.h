/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_int.h - what the files of the filter "jwt" share: jwt.c, which is the filter, and jwt_verify.c, which finds the tokens of a call and
 * judges them. */
#ifndef OUTRIGGER_FILTER_JWT_INT_H
#define OUTRIGGER_FILTER_JWT_INT_H

#include "filter/filter.h"
#include "filter/jwks_source.h"
#include "filter/jwt_conf.h"
#include "filter/jwt_result.h"
#include "filter/pattern.h"
#include "filter/token.h"
#include "filter/token_cache.h"
#include "loop/timer.h"

enum {
    JWT_PLACES_ALL = 64, /* of all providers; bits of a uint64_t */
    JWT_FOUND_MAX = 8,   /* tokens of one call */
};

struct jwt_place {
    struct slice name, prefix;
    unsigned providers; /* bits: whose tokens it may have */
};

struct jwt_provider {
    const struct jwt_provider_conf *conf;
    struct token_rules rules;
    struct slice *audiences;
    struct jwks_source *source;
};

/* What one worker has: its thread alone touches it. */
struct jwt_worker {
    struct token_home *home;
    struct token_cache *cache;
    size_t counted; /* bytes of the cache, in the worker's counters */
    struct jwks_view views[JWT_PROVIDERS_MAX];
    struct loop *loop;
    struct timer look;   /* runs while calls wait */
    struct list waiting; /* struct jwt_call */
    unsigned n_waiting;
};

struct jwt {
    struct filter f; /* first */
    const struct jwt_conf *conf;
    struct stats *stats; /* of the main thread */
    struct jwt_place places[JWT_PLACES_ALL];
    size_t n_places;
    struct jwt_provider providers[JWT_PROVIDERS_MAX];
    size_t n_providers;
    unsigned algs;      /* of all providers */
    struct slice *ours; /* headers that only we set */
    size_t n_ours;
    struct pattern_set except;
    struct jwt_worker **workers; /* NULL: no call came there yet */
    unsigned n_workers;
};

/* The good tokens of a call; each is held once. */
struct jwt_found {
    struct {
        struct token *token;
        const struct jwt_provider *provider;
        const struct jwt_place *place;
    } v[JWT_FOUND_MAX];
    size_t n;
    struct jwks_source
        *wait; /* its answer, which is on its way, may make this good; NULL: none */
};

/* On a refusal nothing is held. */
enum jwt_result
jwt_verify(const struct jwt *j, struct jwt_worker *w, const struct filter_call *fc,
           struct jwt_found *ret) MUST_CHECK;

#endif

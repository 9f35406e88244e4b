/* SPDX-License-Identifier: Apache-2.0 */
/* filter/token.h - from the text of a token to a verified one: read, signature, claims; each step says why not. RFC 7515, 7519, 8725.
 *
 * A draft is a token that was read and not believed yet: on the stack of who looks at it. A token is a verified one with all that calls need of it, in one
 * piece of memory of the worker; immutable but for the cache's own fields. It is counted, and its memory goes after the turn in which the last hold went, so what a call
 * found in it is good until the call's very end. One worker's thread, but for the rules, which any thread reads. */
#ifndef OUTRIGGER_FILTER_TOKEN_H
#define OUTRIGGER_FILTER_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "filter/claims.h"
#include "filter/jose.h"
#include "filter/jwks.h"
#include "filter/jwt_result.h"
#include "loop/reap.h"

struct conf_map;
struct reaper;
struct slab;

/* What one issuer's tokens must be, and what backends get of them. */
struct token_rules {
    struct slice issuer;
    const struct slice *audiences; /* one of them is enough */
    size_t n_audiences;
    unsigned algs;   /* SIG_BITs */
    int64_t skew_ms; /* of clocks */
    bool require_exp;
    const struct conf_map *required; /* claim: value */
    const struct conf_map *headers;  /* header: claim */
};

struct token_draft {
    struct slice text;   /* as the client sent it; not ours */
    struct slice issuer; /* p NULL: it says none */
    struct claims_read claims;
    struct jose jose;
};

/* JWT_OK, then token_draft_done later; else nothing is left to be freed. algs: of all who might take it. */
enum jwt_result
token_draft_read(struct token_draft *d, struct slice text, unsigned algs) MUST_CHECK;
void token_draft_done(struct token_draft *d);
/* Does one of the keys fit, and did it make the signature? */
enum jwt_result
token_draft_signed(const struct token_draft *d, const struct token_rules *rules,
                   const struct jwks *keys) MUST_CHECK;

/* Where a worker's tokens live. */
struct token_home {
    struct slab *slab;
    size_t alive; /* tokens, also those that only calls hold */
    bool closed;
};

struct token_home *token_home_new(void);
/* No new tokens. Goes with its last token. */
void token_home_close(struct token_home *h);

struct token_value { /* of a header */
    struct slice
        text; /* p NULL: the token has nothing for it, or nothing that a header can hold */
    void *own; /* memory of the text; NULL: it is that of a claim */
};

struct token {
    struct ref ref;
    struct token_home *home;
    int64_t from_ms,
        until_ms; /* wall clock: when it may be used, skew included; until is behind the end */
    struct claims claims;
    struct slice text, payload; /* the whole token; its second part */
    size_t size;                /* bytes of memory */
    struct token_value *values; /* one for each pair of rules->headers */
    size_t n_values;
    size_t values_lost; /* that no header can hold */
    /* token_cache's */
    const void *owner; /* whose rules it was checked with */
    uint64_t version;  /* of the keys */
    struct list lru;
    struct token *next; /* in its slot of the table */
    uint64_t hash;
};

/* Behind token_draft_signed: checks the claims and makes the token, one hold for the caller. now_ms: wall clock. */
enum jwt_result token_make(struct token_home *h, const struct token_draft *d,
                           const struct token_rules *rules, int64_t now_ms,
                           struct token **ret) MUST_CHECK;
/* r: of the worker's loop. NULL: the worker is gone or done with this, and memory goes at once. */
void token_drop(struct token *t, struct reaper *r);

#endif

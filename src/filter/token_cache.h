/* SPDX-License-Identifier: Apache-2.0 */
/* filter/token_cache.h - verified tokens of one worker, so that the signature of a token is checked once and not with each call.
 * A token is found by the whole of its text, for whom it was checked, and the version of the keys it was checked with: a token that
 * was found is one that would be verified again now. It goes when it expires, when the keys have changed, or when it was not used for the longest
 * time and the cache is full by number or by bytes. The hash has a secret and takes the end of the text (the signature) alone; what
 * decides is the comparison of the whole text, in a time that depends on its length alone. One worker's thread. */
#ifndef OUTRIGGER_FILTER_TOKEN_CACHE_H
#define OUTRIGGER_FILTER_TOKEN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct reaper;
struct token;
struct token_cache;

/* max_tokens 0: nothing is ever kept. reaper: of the worker's loop. */
struct token_cache *
token_cache_new(size_t max_tokens, size_t max_bytes, struct reaper *r);
void token_cache_free(struct token_cache *c); /* NULL is fine */
size_t token_cache_count(const struct token_cache *c);
size_t token_cache_bytes(const struct token_cache *c);

uint64_t token_cache_hash(const struct token_cache *c, struct slice text);
/* The token, which stays only until the next call of a function here unless the caller holds it (ref_hold); NULL: not there, or no longer good.
 * now_ms: wall clock. */
struct token *token_cache_find(struct token_cache *c, uint64_t hash, struct slice text,
                               const void *owner, uint64_t version, int64_t now_ms);
/* Takes a hold of its own of a token that find did not find, if it keeps it. Its owner and version are noted in it anyhow. Returns how many others had to go. */
size_t token_cache_put(struct token_cache *c, uint64_t hash, struct token *t,
                       const void *owner, uint64_t version);

#endif

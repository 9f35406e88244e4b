/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks.h - a set of keys as RFC 7517 writes it. Bounded: 256 KiB, 64 keys. A key that we have no use for
 * (another type, another use) or that is weak is left out; a set without any usable key, or one that breaks the
 * rules of JSON (a member twice), is refused as a whole, so that whoever reads it keeps the old one.
 * Immutable and counted; any thread. */
#ifndef OUTRIGGER_FILTER_JWKS_H
#define OUTRIGGER_FILTER_JWKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "net/sigkey.h"

struct jwks;
struct strbuf;

enum { JWKS_TEXT_MAX = 256 * 1024, JWKS_KEYS_MAX = 64 };

/* One hold. NULL: `why` gets the rest of a sentence that starts with the set's place ("has no \"keys\" list"). When
 * keys were left out that look like a mistake, `why` says so of the first one, although the set is good. */
struct jwks *jwks_parse(const char *text, size_t n, struct strbuf *why) MUST_CHECK;
struct jwks *jwks_hold(struct jwks *k);
void jwks_drop(struct jwks *k); /* NULL is fine */

size_t jwks_count(const struct jwks *k);
/* Some key has this name. k NULL: an empty set. */
bool jwks_has(const struct jwks *k, struct slice kid);
/* The first key at or behind *at that can have made a signature with this algorithm, which then stands behind it;
 * NULL: no more. Start with *at = 0. kid.p NULL: the token names no key, all that fit are tried. */
const struct sigkey *
jwks_find(const struct jwks *k, enum sig_alg alg, struct slice kid, size_t *at);

#endif

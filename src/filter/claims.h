/* SPDX-License-Identifier: Apache-2.0 */
/* filter/claims.h - claims of a verified token as flat text, for filters behind jwt (rbac, rateLimit keys, headers). Strings as they are, numbers as the token writes them (whole
 * ones in decimal), true and false; each element of a list is a claim of its own with the same name; members of objects have dotted names ("realm_access.roles"). A claim that is null is not there.
 * Immutable; belongs to the jwt filter's cache, held for as long as the call. */
#ifndef OUTRIGGER_FILTER_CLAIMS_H
#define OUTRIGGER_FILTER_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "base/jscan.h"
#include "base/slice.h"

struct claim {
    struct slice name, value;
};

struct claims {
    size_t n;
    const struct claim *v;
};

/* The first claim of this name at or behind *at, which then stands behind it; NULL: no more. Start with *at = 0. c NULL: none. */
const struct claim *claims_find(const struct claims *c, struct slice name, size_t *at);
/* One of the claims of this name has this value. */
bool claims_has(const struct claims *c, struct slice name, struct slice value);

/* ---- for jwt: reading them ---- */

/* What a token may have: more is no token. Names of nested objects are put together, so 6 KiB of JSON could become much more. */
enum { CLAIMS_MAX = 256, CLAIMS_DEPTH_MAX = 8, CLAIMS_NAMES_MAX = 8 * 1024 };

enum claim_kind {
    CLAIM_TEXT,
    CLAIM_WHOLE,
    CLAIM_REAL,
    CLAIM_BOOL,
    CLAIM_NULL,
    CLAIM_TREE
};

/* A value of the payload. Lists and objects right in the payload are there, too, before what is in them (CLAIM_TREE). */
struct claim_read {
    struct slice name, value; /* in the text, or in names */
    enum claim_kind kind;
    uint8_t depth; /* 1: a member of the payload; 2: in an object or a list of it; ... */
    int64_t whole;
    double real;
};

struct claims_read {
    size_t n;
    size_t kept, bytes; /* of those that become claims */
    struct claim_read v[CLAIMS_MAX];
    size_t names_n;
    char names[CLAIMS_NAMES_MAX];
    struct jscan_keys keys;
};

/* Reads one object, in which no key may stand twice. The text is spoiled and must outlive it. False: it is no JSON, or over a limit above. */
bool claims_read(struct claims_read *r, uint8_t *text, size_t n) MUST_CHECK;
/* The value of a member of the payload itself, CLAIM_TREE for a list or an object, whose values follow; NULL: it is not there. */
const struct claim_read *claims_read_get(const struct claims_read *r, const char *name);
/* The claims, in room for r->kept of them and r->bytes of text; nothing points into r afterwards. */
struct claims claims_make(const struct claims_read *r, struct claim *room, char *text);

#endif

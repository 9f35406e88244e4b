/* SPDX-License-Identifier: Apache-2.0 */
/* filter/claims.h - claims of a verified token as flat text, for filters behind jwt (rbac, rateLimit keys, headers). Strings as they are, whole numbers in decimal,
 * true and false; each element of a list is a claim of its own with the same name; members of objects have dotted names ("realm_access.roles"). A claim that is null is not there.
 * Immutable; belongs to the jwt filter's cache, held for as long as the call. */
#ifndef OUTRIGGER_FILTER_CLAIMS_H
#define OUTRIGGER_FILTER_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "base/slice.h"

struct json_t;

/* What a token may have, so that 6 KiB of JSON do not become more when names of nested objects are put together. */
enum { CLAIMS_MAX = 512, CLAIMS_DEPTH_MAX = 8, CLAIMS_TEXT_MAX = 16 * 1024 };

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

/* How much memory the claims of a JSON object take; 0: it is over a limit above. */
size_t claims_size(const struct json_t *object) MUST_CHECK;
/* Fills memory of that size, aligned for pointers, that has nothing of the tree in it afterwards. */
struct claims claims_fill(const struct json_t *object, void *memory, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/claims.h - claims of a verified token as flat text, for filters behind jwt (rbac, rateLimit keys, headers). Strings as they are, whole numbers in decimal,
 * true and false; each element of a list is a claim of its own with the same name; members of objects have dotted names ("realm_access.roles").
 * Immutable; belongs to the jwt filter's cache, held for as long as the call. */
#ifndef OUTRIGGER_FILTER_CLAIMS_H
#define OUTRIGGER_FILTER_CLAIMS_H

#include <stddef.h>

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

#endif

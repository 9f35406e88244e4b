/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/unique.h - one endpoint per address. Pure; any thread. */
#ifndef OUTRIGGER_RESOLVE_UNIQUE_H
#define OUTRIGGER_RESOLVE_UNIQUE_H

#include <stddef.h>

#include "resolve/resolver.h"

/* Drops every endpoint whose address stands before it in v; the order of the others
 * stays. Returns how many are left. O(n). */
size_t resolved_unique(struct resolved *v, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* h2/edit.h - changes to a received block before it is passed on. Names and values are not copied: they must live as long as the block is used (the call's arena).
 * Only fields with lower-case legal names without a colon can be added, only legal values (RFC 9113 8.2.1). The block's owner's thread. */
#ifndef OUTRIGGER_H2_EDIT_H
#define OUTRIGGER_H2_EDIT_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"
#include "h2/headers.h"

struct slab;

enum { H2_EDIT_FIELDS_MAX = 8192 }; /* of a block that grows by edits */

/* May stand in a block that we send; lower-case, not a pseudo header. */
bool h2_name_legal(struct slice name);
bool h2_value_legal(struct slice value);

/* The first field with this lower-case name; NULL: none. *at: 0 to begin, then where to go on. */
const struct h2_entry *
h2_headers_find(const struct h2_headers *h, struct slice name, unsigned *at);
/* One more field at the end. flags: H2_FIELD_NO_INDEX for secrets and one-off values, else 0. ERR_SYNTAX: illegal name or value; ERR_LIMIT, ERR_NOMEM: no room. */
int h2_headers_add(struct h2_headers *h, struct slab *slab, struct slice name,
                   struct slice value, uint8_t flags) MUST_CHECK;
/* The same for what we make ourselves on each call: legal for sure, so nothing is looked at. Both lie as H2_READY says. token: of the name. ERR_LIMIT, ERR_NOMEM. */
int h2_headers_add_ready(struct h2_headers *h, struct slab *slab, struct slice name,
                         struct slice value, enum h2_token token) MUST_CHECK;
/* The same in the place of all fields with this name; on failure the block is as it was. */
int h2_headers_set(struct h2_headers *h, struct slab *slab, struct slice name,
                   struct slice value, uint8_t flags) MUST_CHECK;
/* All fields with this name; pseudo headers stay. Returns how many went. */
unsigned h2_headers_remove(struct h2_headers *h, struct slice name);

#endif

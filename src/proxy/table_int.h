/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/table_int.h - what the files of the table share. */
#ifndef OUTRIGGER_PROXY_TABLE_INT_H
#define OUTRIGGER_PROXY_TABLE_INT_H

#include "base/compat.h"
#include "proxy/table.h"

/* table_filters.c */
/* After the routes were made. Main thread. */
void table_add_filters(struct table *t, struct filter_store *store,
                       table_slot_fn *slot_of, void *arg);
/* Filters made now of the same config would call the same pools, and see the same services. */
bool table_has_same_filters(const struct table *t, const struct filter_store *store,
                            table_slot_fn *slot_of, void *arg) MUST_CHECK;
void table_drop_filters(struct table *t);
/* Worker's thread. */
void table_use_filters(const struct table *t, struct worker *w);
void table_unuse_filters(const struct table *t, unsigned worker);

#endif

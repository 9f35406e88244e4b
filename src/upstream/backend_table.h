/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/backend_table.h - the backends of a pool by address, so that one that is named again is the same one. Main thread only. */
#ifndef OUTRIGGER_UPSTREAM_BACKEND_TABLE_H
#define OUTRIGGER_UPSTREAM_BACKEND_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct addr;
struct backend;

struct backend_table {
    struct backend **slots; /* open addressing, at most half full */
    size_t size, used;      /* size: a power of two, or 0 */
    uint64_t
        seed; /* addresses come from outside: nobody shall choose who shares a slot */
};

void backend_table_init(struct backend_table *t, uint64_t seed);
/* Drops its holds. */
void backend_table_done(struct backend_table *t);
/* The backend of this address, made when there was none; the table keeps one hold. *ret_new (may be NULL): it was made. */
struct backend *backend_table_get(struct backend_table *t, const struct addr *a,
                                  size_t workers, int *ret_new);
/* Forgets backends that nobody else holds and no operator has disabled. O(size). */
void backend_table_sweep(struct backend_table *t);

#endif

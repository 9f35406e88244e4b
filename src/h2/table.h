/* SPDX-License-Identifier: Apache-2.0 */
/* h2/table.h - the streams of one connection by id. Ids rise by two, so the low bits of id/2 spread perfectly;
 * chains run through the streams. A table that was never used holds no memory. Room h2 only. */
#ifndef OUTRIGGER_H2_TABLE_H
#define OUTRIGGER_H2_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"

struct h2_stream;
struct slab;

struct stream_table {
    struct h2_stream **heads;
    uint32_t size, used; /* size: a power of two, or 0 */
};

/* Room for one more. False: no memory. */
bool stream_table_room(struct stream_table *t, struct slab *slab) MUST_CHECK;
void stream_table_add(struct stream_table *t, struct h2_stream *s); /* there is room */
struct h2_stream *
stream_table_find(const struct stream_table *t, int32_t id); /* NULL when absent */
void
stream_table_remove(struct stream_table *t, int32_t id); /* absent: nothing happens */
void stream_table_done(struct stream_table *t, struct slab *slab);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/latency_table.h - how long calls of each method take: a histogram per method that fades, so that it follows a method that becomes faster or slower within some
 * hundred calls. Shared by all workers: who looks a method up takes no lock. At most `max` methods are learned, those that were told first; nothing is ever mixed, so the
 * others stay unknown. About 2 KiB each, touched as methods come. Any thread. */
#ifndef OUTRIGGER_FILTER_LATENCY_TABLE_H
#define OUTRIGGER_FILTER_LATENCY_TABLE_H

#include <stdint.h>

#include "base/siphash.h"
#include "base/slice.h"
#include "filter/latency.h"

struct latency_table;

enum { LATENCY_TABLE_KEEP = 1024 }; /* at so many the histogram of a method is halved */

/* max at least 1. Never NULL. */
struct latency_table *latency_table_new(uint32_t max);
void latency_table_free(struct latency_table *t); /* NULL is fine */
/* What a method is known by. */
struct sip_hash latency_table_key(const struct latency_table *t, struct slice method);
/* NULL: the method is not known. Valid as long as the table. */
const struct latency *
latency_table_find(const struct latency_table *t, struct sip_hash key);
/* A call of this method took so long. Call it only for what a backend has answered well, so that clients cannot fill the table with names. */
void latency_table_tell(struct latency_table *t, struct sip_hash key, int64_t us);

#endif

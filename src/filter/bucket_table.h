/* SPDX-License-Identifier: Apache-2.0 */
/* filter/bucket_table.h - one token bucket per key, all under one rule, shared by all workers (reliability.md E6). At most max_keys keys have a bucket; memory
 * is taken once (40 bytes and a slot of the index each, touched as keys come). When there is no room the key that was not used for longest goes, if its bucket
 * is full again: then nothing is forgotten that counts. If it is not, the new key has no bucket of its own but shares one, the overflow, with all others like
 * it, so that a flood of keys gets no more than one key does.
 * Keys are keyed hashes (filter/key.h), the texts are not kept. Tables of 1024 keys or more are cut into shards, each with a lock that is held for some
 * dozen nanoseconds; what is full is then a shard, which has room for a share of the keys and four standard deviations. Any thread. */
#ifndef OUTRIGGER_FILTER_BUCKET_TABLE_H
#define OUTRIGGER_FILTER_BUCKET_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shared_bucket.h"
#include "base/siphash.h"

struct bucket_table;

enum bucket_place {
    BUCKET_KNOWN,    /* the key had a bucket */
    BUCKET_ADDED,    /* it has one from now on */
    BUCKET_REPLACED, /* the same, and another key lost its own */
    BUCKET_OVERFLOW, /* there was no room for it */
};

/* max_keys at least 1. Never NULL. */
struct bucket_table *bucket_table_new(const struct bucket_rule *rule, uint32_t max_keys);
void bucket_table_free(struct bucket_table *t); /* NULL is fine */
/* As shared_bucket_take, from the bucket of this key. */
bool
bucket_table_take(struct bucket_table *t, struct sip_hash key, uint32_t n, int64_t now_us,
                  struct bucket_state *state, enum bucket_place *ret_place);
/* How many entries a search for this key looks at, for tests of what a flood of keys costs. */
uint32_t bucket_table_steps(struct bucket_table *t, struct sip_hash key);
/* Memory that the bucket of one key takes, with its slot of the index. */
enum { BUCKET_KEY_BYTES = 44 };
/* Keys that have a bucket. */
uint32_t bucket_table_count(const struct bucket_table *t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/answer_cache.h - answers of an outside service that are good for a while, by a keyed hash of what was asked (filter/key.h). Bounded by entries and by bytes;
 * the entry that was not used for longest goes first. It is one worker's; made and freed where no worker uses it. */
#ifndef OUTRIGGER_FILTER_ANSWER_CACHE_H
#define OUTRIGGER_FILTER_ANSWER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/slice.h"

struct answer_cache;

enum {
    ANSWER_CACHE_BYTES_MAX = 4096, /* of one answer; a longer one is not kept */
    ANSWER_CACHE_MEAN = 512, /* bytes: so much room there is for each of max_entries */
};

/* max_entries at least 1. Never NULL. */
struct answer_cache *answer_cache_new(uint32_t max_entries);
void answer_cache_free(struct answer_cache *c); /* NULL is fine */
/* The answer for this key, unless it is over; then it goes. Valid until the next call here. */
bool answer_cache_find(struct answer_cache *c, struct sip_hash key, int64_t now_us,
                       struct slice *ret);
/* Keeps a copy until then, in the place of what was there. */
void answer_cache_put(struct answer_cache *c, struct sip_hash key, struct slice answer,
                      int64_t until_us);
uint32_t answer_cache_count(const struct answer_cache *c);
/* Of answers, and of what is kept beside each. */
size_t answer_cache_bytes(const struct answer_cache *c);

#endif

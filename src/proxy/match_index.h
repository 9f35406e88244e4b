/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_index.h - which of many matches are worth a look: lists by exact values.
 *
 * Each match is filed under one exact value that it demands (path, service, method, host, or a
 * header), the one that it shares with the fewest others; what demands none is in the rest.
 * A list may hold too many, never too few: whoever asks looks at each of them in full, so equal
 * hashes are harmless. The keys come from the config and the hash has a seed by chance: a peer
 * can choose what is looked up, but not how long the lists are. Immutable; any thread. */
#ifndef OUTRIGGER_PROXY_MATCH_INDEX_H
#define OUTRIGGER_PROXY_MATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct match_conf;

enum match_key {
    MATCH_KEY_PATH, /* "/service/method" */
    MATCH_KEY_SERVICE,
    MATCH_KEY_METHOD,
    MATCH_KEY_HOST,   /* as match_host_normal makes it */
    MATCH_KEY_HEADER, /* and following: the value of header_names[key - MATCH_KEY_HEADER] */
    MATCH_KEY_HEADERS_MAX = 8,
    MATCH_KEYS = MATCH_KEY_HEADER + MATCH_KEY_HEADERS_MAX
};

enum { MATCH_HOST_MAX = 256 };

struct match_index_slot {
    uint64_t hash;
    uint32_t first, count; /* in filed; count 0: free */
};

struct match_index {
    uint64_t seed;
    uint32_t used; /* bit per key: something is filed under it */
    const char *header_names[MATCH_KEY_HEADERS_MAX];
    struct match_index_slot *slots;
    size_t mask;
    uint32_t *filed, *rest; /* numbers of matches, each list in rising order */
    size_t rest_count;
};

struct match_list {
    const uint32_t *v;
    size_t n;
};

/* The strings of the confs must outlive it. */
void match_index_init(struct match_index *x, const struct match_conf *const *matches,
                      size_t n);
void match_index_done(struct match_index *x);
struct match_list
match_index_find(const struct match_index *x, enum match_key key, struct slice value);
static inline bool
match_index_has(const struct match_index *x, enum match_key key)
{
    return (x->used >> key) & 1;
}

/* Lower case, without the port and the dot at the end. p NULL: longer than any name. */
struct slice match_host_normal(struct slice host, char room[MATCH_HOST_MAX]);
/* A host of the config that stands for itself and not for many. */
bool match_host_is_exact(const char *host);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks_source.h - where the keys of one issuer come from, and the newest set of them: the config itself, a file that is watched, or a URL that is asked
 * again and again. What cannot be read or is no good changes nothing: the old keys stay, the log says why, and it is counted. Keys of a URL end
 * when no answer was good for maxStale (reliability.md J8, J9).
 *
 * A token that names a key which is not in the set makes a URL be asked at once, but for such a reason only once in 30 s, one fetch at a time, and not again within 2 minutes for a
 * name that the answer did not have.
 *
 * Sources that say the same are one: a reload that changes other things of a filter does not lose its keys. Opened and closed on the main thread; workers look with a
 * view of their own. A look costs two loads of lines that hardly ever change; only new keys take a lock. */
#ifndef OUTRIGGER_FILTER_JWKS_SOURCE_H
#define OUTRIGGER_FILTER_JWKS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "net/fetch.h"

struct jwks;
struct jwks_source;
struct loop;
struct stats;

enum {
    JWKS_ASK_EVERY_S = 30,
    JWKS_RETRY_MAX_S = 30,
    /* An issuer's answer may come from a cache on the way that does not have its newest key yet. */
    JWKS_ABSENT_S = 120,
};

struct jwks_conf {
    bool on;          /* it is in the config */
    const char *from; /* "file:/path", "https://host/path", or the set itself: "{...}" */
    const char *ca;   /* of a URL: PEM file; NULL: the system's */
    int64_t refresh_ms, timeout_ms, max_stale_ms;
};

enum jwks_kind { JWKS_INLINE, JWKS_FILE, JWKS_URL, JWKS_UNKNOWN };

/* What `from` is. *ret_rest: the path without its scheme; else from. */
enum jwks_kind jwks_from_kind(const char *from, const char **ret_rest);

/* Main thread. One hold; it has read what it can read without waiting for the network. URLs: fetch_missing() must be NULL. */
struct jwks_source *
jwks_source_open(struct loop *l, struct stats *stats, const struct jwks_conf *conf);
void jwks_source_close(struct jwks_source *s); /* NULL is fine */

/* What one worker has of a source. Zeroed: nothing yet. */
struct jwks_view {
    uint64_t version; /* grows with each other set; 0: none */
    struct jwks *keys;
};

enum jwks_state {
    JWKS_GOOD,   /* view->keys may be used until the next look */
    JWKS_COMING, /* none yet, the first fetch is under way */
    JWKS_NONE,
    JWKS_OLD, /* the last good answer is too long ago */
};

/* Worker's thread. now_us: of its loop. */
enum jwks_state
jwks_source_look(struct jwks_source *s, struct jwks_view *v, int64_t now_us);
void jwks_view_done(struct jwks_view *v);
/* A token names this key and the set does not have it. True: an answer that may have it is on its way; the caller may look again when jwks_source_busy is false. */
bool jwks_source_ask(struct jwks_source *s, struct slice kid, int64_t now_us);
bool jwks_source_busy(const struct jwks_source *s);

/* For tests: who fetches, instead of net/fetch.h. NULL: that again. */
struct jwks_fetch_ops {
    void *(*start)(const struct fetch_args *args, fetch_fn *fn, void *arg);
    void (*cancel)(void *fetch);
};
void jwks_source_use(const struct jwks_fetch_ops *ops);

#endif

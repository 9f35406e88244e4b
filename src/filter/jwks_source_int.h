/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks_source_int.h - what a source of keys is: for jwks_source.c, which reads it on the main thread, and jwks_view.c, which workers ask. */
#ifndef OUTRIGGER_FILTER_JWKS_SOURCE_INT_H
#define OUTRIGGER_FILTER_JWKS_SOURCE_INT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rand.h"
#include "base/siphash.h"
#include "filter/jose.h"
#include "filter/jwks_source.h"
#include "loop/timer.h"

enum { JWKS_NAME_MAX = 128, JWKS_ABSENT_MAX = 64 };

struct jwks_source {
    struct list link;
    unsigned holds; /* main thread */
    struct loop *loop;
    struct stats *stats;
    struct jwks_conf conf;
    enum jwks_kind kind;
    struct sip_secret secret;
    char name[JWKS_NAME_MAX]; /* for logs: without what stands behind ? in a URL */
    bool has_text;
    struct sip_hash text; /* of the text of the keys: no copy of secrets stays */
    char *told;           /* the last complaint; NULL: all is good */
    struct pathwatch *watch;
    /* of a URL */
    void *fetch; /* under way; NULL: none */
    struct timer timer;
    struct fdwatch *wake;
    int fd;
    unsigned failures; /* in a row */
    struct rng rng;
    /* shared with the workers */
    _Atomic uint64_t version;
    _Atomic int64_t good_until_us;
    _Atomic int64_t next_ask_us;
    _Atomic bool busy;    /* a fetch is under way or wanted */
    _Atomic bool begun;   /* a fetch has ended, well or not */
    pthread_mutex_t lock; /* guards what follows */
    struct jwks *keys;
    bool wanted; /* somebody asked, the main thread has not seen it */
    char asked[JOSE_KID_MAX];
    size_t asked_n; /* 0: no name */
    struct {
        uint64_t hash;
        int64_t until_us;
    } absent[JWKS_ABSENT_MAX]; /* names that an answer did not have */
    unsigned absent_at;
};

/* Of a key's name, for the list of absent ones. */
static inline uint64_t
jwks_source_kid_hash(const struct jwks_source *s, struct slice kid)
{
    return sip_hash(&s->secret, kid.p, kid.n).lo;
}

#endif

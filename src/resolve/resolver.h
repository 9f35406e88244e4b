/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/resolver.h - turns a target of the config into a list of addresses, and keeps it true.
 * A resolver always tells the whole list. It tells a failure as a sentence, and the owner keeps the list it had: only a good, non-empty list
 * replaces another. To add one: one file, a line in registry.c and in Makefile.inc, a test. Main thread only. */
#ifndef OUTRIGGER_RESOLVE_RESOLVER_H
#define OUTRIGGER_RESOLVE_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "net/addr.h"

struct h2_worker;
struct loop;
/* resolve/resolve_conf.h: knobs of dns (and file, k8s), part of a pool's config */
struct resolve_conf;
struct rng;

enum { RESOLVE_ENDPOINTS_MAX = 10000, RESOLVE_LABELS_MAX = 16 };

struct resolve_label {
    const char *key, *value;
};

struct resolved { /* one endpoint; strings are valid during the callback only */
    struct addr addr;
    uint32_t weight;      /* 1 unless the source says otherwise; never 0 */
    uint32_t priority;    /* 0 is used first */
    const char *zone;     /* "" unknown */
    const char *hash_key; /* NULL: the address */
    const char *
        host; /* the name that it stands for, whom a certificate must be for; NULL: the address */
    const struct resolve_label *labels;
    size_t label_count;
};

struct resolver_ops {
    /* The whole list, n > 0. May be called from inside start (static lists) and later from the loop; never from inside again or stop.
     * valid_ms: how long the source says that this is true (TTL left); -1: until further notice. */
    void (*on_list)(void *arg, const struct resolved *v, size_t n, int64_t valid_ms);
    /* No usable answer now; why is a plain sentence ("NXDOMAIN for app.example"). The resolver goes on by itself. */
    void (*on_error)(void *arg, const char *why);
};

struct resolver_args {
    struct loop *loop;
    struct h2_worker *h2; /* of the main loop: for resolvers that speak HTTP/2 (k8s) */
    struct rng *rng;
    const char *target;              /* checked before; outlives the resolver */
    const struct resolve_conf *conf; /* outlives the resolver */
    const struct resolver_ops *ops;
    void *arg;
};

struct resolver; /* each kind embeds this as its first field */

struct resolver_kind {
    const char *scheme; /* "dns" matches "dns:..."; NULL: a bare address */
    /* While loading the config; also says what a target must look like. ERR_SYNTAX with a plain sentence. Any thread, pure. */
    int (*check)(const char *target, const char **ret_why);
    struct resolver *(*start)(const struct resolver_args *args);
    /* A connection failed or a backend said GOAWAY: ask again soon, at most once a second. NULL: nothing to ask. */
    void (*again)(struct resolver *r);
    void (*stop)(
        struct resolver
            *r); /* no callback afterwards; memory may go at the end of the turn */
};

struct resolver {
    const struct resolver_kind *kind;
};

/* The kind for this target, or NULL with a sentence that lists what exists. */
const struct resolver_kind *resolver_find(const char *target, const char **ret_why);
int resolver_check(const char *target, const char **ret_why) MUST_CHECK;
struct resolver *
resolver_start(const struct resolver_args *args); /* never NULL: the target was checked */
void resolver_again(struct resolver *r);
void resolver_stop(struct resolver *r); /* NULL is fine */

#endif

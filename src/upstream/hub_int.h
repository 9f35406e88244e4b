/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_int.h - what the files of the hub share: its sources, its workers' mailboxes, who watches it. Main thread, but for the mailboxes' other end. */
#ifndef OUTRIGGER_UPSTREAM_HUB_INT_H
#define OUTRIGGER_UPSTREAM_HUB_INT_H

#include <pthread.h>

#include "base/list.h"
#include "loop/timer.h"
#include "resolve/resolver.h"
#include "upstream/backend_table.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"
#include "upstream/pool_levels.h"

enum {
    HUB_WHY_MAX = 256,
    HUB_REASON_MAX = HUB_WHY_MAX + 128,
    HUB_WATCHES_MAX = 4,
    HUB_MARKS = 64
};

/* One target of the config and the last good answer of its resolver. */
struct hub_source {
    struct hub *hub;
    const struct endpoint_conf *conf;
    char *target; /* own copy: the resolver may outlive the config that named it first */
    struct resolver *resolver;
    struct resolved *rows; /* own copy; NULL: no answer yet */
    size_t n;
    void *memory;                  /* of the copy's strings */
    int64_t answered_us, valid_ms; /* when; for how long (-1: until further notice) */
    uint64_t answers, errors;      /* told by the resolver so far */
    char error[HUB_WHY_MAX];       /* "": the last news was an answer */
    int64_t error_us;              /* when the failures began that last until now */
    size_t at;                     /* its place in the config */
    bool repeats;                  /* one before it has the same target */
    bool taken;                    /* into the sources of a new config */
};

/* The way to one worker. Posts carry no memory of their own: what a stopping loop drops unrun is freed by hub_free. */
struct hub_worker {
    struct hub *hub;
    struct pool *pool;                   /* the worker's; NULL: not joined yet */
    struct loop *loop;                   /* the main thread's; NULL: nobody to tell */
    _Atomic(struct backend_list *) list; /* newest that it has not taken */
    _Atomic(char *) why;                 /* there is no list, and this is why */
    _Atomic bool posted;
    /* Backends to look at again: a ring with one writer (main) and one reader (the worker); when it is full, all. */
    struct backend *marks[HUB_MARKS];
    _Atomic unsigned mark_head, mark_tail;
    _Atomic bool mark_all;
};

/* Health checks, outlier detection. Main thread. Any may be NULL. */
struct hub_watch_ops {
    /* Before the workers hear of it: what is marked here is marked when they do. before is NULL the first time. */
    void (*on_list)(void *arg, const struct backend_list *before,
                    const struct backend_list *now);
    void (*on_suspect)(void *arg, struct backend *b); /* see hub_suspect */
    void (*on_stop)(void *arg); /* the hub goes; nothing is called afterwards */
};

struct hub {
    uint64_t number; /* unique in the process, from 1 */
    int64_t made_us;
    struct loop *loop;
    struct h2_worker *h2;
    struct rng *rng;
    const struct pool_conf *conf; /* its endpoints may be old: see hub_reconfigure */
    struct tls_keyring *tls;      /* held; NULL: plain text */
    struct hub_source **sources, **by_target; /* in the order of the config; sorted */
    size_t source_count;
    struct backend_table table;
    struct backend_list *list; /* NULL before the first answer */
    uint64_t version;
    struct timer merge; /* running: answers came in this turn */
    bool starting, over_cap;
    _Atomic bool can_ask; /* some resolver can; workers look, also during a reload */
    bool settling;        /* hub_reconfigure brought targets that have not answered yet */
    struct hub_worker *workers;
    size_t worker_count;
    struct pool_levels *levels; /* of the pool, all workers */
    uint64_t subset_seed;       /* random subsetting: one choice per process */
    struct {
        const struct hub_watch_ops *ops;
        void *arg;
    } watches[HUB_WATCHES_MAX];
    size_t watch_count;
    _Atomic unsigned ask; /* enum in hub.c */
    struct timer ask_timer;
    pthread_mutex_t suspect_lock; /* rare; never on the path of a call that goes well */
    struct list suspects; /* backends that wait for the main thread, each once; held */
};

/* hub.c */
/* At most HUB_WATCHES_MAX, from hub_new. When there is a list already, on_list is called at once. */
void hub_watch(struct hub *hub, const struct hub_watch_ops *ops, void *arg);

/* hub_source.c */
/* Whether a source has neither answered nor failed yet. */
bool hub_source_silent(const struct hub *hub);
/* The first source whose last answer was a failure; NULL: none. */
const struct hub_source *hub_source_failed(const struct hub *hub);
/* Its failure as the reason for no endpoint, in out; NULL: none failed. */
const char *hub_source_why(const struct hub *hub, char out[HUB_REASON_MAX]);
struct hub_source *hub_source_new(struct hub *hub, const struct endpoint_conf *conf);
void hub_source_free(struct hub_source *s);
/* A new array of the same n sources, by target and then as in the config; sets `at` and `repeats` of each. */
struct hub_source **hub_sources_sort(struct hub_source *const *sources, size_t n);
/* The place of the first of this target in such an array, or where it would be: pages about thousands of endpoints ask for each of them. */
size_t
hub_sources_find(struct hub_source *const *by_target, size_t n, const char *target);
/* As if the resolver of s had told what that of `from` told last. */
void hub_source_seed(struct hub_source *s, const struct hub_source *from);

/* hub_merge.c */
/* The list of all sources as they are now, with one hold; NULL: no source has an answer. */
struct backend_list *hub_merge(struct hub *hub);

/* hub_disable.c */
/* Disables what is disabled in `old`. */
void hub_disable_as(struct hub *hub, const struct hub *old);

/* hub_mail.c */
void hub_mail_list(struct hub *hub, struct backend_list *list);
void hub_mail_mark(struct hub *hub, struct backend *b);
/* Why there is no list; "": not known yet. */
void hub_mail_why(struct hub *hub, const char *why);
/* On the worker: takes what there is. */
void hub_mail_take(struct hub_worker *w);
void hub_mail_done(struct hub_worker *w);

#endif

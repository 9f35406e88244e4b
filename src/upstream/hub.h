/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub.h - a pool as the main thread knows it: its resolvers, the merged list of backends, their health and ejection, and the workers that
 * follow it. One hub per pool of the config. The main thread owns it; the functions marked [any] may be called from workers. */
#ifndef OUTRIGGER_UPSTREAM_HUB_H
#define OUTRIGGER_UPSTREAM_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/backend.h"

struct conf_list;
struct h2_worker;
struct hub;
struct loop;
struct pool;
struct pool_conf;
struct rng;
struct strbuf;
struct tls_store;

/* Starts resolvers (static lists are known on return), checks and sweeps. h2: of the main loop. conf outlives the hub.
 * tls: where a pool with TLS gets its certificates; may be NULL when it has none. */
struct hub *hub_new(struct loop *loop, struct h2_worker *h2, struct rng *rng,
                    struct tls_store *tls, const struct pool_conf *conf, size_t workers);
/* The same pool with other endpoints (targets, weights, labels): what a target that stays told last is kept with its resolver, backends are found again by
 * address with their health and connections. While new targets have not answered, the list stays as it is. endpoints (of struct endpoint_conf) must
 * outlive the hub or the next call. Main thread. */
void hub_reconfigure(struct hub *hub, const struct conf_list *endpoints);
/* A hub that takes the place of another begins with what the old one knows: the last good answer of each target that both have, until its own resolvers
 * answer; and which endpoints an operator disabled. Before hub_expect. Main thread. */
void hub_inherit(struct hub *hub, const struct hub *old);
/* A worker's pool joins in two steps: on the main thread (from now on news for this worker are kept, and posted to its loop), then, before any of those
 * posts runs, on the worker's thread: the pool gets the current list at once. */
void hub_expect(struct hub *hub, size_t worker, struct loop *loop);
void hub_join(struct hub *hub, size_t worker, struct pool *p);
/* Both at once, before the worker starts. */
void hub_attach(struct hub *hub, size_t worker, struct pool *p);
/* Nothing more is posted to this worker. What was posted before may still come: free the pool by a post that follows. Main thread. */
void hub_leave(struct hub *hub, size_t worker);
/* Stops everything; after the workers ended or left and freed their pools, and before the config goes. */
void hub_free(struct hub *hub);

/* [any] A connection failed or a backend went away: resolvers ask again (at most once a second). Cheap when just asked. */
void hub_ask_again(struct hub *hub);
/* [any] A worker saw backend->consecutive_errors reach the limit. */
void hub_suspect(struct hub *hub, struct backend *b);

/* For health.c and outlier.c (main thread): sets or clears bits of backend->down, logs the change with why, tells the workers (each re-reads this backend
 * in its next turn), keeps since-when for the pools page. */
void hub_mark(struct hub *hub, struct backend *b, unsigned bit, bool on, const char *why);
/* An operator takes the endpoint with this address out (off), or puts it back. It stays out when it leaves the list and comes back, and when a reload
 * makes the pool anew. False with a sentence in out: the pool has no such endpoint, or too many are out. Main thread. */
bool hub_disable(struct hub *hub, const char *address, bool off, struct strbuf *out);
/* NULL before the first answer. Main thread; hold it to keep it. */
const struct backend_list *hub_list(const struct hub *hub);
/* Of its pool. */
const char *hub_name(const struct hub *hub);
/* The first list is there, or every source said why there is none. Main thread. */
bool hub_answered(const struct hub *hub);
/* The list is not empty, and all backends in it are going away by their own word (backend_leaving). Main thread. */
bool hub_leaving(const struct hub *hub);
/* One JSON object for /pools.json. */
void hub_print(const struct hub *hub, struct strbuf *out);
/* Members that the caller adds to that object and to each of its endpoints (i: place in hub_list), each with a comma in front. */
struct hub_more {
    void (*pool)(void *arg, struct strbuf *out);
    void (*endpoint)(void *arg, size_t i, struct strbuf *out);
    void *arg;
    /* 0: all. Else at most so many endpoints, those that are not usable first, and as many targets; "endpointsLeftOut" and "targetsLeftOut" say how many are not there. */
    size_t most;
};
/* more NULL: nothing. */
void
hub_print_more(const struct hub *hub, const struct hub_more *more, struct strbuf *out);
/* How full the pool is, all workers together. Main thread. */
struct hub_load {
    const char *name;
    size_t total, ejected; /* endpoints */
    unsigned waiting;      /* calls without a connection */
    uint32_t max_calls;    /* limits.maxConcurrentRequests; 0: no limit */
    uint64_t retries;      /* ever */
};
void hub_load_get(const struct hub *hub, struct hub_load *ret);
/* The same as lines for a terminal. */
void hub_print_table(const struct hub *hub, struct strbuf *out);

#endif

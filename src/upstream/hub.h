/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub.h - a pool as the main thread knows it: its resolvers, the merged list of backends, their health and ejection, and the workers that
 * follow it. One hub per pool of the config. The main thread owns it; the functions marked [any] may be called from workers. */
#ifndef OUTRIGGER_UPSTREAM_HUB_H
#define OUTRIGGER_UPSTREAM_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/backend.h"

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
/* Each worker's pool, before the workers start: it gets the current list at once and later ones by loop_post to its loop. */
void hub_attach(struct hub *hub, size_t worker, struct pool *p);
/* Stops everything; after the workers were joined or detached, and before their pools' configs go. */
void hub_free(struct hub *hub);

/* [any] A connection failed or a backend went away: resolvers ask again (at most once a second). Cheap when just asked. */
void hub_ask_again(struct hub *hub);
/* [any] A worker saw backend->consecutive_errors reach the limit. */
void hub_suspect(struct hub *hub, struct backend *b);

/* For health.c and outlier.c (main thread): sets or clears bits of backend->down, logs the change with why, tells the workers (each re-reads this backend
 * in its next turn), keeps since-when for the pools page. */
void hub_mark(struct hub *hub, struct backend *b, unsigned bit, bool on, const char *why);
/* NULL before the first answer. Main thread; hold it to keep it. */
const struct backend_list *hub_list(const struct hub *hub);
/* The first list is there, or every source said why there is none. Main thread. */
bool hub_answered(const struct hub *hub);
/* One JSON object for /pools.json. */
void hub_print(const struct hub *hub, struct strbuf *out);
/* The same as lines for a terminal. */
void hub_print_table(const struct hub *hub, struct strbuf *out);

#endif

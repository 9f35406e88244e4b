/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/server.h - one listener of the config at work: socket, limits, routes. With one worker it accepts on the worker's loop, else on
 * the main thread, which hands each connection to the worker with the least connections. Made, stopped and freed by the main thread; what workers
 * read of it never changes. */
#ifndef OUTRIGGER_PROXY_SERVER_H
#define OUTRIGGER_PROXY_SERVER_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/compat.h"
#include "h2/conn.h"
#include "net/addr.h"
#include "proxy/route.h"

struct listener;
struct listener_conf;
struct loop;
struct pool_conf;
struct shared;
struct worker;

struct server {
    const struct listener_conf *conf;
    const char *conf_name;
    struct h2_limits limits;
    struct route *routes;
    size_t route_count;
    struct shared *shared;
    struct worker **workers;
    size_t worker_count;
    struct listener *listener;
    struct addr addr;             /* where it really listens */
    _Atomic unsigned connections; /* its open client connections */
};

/* Binds, but accepts nothing before server_start. loop: the loop that accepts. ERR_SYS with errno; *ret_why: a plain sentence. */
int server_open(struct loop *loop, const struct listener_conf *conf,
                const struct pool_conf *pools, size_t pool_count, struct shared *shared,
                struct worker **workers, size_t worker_count, struct server **ret,
                const char **ret_why) MUST_CHECK;
/* The next three on the accepting loop's thread, or before it runs. */
void server_start(struct server *s);
void
server_stop(struct server *s); /* no new connections; closes the socket. Idempotent */
/* After all workers ended. */
void server_free(struct server *s);

#endif

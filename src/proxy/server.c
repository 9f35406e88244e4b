/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/server.c - listeners at work. */
#include "proxy/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/listener.h"
#include "proxy/listener_conf.h"
#include "proxy/shared.h"
#include "proxy/worker.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"

static void
server_limits(struct h2_limits *l, const struct listener_limits_conf *c, bool local)
{
    *l = (struct h2_limits){
        .max_concurrent_streams = c->max_concurrent_streams,
        .max_header_bytes = (uint32_t)c->max_header_bytes,
        .max_header_count = c->max_header_count,
        .max_continuations = c->max_continuations,
        .stream_window = (uint32_t)c->stream_window,
        .connection_window = (uint32_t)c->connection_window,
        .max_stream_window = (uint32_t)c->max_stream_window,
        .max_connection_buffer = c->max_connection_buffer,
        .write_buffer = c->write_buffer,
        .max_queued_frames = c->max_queued_frames,
        /* DESIGN 3.6: cancelling is normal for gRPC clients next door, suspicious from far away. */
        .reset_burst = c->reset_burst ? c->reset_burst
                       : local        ? 10000
                                      : 1000,
        .reset_rate = c->reset_rate ? c->reset_rate
                      : local       ? 1000
                                    : 100,
        .glitch_burst = c->glitch_burst,
        .glitch_rate = c->glitch_rate,
        .max_streams_per_turn = c->max_streams_per_turn,
        .max_frames_per_turn = c->max_frames_per_turn,
        .handshake_timeout_us = c->handshake_timeout_ms * 1000,
        .header_timeout_us = c->header_timeout_ms * 1000,
        .idle_timeout_us = c->idle_timeout_ms * 1000,
        .write_stall_us = c->write_stall_timeout_ms * 1000,
        .max_age_us = c->max_connection_age_ms * 1000,
        .max_age_grace_us = c->max_connection_age_grace_ms * 1000,
        .max_requests = c->max_requests_per_connection,
    };
}

/* Every worker's pool gives the same number, since all are asked in the same order. */
static unsigned
server_subset(const struct server *s, size_t pool, const struct conf_map *selector)
{
    unsigned subset = 0;

    for (size_t i = 0; i < s->worker_count; i++)
        subset = pool_subset(s->workers[i]->pools[pool], selector);
    return subset;
}

static void
server_routes(struct server *s, const struct pool_conf *pools, size_t n)
{
    const struct route_conf *r = s->conf->routes.items;

    s->route_count = s->conf->routes.n;
    s->routes = xcalloc(s->route_count ? s->route_count : 1, sizeof(*s->routes));
    for (size_t i = 0; i < s->route_count; i++) {
        const struct to_conf *to = r[i].to.items;

        for (size_t k = 0; k < n; k++) {
            if (strcmp(pools[k].name, to->pool) != 0)
                continue;
            route_init(&s->routes[i], &r[i], k);
            s->routes[i].subset = server_subset(s, k, &to->subset);
        }
    }
}

static bool
server_over_limit(const struct server *s)
{
    unsigned own = s->conf->limits.max_connections, all = s->shared->max_connections;

    return (own && atomic_load_explicit(&s->connections, memory_order_relaxed) >= own) ||
           (all &&
            atomic_load_explicit(&s->shared->connections, memory_order_relaxed) >= all);
}

static struct worker *
server_least_loaded(const struct server *s)
{
    struct worker *best = s->workers[0];

    for (size_t i = 1; i < s->worker_count; i++) {
        if (atomic_load_explicit(&s->workers[i]->load, memory_order_relaxed) <
            atomic_load_explicit(&best->load, memory_order_relaxed))
            best = s->workers[i];
    }
    return best;
}

static void
server_on_accept(void *arg, int fd, const struct addr *peer)
{
    static struct log_limit limit;
    struct server *s = arg;
    struct worker *w;

    if (server_over_limit(s)) {
        stat_inc(s->worker_count == 1 ? &s->workers[0]->stats : s->shared->main_stats,
                 STAT_DOWN_OVER_LIMIT);
        if (log_limit_pass(&limit, 3))
            log_at(NULL, LOG_WARN, "connection refused: maxConnections reached",
                   LS("listener", s->conf_name));
        close(fd);
        return;
    }
    w = server_least_loaded(s);
    atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->shared->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
    if (s->worker_count == 1)
        worker_adopt_here(w, s, fd, peer);
    else
        worker_adopt(w, s, fd, peer);
}

int
server_open(struct loop *loop, const struct listener_conf *conf,
            const struct pool_conf *pools, size_t pool_count, struct shared *shared,
            struct worker **workers, size_t worker_count, struct server **ret,
            const char **ret_why)
{
    struct server *s = xcalloc(1, sizeof(*s));
    struct addr at;
    int rv;

    s->conf = conf;
    s->conf_name = conf->name;
    s->shared = shared;
    s->workers = workers;
    s->worker_count = worker_count;
    rv = addr_parse(conf->listen, true, &at, ret_why);
    if (rv == ERR_OK)
        rv = listener_open(loop, &at, server_on_accept, s, &s->listener, ret_why);
    if (rv != ERR_OK) {
        xfree(s);
        return rv;
    }
    s->addr = *listener_addr(s->listener);
    server_limits(&s->limits, &conf->limits, addr_is_local(&s->addr));
    down_keepalive_fill(&s->limits.keepalive, &conf->keepalive);
    server_routes(s, pools, pool_count);
    *ret = s;
    return ERR_OK;
}

void
server_start(struct server *s)
{
    listener_start(s->listener);
}

void
server_stop(struct server *s)
{
    listener_close(s->listener);
    s->listener = NULL;
}

void
server_free(struct server *s)
{
    if (!s)
        return;
    listener_close(s->listener);
    xfree(s->routes);
    xfree(s);
}

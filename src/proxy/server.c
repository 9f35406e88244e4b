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
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/shared.h"
#include "proxy/table.h"
#include "proxy/worker.h"

static bool
server_over_limit(const struct server *s)
{
    unsigned own = atomic_load_explicit(&s->max_connections, memory_order_relaxed);
    unsigned all = s->shared->max_connections;

    return (own && atomic_load_explicit(&s->connections, memory_order_relaxed) >= own) ||
           (all &&
            atomic_load_explicit(&s->shared->connections, memory_order_relaxed) >= all);
}

/* On the accepting loop's thread. */
static const char *
server_name(const struct server *s)
{
    return (s->worker_count == 1 ? s->views[0].front : s->front)->conf->name;
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
                   LS("listener", server_name(s)));
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
server_open(struct loop *loop, const char *listen, int fd, bool owns_file,
            struct shared *shared, struct worker **workers, size_t worker_count,
            struct server **ret, const char **ret_why)
{
    static uint64_t servers;
    struct server *s = xcalloc(1, sizeof(*s));
    struct addr at;
    int rv;

    s->number = ++servers;
    s->shared = shared;
    s->workers = workers;
    s->worker_count = worker_count;
    s->views = xcalloc(worker_count, sizeof(*s->views));
    *ret_why =
        "no socket of that name came from the service manager; set FileDescriptorName= "
        "in its socket unit";
    if (fd < 0 && strncmp(listen, "fd:", 3) == 0)
        rv = ERR_SYS;
    else if (fd >= 0)
        rv = listener_adopt(loop, fd, owns_file, server_on_accept, s, &s->listener,
                            ret_why);
    else
        rv = addr_parse(listen, true, &at, ret_why);
    if (rv == ERR_OK && fd < 0)
        rv = listener_open(loop, &at, server_on_accept, s, &s->listener, ret_why);
    if (rv != ERR_OK) {
        xfree(s->views);
        xfree(s);
        return rv;
    }
    s->addr = *listener_addr(s->listener);
    *ret = s;
    return ERR_OK;
}

void
server_set(struct server *s, struct front *front, struct table *table)
{
    front_drop(s->front);
    table_drop(s->table);
    s->front = front;
    s->table = table;
    atomic_store_explicit(&s->max_connections, front->conf->limits.max_connections,
                          memory_order_relaxed);
}

int
server_fd(const struct server *s, bool *ret_owns_file)
{
    if (!s->listener)
        return -1;
    *ret_owns_file = listener_owns_file(s->listener);
    return listener_fd(s->listener);
}

void
server_hand_over(struct server *s)
{
    if (s->listener)
        listener_leave(s->listener);
}

void
server_start(struct server *s)
{
    listener_start(s->listener);
}

void
server_stop(struct server *s)
{
    listener_sweep(s->listener);
    listener_close(s->listener);
    s->listener = NULL;
}

void
server_free(struct server *s)
{
    if (!s)
        return;
    listener_close(s->listener);
    for (size_t i = 0; i < s->worker_count; i++)
        front_drop(
            s->views[i]
                .front); /* of workers that ended: their uses of tables went with them */
    front_drop(s->front);
    table_drop(s->table);
    xfree(s->views);
    xfree(s);
}

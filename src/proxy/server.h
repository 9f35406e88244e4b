/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/server.h - one listener at work: a socket that stays, and what the current config says about it, which may change: a front (limits, TLS) and a
 * table (routes). With one worker it accepts on the worker's loop, else on the main thread, which hands each connection to the worker with the least
 * connections. Made and freed by the main thread; each worker has its own view, changed in one turn of its loop by worker_apply. */
#ifndef OUTRIGGER_PROXY_SERVER_H
#define OUTRIGGER_PROXY_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "net/addr.h"
#include "proxy/worker.h"

struct front;
struct listener;
struct listener_conf;
struct loop;
struct shared;
struct table;
struct table_use;

/* What one worker knows; only it reads and writes it. */
struct server_view {
    struct table_use *use; /* for new calls; NULL: not yet, or no more */
    struct front *front;   /* for new connections; held */
    bool leaving;          /* the listener was taken out of the config */
    bool departing; /* depart.h: clients are told to go, the socket may stay open */
    /* Of connections that are closed: calls that began, and those that did not end with OK. */
    uint64_t gone_calls, gone_failed;
};

struct server {
    /* Of the current config. Main thread; held. */
    struct front *front;
    struct table *table;
    uint64_t number; /* unique in the process, from 1 */
    struct shared *shared;
    struct worker **workers;
    size_t worker_count;
    struct listener *listener;
    /* main/mirror.c, main thread: its clients are told to go because the application goes. */
    bool mirrored;
    unsigned mirror_looks; /* in a row that saw it */
    struct addr addr;      /* where it really listens */
    struct server_view *views;
    _Atomic unsigned connections;     /* its open client connections */
    _Atomic unsigned max_connections; /* 0: only the process limit */
};

static inline struct server_view *
server_view(const struct server *s, const struct worker *w)
{
    return &s->views[w->index];
}

/* Binds, but accepts nothing before server_start. loop: the loop that accepts; need not be the caller's thread. fd: a socket that listens already and is the server's
 * from now on, also on failure (owns_file: see listener_adopt); -1: none, which listen "fd:NAME" needs. It has neither front nor table:
 * server_set, then worker_apply to each worker. ERR_SYS with errno; *ret_why: a plain sentence. */
int server_open(struct loop *loop, const char *listen, int fd, bool owns_file,
                struct shared *shared, struct worker **workers, size_t worker_count,
                struct server **ret, const char **ret_why) MUST_CHECK;
/* What the current config says; takes over the caller's holds, lets go of the old ones. Main thread. */
void server_set(struct server *s, struct front *front, struct table *table);
/* What another process needs to accept here too. Main thread; -1: the socket is closed. */
int server_fd(const struct server *s, bool *ret_owns_file);
/* Another process accepts here from now on: server_stop leaves queue and file to it. Main thread, before server_stop is called or posted. */
void server_hand_over(struct server *s);
/* The next two on the accepting loop's thread, or before it runs. */
void server_start(struct server *s);
void
server_stop(struct server *
                s); /* takes who waits in the queue, then closes the socket. Idempotent */
/* After all workers ended, or have forgotten it and it has no connections. The socket was closed by server_stop, unless its loop ended. */
void server_free(struct server *s);

#endif

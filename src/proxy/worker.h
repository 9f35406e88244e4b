/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/worker.h - one data-plane thread: its loop, memory, counters, pools and client connections. Workers share nothing on the path of a call.
 * The functions marked [any] may be called from any thread, the others from the worker's thread (or before it was started). */
#ifndef OUTRIGGER_PROXY_WORKER_H
#define OUTRIGGER_PROXY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rand.h"
#include "net/tls.h"
#include "obs/stats.h"

struct addr;
struct buf_pool;
struct front;
struct h2_worker;
struct hub;
struct loop;
struct method_times;
struct pool;
struct pool_conf;
struct server;
struct shared;
struct slab;
struct table;
struct table_use;

struct worker {
    int index;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct h2_worker *h2;
    struct stats stats;
    struct rng rng;
    struct tls_budget handshakes;
    struct shared *shared;
    struct pool **
        pools; /* by slot, which is the same in each worker and stays as long as the pool; NULL: free */
    size_t slots;
    struct list uses;  /* of tables, all */
    struct list downs; /* client connections */
    struct list calls; /* calls that are not ended */
    size_t replay_bytes, max_replay_bytes;
    struct method_times *times; /* for hedgingDelay "p95"; NULL: nobody asked */
    size_t mirror_bytes, max_mirror_bytes; /* copies that wait for their backends */
    unsigned mirrors;                      /* that are not ended, see proxy/mirror.h */
    bool draining;
    _Atomic unsigned load;   /* [any] client connections, also those on their way here */
    _Atomic unsigned flying; /* [any] calls not ended */
};

struct worker *worker_new(int index, struct shared *shared);

/* --- changes of the config ------------------------------------------------------- */

struct change_pool {              /* a new pool */
    unsigned slot;                /* free */
    struct hub *hub;              /* hub_expect was called for this worker */
    const struct pool_conf *conf; /* outlives the pool */
};

struct change_server {
    struct server *server;
    /* What new calls and new connections get from now on; the change's holds go to the worker. NULL: as it is. */
    struct table *table;
    struct front *front;
    bool
        start; /* accepts from now on (server_start); only for the worker whose loop it is */
    bool stop;   /* server_stop, likewise */
    bool drain;  /* two-step GOAWAY to its clients */
    bool depart; /* the same, spread over depart_us; it may go on accepting (depart.h) */
    bool stay;   /* takes that back */
    int64_t depart_us;
    bool end; /* its calls end with UNAVAILABLE */
    bool cut; /* its connections are closed */
    bool
        forget; /* it has no connections any more: nothing of the worker refers to it afterwards */
};

/* What one worker shall do in one turn, in this order: new pools, servers, close pools. Made by the main thread; it stays there with all arrays until done. */
struct worker_change {
    struct worker *worker;
    const struct change_pool *pools;
    size_t pool_count;
    const struct change_server *servers;
    size_t server_count;
    const unsigned
        *close; /* slots of pools that no table names any more, after hub_leave */
    size_t close_count;
    /* On the thread of shared->main_loop, when all is done and closed pools are freed. NULL: nobody asks. */
    void (*done)(struct worker_change *c);
    void *arg;
    bool applied; /* the worker's; may be read after worker_join */
};

/* [any] */
void worker_apply(struct worker *w, struct worker_change *c);
/* The same at once, before the worker starts; done is not called. Nothing to close. */
void worker_apply_here(struct worker *w, const struct worker_change *c);
/* A call lets go of its table_use. */
void worker_release(struct worker *w, struct table_use *u);

/* [any] Hands an accepted socket over; the worker owns fd from now on. */
void worker_adopt(struct worker *w, struct server *s, int fd, const struct addr *peer);
/* The same on the worker's own thread, at once. */
void
worker_adopt_here(struct worker *w, struct server *s, int fd, const struct addr *peer);
void worker_start(struct worker *w); /* starts the thread */
/* [any] Two-step GOAWAY to every client; calls go on. Idempotent. */
void worker_drain(struct worker *w);
/* [any] Ends all calls with UNAVAILABLE, closes every connection and ends the thread a moment later, when the last bytes went out. */
void worker_stop(struct worker *w);
/* Waits for the thread's end and frees everything. Main thread. */
void worker_join(struct worker *w);

#endif

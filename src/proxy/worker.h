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
#include "obs/stats.h"

struct addr;
struct buf_pool;
struct h2_worker;
struct loop;
struct pool;
struct pool_conf;
struct server;
struct shared;
struct slab;

struct worker {
    int index;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct h2_worker *h2;
    struct stats stats;
    struct rng rng;
    struct shared *shared;
    struct pool **pools; /* by index in the config */
    size_t pool_count;
    struct list downs; /* client connections */
    struct list calls; /* calls that are not ended */
    size_t replay_bytes, max_replay_bytes;
    bool draining;
    _Atomic unsigned load;   /* [any] client connections, also those on their way here */
    _Atomic unsigned flying; /* [any] calls not ended */
};

/* pools: array of pool_conf, outlives the worker. */
struct worker *
worker_new(int index, struct shared *shared, const struct pool_conf *pools, size_t n);
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

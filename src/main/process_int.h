/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_int.h - what the files of the running process share: its parts, and how far its end has come. Main thread only. */
#ifndef OUTRIGGER_MAIN_PROCESS_INT_H
#define OUTRIGGER_MAIN_PROCESS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/process.h"
#include "obs/stats.h"
#include "proxy/shared.h"

struct admin;
struct buf_pool;
struct conf_copy;
struct conf_snapshot;
struct live_pool;
struct reload;
struct h2_worker;
struct hub;
struct server;
struct signal_watch;
struct slab;
struct tls_store;
struct worker;

/* features.md 2.11: accept for a while, GOAWAY, wait for calls, end what is left. */
enum phase { PHASE_SERVING, PHASE_LEAVING, PHASE_DRAINING, PHASE_STOPPING };

/* A pool of the current config, or one that only open calls still use. */
struct live_pool {
    struct list link; /* process->dead_pools */
    struct process *process;
    /* Of struct pool_conf: what the hub and the workers' pools were made with, and the newest; they differ in endpoints at most. */
    struct conf_copy *base, *now;
    struct hub *hub;
    unsigned slot;
    unsigned tables; /* targets of live tables that name the slot */
    bool wanted;     /* the current config has it */
    bool closing;
};

/* A listener that was taken out of the config and has clients. */
struct live_server {
    struct list link; /* process->leaving */
    struct process *process;
    struct server *server;
    int64_t end_us; /* its calls are ended then */
    unsigned step;  /* generation.c */
};

struct process {
    struct conf_snapshot *snapshot; /* held */
    const struct config *conf;      /* its root */
    uint64_t version;               /* of conf: 1, 2, 3 ... */
    struct loop *loop;
    struct shared shared;
    struct worker **workers;
    size_t worker_count;
    /* The control plane's own HTTP/2: checks, Kubernetes. */
    struct slab *slab;
    struct buf_pool *bufs;
    struct h2_worker *h2;
    struct rng rng;
    struct tls_store *tls;
    struct live_pool **slots; /* by slot; NULL: free */
    size_t slot_count, slot_hint;
    struct live_pool **by_name; /* the wanted ones, sorted */
    size_t by_name_count;
    struct list dead_pools; /* their configs go in the next turn */
    struct timer dead_timer;
    struct hub **hubs; /* of the current config's pools, in its order */
    size_t hub_count;
    struct server **servers; /* of the current config, in its order */
    size_t server_count;
    struct list leaving; /* live_server */
    struct timer leave_timer;
    struct list swaps; /* that workers have */
    bool started;      /* the workers run */
    bool ending;       /* they do not any more */
    struct stats main_stats;
    const struct stats **stats;
    struct admin *admin;
    struct signal_watch *signals[4];
    struct reload *reload; /* NULL: the config cannot be loaded again */
    struct timer timer;    /* next step of the drain */
    enum phase phase;
    int64_t drain_end_us;
};

/* drain.c */
void process_drain_on_timer(struct timer *t);

#endif

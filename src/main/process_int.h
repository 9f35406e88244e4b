/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_int.h - what the files of the running process share: its parts, and how far its end has come. Main thread only. */
#ifndef OUTRIGGER_MAIN_PROCESS_INT_H
#define OUTRIGGER_MAIN_PROCESS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/process.h"
#include "obs/stats.h"
#include "proxy/shared.h"

struct admin;
struct buf_pool;
struct h2_worker;
struct hub;
struct server;
struct signal_watch;
struct slab;
struct tls_store;
struct worker;

/* features.md 2.11: accept for a while, GOAWAY, wait for calls, end what is left. */
enum phase { PHASE_SERVING, PHASE_LEAVING, PHASE_DRAINING, PHASE_STOPPING };

struct process {
    const struct config *conf;
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
    struct hub **hubs; /* by pool */
    size_t hub_count;
    struct server **servers;
    size_t server_count;
    struct stats main_stats;
    const struct stats **stats;
    struct admin *admin;
    struct signal_watch *signals[4];
    struct timer timer; /* next step of the drain */
    enum phase phase;
    int64_t drain_end_us;
};

/* drain.c */
void process_drain_on_timer(struct timer *t);

#endif

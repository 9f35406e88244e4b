/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_thread.h - a thread with its own loop, memory and HTTP/2 connections, as the
 * backends and the load of the demo need it. */
#ifndef OUTRIGGER_MAIN_DEMO_THREAD_H
#define OUTRIGGER_MAIN_DEMO_THREAD_H

#include <pthread.h>

#include "h2/conn.h"
#include "obs/stats.h"

struct demo_thread {
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct h2_worker *h2;
    struct h2_limits limits;
    struct stats stats;
    pthread_t id;
};

void demo_thread_init(struct demo_thread *t);  /* everything but the thread */
void demo_thread_start(struct demo_thread *t); /* runs the loop on a thread that takes no
                                                  signals */
/* Waits until the loop was stopped (loop_stop), then ends all connections: their owners
 * hear of it on this thread. */
void demo_thread_join(struct demo_thread *t);
void demo_thread_done(struct demo_thread *t); /* frees; after join, or when it was never
                                                 started */

#endif

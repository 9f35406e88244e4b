/* SPDX-License-Identifier: Apache-2.0 */
/* main/swap.h - one change for all workers: gathered on the main thread, posted to each, told when the last one has applied it. Main thread only. */
#ifndef OUTRIGGER_MAIN_SWAP_H
#define OUTRIGGER_MAIN_SWAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "proxy/worker.h"

struct process;

struct swap {
    struct process *process;
    struct list link; /* process->swaps, while workers have it */
    size_t left;      /* workers that have not answered */
    struct change_pool *pools;
    struct change_server *servers;
    unsigned *close;
    size_t pool_count, server_count, close_count;
    void (*done)(struct swap *s); /* may be NULL; the swap is freed afterwards */
    void *arg;
    struct worker_change *changes; /* one per worker; they share the arrays */
};

struct swap *swap_new(struct process *p);
void swap_add_pool(struct swap *s, const struct change_pool *pool);
/* table and front: the caller keeps its holds; each worker gets one of its own. */
void swap_add_server(struct swap *s, const struct change_server *server);
void swap_add_close(struct swap *s, unsigned slot);
/* To all workers. done is called on the main thread when all have applied it. */
void swap_post(struct swap *s, void (*done)(struct swap *s), void *arg);
/* At once and in this thread, before the workers start; frees s. */
void swap_apply_here(struct swap *s);
/* After the workers ended: what was posted and never came to an end. */
void swap_free_all(struct process *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/pools.h - the pools of the current config and those that only open calls still use: hubs, slots, and when a slot is free again. Main thread only. */
#ifndef OUTRIGGER_MAIN_POOLS_H
#define OUTRIGGER_MAIN_POOLS_H

struct config;
struct generation_news;
struct live_pool;
struct process;
struct swap;
struct table;
struct timer;

/* Keeps, changes and makes pools so that they are those of conf; new ones go into the swap. Old ones go when no table names them any more. */
void pools_apply(struct process *p, const struct config *conf, struct swap *s,
                 struct generation_news *news);
/* A pool of the newest config; NULL: it has none of this name. */
struct live_pool *pools_find(const struct process *p, const char *name);
/* The slot of a pool of the newest config (arg: the process), for table_new. */
unsigned pools_slot(void *arg, const char *name);
/* A table with slots from pools_slot: its pools stay until its last drop, which must happen on the main thread. */
void pools_table_made(struct process *p, struct table *t);
/* Before the workers end: what the hubs hear from here on is told to nobody. */
void pools_leave(struct process *p);
/* After the workers ended: stops all hubs. The configs of the pools go with pools_on_dead_timer. */
void pools_free(struct process *p);
void pools_on_dead_timer(struct timer *t);

#endif

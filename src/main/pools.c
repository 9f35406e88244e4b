/* SPDX-License-Identifier: Apache-2.0 */
/* main/pools.c - pools come and go. A pool goes in four steps: the config does not name it; its last table is gone, so no call can reach it; its hub tells
 * the workers nothing more and each closes its part; when all did, the hub stops and the slot is free. */
#include "main/pools.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "loop/loop.h"
#include "main/generation.h"
#include "main/process_int.h"
#include "main/swap.h"
#include "proxy/table.h"
#include "proxy/worker.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"

static const struct pool_conf *
pool_conf_of(const struct live_pool *l)
{
    return conf_copy_root(l->now);
}

/* --- names ------------------------------------------------------------------------- */

static int
live_compare(const void *a, const void *b)
{
    const struct live_pool *const *x = a, *const *y = b;

    return strcmp(pool_conf_of(*x)->name, pool_conf_of(*y)->name);
}

/* The wanted pools by name: a config may have 10,000 of them. */
static void
pools_sort(struct process *p)
{
    xfree(p->by_name);
    p->by_name = xcalloc(p->slot_count + 1, sizeof(struct live_pool *));
    p->by_name_count = 0;
    for (size_t i = 0; i < p->slot_count; i++) {
        if (p->slots[i] && p->slots[i]->wanted)
            p->by_name[p->by_name_count++] = p->slots[i];
    }
    qsort(p->by_name, p->by_name_count, sizeof(struct live_pool *), live_compare);
}

struct live_pool *
pools_find(const struct process *p, const char *name)
{
    size_t low = 0, high = p->by_name_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pool_conf_of(p->by_name[middle])->name, name);

        if (order == 0)
            return p->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

unsigned
pools_slot(void *arg, const char *name)
{
    const struct live_pool *l = pools_find(arg, name);

    assert(l);
    return l->slot;
}

/* --- the end ----------------------------------------------------------------------- */

static void
live_drop_confs(void *arg)
{
    struct live_pool *l = arg;

    conf_copy_drop(l->base);
    conf_copy_drop(l->now);
    xfree(l);
}

static void
live_on_closed(struct swap *s)
{
    struct live_pool *l = s->arg;
    struct process *p = l->process;

    log_at(NULL, LOG_DEBUG, "the last call of a removed pool has ended",
           LS("pool", pool_conf_of(l)->name));
    hub_free(l->hub);
    p->slots[l->slot] = NULL;
    /* Resolvers and checks that were stopped may look at their config until the end of the turn. */
    list_append(&p->dead_pools, &l->link);
    timer_start(p->loop, &p->dead_timer, 0);
}

void
pools_on_dead_timer(struct timer *t)
{
    struct process *p = CONTAINER_OF(t, struct process, dead_timer);

    while (!list_empty(&p->dead_pools)) {
        struct live_pool *l = CONTAINER_OF(p->dead_pools.next, struct live_pool, link);

        list_remove(&l->link);
        live_drop_confs(l);
    }
}

static void
live_leave(struct live_pool *l)
{
    for (size_t i = 0; i < l->process->worker_count; i++)
        hub_leave(l->hub, i);
}

static void
live_close(struct live_pool *l)
{
    struct process *p = l->process;
    struct swap *s = swap_new(p);

    l->closing = true;
    live_leave(l);
    swap_add_close(s, l->slot);
    swap_post(s, live_on_closed, l);
}

static void
live_look(struct live_pool *l)
{
    if (!l->wanted && l->tables == 0 && !l->closing && !l->process->ending)
        live_close(l);
}

static void
pools_on_table_gone(struct table *t)
{
    struct process *p = t->gone_arg;

    stat_add(&p->main_stats, STAT_TABLES_ALIVE, -1);
    for (size_t i = 0; i < t->target_count; i++) {
        struct live_pool *l = p->slots[t->targets[i].slot];

        l->tables--;
        live_look(l);
    }
}

void
pools_table_made(struct process *p, struct table *t)
{
    t->gone = pools_on_table_gone;
    t->gone_arg = p;
    stat_inc(&p->main_stats, STAT_TABLES_ALIVE);
    for (size_t i = 0; i < t->target_count; i++)
        p->slots[t->targets[i].slot]->tables++;
}

/* --- the new config ---------------------------------------------------------------- */

static unsigned
slot_free(struct process *p)
{
    for (; p->slot_hint < p->slot_count; p->slot_hint++) {
        if (!p->slots[p->slot_hint])
            return (unsigned)p->slot_hint;
    }
    p->slot_count = p->slot_count ? 2 * p->slot_count : 8;
    p->slots = xrealloc(p->slots, p->slot_count * sizeof(struct live_pool *));
    for (size_t i = p->slot_hint; i < p->slot_count; i++)
        p->slots[i] = NULL;
    return (unsigned)p->slot_hint;
}

/* old: the pool whose place it takes; NULL: none. */
static struct live_pool *
live_new(struct process *p, const struct pool_conf *conf, const struct live_pool *old,
         struct swap *s)
{
    struct live_pool *l = xcalloc(1, sizeof(*l));
    const struct pool_conf *own;

    l->process = p;
    list_init(&l->link);
    l->base = conf_copy_new(&pool_conf_struct, conf);
    l->now = conf_copy_hold(l->base);
    own = conf_copy_root(l->base);
    l->slot = slot_free(p);
    p->slots[l->slot] = l;
    l->hub = hub_new(p->loop, p->h2, &p->rng, p->tls, own, p->worker_count);
    if (old) /* calls need not wait for a name that was known a moment ago */
        hub_inherit(l->hub, old->hub);
    for (size_t i = 0; i < p->worker_count; i++)
        hub_expect(l->hub, i, p->workers[i]->loop);
    swap_add_pool(s,
                  &(struct change_pool){ .slot = l->slot, .hub = l->hub, .conf = own });
    return l;
}

static void
live_reconfigure(struct live_pool *l, const struct pool_conf *conf)
{
    struct conf_copy *old = l->now;
    const struct pool_conf *own;

    l->now = conf_copy_new(&pool_conf_struct, conf);
    own = conf_copy_root(l->now);
    hub_reconfigure(l->hub, &own->endpoints);
    conf_copy_drop(old);
}

static void
pools_apply_one(struct process *p, const struct pool_conf *conf, struct swap *s,
                struct generation_news *news)
{
    static const char *const endpoints[] = { "endpoints", NULL };
    struct live_pool *l = pools_find(p, conf->name);

    if (l && conf_equal(&pool_conf_struct, pool_conf_of(l), conf)) {
        l->wanted = true;
        return;
    }
    news->pools_new += !l;
    news->pools_changed += l != NULL;
    if (l && conf_equal_but(&pool_conf_struct, pool_conf_of(l), conf, endpoints)) {
        live_reconfigure(l, conf);
        l->wanted = true;
        return;
    }
    live_new(p, conf, l, s)->wanted = true;
}

static void
pools_keep_hubs(struct process *p, const struct config *conf)
{
    const struct pool_conf *pools = conf->pools.items;

    xfree(p->hubs);
    p->hubs = xcalloc(conf->pools.n + 1, sizeof(struct hub *));
    p->hub_count = conf->pools.n;
    for (size_t i = 0; i < conf->pools.n; i++)
        p->hubs[i] = pools_find(p, pools[i].name)->hub;
    if (p->admin)
        admin_set_pools(p->admin, p->hubs, p->hub_count);
}

void
pools_apply(struct process *p, const struct config *conf, struct swap *s,
            struct generation_news *news)
{
    const struct pool_conf *pools = conf->pools.items;
    size_t before = p->by_name_count;

    for (size_t i = 0; i < p->by_name_count; i++)
        p->by_name[i]->wanted = false;
    p->slot_hint = 0;
    for (size_t i = 0; i < conf->pools.n; i++)
        pools_apply_one(p, &pools[i], s, news);
    news->pools_gone = before + news->pools_new - conf->pools.n;
    for (size_t i = 0; i < before;
         i++) { /* pools without a route have no table to wait for */
        if (!p->by_name[i]->wanted)
            live_look(p->by_name[i]);
    }
    pools_sort(p);
    pools_keep_hubs(p, conf);
}

void
pools_leave(struct process *p)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        if (p->slots[i])
            live_leave(p->slots[i]);
    }
}

void
pools_free(struct process *p)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        if (!p->slots[i])
            continue;
        hub_free(p->slots[i]->hub);
        list_append(&p->dead_pools, &p->slots[i]->link);
    }
    xfree(p->slots);
    xfree(p->by_name);
    xfree(p->hubs);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_list.c - the pool follows the hub: a new list is applied in one pass without looking anything up, because each backend knows its
 * endpoint on each worker. */
#include <stdio.h>

#include "base/xalloc.h"
#include "net/tls_store.h"
#include "upstream/group.h"
#include "upstream/hub_int.h"

void
pool_attach(struct pool *p, struct hub *hub, size_t worker, struct pool_levels *levels,
            uint64_t seed)
{
    p->hub = hub;
    p->tls = hub->tls ? tls_keyring_hold(hub->tls) : NULL;
    p->worker = worker;
    p->levels = levels;
    p->load = &levels->loads[worker];
    p->subset_seed = seed;
}

static struct endpoint *
endpoint_for(struct pool *p, const struct backend_row *row)
{
    struct endpoint *e = row->backend->views[p->worker];

    if (!e)
        return endpoint_new(p, row->backend);
    if (!e->row)
        endpoint_revive(e);
    return e;
}

/* Endpoints that the new list does not have any more. `stamp` tells them. */
static void
pool_drain_gone(struct endpoint **old, size_t n, uint64_t version)
{
    for (size_t i = 0; i < n; i++) {
        if (old[i]->stamp != version)
            endpoint_drain(old[i]);
    }
}

/* What the hub says of it now. First whether it was checked: an answer that comes in between makes it usable, and never a bad one for a moment. */
static void
endpoint_look(struct endpoint *e)
{
    bool unchecked = atomic_load_explicit(&e->backend->down, memory_order_relaxed) ==
                     BACKEND_UNCHECKED;

    e->lb.usable = backend_usable(e->backend);
    e->lb.off = backend_disabled(e->backend);
    e->unchecked = unchecked && !e->lb.usable && !e->lb.off;
}

/* Before anybody looks at the list: who finds it empty tells the reason. */
static void
pool_note_list(struct pool *p, const struct backend_list *list)
{
    if (list->why)
        pool_note_failure(p, list->why);
    else if (p->no_list)
        p->last_failure[0] = '\0'; /* that there was no endpoint is over */
    p->no_list = list->why != NULL;
}

void
pool_apply(struct pool *p, struct backend_list *list)
{
    struct endpoint **old = p->endpoints;
    struct backend_list *old_list = p->list;
    size_t old_n = p->n;

    if (p->closing) {
        backend_list_drop(list);
        return;
    }
    p->endpoints = xcalloc(list->n ? list->n : 1, sizeof(struct endpoint *));
    p->n = list->n;
    p->list = list;
    pool_note_list(p, list);
    for (size_t i = 0; i < list->n; i++) {
        struct endpoint *e = endpoint_for(p, &list->rows[i]);

        e->row = &list->rows[i];
        e->stamp = list->version;
        e->lb.key = e->row->hash_key;
        endpoint_look(e);
        p->endpoints[i] = e;
    }
    /* The policies must not see the old list again: what they pick next is an index of the new one. */
    for (size_t i = 0; i < p->subset_count; i++) {
        if (!p->subsets[i])
            continue;
        p->subsets[i]->built = false;
        if (p->subsets[i]->used)
            subset_build(p, p->subsets[i]);
    }
    pool_update(p);
    pool_drain_gone(old, old_n, list->version);
    backend_list_drop(old_list);
    xfree(old);
    pool_changed(p);
}

static void
endpoint_recheck(struct endpoint *e)
{
    bool usable = e->lb.usable, off = e->lb.off, unchecked = e->unchecked;

    endpoint_look(e);
    if (usable != e->lb.usable || off != e->lb.off || unchecked != e->unchecked)
        e->pool->stale = true;
}

void
pool_recheck(struct pool *p, struct backend *b)
{
    if (p->closing)
        return;
    if (b) {
        if (b->views[p->worker])
            endpoint_recheck(b->views[p->worker]);
    } else {
        for (size_t i = 0; i < p->n; i++)
            endpoint_recheck(p->endpoints[i]);
    }
    if (p->stale)
        pool_changed(p);
}

void
pool_no_list(struct pool *p, const char *why)
{
    if (p->list || p->closing)
        return;
    p->no_list = why[0] != '\0';
    pool_note_failure(p, why);
    pool_changed(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/swap.c - changes on their way to the workers. */
#include "main/swap.h"

#include "base/xalloc.h"
#include "main/process_int.h"
#include "proxy/front.h"
#include "proxy/table.h"

/* Arrays grow by doubling: a config may have thousands of pools. */
#define GROW(array, n)                                                          \
    do {                                                                        \
        if (((n) & ((n)-1)) == 0)                                               \
            (array) = xrealloc((array), ((n) ? 2 * (n) : 1) * sizeof *(array)); \
    } while (0)

struct swap *
swap_new(struct process *p)
{
    struct swap *s = xcalloc(1, sizeof(*s));

    s->process = p;
    list_init(&s->link);
    s->changes = xcalloc(p->worker_count, sizeof(*s->changes));
    return s;
}

static void
swap_free(struct swap *s)
{
    list_remove(&s->link);
    xfree(s->pools);
    xfree(s->servers);
    xfree(s->close);
    xfree(s->changes);
    xfree(s);
}

void
swap_add_pool(struct swap *s, const struct change_pool *pool)
{
    GROW(s->pools, s->pool_count);
    s->pools[s->pool_count++] = *pool;
}

void
swap_add_server(struct swap *s, const struct change_server *server)
{
    GROW(s->servers, s->server_count);
    s->servers[s->server_count++] = *server;
}

void
swap_add_close(struct swap *s, unsigned slot)
{
    GROW(s->close, s->close_count);
    s->close[s->close_count++] = slot;
}

static void
swap_on_done(struct worker_change *c)
{
    struct swap *s = c->arg;

    if (--s->left > 0)
        return;
    list_remove(&s->link);
    if (s->done)
        s->done(s);
    swap_free(s);
}

/* One hold of each front and table per worker. */
static void
swap_hold(struct swap *s)
{
    for (size_t i = 0; i < s->server_count; i++) {
        if (s->servers[i].front)
            front_hold(s->servers[i].front);
        if (s->servers[i].table)
            table_hold(s->servers[i].table);
    }
}

static void
swap_fill(struct swap *s)
{
    for (size_t i = 0; i < s->process->worker_count; i++) {
        s->changes[i] = (struct worker_change){
            .worker = s->process->workers[i],
            .pools = s->pools,
            .pool_count = s->pool_count,
            .servers = s->servers,
            .server_count = s->server_count,
            .close = s->close,
            .close_count = s->close_count,
            .done = swap_on_done,
            .arg = s,
        };
        swap_hold(s);
    }
}

void
swap_post(struct swap *s, void (*done)(struct swap *s), void *arg)
{
    struct process *p = s->process;

    swap_fill(s);
    s->done = done;
    s->arg = arg;
    s->left = p->worker_count;
    list_append(&p->swaps, &s->link);
    for (size_t i = 0; i < p->worker_count; i++)
        worker_apply(p->workers[i], &s->changes[i]);
}

void
swap_apply_here(struct swap *s)
{
    swap_fill(s);
    for (size_t i = 0; i < s->process->worker_count; i++)
        worker_apply_here(s->process->workers[i], &s->changes[i]);
    swap_free(s);
}

static void
swap_drop_unapplied(struct swap *s)
{
    for (size_t i = 0; i < s->process->worker_count; i++) {
        for (size_t k = 0; k < s->server_count && !s->changes[i].applied; k++) {
            front_drop(s->servers[k].front);
            table_drop(s->servers[k].table);
        }
    }
}

void
swap_free_all(struct process *p)
{
    while (!list_empty(&p->swaps)) {
        struct swap *s = CONTAINER_OF(p->swaps.next, struct swap, link);

        swap_drop_unapplied(s);
        swap_free(s);
    }
}

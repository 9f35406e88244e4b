/* SPDX-License-Identifier: Apache-2.0 */
/* h2/worker.c - what the connections of one thread share: memory, the flush at the end of the turn, the sweep. */
#include "h2/conn_int.h"

#include <stdlib.h>

#include "base/slab.h"
#include "base/xalloc.h"

enum { TURN_ROUNDS = 4 };
static const int64_t SWEEP_US = 500 * 1000;

static void *
mem_malloc(size_t n, void *arg)
{
    return slab_malloc(arg, n);
}

static void
mem_free(void *p, void *arg)
{
    slab_give(arg, p);
}

static void *
mem_calloc(size_t n, size_t size, void *arg)
{
    return slab_calloc(arg, n, size);
}

static void *
mem_realloc(void *p, size_t n, void *arg)
{
    return slab_realloc(arg, p, n);
}

static void
worker_flush(struct h2_worker *w, enum h2_side side)
{
    struct list now, *n;

    list_init(&now);
    list_splice(&now, &w->dirty[side]);
    while ((n = list_pop(&now)))
        conn_flush(CONTAINER_OF(n, struct h2_conn, dirty));
}

static bool
worker_bury(struct h2_worker *w)
{
    struct list *n;
    bool any = false;

    while ((n = list_pop(&w->dying))) {
        conn_bury(CONTAINER_OF(n, struct h2_conn, dying));
        any = true;
    }
    return any;
}

static void
worker_backlogs(struct h2_worker *w)
{
    struct list now, *n;

    list_init(&now);
    list_splice(&now, &w->resume);
    while ((n = list_pop(&now)))
        conn_resume_backlog(CONTAINER_OF(n, struct h2_conn, backlogged));
}

/* End of the turn. Backends first, clients second, then what that caused (window updates, resets) once more. */
static void
worker_turn(void *arg)
{
    struct h2_worker *w = arg;

    w->turn_streams = 0;
    w->turn_bytes = 0;
    worker_backlogs(w);
    w->turn++;
    list_splice(&w->resume, &w->backlogged);
    for (int round = 0; round < TURN_ROUNDS; round++) {
        bool any = worker_bury(w);

        if (!any && list_empty(&w->dirty[H2_UP]) && list_empty(&w->dirty[H2_DOWN]))
            return;
        worker_flush(w, H2_UP);
        worker_flush(w, H2_DOWN);
    }
    worker_bury(w);
    if (!list_empty(&w->dirty[H2_UP]) || !list_empty(&w->dirty[H2_DOWN]))
        loop_again(w->loop);
}

static void
worker_sweep(struct timer *t)
{
    struct h2_worker *w = CONTAINER_OF(t, struct h2_worker, sweep);
    int64_t now = loop_now_us(w->loop);
    struct list *n, *next;

    for (n = w->conns.next; n != &w->conns; n = next) {
        next = n->next;
        conn_sweep(CONTAINER_OF(n, struct h2_conn, link), now);
    }
    timer_start(w->loop, &w->sweep, SWEEP_US);
}

const char *
h2_library_version(void)
{
    return nghttp2_version(0)->version_str;
}

struct h2_worker *
h2_worker_new(struct loop *loop, struct slab *slab, struct buf_pool *bufs,
              struct stats *stats)
{
    struct h2_worker *w =
        xmalloc(sizeof(*w)); /* not zeroed: the big buffers stay untouched pages */

    w->loop = loop;
    w->slab = slab;
    w->bufs = bufs;
    w->stats = stats;
    w->mem = (nghttp2_mem){ slab, mem_malloc, mem_free, mem_calloc, mem_realloc };
    list_init(&w->conns);
    list_init(&w->dirty[H2_DOWN]);
    list_init(&w->dirty[H2_UP]);
    list_init(&w->dying);
    list_init(&w->backlogged);
    list_init(&w->resume);
    w->turn_streams = 0;
    w->turn = 1; /* no connection was read in it yet */
    w->turn_bytes = 0;
    w->conn_count = 0;
    w->numbers = 0;
    w->held = w->held_limit = 0;
    rng_seed_system(&w->rng);
    huff_init(&w->huff);
    w->bulk.n = w->bulk.at = 0;
    w->out.n = 0;
    w->out.spent = NULL;
    w->out.used = w->out.total = 0;
    timer_init(&w->sweep, worker_sweep);
    timer_start(loop, &w->sweep, SWEEP_US);
    loop_add_turn_hook(loop, worker_turn, w);
    return w;
}

void
h2_worker_free(struct h2_worker *w)
{
    if (!w)
        return;
    while (!list_empty(&w->conns)) {
        struct h2_conn *c = CONTAINER_OF(w->conns.next, struct h2_conn, link);

        conn_fail(c, ERR_CLOSED, "");
        list_remove(&c->dying);
        conn_bury(c);
    }
    reap_run(loop_reaper(w->loop));
    timer_stop(w->loop, &w->sweep);
    xfree(w);
}

void
h2_worker_set_buffer_limit(struct h2_worker *w, size_t bytes)
{
    w->held_limit = bytes;
}

unsigned
h2_worker_conns(const struct h2_worker *w)
{
    return w->conn_count;
}

struct slab *
h2_worker_slab(const struct h2_worker *w)
{
    return w->slab;
}

struct buf_pool *
h2_worker_bufs(const struct h2_worker *w)
{
    return w->bufs;
}

struct loop *
h2_worker_loop(const struct h2_worker *w)
{
    return w->loop;
}

struct stats *
h2_worker_stats(const struct h2_worker *w)
{
    return w->stats;
}

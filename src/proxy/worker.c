/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/worker.c - a data-plane thread. */
#include "proxy/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "filter/method_times.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "proxy/call.h"
#include "proxy/depart.h"
#include "proxy/down.h"
#include "proxy/front.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/table.h"
#include "upstream/hub.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"

enum { BUF_KEEP = 4 * 1024 * 1024 };
static const int64_t TRIM_US = 10 * 1000 * 1000;
/* Trailers and GOAWAY leave in this time; a look now and then ends it when no client is left. */
static const int64_t LAST_WORDS_US = 100 * 1000;
static const int64_t LAST_LOOK_US = 5 * 1000;

struct worker_thread {
    struct worker w; /* first: the public part */
    pthread_t thread;
    bool started;
    struct timer trim, last_words;
    int64_t last_us;        /* when last_words ends in any case */
    struct timer idle_uses; /* running: some table_use may be done with */
};

struct adoption {
    struct worker *worker;
    struct server *server;
    int fd;
    struct addr peer;
};

static struct worker_thread *
thread_of(struct worker *w)
{
    return CONTAINER_OF(w, struct worker_thread, w);
}

/* Memory goes back to the system some time after a burst. */
static void
worker_on_trim(struct timer *t)
{
    struct worker_thread *wt = CONTAINER_OF(t, struct worker_thread, trim);

    slab_trim(wt->w.slab);
    buf_pool_trim(wt->w.bufs);
    timer_start(wt->w.loop, t, TRIM_US);
}

/* --- tables ------------------------------------------------------------------------ */

static void
table_on_drop(void *arg)
{
    table_drop(arg);
}

/* Main counts who uses a table: only it knows what its end means for pools. */
static void
worker_drop_table(struct worker *w, struct table *t)
{
    if (w->shared->main_loop)
        loop_post(w->shared->main_loop, table_on_drop, t);
    else
        table_drop(t);
}

static void
worker_on_idle_uses(struct timer *t)
{
    struct worker *w = &CONTAINER_OF(t, struct worker_thread, idle_uses)->w;

    for (struct list *n = w->uses.next, *next; n != &w->uses; n = next) {
        struct table_use *u = CONTAINER_OF(n, struct table_use, link);

        next = n->next;
        if (u->retired && u->calls == 0)
            worker_drop_table(w, table_use_free(u));
    }
}

/* Not here and now: we may be in the middle of a pool's queue, and its subsets go with the table. */
static void
worker_look_at_uses(struct worker *w)
{
    if (!timer_running(&thread_of(w)->idle_uses))
        timer_start(w->loop, &thread_of(w)->idle_uses, 0);
}

void
worker_release(struct worker *w, struct table_use *u)
{
    if (--u->calls == 0 && UNLIKELY(u->retired))
        worker_look_at_uses(w);
}

static void
worker_retire(struct worker *w, struct table_use *u)
{
    if (!u)
        return;
    u->retired = true;
    worker_look_at_uses(w);
}

/* With the worker: no calls are left. */
static void
worker_drop_uses(struct worker *w)
{
    while (!list_empty(&w->uses))
        table_drop(table_use_free(CONTAINER_OF(w->uses.next, struct table_use, link)));
}

static void
worker_close_pools(struct worker *w)
{
    for (size_t i = 0; i < w->slots; i++) {
        if (w->pools[i])
            pool_close(w->pools[i]);
    }
}

static void
worker_on_last_words(struct timer *t)
{
    struct worker_thread *wt = CONTAINER_OF(t, struct worker_thread, last_words);

    if (list_empty(&wt->w.downs) || loop_now_us(wt->w.loop) >= wt->last_us)
        loop_stop(wt->w.loop);
    else
        timer_start(wt->w.loop, t, LAST_LOOK_US);
}

struct worker *
worker_new(int index, struct shared *shared)
{
    struct worker_thread *wt = xcalloc(1, sizeof(*wt));
    struct worker *w = &wt->w;

    w->index = index;
    w->shared = shared;
    w->loop = loop_new(shared->clock);
    w->slab = slab_new();
    w->bufs = buf_pool_new(BUF_KEEP);
    w->h2 = h2_worker_new(w->loop, w->slab, w->bufs, &w->stats);
    h2_worker_set_buffer_limit(w->h2, shared->max_buffered_bytes / shared->workers);
    w->max_replay_bytes = shared->max_replay_bytes / shared->workers;
    w->max_mirror_bytes = shared->max_buffered_bytes / shared->workers / 4;
    rng_seed_system(&w->rng);
    tls_budget_init(&w->handshakes, w->loop, TLS_STEPS_PER_TURN);
    list_init(&w->downs);
    list_init(&w->calls);
    list_init(&w->uses);
    timer_init(&wt->trim, worker_on_trim);
    timer_init(&wt->last_words, worker_on_last_words);
    timer_init(&wt->idle_uses, worker_on_idle_uses);
    timer_start(w->loop, &wt->trim, TRIM_US);
    return w;
}

void
worker_adopt_here(struct worker *w, struct server *s, int fd, const struct addr *peer)
{
    down_open(w, s, fd, peer);
}

static void
worker_on_adopt(void *arg)
{
    struct adoption *a = arg;

    down_open(a->worker, a->server, a->fd, &a->peer);
    xfree(a);
}

void
worker_adopt(struct worker *w, struct server *s, int fd, const struct addr *peer)
{
    struct adoption *a = xmalloc(sizeof(*a));

    *a = (struct adoption){ w, s, fd, *peer };
    loop_post(w->loop, worker_on_adopt, a);
}

static void *
worker_main(void *arg)
{
    struct worker *w = arg;

    loop_run(w->loop);
    return NULL;
}

/* Signals are the main thread's business. */
void
worker_start(struct worker *w)
{
    struct worker_thread *wt = thread_of(w);
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&wt->thread, NULL, worker_main, w) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    wt->started = true;
}

static void
worker_on_drain(void *arg)
{
    struct worker *w = arg;

    w->draining = true;
    for (struct list *n = w->downs.next, *next; n != &w->downs; n = next) {
        struct down *d = CONTAINER_OF(n, struct down, link);

        next = n->next;
        if (d->h2)
            h2_conn_drain(d->h2);
    }
}

void
worker_drain(struct worker *w)
{
    loop_post(w->loop, worker_on_drain, w);
}

/* Every open call gets an honest end; then the connections say goodbye. */
static void
worker_on_stop(void *arg)
{
    struct worker *w = arg;
    struct list *n, *next;

    for (n = w->calls.next; n != &w->calls; n = next) {
        struct call *c = CONTAINER_OF(n, struct call, link);

        next = n->next;
        call_fail(c, GRPC_UNAVAILABLE, REASON_DRAIN, "the proxy is shutting down");
        call_settle(c);
    }
    worker_on_drain(w);
    worker_close_pools(w);
    thread_of(w)->last_us = loop_now_us(w->loop) + LAST_WORDS_US;
    timer_start(w->loop, &thread_of(w)->last_words, LAST_LOOK_US);
}

/* --- changes ----------------------------------------------------------------------- */

static void
worker_add_pool(struct worker *w, const struct change_pool *c)
{
    size_t slots = w->slots;

    if (c->slot >= w->slots) {
        w->slots = c->slot + 1;
        w->pools = xrealloc(w->pools, w->slots * sizeof(struct pool *));
        memset(w->pools + slots, 0, (w->slots - slots) * sizeof(struct pool *));
    }
    assert(!w->pools[c->slot]);
    w->pools[c->slot] = pool_new(w->h2, c->conf, &w->rng, call_on_up);
    hub_join(c->hub, (size_t)w->index, w->pools[c->slot]);
}

/* Every open call of this listener gets an honest end. */
static void
worker_end_calls(struct worker *w, const struct server *s)
{
    for (struct list *n = w->calls.next, *next; n != &w->calls; n = next) {
        struct call *c = CONTAINER_OF(n, struct call, link);

        next = n->next;
        if (c->owner->server != s)
            continue;
        call_fail(
            c, GRPC_UNAVAILABLE, REASON_DRAIN,
            "the listener was taken out of the config, and the time to end is over");
        call_settle(c);
    }
}

static void
worker_end_downs(struct worker *w, const struct server *s, bool cut)
{
    for (struct list *n = w->downs.next, *next; n != &w->downs; n = next) {
        struct down *d = CONTAINER_OF(n, struct down, link);

        next = n->next;
        if (!d->h2 || d->server != s)
            continue;
        if (cut)
            h2_conn_close(d->h2, ERR_DRAIN, H2_NO_ERROR, "");
        else
            h2_conn_drain(d->h2);
    }
}

static void
worker_change_server(struct worker *w, const struct change_server *c)
{
    struct server_view *v = server_view(c->server, w);

    if (c->table) {
        worker_retire(w, v->use);
        v->use = table_use_new(c->table, w);
        list_append(&w->uses, &v->use->link);
    }
    if (c->front) {
        front_drop(v->front);
        v->front = c->front;
    }
    v->leaving |= c->drain;
    if (c->start)
        server_start(c->server);
    if (c->stop)
        server_stop(c->server);
    if (c->stay)
        depart_undo(w, c->server);
    if (c->depart)
        depart_begin(w, c->server, c->depart_us);
    if (c->end)
        worker_end_calls(w, c->server);
    if (c->drain || c->cut)
        worker_end_downs(w, c->server, c->cut);
    if (c->forget) {
        worker_retire(w, v->use);
        front_drop(v->front);
        *v = (struct server_view){ 0 };
    }
}

void
worker_apply_here(struct worker *w, const struct worker_change *c)
{
    for (size_t i = 0; i < c->pool_count; i++)
        worker_add_pool(w, &c->pools[i]);
    for (size_t i = 0; i < c->server_count; i++)
        worker_change_server(w, &c->servers[i]);
    for (size_t i = 0; i < c->close_count; i++)
        pool_close(w->pools[c->close[i]]);
}

static void
change_on_done(void *arg)
{
    struct worker_change *c = arg;

    c->done(c);
}

/* A turn later: what pool_close closed has told its end. */
static void
worker_on_applied(void *arg)
{
    struct worker_change *c = arg;
    struct worker *w = c->worker;

    for (size_t i = 0; i < c->close_count; i++) {
        pool_free(w->pools[c->close[i]]);
        w->pools[c->close[i]] = NULL;
    }
    if (c->done)
        loop_post(w->shared->main_loop, change_on_done, c);
}

static void
worker_on_apply(void *arg)
{
    struct worker_change *c = arg;

    worker_apply_here(c->worker, c);
    c->applied = true;
    loop_post(c->worker->loop, worker_on_applied, c);
}

void
worker_apply(struct worker *w, struct worker_change *c)
{
    c->worker = w;
    loop_post(w->loop, worker_on_apply, c);
}

/* --- end --------------------------------------------------------------------------- */

void
worker_stop(struct worker *w)
{
    loop_post(w->loop, worker_on_stop, w);
}

void
worker_join(struct worker *w)
{
    struct worker_thread *wt = thread_of(w);

    if (wt->started)
        pthread_join(wt->thread, NULL);
    timer_stop(w->loop, &wt->trim);
    worker_close_pools(w);
    h2_worker_free(w->h2);
    timer_stop(w->loop, &wt->idle_uses);
    worker_drop_uses(w);
    for (size_t i = 0; i < w->slots; i++)
        pool_free(w->pools[i]);
    xfree(w->pools);
    tls_budget_done(&w->handshakes);
    loop_free(w->loop);
    method_times_free(w->times);
    buf_pool_free(w->bufs);
    slab_free(w->slab);
    xfree(wt);
}

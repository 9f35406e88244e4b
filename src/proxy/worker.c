/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/worker.c - a data-plane thread. */
#include "proxy/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "grpc/status.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"

enum { BUF_KEEP = 4 * 1024 * 1024 };
static const int64_t TRIM_US = 10 * 1000 * 1000;
static const int64_t LAST_WORDS_US =
    100 * 1000; /* trailers and GOAWAY leave in this time */

struct worker_thread {
    struct worker w; /* first: the public part */
    pthread_t thread;
    bool started;
    struct timer trim, last_words;
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

static void
worker_on_last_words(struct timer *t)
{
    struct worker_thread *wt = CONTAINER_OF(t, struct worker_thread, last_words);

    loop_stop(wt->w.loop);
}

struct worker *
worker_new(int index, struct shared *shared, const struct pool_conf *pools, size_t n)
{
    struct worker_thread *wt = xcalloc(1, sizeof(*wt));
    struct worker *w = &wt->w;

    w->index = index;
    w->shared = shared;
    w->loop = loop_new(NULL);
    w->slab = slab_new();
    w->bufs = buf_pool_new(BUF_KEEP);
    w->h2 = h2_worker_new(w->loop, w->slab, w->bufs, &w->stats);
    h2_worker_set_buffer_limit(w->h2, shared->max_buffered_bytes / shared->workers);
    w->max_replay_bytes = shared->max_replay_bytes / shared->workers;
    rng_seed_system(&w->rng);
    list_init(&w->downs);
    list_init(&w->calls);
    w->pools = xcalloc(n, sizeof(struct pool *));
    w->pool_count = n;
    for (size_t i = 0; i < n; i++)
        w->pools[i] = pool_new(w->h2, &pools[i], &w->rng, call_on_up);
    timer_init(&wt->trim, worker_on_trim);
    timer_init(&wt->last_words, worker_on_last_words);
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
        call_fail(c, GRPC_UNAVAILABLE, "the proxy is shutting down");
        call_settle(c);
    }
    worker_on_drain(w);
    for (size_t i = 0; i < w->pool_count; i++)
        pool_close(w->pools[i]);
    timer_start(w->loop, &thread_of(w)->last_words, LAST_WORDS_US);
}

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
    for (size_t i = 0; i < w->pool_count; i++)
        pool_close(w->pools[i]);
    h2_worker_free(w->h2);
    for (size_t i = 0; i < w->pool_count; i++)
        pool_free(w->pools[i]);
    xfree(w->pools);
    loop_free(w->loop);
    buf_pool_free(w->bufs);
    slab_free(w->slab);
    xfree(wt);
}

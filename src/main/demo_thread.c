/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_thread.c - the same few parts that a worker has, without a proxy on top. */
#include "main/demo_thread.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/slab.h"
#include "loop/loop.h"

enum { DEMO_KEEP_BYTES = 256 * 1024 };

void
demo_thread_init(struct demo_thread *t)
{
    memset(t, 0, sizeof(*t));
    t->loop = loop_new(NULL);
    t->slab = slab_new();
    t->bufs = buf_pool_new(DEMO_KEEP_BYTES);
    t->h2 = h2_worker_new(t->loop, t->slab, t->bufs, &t->stats);
    h2_limits_default(&t->limits);
    /* Everything here is on loopback, where limits against strangers would only be in the
     * way. */
    t->limits.reset_burst = 10000;
    t->limits.reset_rate = 1000;
}

static void *
demo_thread_main(void *arg)
{
    struct demo_thread *t = arg;

    loop_run(t->loop);
    return NULL;
}

void
demo_thread_start(struct demo_thread *t)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&t->id, NULL, demo_thread_main, t) != 0) {
        log_at(NULL, LOG_ERROR,
               "the demo cannot start a thread: allow this user more processes");
        exit(EXIT_FAILURE);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
demo_thread_join(struct demo_thread *t)
{
    pthread_join(t->id, NULL);
    h2_worker_free(t->h2);
    t->h2 = NULL;
}

void
demo_thread_done(struct demo_thread *t)
{
    h2_worker_free(t->h2);
    buf_pool_free(t->bufs);
    loop_free(t->loop);
    slab_free(t->slab);
}

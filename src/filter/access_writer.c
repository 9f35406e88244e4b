/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_writer.c - the outputs as the main thread has them, and the thread that writes. What an output is to that thread is in access_sink.c. */
#include "filter/access_writer.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "filter/access_sink.h"
#include "loop/loop.h"

enum { JOIN_US = 3 * 1000 * 1000 };

struct access_writer {
    struct sink_thread thread;
    unsigned workers;
    struct list sinks; /* with holds */
    pthread_t id;
    bool own, running;
};

struct access_writer *
access_writer_new(struct loop *loop, unsigned workers)
{
    struct access_writer *w = xcalloc(1, sizeof(*w));

    w->thread.loop = loop;
    w->own = loop == NULL;
    w->workers = workers;
    list_init(&w->sinks);
    return w;
}

const struct stats *
access_writer_stats(const struct access_writer *w)
{
    return &w->thread.stats;
}

/* --- the thread --------------------------------------------------------------------- */

static void *
writer_main(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void
writer_begin(struct access_writer *w)
{
    sigset_t all, before;

    if (!w->own || w->running)
        return;
    w->thread.loop = loop_new(NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    w->running = pthread_create(&w->id, NULL, writer_main, w->thread.loop) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!w->running) /* lines will be dropped and counted; calls go on */
        log_at(NULL, LOG_ERROR, "no thread for the access log: nothing is written");
}

/* A write can hang in a terminal or on a disk that is gone; then the thread is left behind, and ends with the process. */
static bool
writer_join(struct access_writer *w)
{
    int64_t end_us = clock_wall_us() + JOIN_US;
    struct timespec end = { .tv_sec = (time_t)(end_us / 1000000),
                            .tv_nsec = (long)(end_us % 1000000) * 1000 };

    loop_post(w->thread.loop, sink_thread_stop, &w->thread);
    return pthread_timedjoin_np(w->id, NULL, &end) == 0;
}

void
access_writer_free(struct access_writer *w)
{
    if (!w)
        return;
    assert(list_empty(&w->sinks) && (w->own || w->thread.sinks == 0));
    if (w->running && !writer_join(w)) {
        log_at(NULL, LOG_WARN,
               "the access log hangs in a write: its last lines are lost");
        return;
    }
    if (w->own && w->thread.loop)
        loop_free(w->thread.loop);
    xfree(w);
}

/* --- outputs ------------------------------------------------------------------------ */

struct access_sink *
access_writer_get(struct access_writer *w, const char *to)
{
    struct access_sink *s;

    for (struct list *n = w->sinks.next; n != &w->sinks; n = n->next) {
        s = CONTAINER_OF(n, struct access_sink, link);
        if (strcmp(s->to, to) == 0) {
            s->holds++;
            return s;
        }
    }
    writer_begin(w);
    s = sink_new(&w->thread, to, w->workers);
    list_append(&w->sinks, &s->link);
    loop_post(w->thread.loop, sink_on_open, s);
    return s;
}

void
access_sink_drop(struct access_sink *s)
{
    if (--s->holds > 0)
        return;
    list_remove(&s->link);
    loop_post(s->thread->loop, sink_on_close, s);
}

size_t
access_writer_bytes(const struct access_writer *w)
{
    size_t bytes = 0;

    for (struct list *n = w->sinks.next; n != &w->sinks; n = n->next) {
        const struct access_sink *s = CONTAINER_OF(n, struct access_sink, link);

        for (unsigned i = 0; i < s->workers; i++)
            bytes += ring_used(&s->lanes[i].ring);
    }
    return bytes;
}

void
access_writer_reopen(struct access_writer *w)
{
    for (struct list *n = w->sinks.next; n != &w->sinks; n = n->next)
        loop_post(w->thread.loop, sink_on_reopen,
                  CONTAINER_OF(n, struct access_sink, link));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* loop/signal.c - one libevent signal event per watch. */
#include "loop/signal.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/turn.h"

struct signal_watch {
    struct ref ref;
    struct loop *loop;
    void (*fn)(void *arg, int signum); /* NULL: closed */
    void *arg;
    struct event event;
};

static void
signal_watch_on_event(evutil_socket_t signum, short what, void *arg)
{
    struct signal_watch *w = arg;

    (void)what;
    loop_note_wake(w->loop);
    if (w->fn)
        w->fn(w->arg, (int)signum);
}

static void
signal_watch_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct signal_watch, ref));
}

struct signal_watch *
signal_watch_open(struct loop *l, int signum, void (*fn)(void *arg, int signum),
                  void *arg)
{
    struct signal_watch *w = xcalloc(1, sizeof(*w));

    ref_init(&w->ref, signal_watch_free);
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    evsignal_assign(&w->event, loop_event_base(l), signum, signal_watch_on_event, w);
    if (evsignal_add(&w->event, NULL) < 0) {
        /* Without its signals the process could not be stopped cleanly: better not to
         * start. */
        log_at(NULL, LOG_ERROR, "cannot watch a signal", LI("signal", signum),
               LI("errno", errno));
        abort();
    }
    return w;
}

void
signal_watch_close(struct signal_watch *w)
{
    if (!w || !w->fn)
        return;
    evsignal_del(&w->event);
    w->fn = NULL;
    ref_drop(&w->ref, loop_reaper(w->loop));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* loop/fdwatch.c - two libevent events, one per direction, in one object that the
 * reaper frees. */
#include "loop/fdwatch.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/turn.h"

struct fdwatch {
    struct ref ref;
    struct loop *loop;
    fdwatch_fn *fn; /* NULL: closed */
    void *arg;
    int fd;
    bool reading, writing;
    struct event read_event, write_event;
};

static void
fdwatch_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct fdwatch *w = arg;

    (void)fd;
    loop_note_wake(w->loop);
    if (w->fn)
        w->fn(w->arg, (what & EV_READ ? FD_READ : 0) | (what & EV_WRITE ? FD_WRITE : 0));
}

static void
fdwatch_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct fdwatch, ref));
}

struct fdwatch *
fdwatch_open(struct loop *l, int fd, fdwatch_fn *fn, void *arg)
{
    struct fdwatch *w = xcalloc(1, sizeof(*w));
    struct event_base *base = loop_event_base(l);

    assert(fd >= 0 && fn);
    ref_init(&w->ref, fdwatch_free);
    w->loop = l;
    w->fd = fd;
    w->fn = fn;
    w->arg = arg;
    event_assign(&w->read_event, base, fd, EV_READ | EV_PERSIST, fdwatch_on_event, w);
    event_assign(&w->write_event, base, fd, EV_WRITE | EV_PERSIST, fdwatch_on_event, w);
    return w;
}

static void
fdwatch_set(struct fdwatch *w, struct event *event, bool *on, bool want)
{
    if (*on == want)
        return;
    if (want && event_add(event, NULL) < 0) {
        /* Out of memory or of epoll watches: this one object stalls until its owner's
         * timers close it. */
        log_at(NULL, LOG_ERROR, "cannot watch a file descriptor", LI("fd", w->fd),
               LI("errno", errno));
        return;
    }
    if (!want)
        event_del(event);
    *on = want;
}

void
fdwatch_want(struct fdwatch *w, bool read, bool write)
{
    assert(w->fn);
    fdwatch_set(w, &w->read_event, &w->reading, read);
    fdwatch_set(w, &w->write_event, &w->writing, write);
}

void
fdwatch_close(struct fdwatch *w)
{
    if (!w || !w->fn)
        return;
    fdwatch_want(w, false, false);
    w->fn = NULL;
    ref_drop(&w->ref, loop_reaper(w->loop));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/leave.c - listeners on their way out. */
#include "main/leave.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "main/process_int.h"
#include "main/swap.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"

static const int64_t LOOK_US = 50 * 1000;
static const int64_t LAST_WORDS_US =
    200 * 1000; /* trailers and GOAWAY leave in this time */

static struct live_server *
leave_add(struct process *p, struct server *server)
{
    struct live_server *l = xcalloc(1, sizeof(*l));

    l->process = p;
    l->server = server;
    l->end_us = loop_now_us(p->loop) + p->conf->drain.timeout_ms * 1000;
    list_append(&p->leaving, &l->link);
    if (!timer_running(&p->leave_timer))
        timer_start(p->loop, &p->leave_timer, LOOK_US);
    return l;
}

static void
leave_post(struct live_server *l, const struct change_server *what,
           void (*done)(struct swap *s))
{
    struct swap *s = swap_new(l->process);

    swap_add_server(s, what);
    swap_post(s, done, l);
}

/* From here on connections only become fewer: none means that none will come. */
static void
leave_on_stopped(struct swap *s)
{
    struct live_server *l = s->arg;

    l->step = LEAVE_WAITS;
}

void
leave_begin(struct process *p, struct server *server)
{
    struct live_server *l = leave_add(p, server);

    log_at(NULL, LOG_INFO,
           "the config does not have this listener any more: GOAWAY to its clients",
           LS("listener", server->front->conf->name),
           LI("connections", atomic_load(&server->connections)));
    if (p->worker_count > 1)
        server_stop(server);
    leave_post(l,
               &(struct change_server){
                   .server = server, .stop = p->worker_count == 1, .drain = true },
               leave_on_stopped);
}

static void
leave_on_forgotten(struct swap *s)
{
    struct live_server *l = s->arg;

    server_free(l->server);
    list_remove(&l->link);
    xfree(l);
}

static void
leave_forget(struct live_server *l)
{
    l->step = LEAVE_FORGETS;
    leave_post(l, &(struct change_server){ .server = l->server, .forget = true },
               leave_on_forgotten);
}

void
leave_unstarted(struct process *p, struct server *server)
{
    struct live_server *l;

    if (!p->started) {
        server_free(server);
        return;
    }
    if (p->worker_count > 1)
        server_stop(server);
    l = leave_add(p, server);
    l->step = LEAVE_FORGETS;
    leave_post(l,
               &(struct change_server){
                   .server = server, .stop = p->worker_count == 1, .forget = true },
               leave_on_forgotten);
}

struct server *
leave_server(const struct live_server *l)
{
    return l->step == LEAVE_FORGETS ? NULL : l->server;
}

static void
leave_look(struct live_server *l, int64_t now)
{
    if (l->step == LEAVE_STOPS || l->step == LEAVE_FORGETS)
        return;
    if (atomic_load_explicit(&l->server->connections, memory_order_acquire) == 0) {
        leave_forget(l);
    } else if (l->step == LEAVE_WAITS && now >= l->end_us) {
        l->step = LEAVE_ENDS;
        l->end_us = now + LAST_WORDS_US;
        leave_post(l, &(struct change_server){ .server = l->server, .end = true }, NULL);
    } else if (l->step == LEAVE_ENDS && now >= l->end_us) {
        l->step = LEAVE_CUT;
        leave_post(l, &(struct change_server){ .server = l->server, .cut = true }, NULL);
    }
}

void
leave_on_timer(struct timer *t)
{
    struct process *p = CONTAINER_OF(t, struct process, leave_timer);
    int64_t now = loop_now_us(p->loop);

    for (struct list *n = p->leaving.next; n != &p->leaving; n = n->next)
        leave_look(CONTAINER_OF(n, struct live_server, link), now);
    if (!list_empty(&p->leaving))
        timer_start(p->loop, t, LOOK_US);
}

void
leave_free(struct process *p)
{
    while (!list_empty(&p->leaving)) {
        struct live_server *l = CONTAINER_OF(p->leaving.next, struct live_server, link);

        server_free(l->server);
        list_remove(&l->link);
        xfree(l);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* admin/sniff.c - an edge triggered event beside a bufferevent that does not read: bytes that stay in the socket wake us once each time more of them come, not all the time. */
#include "admin/sniff.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "admin/probe_http.h"
#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/fdswap.h"

struct sniff {
    struct list link;
    struct sniffer *owner;
    struct bufferevent *bev; /* held */
    struct event *event;
    struct timer limit;
    int fd;
};

static void
sniff_free(struct sniff *s)
{
    timer_stop(s->owner->loop, &s->limit);
    event_free(s->event);
    list_remove(&s->link);
    s->owner->n--;
    bufferevent_decref(s->bev);
    xfree(s);
}

/* evhttp goes on. Our event goes first: libevent wants one kind of trigger on a descriptor. */
static void
sniff_give_back(struct sniff *s)
{
    event_del(s->event);
    (void)bufferevent_enable(s->bev, EV_READ);
    sniff_free(s);
}

static void
sniff_hand_over(struct sniff *s)
{
    struct sniffer *owner = s->owner;
    int fd, old = s->fd;

    event_del(s->event); /* epoll knows the client's socket by this number */
    fd = fdswap_take(old);
    if (fd < 0) {
        log_at(NULL, LOG_WARN, "admin port: no descriptor for a gRPC client",
               LI("errno", errno));
        shutdown(old, SHUT_RDWR);
    }
    sniff_give_back(s);
    if (fd >= 0)
        owner->on_h2(owner->arg, fd, old);
}

/* The client aborted. What it sent before can still be looked at, so only this tells. */
static bool
sniff_is_reset(const struct sniff *s)
{
    int reason = 0;
    socklen_t n = sizeof(reason);

    return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &reason, &n) != 0 || reason != 0;
}

/* over: the client sends no more, which looking does not tell while bytes are there. */
static void
sniff_look(struct sniff *s, bool over)
{
    char first[3];
    ssize_t n = recv(s->fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* evhttp finds out */
        sniff_give_back(s);
        return;
    }
    switch (probe_sniff(first, (size_t)n)) {
    case PROBE_UNDECIDED:
        if (over || sniff_is_reset(s))
            sniff_give_back(s);
        break;
    case PROBE_HTTP2:
        sniff_hand_over(s);
        break;
    default:
        sniff_give_back(s);
        break;
    }
}

static void
sniff_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct sniff *s = arg;

    (void)fd;
    loop_note_wake(s->owner->loop);
    sniff_look(s, what & EV_CLOSED);
}

static void
sniff_on_limit(struct timer *t)
{
    struct sniff *s = CONTAINER_OF(t, struct sniff, limit);

    shutdown(s->fd, SHUT_RDWR);
    sniff_give_back(s);
}

void
sniffer_init(struct sniffer *s, struct loop *loop, sniff_fn *on_h2, void *arg)
{
    *s = (struct sniffer){ .loop = loop, .on_h2 = on_h2, .arg = arg };
    list_init(&s->waiting);
}

void
sniffer_take(struct sniffer *s, struct bufferevent *bev)
{
    int fd = bufferevent_getfd(bev);
    struct sniff *one;

    if (fd < 0 || s->n == SNIFF_MAX)
        return;
    one = xcalloc(1, sizeof(*one));
    one->event = event_new(loop_event_base(s->loop), fd,
                           EV_READ | EV_CLOSED | EV_PERSIST | EV_ET, sniff_on_event, one);
    if (!one->event) {
        xfree(one);
        return;
    }
    one->owner = s;
    one->bev = bev;
    bufferevent_incref(bev);
    one->fd = fd;
    timer_init(&one->limit, sniff_on_limit);
    list_append(&s->waiting, &one->link);
    s->n++;
    (void)bufferevent_disable(bev, EV_READ);
    if (event_add(one->event, NULL) != 0) {
        sniff_give_back(one);
        return;
    }
    timer_start(s->loop, &one->limit, SNIFF_US);
}

void
sniffer_done(struct sniffer *s)
{
    while (!list_empty(&s->waiting))
        sniff_free(CONTAINER_OF(s->waiting.next, struct sniff, link));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/down.c - client connections. */
#include "proxy/down.h"

#include "base/err.h"
#include "base/log.h"
#include "base/slab.h"
#include "h2/conn.h"
#include "net/transport.h"
#include "proxy/call.h"
#include "proxy/depart.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/worker.h"

static struct h2_stream *
down_on_open(struct h2_conn *h2, void *arg)
{
    struct down *d = arg;
    struct call *c;

    (void)h2;
    /* Calls whose backend stream still lives count, whatever the client did to its own stream. */
    if (d->calls >= d->front->limits.max_concurrent_streams)
        return NULL;
    c = call_new(d);
    return c ? &c->down : NULL;
}

static void
down_free(struct down *d)
{
    struct worker *w = d->worker;

    list_remove(&d->link);
    front_drop(d->front);
    slab_give(w->slab, d);
}

/* Takes the connection out of all levels. The server may be gone afterwards. */
static void
down_uncount(struct worker *w, struct server *s)
{
    atomic_fetch_sub_explicit(&w->shared->connections, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_release);
}

static void
down_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    static struct log_limit limit;
    struct down *d = arg;
    struct worker *w = d->worker;
    char peer[ADDR_TEXT_MAX];

    d->h2 = NULL;
    depart_closed(d);
    stat_add(&w->stats, STAT_DOWN_OPEN, -1);
    down_uncount(w, d->server);
    d->server = NULL;
    /* Peers come and go; only what they did wrong is worth a line. */
    if ((err == ERR_NOT_HTTP2 || err == ERR_PROTOCOL || err == ERR_FLOOD ||
         err == ERR_STALL || err == ERR_HANDSHAKE_TIMEOUT || err == ERR_NOMEM ||
         err == ERR_KEEPALIVE || err == ERR_PINGS) &&
        log_limit_pass(&limit, 20))
        log_at(NULL, LOG_WARN, "client connection closed",
               LS("peer", addr_print(&d->peer, peer)),
               LS("listener", d->front->conf->name), LS("reason", err_name(err)),
               LS("why", note[0] ? note : err_text(err)), LI("worker", w->index),
               LI("conn", h2_conn_number(h2)));
    if (d->calls == 0)
        down_free(d);
}

static const struct h2_conn_ops down_ops = {
    .on_open = down_on_open,
    .on_events = call_on_down,
    .on_closed = down_on_closed,
};

void
down_open(struct worker *w, struct server *s, int fd, const struct addr *peer)
{
    struct down *d = slab_calloc(w->slab, 1, sizeof(*d));
    struct transport *t = transport_from_fd(w->loop, fd);
    const struct server_view *view = server_view(s, w);

    if (!d) {
        transport_close(t);
        down_uncount(w, s);
        return;
    }
    d->worker = w;
    d->server = s;
    d->front = front_hold(view->front);
    d->peer = *peer;
    list_append(&w->downs, &d->link);
    stat_inc(&w->stats, STAT_DOWN_ACCEPTED);
    stat_inc(&w->stats, STAT_DOWN_OPEN);
    d->h2 = h2_conn_open(w->h2, t, H2_DOWN, &d->front->limits, &down_ops, d);
    depart_opened(d);
    if (w->draining || view->leaving)
        h2_conn_drain(d->h2);
}

void
down_call_ended(struct down *d)
{
    d->calls--;
    if (d->calls == 0 && !d->h2)
        down_free(d);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/down.c - client connections. */
#include "proxy/down.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "filter/services.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "h2/conn.h"
#include "h2/view.h"
#include "net/tls_store.h"
#include "net/transport.h"
#include "obs/failed_log.h"
#include "proxy/call.h"
#include "proxy/depart.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/table.h"
#include "proxy/worker.h"

/* The stream is refused before anybody knows what it is for: there is no call, but somebody will ask why. Clients that keep to our SETTINGS do not come here. */
static void
down_note_refused(const struct down *d, const char *reason, const char *text)
{
    const struct table *t = server_view(d->server, d->worker)->use->table;
    struct failed_call c = {
        .wall_us = clock_wall_us(),
        .code = GRPC_UNAVAILABLE,
        .reason = reason,
        .local = true,
    };
    char client[ADDR_TEXT_MAX];

    if (!t->tell)
        return;
    failed_text(c.listener, sizeof(c.listener), slice_of(t->conf->name));
    failed_text(c.client, sizeof(c.client), slice_of(addr_print(&d->peer, client)));
    failed_text(c.text, sizeof(c.text), slice_of(text));
    failed_log_add(t->tell->failed, (unsigned)d->worker->index, &c);
}

static struct h2_stream *
down_on_open(struct h2_conn *h2, void *arg)
{
    struct down *d = arg;
    char text[FAILED_TEXT_MAX];
    struct call *c;

    (void)h2;
    /* Calls whose backend stream still lives count, whatever the client did to its own stream. */
    if (d->calls >= d->front->limits.max_concurrent_streams) {
        snprintf(text, sizeof(text),
                 "a stream was refused: its connection has %u calls already, as many as "
                 "limits.maxConcurrentStreams of listener %s allows",
                 d->calls, d->front->conf->name);
        down_note_refused(d, REASON_STREAM_LIMIT, text);
        return NULL;
    }
    c = call_new(d);
    if (!c)
        down_note_refused(d, REASON_NO_MEMORY, "no memory for another call");
    return c ? &c->down : NULL;
}

static void
down_free(struct down *d)
{
    struct worker *w = d->worker;

    list_remove(&d->link);
    front_drop(d->front);
    xfree(d->xfcc);
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

/* --- TLS ------------------------------------------------------------------------------ */

const struct tls_peer *
down_peer(const struct down *d)
{
    return d->front->tls && d->transport ? tls_peer(d->transport) : NULL;
}

const char *
down_identity(const struct down *d)
{
    const struct tls_peer *p = down_peer(d);

    if (!p || !p->has_cert || !p->verified)
        return NULL;
    return p->spiffe ? p->spiffe : p->n_sans ? p->sans[0].text : p->subject;
}

static void
down_on_connected(struct h2_conn *h2, void *arg)
{
    struct down *d = arg;
    const char *who;

    (void)h2;
    if (!d->front->tls)
        return;
    stat_inc(&d->worker->stats, STAT_TLS_DOWN_0);
    if (tls_resumed(d->transport))
        stat_inc(&d->worker->stats, STAT_TLS_RESUMED_DOWN);
    who = down_identity(d);
    log_at(NULL, LOG_DEBUG, "TLS handshake with a client",
           LS("listener", d->front->conf->name), LS("version", tls_version(d->transport)),
           LS("client", who ? who : ""));
}

static void
down_log_refusal(const struct down *d, enum log_level level, const char *reason,
                 const char *why)
{
    static struct log_limit limit;
    char peer[ADDR_TEXT_MAX];

    if (level == LOG_DEBUG || log_limit_pass(&limit, 20))
        log_at(NULL, level, "TLS handshake with a client failed",
               LS("peer", addr_print(&d->peer, peer)),
               LS("listener", d->front->conf->name), LS("reason", reason), LS("why", why),
               LI("worker", d->worker->index));
}

/* The connection ends before its handshake did. Who connects and leaves again, as load
 * balancers do that look after us, is not worth a line. */
static void
down_handshake_failed(struct down *d, int err)
{
    enum tls_refusal r = tls_refusal(d->transport);
    bool late = err == ERR_HANDSHAKE_TIMEOUT && r == TLS_REFUSAL_NONE;

    if (r == TLS_REFUSAL_NONE && !late)
        return; /* we closed it */
    stat_inc(&d->worker->stats,
             late ? STAT_TLS_DOWN_LAST : (enum stat_id)(STAT_TLS_DOWN_0 + (int)r));
    down_log_refusal(d, r == TLS_REFUSAL_CLOSED ? LOG_DEBUG : LOG_WARN,
                     late ? "timeout" : tls_refusal_name(r),
                     late ? "it did not end within limits.handshakeTimeout"
                          : tls_why(d->transport));
}

/* NULL: the listener's certificates were never good. */
static struct transport *
down_wrap(struct down *d, struct transport *plain)
{
    struct worker *w = d->worker;
    struct transport *t;
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_keyring_ctx(d->front->tls, why);

    if (!ctx) {
        stat_inc(&w->stats, (enum stat_id)(STAT_TLS_DOWN_0 + (int)TLS_REFUSAL_OTHER));
        down_log_refusal(d, LOG_ERROR, tls_refusal_name(TLS_REFUSAL_OTHER), why);
        return NULL;
    }
    t = tls_server_over(w->loop, ctx, plain, &w->handshakes);
    tls_ctx_drop(ctx);
    return t;
}

/* --- life ----------------------------------------------------------------------------- */

/* Peers come and go; only what they did wrong is worth a line. */
static bool
is_wrong(int err)
{
    return err == ERR_NOT_HTTP2 || err == ERR_PROTOCOL || err == ERR_FLOOD ||
           err == ERR_STALL || err == ERR_HANDSHAKE_TIMEOUT || err == ERR_NOMEM ||
           err == ERR_KEEPALIVE || err == ERR_PINGS;
}

static void
down_log_end(const struct down *d, struct h2_conn *h2, int err, const char *note)
{
    static struct log_limit limit;
    const char *who = down_identity(d);
    char peer[ADDR_TEXT_MAX];

    if (!is_wrong(err) || !log_limit_pass(&limit, 20))
        return;
    log_at(NULL, LOG_WARN, "client connection closed",
           LS("peer", addr_print(&d->peer, peer)), LS("listener", d->front->conf->name),
           LS("reason", err_name(err)), LS("why", note[0] ? note : err_text(err)),
           LI("worker", d->worker->index), LI("conn", h2_conn_number(h2)),
           LS(who ? "client" : NULL, who));
}

/* The listener keeps what this connection counted. Calls that outlive it were left by their client. */
static void
down_keep_counts(const struct down *d)
{
    struct server_view *v = server_view(d->server, d->worker);
    struct h2_view h2;

    h2_view_get(d->h2, &h2);
    v->gone_calls += h2.streams - h2.refused;
    v->gone_failed += d->failed + d->calls;
}

static void
down_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    struct down *d = arg;
    struct worker *w = d->worker;

    if (d->front->tls && !tls_version(d->transport)[0])
        down_handshake_failed(d, err);
    else
        down_log_end(d, h2, err, note);
    down_keep_counts(d);
    d->h2 = NULL;
    d->transport = NULL;
    depart_closed(d);
    stat_add(&w->stats, STAT_DOWN_OPEN, -1);
    down_uncount(w, d->server);
    d->server = NULL;
    if (d->calls == 0)
        down_free(d);
}

static const struct h2_conn_ops down_ops = {
    .on_open = down_on_open,
    .on_events = call_on_down,
    .on_connected = down_on_connected,
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
    d->transport = d->front->tls ? down_wrap(d, t) : t;
    if (!d->transport) {
        transport_close(t);
        down_uncount(w, s);
        down_free(d);
        return;
    }
    stat_inc(&w->stats, STAT_DOWN_OPEN);
    d->h2 = h2_conn_open(w->h2, d->transport, H2_DOWN, &d->front->limits, &down_ops, d);
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

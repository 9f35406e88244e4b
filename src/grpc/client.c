/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/client.c - a connection that comes back. The calls on it are in client_call.c. */
#include "grpc/client.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/client_int.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "obs/stats.h"

enum { GOAWAY_TEXT_MAX = 132 }; /* what h2 hands on, and the end of the string */

static void
client_free(struct grpc_client *c)
{
    tls_session_slot_done(&c->session);
    xfree(c);
}

/* The last thing that a handler does: the owner may free the client. */
static void
client_tell(struct grpc_client *c, enum grpc_client_event event, uint32_t code,
            const char *why)
{
    if (!c->closed && c->conf->on_conn)
        c->conf->on_conn(c->conf->arg, event, code, why);
}

static void
client_retry_soon(struct grpc_client *c)
{
    if (!c->closed && !c->conf->manual)
        timer_start(h2_worker_loop(c->w), &c->retry, GRPC_CLIENT_RETRY_US);
}

static void
client_on_goaway(struct h2_conn *h2, void *arg, uint32_t code, struct slice text)
{
    struct client_conn *cc = arg;
    struct grpc_client *c = cc->client;
    char why[GOAWAY_TEXT_MAX];

    h2_conn_drain(h2);
    if (c->conn != cc)
        return;
    c->conn = NULL;
    client_retry_soon(c);
    snprintf(why, sizeof(why), "%.*s", (int)text.n, (const char *)text.p);
    client_tell(c, GRPC_CLIENT_GOAWAY, code, why);
}

static void
client_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    struct client_conn *cc = arg;
    struct grpc_client *c = cc->client;
    bool current = c->conn == cc;

    (void)h2;
    list_remove(&cc->link);
    xfree(cc);
    if (c->freed && list_empty(&c->conns)) {
        client_free(c);
    } else if (current) {
        c->conn = NULL;
        client_retry_soon(c);
        client_tell(c, GRPC_CLIENT_LOST, 0, note && note[0] ? note : err_text(err));
    }
}

static void
client_on_settings(struct h2_conn *h2, void *arg)
{
    struct client_conn *cc = arg;
    struct grpc_client *c = cc->client;

    (void)h2;
    if (c->conn == cc && !c->closed && c->conf->on_settings)
        c->conf->on_settings(c->conf->arg);
}

static const struct h2_conn_ops client_ops = {
    .on_settings = client_on_settings,
    .on_events = grpc_client_on_events,
    .on_goaway = client_on_goaway,
    .on_closed = client_on_closed,
};

void
grpc_client_take(struct grpc_client *c, struct transport *t)
{
    struct client_conn *cc = xcalloc(1, sizeof(*cc));

    cc->client = c;
    list_append(&c->conns, &cc->link);
    cc->h2 = h2_conn_open(c->w, t, H2_UP, c->conf->limits, &client_ops, cc);
    c->conn = cc;
}

static void
client_failed(struct grpc_client *c, const char *why)
{
    client_retry_soon(c);
    client_tell(c, GRPC_CLIENT_FAILED, 0, why);
}

static void
client_count_handshake(struct grpc_client *c, const struct transport *t)
{
    struct stats *stats = h2_worker_stats(c->w);

    stat_inc(stats, (enum stat_id)(STAT_TLS_UP_0 + (int)tls_refusal(t)));
    if (tls_resumed(t))
        stat_inc(stats, STAT_TLS_RESUMED_UP);
}

static void
client_on_connect(void *arg, int what)
{
    struct grpc_client *c = arg;
    struct transport *t = c->connecting;
    int error = t->sys_errno;

    c->connecting = NULL;
    if (c->conf->tls && (what & TRANSPORT_CONNECTED || tls_refusal(t)))
        client_count_handshake(c, t);
    if (what & TRANSPORT_CONNECTED) {
        grpc_client_take(c, t);
        client_tell(c, GRPC_CLIENT_CONNECTED, 0, "");
        return;
    }
    transport_close(t); /* its sentence stays until the end of the turn */
    client_failed(c, c->conf->tls ? tls_why(t)
                     : error      ? strerror(error)
                                  : err_text(ERR_CONNECT));
}

static void
client_on_no_tls(struct timer *t)
{
    struct grpc_client *c = CONTAINER_OF(t, struct grpc_client, no_tls);
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_keyring_ctx(c->conf->tls, why);

    if (ctx) /* healed in this very moment */
        snprintf(why, sizeof(why), "%s", err_text(ERR_CONNECT));
    tls_ctx_drop(ctx);
    client_failed(c, why);
}

/* NULL: there is no context; that is told in the next turn. */
static struct transport *
client_connect_tls(struct grpc_client *c)
{
    struct loop *loop = h2_worker_loop(c->w);
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_keyring_ctx(c->conf->tls, why);
    struct transport *t = NULL;

    if (ctx)
        t = tls_connect(loop, ctx, &c->conf->to, c->conf->tls_name, &c->session);
    else
        timer_start(loop, &c->no_tls, 0);
    tls_ctx_drop(ctx);
    return t;
}

static void
client_connect(struct grpc_client *c)
{
    if (c->connecting || c->conn || c->closed || c->conf->to.len == 0 ||
        timer_running(&c->no_tls))
        return;
    if (c->conf->tls)
        c->connecting = client_connect_tls(c);
    else
        c->connecting = transport_connect(h2_worker_loop(c->w), &c->conf->to);
    if (!c->connecting)
        return;
    transport_bind(c->connecting, client_on_connect, c);
    transport_want(c->connecting, false, true);
}

static void
client_on_retry(struct timer *t)
{
    client_connect(CONTAINER_OF(t, struct grpc_client, retry));
}

struct grpc_client *
grpc_client_new(struct h2_worker *w, const struct grpc_client_conf *conf)
{
    struct grpc_client *c = xcalloc(1, sizeof(*c));

    c->w = w;
    c->conf = conf;
    list_init(&c->conns);
    timer_init(&c->retry, client_on_retry);
    timer_init(&c->no_tls, client_on_no_tls);
    if (!conf->manual)
        client_connect(c);
    return c;
}

void
grpc_client_connect(struct grpc_client *c)
{
    client_connect(c);
}

bool
grpc_client_connected(const struct grpc_client *c)
{
    return c->conn != NULL;
}

void
grpc_client_disconnect(struct grpc_client *c)
{
    struct list *at, *next;

    timer_stop(h2_worker_loop(c->w), &c->retry);
    timer_stop(h2_worker_loop(c->w), &c->no_tls);
    transport_close(c->connecting);
    c->connecting = NULL;
    c->conn = NULL;
    for (at = c->conns.next; at != &c->conns; at = next) {
        next = at->next;
        h2_conn_close(CONTAINER_OF(at, struct client_conn, link)->h2, ERR_CLOSED,
                      H2_NO_ERROR, "the client stops");
    }
    client_retry_soon(c);
}

void
grpc_client_close(struct grpc_client *c)
{
    c->closed = true;
    grpc_client_disconnect(c);
}

void
grpc_client_free(struct grpc_client *c)
{
    if (!c)
        return;
    c->freed = true;
    if (list_empty(&c->conns))
        client_free(c);
}

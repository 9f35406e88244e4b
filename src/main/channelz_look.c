/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_look.c - walks of a worker over its own connections. */
#include "main/channelz_look.h"

#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "grpc/channelz.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "net/tls.h"
#include "net/tls_show.h"
#include "proxy/down.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/worker.h"
#include "upstream/backend.h"
#include "upstream/hub_channel.h"

/* --- ids ------------------------------------------------------------------------------ */

int64_t
look_conn_id(size_t workers, size_t worker, uint64_t number)
{
    return channelz_id(CHANNELZ_SOCKET, number * (workers + 1) + worker);
}

int64_t
look_listen_id(size_t workers, uint64_t server)
{
    return look_conn_id(workers, workers, server);
}

size_t
look_id_worker(size_t workers, int64_t id, uint64_t *ret_number)
{
    uint64_t number = channelz_id_number(id);

    *ret_number = number / (workers + 1);
    return (size_t)(number % (workers + 1));
}

static int64_t
conn_id(const struct worker *w, const struct h2_conn *h2)
{
    return look_conn_id(w->shared->workers, (size_t)w->index, h2_conn_number(h2));
}

/* --- lists ---------------------------------------------------------------------------- */

static void
refs_add(struct look_found *f, int64_t id, const char *name)
{
    struct look_ref *r;

    if (f->ref_count == f->ref_room) {
        f->ref_room = f->ref_room ? 2 * f->ref_room : 16;
        f->refs = xrealloc(f->refs, f->ref_room * sizeof(*f->refs));
    }
    r = &f->refs[f->ref_count++];
    r->id = id;
    snprintf(r->name, sizeof(r->name), "%s", name);
}

/* downs are in the order of their ids: a connection gets its number when it is put into the list. */
static void
look_sockets(const struct worker *w, const struct look *q, struct look_found *f)
{
    for (const struct list *n = w->downs.next; n != &w->downs; n = n->next) {
        const struct down *d = CONTAINER_OF(n, struct down, link);
        char text[ADDR_TEXT_MAX];

        if (!d->h2 || d->server != q->servers[0] || conn_id(w, d->h2) < q->start)
            continue;
        if (f->ref_count == q->max) {
            f->more = true;
            return;
        }
        refs_add(f, conn_id(w, d->h2), addr_print(&d->peer, text));
    }
}

struct conn_walk {
    const struct worker *w;
    const struct look *q;
    struct look_found *f;
};

static void
subchannel_on_conn(void *arg, const struct backend *b, const struct h2_conn *h2)
{
    const struct conn_walk *walk = arg;

    if (walk->f->ref_count < walk->q->max)
        refs_add(walk->f, conn_id(walk->w, h2), b->name);
}

static void
look_subchannel(const struct worker *w, const struct look *q, struct look_found *f)
{
    struct conn_walk walk = { w, q, f };
    int64_t when_us = 0;

    upconn_each(q->backend, (size_t)w->index, subchannel_on_conn, &walk);
    snprintf(f->why, sizeof(f->why), "%s",
             upconn_last_failure(q->backend, (size_t)w->index, &when_us));
    f->why_age_us = loop_now_us(w->loop) - when_us;
}

/* --- servers -------------------------------------------------------------------------- */

/* Its place; server_count: it is not asked for. There may be a thousand of them, and ten thousand connections. */
static size_t
server_at(const struct look *q, const struct server *s)
{
    size_t low = 0, high = q->server_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (q->servers[mid]->number < s->number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < q->server_count && q->servers[low] == s ? low : q->server_count;
}

static void
look_servers(const struct worker *w, const struct look *q, struct look_found *f)
{
    f->sums = xcalloc(q->server_count + 1, sizeof(*f->sums));
    for (size_t i = 0; i < q->server_count; i++) {
        const struct server_view *v = server_view(q->servers[i], w);

        f->sums[i].calls = (int64_t)v->gone_calls;
        f->sums[i].failed = (int64_t)v->gone_failed;
    }
    for (const struct list *n = w->downs.next; n != &w->downs; n = n->next) {
        const struct down *d = CONTAINER_OF(n, struct down, link);
        struct h2_view h2;
        size_t i = d->h2 ? server_at(q, d->server) : q->server_count;

        if (i == q->server_count)
            continue;
        h2_view_get(d->h2, &h2);
        f->sums[i].calls += (int64_t)(h2.streams - h2.refused);
        f->sums[i].failed += (int64_t)d->failed;
        f->sums[i].open += d->calls;
    }
}

/* --- one socket ----------------------------------------------------------------------- */

static void
socket_put_tls(struct look_socket *s, const struct look *q)
{
    const struct transport *t = s->h2.transport;

    if (!t || !transport_is_tls(t) || !tls_version(t)[0])
        return;
    s->cipher = tls_show_cipher(t, &s->cipher_standard);
    if (q->summary)
        return;
    tls_show_certificate(t, false, &s->local_cert);
    tls_show_certificate(t, true, &s->remote_cert);
}

static void
socket_put(struct look_found *f, const struct look *q, const struct h2_conn *h2,
           const struct addr *remote, const char *name)
{
    struct look_socket *s = xcalloc(1, sizeof(*s));

    f->socket = s;
    strbuf_init(&s->local_cert, LOOK_CERT_MAX);
    strbuf_init(&s->remote_cert, LOOK_CERT_MAX);
    h2_view_get(h2, &s->h2);
    s->remote = *remote;
    snprintf(s->remote_name, sizeof(s->remote_name), "%s", name ? name : "");
    if (!socket_facts_get(s->h2.transport, &s->facts))
        s->facts = (struct socket_facts){ 0 };
    s->facts.has_tcp &= !q->summary;
    socket_put_tls(s, q);
    s->h2.transport = NULL; /* the worker's alone */
}

static void
socket_on_conn(void *arg, const struct backend *b, const struct h2_conn *h2)
{
    const struct conn_walk *walk = arg;

    if (conn_id(walk->w, h2) == walk->q->start)
        socket_put(walk->f, walk->q, h2, &b->addr, "");
}

static void
look_socket(const struct worker *w, const struct look *q, struct look_found *f)
{
    struct conn_walk walk = { w, q, f };

    for (const struct list *n = w->downs.next; n != &w->downs; n = n->next) {
        const struct down *d = CONTAINER_OF(n, struct down, link);

        if (!d->h2 || conn_id(w, d->h2) != q->start)
            continue;
        socket_put(f, q, d->h2, &d->peer, down_identity(d));
        return;
    }
    for (size_t i = 0; i < w->slots && !f->socket; i++) {
        if (w->pools[i])
            upconn_each_of_pool(w->pools[i], socket_on_conn, &walk);
    }
}

void
channelz_look(struct worker *w, const struct look *q, struct look_found *ret)
{
    switch (q->what) {
    case LOOK_SERVERS:
        look_servers(w, q, ret);
        break;
    case LOOK_SOCKETS:
        look_sockets(w, q, ret);
        break;
    case LOOK_SUBCHANNEL:
        look_subchannel(w, q, ret);
        break;
    case LOOK_SOCKET:
        look_socket(w, q, ret);
        break;
    }
}

void
look_found_done(struct look_found *f)
{
    if (f->socket) {
        strbuf_done(&f->socket->local_cert);
        strbuf_done(&f->socket->remote_cert);
    }
    xfree(f->socket);
    xfree(f->refs);
    xfree(f->sums);
}

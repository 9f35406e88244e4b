/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/server.c - the connections of a server. The calls on them are in server_call.c. */
#include "grpc/server.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/server_int.h"

static void
server_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    struct server_conn *sc = arg;

    const struct grpc_server_conf *conf = sc->server->conf;

    (void)h2, (void)err, (void)note;
    list_remove(&sc->link);
    xfree(sc);
    if (conf->on_conn_closed)
        conf->on_conn_closed(conf->arg);
}

static const struct h2_conn_ops server_ops = {
    .on_open = grpc_server_on_open,
    .on_events = grpc_server_on_events,
    .on_closed = server_on_closed,
};

struct grpc_server *
grpc_server_new(struct h2_worker *w, const struct grpc_server_conf *conf)
{
    struct grpc_server *s = xcalloc(1, sizeof(*s));

    s->w = w;
    s->conf = conf;
    list_init(&s->conns);
    return s;
}

void
grpc_server_take(struct grpc_server *s, struct transport *t)
{
    struct server_conn *sc = xcalloc(1, sizeof(*sc));

    sc->server = s;
    list_append(&s->conns, &sc->link);
    sc->h2 = h2_conn_open(s->w, t, H2_DOWN, s->conf->limits, &server_ops, sc);
}

bool
grpc_server_close_oldest(struct grpc_server *s)
{
    for (struct list *at = s->conns.next; at != &s->conns; at = at->next) {
        struct server_conn *sc = CONTAINER_OF(at, struct server_conn, link);

        if (sc->leaving)
            continue; /* it is gone at the end of the turn */
        sc->leaving = true;
        h2_conn_close(sc->h2, ERR_DRAIN, H2_ENHANCE_YOUR_CALM,
                      "there are too many connections");
        return true;
    }
    return false;
}

void
grpc_server_close(struct grpc_server *s)
{
    struct list *at, *next;

    for (at = s->conns.next; at != &s->conns; at = next) {
        struct server_conn *sc = CONTAINER_OF(at, struct server_conn, link);

        next = at->next;
        h2_conn_close(sc->h2, ERR_DRAIN, H2_NO_ERROR, "the server stops");
    }
}

void
grpc_server_free(struct grpc_server *s)
{
    xfree(s);
}

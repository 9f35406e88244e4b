/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_http.c - the object lives until its connection and its stream have told that
 * they are gone, which may be after its owner closed it. */
#include "resolve/k8s_http.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/tls.h"
#include "net/transport.h"
#include "resolve/k8s_target.h"

enum { HTTP_WHY_MAX = 600 };

struct k8s_http {
    struct ref ref; /* one for the owner, one for the connection */
    struct h2_worker *w;
    const struct k8s_http_ops *ops;
    void *arg;
    struct k8s_server server;
    struct h2_limits limits;
    struct transport *connecting;
    struct timer late;
    struct h2_conn *conn;
    struct h2_stream stream;
    bool closed; /* by the owner: nobody is told any more */
    bool busy;   /* stream is open */
    bool headed; /* on_status was called */
    char *path, *bearer;
};

/* ---- requests ---- */

static int
status_of(const struct h2_stream *s)
{
    struct slice v = h2_headers_get(&s->in_headers, H2_TOKEN_STATUS);
    int status = 0;

    for (size_t i = 0; i < v.n; i++)
        status = status * 10 + (v.p[i] - '0'); /* checked by h2: three digits */
    return status;
}

static void
http_read(struct k8s_http *h)
{
    struct h2_stream *s = &h->stream;
    const uint8_t *p;
    size_t n;

    while (!h->closed && (n = buf_peek(&s->in, &p)) > 0) {
        h->ops->on_body(h->arg, slice_make(p, n));
        buf_consume(&s->in, h2_worker_bufs(h->w), n);
        h2_stream_consume(s, n);
    }
}

static void
http_end(struct k8s_http *h)
{
    const struct h2_stream *s = &h->stream;
    bool whole = s->in_ended && h->headed;
    char why[HTTP_WHY_MAX] = "";

    if (!whole && s->close_err == ERR_RESET)
        snprintf(why, sizeof(why), "the API server reset the request (HTTP/2 code %u)",
                 (unsigned)s->close_code);
    else if (!whole)
        snprintf(why, sizeof(why), "the answer of the API server broke off: %s",
                 err_text(s->close_err));
    h->busy = false;
    h2_stream_done(&h->stream);
    if (!h->closed)
        h->ops->on_end(h->arg, whole ? NULL : why);
}

static void
http_on_events(struct h2_stream *s, unsigned events)
{
    struct k8s_http *h = CONTAINER_OF(s, struct k8s_http, stream);

    if (events & H2_EV_HEADERS && !h->closed) {
        h->headed = true;
        h->ops->on_status(h->arg, status_of(s));
    }
    if (events & H2_EV_DATA && !s->discard)
        http_read(h);
    if (events & H2_EV_CLOSED)
        http_end(h);
}

static struct h2_field
http_field(const char *name, const char *value, unsigned flags)
{
    return (struct h2_field){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
        .flags = (uint8_t)(H2_FIELD_STATIC | flags),
    };
}

int
k8s_http_get(struct k8s_http *h, const char *path, const char *token)
{
    struct h2_field f[7];
    struct strbuf bearer;
    size_t n = 0;
    int rv;

    strbuf_init(&bearer, K8S_TOKEN_MAX + 16);
    strbuf_printf(&bearer, "Bearer %s", token);
    xfree(h->path);
    xfree(h->bearer);
    h->path = xstrdup(path);
    h->bearer = strbuf_steal(&bearer);
    h->headed = false;
    f[n++] = H2_FIELD(":method", "GET");
    f[n++] = H2_FIELD(":scheme", "https");
    f[n++] = http_field(":authority", h->server.authority, 0);
    f[n++] = http_field(":path", h->path, H2_FIELD_NO_INDEX);
    f[n++] = H2_FIELD("accept", "application/json");
    f[n++] = H2_FIELD("user-agent", "outrigger/1");
    if (token[0] != '\0')
        f[n++] = http_field("authorization", h->bearer, H2_FIELD_NO_INDEX);
    h2_stream_init(&h->stream, h->w);
    rv = h2_stream_request(h->conn, &h->stream, f, n, true);
    if (rv == ERR_OK)
        h->busy = true;
    else
        h2_stream_done(&h->stream);
    return rv;
}

/* ---- the connection ---- */

static void
http_tell_lost(struct k8s_http *h, const char *what, const char *detail)
{
    char why[HTTP_WHY_MAX];

    if (h->closed)
        return;
    snprintf(why, sizeof(why), "API server %s: %s%s%s", h->server.authority, what,
             detail[0] ? ": " : "", detail);
    h->ops->on_lost(h->arg, why);
}

static void
http_on_closed(struct h2_conn *conn, void *arg, int err, const char *note)
{
    struct k8s_http *h = arg;

    (void)conn;
    h->conn = NULL;
    http_tell_lost(h, err_text(err), note);
    ref_drop(&h->ref, loop_reaper(h2_worker_loop(h->w)));
}

static const struct h2_conn_ops http_conn_ops = {
    .on_events = http_on_events,
    .on_closed = http_on_closed,
};

static void
http_fail_connect(struct k8s_http *h, const char *why)
{
    struct transport *t = h->connecting;

    h->connecting = NULL;
    timer_stop(h2_worker_loop(h->w), &h->late);
    http_tell_lost(h, why, "");
    transport_close(t); /* after: why may be its own */
}

static void
http_on_connect(void *arg, int what)
{
    struct k8s_http *h = arg;
    struct transport *t = h->connecting;

    if (!(what & TRANSPORT_CONNECTED)) {
        http_fail_connect(h, tls_why(t));
        return;
    }
    h->connecting = NULL;
    timer_stop(h2_worker_loop(h->w), &h->late);
    ref_hold(&h->ref);
    h->conn = h2_conn_open(h->w, t, H2_UP, &h->limits, &http_conn_ops, h);
    h->ops->on_ready(h->arg);
}

static void
http_on_late(struct timer *t)
{
    struct k8s_http *h = CONTAINER_OF(t, struct k8s_http, late);

    http_fail_connect(h, "connecting and the TLS handshake take too long");
}

/* ---- life ---- */

static void
http_free(struct ref *r)
{
    struct k8s_http *h = CONTAINER_OF(r, struct k8s_http, ref);

    xfree(h->path);
    xfree(h->bearer);
    xfree(h);
}

struct k8s_http *
k8s_http_open(struct h2_worker *w, struct tls_ctx *ctx, const struct k8s_server *server,
              const struct k8s_http_ops *ops, void *arg)
{
    struct k8s_http *h = xcalloc(1, sizeof(*h));
    struct loop *l = h2_worker_loop(w);

    ref_init(&h->ref, http_free);
    timer_init(&h->late, http_on_late);
    h->w = w;
    h->ops = ops;
    h->arg = arg;
    h->server = *server;
    h2_limits_default(&h->limits);
    h->connecting = tls_connect(l, ctx, &server->addr, server->name, NULL);
    transport_bind(h->connecting, http_on_connect, h);
    transport_want(h->connecting, false, true);
    timer_start(l, &h->late, K8S_CONNECT_MS * INT64_C(1000));
    return h;
}

bool
k8s_http_usable(const struct k8s_http *h)
{
    return h->conn && !h->busy && !h2_conn_draining(h->conn) &&
           h2_conn_free_streams(h->conn) > 0;
}

void
k8s_http_close(struct k8s_http *h)
{
    struct loop *l;

    if (!h || h->closed)
        return;
    l = h2_worker_loop(h->w);
    h->closed = true;
    timer_stop(l, &h->late);
    transport_close(h->connecting);
    h->connecting = NULL;
    if (h->conn)
        h2_conn_close(h->conn, ERR_CLOSED, H2_NO_ERROR, "not needed any more");
    ref_drop(&h->ref, loop_reaper(l));
}

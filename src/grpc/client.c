/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/client.c - a connection that comes back, and calls on it. */
#include "grpc/client.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "grpc/frame.h"
#include "grpc/path.h"
#include "grpc/reader.h"
#include "grpc/timeout.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/tls_store.h"
#include "net/transport.h"
#include "obs/stats.h"

enum { GOAWAY_TEXT_MAX = 132 }; /* what h2 hands on, and the end of the string */

/* A connection outlives its place in the client: after GOAWAY it ends its calls while a
 * new one is made. */
struct client_conn {
    struct list link;
    struct h2_conn *h2;
    struct grpc_client *client; /* NULL: not the client's current one any more */
};

struct grpc_client {
    struct h2_worker *w;
    const struct grpc_client_conf *conf;
    struct transport *connecting;
    struct client_conn *conn; /* takes new calls */
    struct list conns;        /* all */
    struct timer retry;
    struct timer no_tls; /* running: an attempt that fails in the next turn */
    struct tls_session_slot session;
    bool closed, freed;
};

struct grpc_client_call {
    struct h2_stream stream;
    struct h2_worker *w;
    const struct grpc_client_ops *ops;
    void *arg;
    struct reader reader;
    struct timer deadline;
    bool ended;       /* on_end was called */
    bool half_closed; /* we have sent all */
    char timeout[TIMEOUT_TEXT_MAX];
    struct h2_field headers[8 + GRPC_CLIENT_FIELDS_MAX];
};

static void client_connect(struct grpc_client *c);

/* ---- the connection ---- */

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

static void client_on_events(struct h2_stream *stream, unsigned events);

static const struct h2_conn_ops client_ops = {
    .on_settings = client_on_settings,
    .on_events = client_on_events,
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

/* ---- calls ---- */

/* Tells the owner once; the stream may live on until both sides are through. */
static void
call_end(struct grpc_client_call *call, enum grpc_code code, struct slice text)
{
    if (call->ended)
        return;
    call->ended = true;
    timer_stop(h2_worker_loop(call->w), &call->deadline);
    call->ops->on_end(call, call->arg, code, text);
}

static void
call_on_deadline(struct timer *t)
{
    struct grpc_client_call *call = CONTAINER_OF(t, struct grpc_client_call, deadline);

    call_end(call, GRPC_DEADLINE_EXCEEDED, slice_of("the deadline has passed"));
    h2_stream_reset(&call->stream, H2_CANCEL);
}

static struct h2_field
client_field(const char *name, const char *value)
{
    return (struct h2_field){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
        .flags = H2_FIELD_STATIC,
    };
}

static size_t
call_fill_headers(struct grpc_client_call *call, const struct grpc_client_conf *conf,
                  const char *path, int64_t timeout_us)
{
    struct h2_field *f = call->headers;
    size_t n = 0;

    f[n++] = H2_FIELD(":method", "POST");
    f[n++] = conf->tls ? H2_FIELD(":scheme", "https") : H2_FIELD(":scheme", "http");
    f[n++] = client_field(":path", path);
    f[n++] = client_field(":authority", conf->authority);
    if (timeout_us > 0 && timeout_us < INT64_MAX / 1000 &&
        timeout_format(timeout_us * 1000, call->timeout) > 0)
        f[n++] = client_field("grpc-timeout", call->timeout);
    f[n++] = H2_FIELD("content-type", "application/grpc");
    f[n++] = H2_FIELD("te", "trailers");
    f[n++] = client_field("user-agent",
                          conf->user_agent ? conf->user_agent : "grpc-c-outrigger/1");
    for (size_t i = 0; i < conf->field_count && i < GRPC_CLIENT_FIELDS_MAX; i++)
        f[n++] = client_field(conf->fields[i].name, conf->fields[i].value);
    return n;
}

int
grpc_client_start(struct grpc_client *c, const char *path, int64_t timeout_us,
                  const struct grpc_client_ops *ops, void *arg,
                  struct grpc_client_call **ret)
{
    struct slab *slab = h2_worker_slab(c->w);
    struct grpc_client_call *call;
    int err;

    if (!c->conn)
        return ERR_CONNECT;
    if (h2_conn_settled(c->conn->h2) && h2_conn_free_streams(c->conn->h2) == 0)
        return ERR_LIMIT;
    call = slab_calloc(slab, 1, sizeof(*call));
    if (!call)
        return ERR_NOMEM;
    h2_stream_init(&call->stream, c->w);
    call->w = c->w;
    call->ops = ops;
    call->arg = arg;
    reader_init(&call->reader, slab, GRPC_CLIENT_MESSAGE_MAX);
    timer_init(&call->deadline, call_on_deadline);
    err = h2_stream_request(c->conn->h2, &call->stream, call->headers,
                            call_fill_headers(call, c->conf, path, timeout_us), false);
    if (err != 0) {
        h2_stream_done(&call->stream);
        slab_give(slab, call);
        return err;
    }
    if (timeout_us > 0)
        timer_start(h2_worker_loop(c->w), &call->deadline, timeout_us);
    *ret = call;
    return 0;
}

void
grpc_client_send(struct grpc_client_call *call, struct slice message)
{
    struct buf_pool *bufs = h2_worker_bufs(call->w);
    uint8_t prefix[FRAME_PREFIX];

    if (call->ended || call->half_closed || !call->stream.conn)
        return;
    frame_prefix_write(prefix, false, (uint32_t)message.n);
    if (buf_append(&call->stream.out, bufs, prefix, sizeof(prefix), SIZE_MAX) != 0 ||
        (message.n > 0 &&
         buf_append(&call->stream.out, bufs, message.p, message.n, SIZE_MAX) != 0)) {
        h2_stream_reset(&call->stream, H2_CANCEL);
        return;
    }
    h2_stream_kick(&call->stream);
}

void
grpc_client_half_close(struct grpc_client_call *call)
{
    if (call->ended || call->half_closed || !call->stream.conn)
        return;
    call->half_closed = true;
    h2_stream_end(&call->stream, NULL, 0);
}

void
grpc_client_cancel(struct grpc_client_call *call)
{
    h2_stream_reset(&call->stream, H2_CANCEL);
}

void
grpc_client_forget(struct grpc_client_call *call)
{
    call->ended = true;
    timer_stop(h2_worker_loop(call->w), &call->deadline);
    h2_stream_reset(&call->stream, H2_CANCEL);
}

bool
grpc_client_unseen(const struct grpc_client_call *call)
{
    return call->stream.close_err == ERR_GOAWAY;
}

static struct slice
headers_find(const struct h2_headers *h, struct slice name)
{
    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (slice_eq(slice_make(f->name, f->namelen), name))
            return slice_make(f->value, f->valuelen);
    }
    return (struct slice){ 0 };
}

struct slice
grpc_client_metadata(const struct grpc_client_call *call, const char *name)
{
    struct slice found = headers_find(&call->stream.in_headers, slice_of(name));

    return found.p ? found : headers_find(&call->stream.in_trailers, slice_of(name));
}

/* The peer ended its side: the status is in the last block that it sent. */
static void
call_end_by_status(struct grpc_client_call *call)
{
    const struct h2_stream *s = &call->stream;
    const struct h2_headers *h =
        s->in_trailers.complete ? &s->in_trailers : &s->in_headers;
    struct slice status = h2_headers_get(h, H2_TOKEN_GRPC_STATUS);
    struct slice http = h2_headers_get(&s->in_headers, H2_TOKEN_STATUS);
    int code = 0;

    if (status.p) {
        call_end(call, grpc_code_parse(status), h2_headers_get(h, H2_TOKEN_GRPC_MESSAGE));
        return;
    }
    for (size_t i = 0; i < http.n; i++)
        code = code * 10 + (http.p[i] - '0');
    call_end(call, grpc_code_from_http(code), slice_of("the answer has no grpc-status"));
}

/* The stream is gone and no status came. */
static void
call_end_by_loss(struct grpc_client_call *call)
{
    const struct h2_stream *s = &call->stream;

    if (s->close_err == ERR_RESET)
        call_end(call, grpc_code_from_h2(s->close_code),
                 slice_of("the stream was reset"));
    else if (s->close_err == ERR_OK)
        call_end(call, GRPC_UNKNOWN, slice_of("the stream ended without a status"));
    else
        call_end(call, grpc_code_from_err(s->close_err),
                 slice_of(err_text(s->close_err)));
}

static void
call_read(struct grpc_client_call *call)
{
    struct h2_stream *s = &call->stream;

    for (;;) {
        struct slice message;
        size_t taken;
        int err =
            reader_take(&call->reader, &s->in, h2_worker_bufs(call->w), &message, &taken);

        h2_stream_consume(s, taken);
        if (err == ERR_AGAIN)
            return;
        if (err != 0) {
            call_end(call, err == ERR_LIMIT ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL,
                     slice_of("the answer holds a message that cannot be read"));
            h2_stream_reset(s, H2_CANCEL);
            return;
        }
        if (call->ops->on_message && !call->ended)
            call->ops->on_message(call, call->arg, message);
    }
}

static void
call_free(struct grpc_client_call *call)
{
    timer_stop(h2_worker_loop(call->w), &call->deadline);
    reader_done(&call->reader);
    h2_stream_done(&call->stream);
    slab_give(h2_worker_slab(call->w), call);
}

static void
client_on_events(struct h2_stream *stream, unsigned events)
{
    struct grpc_client_call *call = CONTAINER_OF(stream, struct grpc_client_call, stream);

    if (events & H2_EV_DATA && !stream->discard)
        call_read(call);
    if (stream->in_ended && !call->ended) {
        call_end_by_status(call);
        /* Whatever we had still to say is not wanted any more. */
        if (!(events & H2_EV_CLOSED) && !stream->end_queued)
            h2_stream_reset(stream, H2_NO_ERROR);
    }
    if (events & H2_EV_CLOSED) {
        call_end_by_loss(call);
        call_free(call);
    }
}

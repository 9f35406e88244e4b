/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/client_call.c - one call of a client, from its headers to its status. */
#include <string.h>

#include "base/err.h"
#include "base/slab.h"
#include "grpc/client_int.h"
#include "grpc/frame.h"
#include "grpc/reader.h"
#include "grpc/timeout.h"
#include "loop/timer.h"

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

void
grpc_client_on_events(struct h2_stream *stream, unsigned events)
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

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/server_call.c - one call of a server is one stream; events of the stream become messages for the
 * method. */
#include "base/err.h"
#include "base/slab.h"
#include "grpc/frame.h"
#include "grpc/path.h"
#include "grpc/reader.h"
#include "grpc/server_int.h"
#include "grpc/timeout.h"
#include "loop/loop.h"
#include "loop/timer.h"

struct grpc_call {
    struct h2_stream stream;
    struct grpc_server *server;
    const struct grpc_method *method; /* NULL until the request was found good */
    void *arg;                        /* of the service that has the method */
    struct reader reader;
    struct timer deadline;
    bool started;     /* response headers are queued */
    bool finished;    /* trailers are queued */
    bool half_closed; /* told to the method */
    bool low_again;   /* the queue was above half: on_room is due when it falls */
    uint32_t messages;
    struct h2_field headers[3], trailers[6];
    char message[GRPC_MESSAGE_MAX];
    max_align_t state[];
};

static void
call_on_deadline(struct timer *t)
{
    struct grpc_call *call = CONTAINER_OF(t, struct grpc_call, deadline);

    grpc_call_finish(call, GRPC_DEADLINE_EXCEEDED, "the deadline of the call has passed");
}

struct h2_stream *
grpc_server_on_open(struct h2_conn *h2, void *arg)
{
    struct server_conn *sc = arg;
    struct grpc_server *s = sc->server;
    struct slab *slab = h2_worker_slab(s->w);
    struct grpc_call *call = slab_calloc(slab, 1, sizeof(*call) + s->conf->state_size);

    (void)h2;
    if (!call)
        return NULL;
    h2_stream_init(&call->stream, s->w);
    call->server = s;
    call->arg = s->conf->arg;
    reader_init(&call->reader, slab,
                s->conf->max_message ? s->conf->max_message : GRPC_SERVER_MESSAGE_MAX);
    timer_init(&call->deadline, call_on_deadline);
    return &call->stream;
}

static size_t
call_add_name(const struct grpc_call *call, struct h2_field *f)
{
    const char *name = call->server->conf->backend_name;

    if (!name)
        return 0;
    f[0] = H2_FIELD("x-backend", "");
    f[0].value = (uint8_t *)(uintptr_t)name;
    f[0].valuelen = strlen(name);
    return 1;
}

/* grpc-status and grpc-message into f. */
static size_t
call_add_status(struct grpc_call *call, struct h2_field *f, enum grpc_code code,
                const char *text)
{
    size_t n = 0,
           len = grpc_message_encode(slice_of(text), call->message, GRPC_MESSAGE_MAX);

    f[n] = H2_FIELD("grpc-status", "");
    f[n].value = (uint8_t *)(uintptr_t)grpc_code_text(code);
    f[n].valuelen = strlen(grpc_code_text(code));
    n++;
    if (len > 0) {
        f[n] = H2_FIELD("grpc-message", "");
        f[n].value = (uint8_t *)call->message;
        f[n].valuelen = len;
        n++;
    }
    return n;
}

static void
call_start(struct grpc_call *call)
{
    size_t n = 0;

    if (call->started)
        return;
    call->started = true;
    call->headers[n++] = H2_FIELD(":status", "200");
    call->headers[n++] = H2_FIELD("content-type", "application/grpc");
    n += call_add_name(call, call->headers + n);
    if (h2_stream_respond(&call->stream, call->headers, n, false) != 0)
        h2_stream_reset(&call->stream, H2_INTERNAL_ERROR);
}

void
grpc_call_send(struct grpc_call *call, struct slice message)
{
    struct buf_pool *bufs = h2_worker_bufs(call->server->w);
    uint8_t prefix[FRAME_PREFIX];

    if (call->finished || !call->stream.conn)
        return;
    call_start(call);
    frame_prefix_write(prefix, false, (uint32_t)message.n);
    if (buf_append(&call->stream.out, bufs, prefix, sizeof(prefix), SIZE_MAX) != 0 ||
        (message.n > 0 &&
         buf_append(&call->stream.out, bufs, message.p, message.n, SIZE_MAX) != 0)) {
        /* Half a message may be queued: only a reset is honest now. */
        call->finished = true;
        h2_stream_reset(&call->stream, grpc_code_to_h2(GRPC_RESOURCE_EXHAUSTED));
        return;
    }
    if (call->stream.out.len > GRPC_SERVER_QUEUE_HIGH / 2)
        call->low_again = true;
    h2_stream_kick(&call->stream);
}

void
grpc_call_finish(struct grpc_call *call, enum grpc_code code, const char *text)
{
    struct h2_field *f = call->trailers;
    size_t n = 0;

    if (call->finished || !call->stream.conn)
        return;
    call->finished = true;
    timer_stop(h2_worker_loop(call->server->w), &call->deadline);
    if (call->started) {
        n = call_add_status(call, f, code, text);
        h2_stream_end(&call->stream, f, n);
        return;
    }
    f[n++] = H2_FIELD(":status", "200");
    f[n++] = H2_FIELD("content-type", "application/grpc");
    n += call_add_name(call, f + n);
    n += call_add_status(call, f + n, code, text);
    if (h2_stream_respond(&call->stream, f, n, true) != 0)
        h2_stream_reset(&call->stream, H2_INTERNAL_ERROR);
}

/* An answer for who does not speak gRPC: HTTP status and gRPC status in one block. */
static void
call_refuse_http(struct grpc_call *call, const char *http_status, enum grpc_code code,
                 const char *text)
{
    struct h2_field *f = call->trailers;
    size_t n = 0;

    call->finished = true;
    f[n] = H2_FIELD(":status", "");
    f[n].value = (uint8_t *)(uintptr_t)http_status;
    f[n++].valuelen = strlen(http_status);
    f[n++] = H2_FIELD("content-type", "application/grpc");
    n += call_add_status(call, f + n, code, text);
    if (h2_stream_respond(&call->stream, f, n, true) != 0)
        h2_stream_reset(&call->stream, H2_INTERNAL_ERROR);
}

static const struct grpc_method *
methods_find(const struct grpc_method *methods, size_t n, struct slice path)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq_str(path, methods[i].path))
            return &methods[i];
    }
    return NULL;
}

/* Sets the method and whose it is. False: nobody has it. */
static bool
call_find_method(struct grpc_call *call, struct slice path)
{
    const struct grpc_server_conf *conf = call->server->conf;

    call->method = methods_find(conf->methods, conf->n_methods, path);
    for (size_t i = 0; i < conf->n_services && !call->method; i++) {
        const struct grpc_service *s = conf->services[i];

        call->method = methods_find(s->methods, s->n_methods, path);
        if (call->method)
            call->arg = s->arg;
    }
    return call->method != NULL;
}

static void
call_set_deadline(struct grpc_call *call, struct slice value)
{
    int64_t ns;

    if (!value.p)
        return;
    if (timeout_parse(value, &ns) != 0) {
        grpc_call_finish(call, GRPC_INTERNAL, "malformed grpc-timeout");
        return;
    }
    timer_start(h2_worker_loop(call->server->w), &call->deadline, ns / 1000);
}

/* The request is one of gRPC: which method, and may it be called? */
static void
call_begin(struct grpc_call *call, const struct h2_headers *h)
{
    const struct grpc_server_conf *conf = call->server->conf;
    const char *why = "";

    if (conf->may_call &&
        !conf->may_call(conf->arg, h2_headers_get(h, H2_TOKEN_AUTHORITY), &why))
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, why);
    else if (!call_find_method(call, h2_headers_get(h, H2_TOKEN_PATH)))
        grpc_call_finish(call, GRPC_UNIMPLEMENTED,
                         conf->unknown_text ? conf->unknown_text
                                            : "unknown service or method");
    else
        call_set_deadline(call, h2_headers_get(h, H2_TOKEN_GRPC_TIMEOUT));
}

static void
call_on_headers(struct grpc_call *call)
{
    const struct h2_headers *h = &call->stream.in_headers;

    if (h->invalid) {
        call->finished = true;
        h2_stream_reset(&call->stream, H2_PROTOCOL_ERROR);
    } else if (h->over) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "the request headers are too large");
    } else if (!slice_eq_str(h2_headers_get(h, H2_TOKEN_METHOD), "POST")) {
        call_refuse_http(call, "405", GRPC_INTERNAL, "gRPC calls are POST requests");
    } else if (!content_type_is_grpc(h2_headers_get(h, H2_TOKEN_CONTENT_TYPE))) {
        call_refuse_http(call, "415", GRPC_INVALID_ARGUMENT,
                         "the content-type of a gRPC call is application/grpc");
    } else {
        call_begin(call, h);
    }
}

static void
call_on_bad_message(struct grpc_call *call, int err)
{
    switch (err) {
    case ERR_LIMIT:
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "a message is longer than this server takes");
        break;
    case ERR_NOMEM:
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for a message");
        break;
    case ERR_PROTOCOL:
        grpc_call_finish(call, GRPC_UNIMPLEMENTED,
                         "compressed messages are not supported");
        break;
    default:
        grpc_call_finish(call, GRPC_INTERNAL, "a message has an unknown flag");
        break;
    }
}

/* What arrived after the end of our answer: nobody wants it, but the sender's windows
 * must not leak. */
static void
call_discard_input(struct grpc_call *call)
{
    struct h2_stream *s = &call->stream;
    size_t n = s->in.len;

    reader_done(&call->reader);
    call->reader.in_place = 0;
    buf_consume(&s->in, h2_worker_bufs(call->server->w), n);
    h2_stream_consume(s, n);
}

static void
call_on_message(struct grpc_call *call, struct slice message)
{
    const struct grpc_server_conf *conf = call->server->conf;
    const struct grpc_method *method = call->method;
    const char *why = "";
    int64_t note = 0;

    if (conf->message_begin && !conf->message_begin(conf->arg, method, &note, &why)) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, why);
        return;
    }
    method->on_message(call, message);
    if (conf->message_end)
        conf->message_end(conf->arg, method, note);
}

/* Hands messages to the method until there are no more, or its answers are not taken. */
static void
call_read(struct grpc_call *call)
{
    struct h2_stream *s = &call->stream;

    while (!call->finished && s->conn && s->out.len <= GRPC_SERVER_QUEUE_HIGH) {
        struct slice message;
        size_t taken;
        int err = reader_take(&call->reader, &s->in, h2_worker_bufs(call->server->w),
                              &message, &taken);

        h2_stream_consume(s, taken);
        if (err == ERR_AGAIN)
            break;
        if (err != 0) {
            call_on_bad_message(call, err);
        } else if (!call->method->client_streams && call->messages++ > 0) {
            grpc_call_finish(call, GRPC_INTERNAL, "this method takes one message only");
        } else {
            call_on_message(call, message);
        }
    }
    if (call->finished)
        call_discard_input(call);
}

static void
call_on_end(struct grpc_call *call)
{
    if (call->finished || call->half_closed ||
        call->stream.out.len > GRPC_SERVER_QUEUE_HIGH)
        return;
    if (!reader_at_border(&call->reader, &call->stream.in)) {
        grpc_call_finish(call, GRPC_INTERNAL,
                         "the request ended in the middle of a message");
        return;
    }
    if (!call->method->client_streams && call->messages == 0) {
        grpc_call_finish(call, GRPC_INTERNAL, "this method takes one message, none came");
        return;
    }
    call->half_closed = true;
    if (call->method->on_half_close)
        call->method->on_half_close(call);
}

static void
call_on_drained(struct grpc_call *call)
{
    if (call->finished || !call->low_again ||
        call->stream.out.len > GRPC_SERVER_QUEUE_HIGH / 2)
        return;
    call->low_again = false;
    if (call->method->on_room)
        call->method->on_room(call);
}

static void
call_free(struct grpc_call *call)
{
    struct h2_worker *w = call->server->w;

    if (call->method && call->method->on_gone)
        call->method->on_gone(call);
    timer_stop(h2_worker_loop(w), &call->deadline);
    reader_done(&call->reader);
    h2_stream_done(&call->stream);
    slab_give(h2_worker_slab(w), call);
}

void
grpc_server_on_events(struct h2_stream *stream, unsigned events)
{
    struct grpc_call *call = CONTAINER_OF(stream, struct grpc_call, stream);

    if (events & H2_EV_CLOSED) {
        call_free(call);
        return;
    }
    if (events & H2_EV_HEADERS)
        call_on_headers(call);
    if (events & H2_EV_DRAINED && call->method)
        call_on_drained(call);
    if (call->method || call->finished)
        call_read(call);
    if (stream->in_ended && call->method)
        call_on_end(call);
}

void *
grpc_call_state(struct grpc_call *call)
{
    return call->state;
}

void *
grpc_call_arg(const struct grpc_call *call)
{
    return call->arg;
}

struct loop *
grpc_call_loop(const struct grpc_call *call)
{
    return h2_worker_loop(call->server->w);
}

size_t
grpc_call_queued(const struct grpc_call *call)
{
    return call->stream.out.len;
}

bool
grpc_call_finished(const struct grpc_call *call)
{
    return call->finished || !call->stream.conn;
}

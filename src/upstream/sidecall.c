/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/sidecall.c - two lives: the owner's, which ends with `done` or a cancel, and the stream's, which may last a little longer. The memory goes with the
 * later of them (sidecall_settle). */
#include "upstream/sidecall.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/slab.h"
#include "grpc/details.h"
#include "grpc/frame.h"
#include "grpc/path.h"
#include "grpc/reader.h"
#include "grpc/status.h"
#include "grpc/timeout.h"
#include "h2/conn.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/stats.h"
#include "upstream/pool_int.h"

enum { FIELDS_MAX = 8, WHY_MAX = 256, PEER_TEXT_MAX = 128 };

struct sidecall {
    struct h2_stream stream;
    struct pool_wait wait;
    struct h2_worker *w;
    struct loop *loop;
    struct pool *pool;
    struct upconn *conn; /* while the stream is open */
    struct timer timer;  /* the deadline; or, with `err`, the next turn */
    int64_t deadline_us;
    sidecall_fn *done; /* NULL: the owner has had its end */
    void *arg;
    int err; /* pool_take refused at once */
    uint8_t attempts;
    bool bad;          /* what comes cannot be an answer */
    bool have_message; /* answer, answer_n are its one message */
    struct reader reader;
    uint8_t *answer;
    size_t answer_n;
    char timeout[TIMEOUT_TEXT_MAX];
    struct h2_field fields[FIELDS_MAX];
    const char *path;
    size_t message_n;
    uint8_t message[];
};

static void sidecall_on_events(struct h2_stream *s, unsigned events);
static void sidecall_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err);

/* --- end ------------------------------------------------------------------------------ */

/* May free c: the last thing that a handler does with it. */
static void
sidecall_settle(struct sidecall *c)
{
    struct slab *slab = h2_worker_slab(c->w);

    if (c->done || c->conn)
        return;
    pool_wait_done(&c->wait);
    reader_done(&c->reader);
    h2_stream_done(&c->stream);
    slab_give(slab, c->answer);
    slab_give(slab, c);
}

/* The owner's part is over. */
static sidecall_fn *
sidecall_leave(struct sidecall *c)
{
    sidecall_fn *done = c->done;

    c->done = NULL;
    timer_stop(c->loop, &c->timer);
    pool_wait_cancel(&c->wait);
    if (c->conn)
        h2_stream_reset(&c->stream, H2_CANCEL);
    stat_add(h2_worker_stats(c->w), STAT_SIDE_CALLS_FLYING, -1);
    return done;
}

static void
sidecall_end(struct sidecall *c, const struct sidecall_result *r)
{
    sidecall_fn *done;

    if (!c->done)
        return;
    if (r->code != GRPC_OK)
        stat_inc(h2_worker_stats(c->w), STAT_SIDE_CALLS_FAILED);
    done = sidecall_leave(c);
    done(c->arg, r);
}

static void
sidecall_fail(struct sidecall *c, int code, const char *why)
{
    sidecall_end(c, &(struct sidecall_result){ .code = code, .why = why });
}

static void
sidecall_refused(struct sidecall *c, int err)
{
    char why[POOL_TEXT_MAX];

    if (c->done)
        sidecall_fail(c, grpc_code_from_err(err),
                      pool_explain(c->pool, &c->wait, err, why));
}

static void
sidecall_on_timer(struct timer *t)
{
    struct sidecall *c = CONTAINER_OF(t, struct sidecall, timer);

    if (c->err) {
        sidecall_refused(c, c->err);
    } else {
        pool_lost(&c->wait);
        sidecall_fail(c, GRPC_DEADLINE_EXCEEDED,
                      c->conn ? "no answer in time" : "no connection in time");
    }
    sidecall_settle(c);
}

void
sidecall_cancel(struct sidecall *c)
{
    sidecall_leave(c);
    sidecall_settle(c);
}

/* --- request -------------------------------------------------------------------------- */

static struct h2_field
sidecall_field(const char *name, const char *value)
{
    return (struct h2_field){ .name = (uint8_t *)(uintptr_t)name,
                              .value = (uint8_t *)(uintptr_t)value,
                              .namelen = strlen(name),
                              .valuelen = strlen(value),
                              .flags = H2_FIELD_STATIC };
}

static size_t
sidecall_fill(struct sidecall *c, const struct upconn *conn)
{
    const char *name = upconn_name(conn);
    int64_t left_us = c->deadline_us - loop_now_us(c->loop);
    struct h2_field *f = c->fields;
    size_t n = 0;

    f[n++] = H2_FIELD(":method", "POST");
    f[n++] = pool_wants(c->pool) & POOL_WANTS_HTTPS ? H2_FIELD(":scheme", "https")
                                                    : H2_FIELD(":scheme", "http");
    f[n++] = sidecall_field(":path", c->path);
    f[n++] = strchr(name, '/') ? H2_FIELD(":authority", "localhost") /* unix socket */
                               : sidecall_field(":authority", name);
    f[n++] = H2_FIELD("te", "trailers");
    if (timeout_format(left_us * 1000, c->timeout) > 0) {
        f[n] = sidecall_field("grpc-timeout", c->timeout);
        f[n++].flags |= H2_FIELD_NO_INDEX;
    }
    f[n++] = H2_FIELD("content-type", "application/grpc");
    f[n++] = H2_FIELD("user-agent", "grpc-c-outrigger/1");
    return n;
}

static int
sidecall_fill_body(struct sidecall *c)
{
    struct buf_pool *bufs = h2_worker_bufs(c->w);
    uint8_t prefix[FRAME_PREFIX];
    int rv;

    frame_prefix_write(prefix, false, (uint32_t)c->message_n);
    rv = buf_append(&c->stream.out, bufs, prefix, sizeof(prefix), SIZE_MAX);
    if (rv == ERR_OK && c->message_n)
        rv = buf_append(&c->stream.out, bufs, c->message, c->message_n, SIZE_MAX);
    return rv;
}

static int
sidecall_open(struct sidecall *c, struct upconn *conn)
{
    int rv = upconn_request(conn, &c->wait, &c->stream, c->fields, sidecall_fill(c, conn),
                            false);

    if (rv != ERR_OK)
        return rv;
    c->conn = conn;
    rv = sidecall_fill_body(c);
    if (rv != ERR_OK) {
        h2_stream_reset(&c->stream, H2_CANCEL);
        return rv;
    }
    h2_stream_kick(&c->stream);
    h2_stream_end(&c->stream, NULL, 0);
    return ERR_OK;
}

/* ERR_OK: it goes, or it waits. */
static int
sidecall_take(struct sidecall *c)
{
    struct upconn *conn;
    int rv;

    c->wait.retry = c->attempts++ > 0;
    rv = pool_take(c->pool, &c->wait, &conn);
    if (rv == ERR_OK)
        return sidecall_open(c, conn);
    return rv == ERR_AGAIN ? ERR_OK : rv;
}

static void
sidecall_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err)
{
    struct sidecall *c = CONTAINER_OF(wait, struct sidecall, wait);

    if (conn)
        err = sidecall_open(c, conn);
    if (err != ERR_OK)
        sidecall_refused(c, err);
    sidecall_settle(c);
}

struct sidecall *
sidecall_start(struct pool *p, const char *path, struct slice message, int64_t timeout_us,
               sidecall_fn *done, void *arg)
{
    struct h2_worker *w = p->h2;
    struct slab *slab = h2_worker_slab(w);
    struct sidecall *c = message.n <= SIDECALL_REQUEST_MAX
                             ? slab_malloc(slab, sizeof(*c) + message.n)
                             : NULL;

    if (!c)
        return NULL;
    memset(c, 0, sizeof(*c));
    c->w = w;
    c->loop = h2_worker_loop(w);
    c->pool = p;
    c->path = path;
    c->arg = arg;
    c->deadline_us = loop_now_us(c->loop) + timeout_us;
    c->message_n = message.n;
    if (message.n)
        memcpy(c->message, message.p, message.n);
    h2_stream_init(&c->stream, w);
    c->stream.on_events = sidecall_on_events;
    pool_wait_init(&c->wait);
    c->wait.done = sidecall_on_wait_done;
    reader_init(&c->reader, slab, SIDECALL_ANSWER_MAX);
    timer_init(&c->timer, sidecall_on_timer);
    timer_start(c->loop, &c->timer, timeout_us);
    stat_inc(h2_worker_stats(w), STAT_SIDE_CALLS);
    stat_inc(h2_worker_stats(w), STAT_SIDE_CALLS_FLYING);
    c->done = done;
    c->err = sidecall_take(c);
    if (c->err != ERR_OK)
        timer_start(c->loop, &c->timer, 0); /* told in the next turn */
    return c;
}

/* --- answer --------------------------------------------------------------------------- */

static void
sidecall_bad(struct sidecall *c, int code, const char *why)
{
    c->bad = true;
    pool_lost(&c->wait);
    sidecall_fail(c, code, why);
}

static void
sidecall_read(struct sidecall *c)
{
    struct h2_stream *s = &c->stream;

    while (!c->bad && c->done) {
        struct slice message;
        size_t taken;
        int err = reader_take(&c->reader, &s->in, h2_worker_bufs(c->w), &message, &taken);

        h2_stream_consume(s, taken);
        if (err == ERR_AGAIN)
            return;
        if (err == ERR_LIMIT) {
            sidecall_bad(c, GRPC_RESOURCE_EXHAUSTED, "its answer is longer than 64 KiB");
        } else if (err != ERR_OK) {
            sidecall_bad(c, GRPC_INTERNAL, "its answer is not framed as gRPC");
        } else if (c->have_message) {
            sidecall_bad(c, GRPC_INTERNAL, "it answered with more than one message");
        } else {
            c->answer = slab_malloc(h2_worker_slab(c->w), message.n ? message.n : 1);
            if (!c->answer) {
                sidecall_bad(c, GRPC_RESOURCE_EXHAUSTED, "no memory for the answer");
                return;
            }
            if (message.n)
                memcpy(c->answer, message.p, message.n);
            c->answer_n = message.n;
            c->have_message = true;
        }
    }
}

static enum grpc_code
sidecall_http_code(const struct h2_headers *h)
{
    struct slice status = h2_headers_get(h, H2_TOKEN_STATUS);
    int code = 0;

    for (size_t i = 0; i < status.n && i < 3; i++)
        code = code * 10 + (status.p[i] - '0');
    return grpc_code_from_http(code);
}

static bool
sidecall_retry(const struct h2_headers *h, int64_t *ret_ms)
{
    UNINITIALIZED uint8_t status[DETAILS_BASE64_MAX];
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(h, slice_of(DETAILS_TRAILER), &at);
    long n = e && e->f.valuelen <= sizeof(status)
                 ? base64_decode(slice_make(e->f.value, e->f.valuelen), status)
                 : -1;

    return n >= 0 && details_retry(slice_make(status, (size_t)n), ret_ms);
}

/* "PERMISSION_DENIED: text", the peer's text cut short and decoded. */
static void
sidecall_end_not_ok(struct sidecall *c, enum grpc_code code, const struct h2_headers *h)
{
    char plain[PEER_TEXT_MAX], why[WHY_MAX];
    size_t n = grpc_message_decode(h2_headers_get(h, H2_TOKEN_GRPC_MESSAGE), plain,
                                   sizeof(plain));
    struct sidecall_result r = { .code = (int)code, .own = true, .why = why };

    snprintf(why, sizeof(why), "it answered %s%s%.*s", grpc_code_name(code),
             n ? ": " : "", (int)n, plain);
    r.retry_known = sidecall_retry(h, &r.retry_ms);
    sidecall_end(c, &r);
}

/* The service ended its side: the status is in the last block that it sent. */
static void
sidecall_end_by_status(struct sidecall *c)
{
    const struct h2_stream *s = &c->stream;
    const struct h2_headers *first = &s->in_headers;
    const struct h2_headers *last = s->in_trailers.complete ? &s->in_trailers : first;
    struct slice status = h2_headers_get(last, H2_TOKEN_GRPC_STATUS);
    enum grpc_code code;

    if (!status.p ||
        !content_type_is_grpc(h2_headers_get(first, H2_TOKEN_CONTENT_TYPE))) {
        sidecall_bad(c, sidecall_http_code(first),
                     status.p ? "its answer is not gRPC"
                              : "its answer has no grpc-status");
        return;
    }
    code = grpc_code_parse(status);
    pool_result(&c->wait, (int)code);
    if (code != GRPC_OK)
        sidecall_end_not_ok(c, code, last);
    else if (!c->have_message || !reader_at_border(&c->reader, &s->in))
        sidecall_fail(c, GRPC_INTERNAL, "it answered OK without a whole message");
    else
        sidecall_end(
            c, &(struct sidecall_result){ .code = GRPC_OK,
                                          .own = true,
                                          .message = slice_make(c->answer, c->answer_n),
                                          .why = "" });
}

/* True: another attempt began, or waits. */
static bool
sidecall_again(struct sidecall *c)
{
    int rv;

    if (!c->done || !c->stream.unprocessed || c->attempts == SIDECALL_ATTEMPTS_MAX)
        return false;
    h2_stream_done(&c->stream);
    h2_stream_init(&c->stream, c->w);
    c->stream.on_events = sidecall_on_events;
    rv = sidecall_take(c);
    if (rv != ERR_OK)
        sidecall_refused(c, rv);
    return true;
}

/* The stream is gone; without a status that is a loss. */
static void
sidecall_closed(struct sidecall *c)
{
    const struct h2_stream *s = &c->stream;
    struct upconn *conn = c->conn;
    int err = s->close_err;

    if (c->done && !s->unprocessed)
        pool_lost(&c->wait);
    c->conn = NULL;
    upconn_release(conn, &c->wait);
    if (!c->done || sidecall_again(c))
        return;
    if (err == ERR_RESET)
        sidecall_fail(c, grpc_code_from_h2(s->close_code), "it reset the stream");
    else if (err == ERR_OK)
        sidecall_fail(c, GRPC_UNKNOWN, "the stream ended without a status");
    else
        sidecall_fail(c, grpc_code_from_err(err), err_text(err));
}

static void
sidecall_on_events(struct h2_stream *s, unsigned events)
{
    struct sidecall *c = CONTAINER_OF(s, struct sidecall, stream);

    if (events & H2_EV_HEADERS)
        pool_answered(&c->wait);
    if (events & H2_EV_DATA && c->done)
        sidecall_read(c);
    if (s->in_ended && c->done && !c->bad)
        sidecall_end_by_status(c);
    if (events & H2_EV_CLOSED)
        sidecall_closed(c);
    sidecall_settle(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/attempt.c - one try of a call on one backend, and the transparent replay of a try that no backend processed
 * (gRFC A6 "transparent retries", RFC 9113 8.7). */
#include "base/err.h"
#include "filter/edit.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/action.h"
#include "proxy/balance.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/request.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "proxy/xfcc.h"

enum {
    ATTEMPTS_MAX =
        10, /* all together: a request that never left us may be tried again and again */
    REFUSALS_MAX =
        2, /* replays after a backend refused (gRFC A6 has one; GOAWAY and refusal may meet) */
    OWN_FIELDS = 4, /* :authority in the place of host, te, grpc-timeout, xfcc.h */
};

static void attempt_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err);

struct fields {
    struct h2_field *v;
    size_t n;
};

static void
fields_add(struct fields *f, struct h2_field one)
{
    f->v[f->n++] = one;
}

/* What the proxy says itself, right after the pseudo headers: te, and the time that is left. */
static void
attempt_own_fields(struct call *c, struct fields *f)
{
    fields_add(f, H2_FIELD("te", "trailers"));
    if (c->deadline_us) {
        int64_t left_us = c->deadline_us - loop_now_us(c->worker->loop);
        size_t n = timeout_format(left_us > INT64_MAX / 1000 ? INT64_MAX : left_us * 1000,
                                  c->timeout);

        if (n)
            fields_add(f,
                       (struct h2_field){ .name = (uint8_t *)"grpc-timeout",
                                          .value = (uint8_t *)c->timeout,
                                          .namelen = 12,
                                          .valuelen = n,
                                          .flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX });
    }
}

/* The request block for the backend: as received, except for what belongs to the hop (grpc-spec 4). */
static void
attempt_pass_fields(struct call *c, const struct pool *to, struct fields *f)
{
    const struct h2_headers *h = &c->down.in_headers;
    struct slice authority = h2_headers_get(h, H2_TOKEN_AUTHORITY);
    struct slice host = h2_headers_get(h, H2_TOKEN_HOST);
    bool own = false;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_entry *e = &h->v[i];

        if (!own && e->f.name[0] != ':') {
            if (!authority.p && host.p)
                fields_add(f, (struct h2_field){ .name = (uint8_t *)":authority",
                                                 .value = (uint8_t *)host.p,
                                                 .namelen = 10,
                                                 .valuelen = host.n,
                                                 .flags = H2_FIELD_STATIC });
            attempt_own_fields(c, f);
            own = true;
        }
        switch (e->token) {
        case H2_TOKEN_SCHEME:
            fields_add(f, pool_wants(to) & POOL_WANTS_HTTPS
                              ? H2_FIELD(":scheme", "https")
                              : H2_FIELD(":scheme", "http"));
            break;
        case H2_TOKEN_TE:
        case H2_TOKEN_HOST:
        case H2_TOKEN_CONTENT_LENGTH:
        case H2_TOKEN_GRPC_TIMEOUT:
        case H2_TOKEN_GRPC_STATUS: /* names of answers have no place in a request */
        case H2_TOKEN_GRPC_MESSAGE:
            break;
        default:
            fields_add(f, e->f);
            break;
        }
    }
}

bool
attempt_reserve(struct call *c)
{
    size_t n = c->down.in_headers.n + OWN_FIELDS + 1u;

    if (UNLIKELY(c->acts & ACT_EDIT_REQUEST))
        n += edit_adds(c->route->request);
    if (LIKELY(n <= BLOCK_FIELDS) || n <= c->field_room)
        return true;
    c->fields = arena_alloc(&c->arena, n * sizeof(*c->fields));
    c->field_room = c->fields ? n : 0;
    return c->fields != NULL;
}

struct h2_field *
attempt_fields(struct call *c, const struct pool *to, struct h2_field *few, size_t *ret_n)
{
    struct fields f = { .v = UNLIKELY(c->fields != NULL) ? c->fields : few };

    attempt_pass_fields(c, to, &f);
    if (UNLIKELY(c->owner->front->conf->xfcc))
        f.n = xfcc_apply(c->owner, &c->arena, f.v, f.n);
    if (UNLIKELY(c->acts & ACT_EDIT_REQUEST))
        f.n = action_edit_request(c, f.v, f.n);
    *ret_n = f.n;
    return f.v;
}

static void
attempt_open(struct call *c, struct upconn *conn)
{
    struct h2_stream *up = &c->up;
    UNINITIALIZED struct h2_field few[BLOCK_FIELDS];
    const struct h2_field *f;
    size_t n;
    bool end;
    int rv;

    if (c->attempts++ == 0 && !c->committed)
        buf_keep_start(&up->out);
    f = attempt_fields(c, c->pool, few, &n);
    end =
        c->down
            .in_bodiless; /* a half-close of its own stays a frame of its own: grpc-go needs that */
    rv = upconn_request(conn, &c->wait, up, f, n, end);
    if (rv != ERR_OK) {
        call_fail(c, grpc_code_from_err(rv), reason_from_err(rv),
                  "no stream could be opened to %s: %s", upconn_name(conn), err_text(rv));
        return;
    }
    c->upconn = conn;
    if (up->out.len)
        h2_stream_kick(up);
    request_forward(c);
}

static void
attempt_no_endpoint(struct call *c, int err)
{
    char text[POOL_TEXT_MAX];

    if (UNLIKELY(c->acts & ACT_FILTERS))
        filters_attempt_end(c, grpc_code_from_err(err), false, false, "");
    call_fail(c, grpc_code_from_err(err), reason_from_err(err), "%s",
              pool_explain(c->pool, &c->wait, err, text));
}

void
attempt_start(struct call *c)
{
    struct upconn *conn;
    int rv;

    if (UNLIKELY(c->acts & ACT_FILTERS))
        filters_attempt(c);
    if (UNLIKELY(!attempt_reserve(c))) {
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the request headers");
        return;
    }
    c->wait.done = attempt_on_wait_done;
    c->wait.retry = c->attempts > 0;
    if (UNLIKELY(pool_wants(c->pool) & (POOL_WANTS_HASH | POOL_WANTS_METHOD)) &&
        !c->wait.retry)
        balance_request(c->pool, &c->wait, &c->down.in_headers);
    rv = pool_take(c->pool, &c->wait, &conn);
    if (rv == ERR_OK)
        attempt_open(c, conn);
    else if (rv != ERR_AGAIN)
        attempt_no_endpoint(c, rv);
}

static void
attempt_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err)
{
    struct call *c = CONTAINER_OF(wait, struct call, wait);

    if (conn)
        attempt_open(c, conn);
    else
        attempt_no_endpoint(c, err);
    call_settle(c);
}

void
attempt_commit(struct call *c)
{
    struct worker *w = c->worker;

    c->committed = true;
    buf_keep_stop(&c->up.out, w->bufs);
    w->replay_bytes -= c->replay_held;
    stat_add(&w->stats, STAT_REPLAY_BYTES, -(int64_t)c->replay_held);
    c->replay_held = 0;
}

/* The stream object starts afresh; only the body that was kept stays. */
static void
attempt_rewind(struct call *c)
{
    struct buf out;

    buf_rewind(&c->up.out);
    c->uncredited = c->replay_held;
    out = c->up.out;
    buf_init(&c->up.out);
    h2_stream_done(&c->up);
    h2_stream_init(&c->up, c->worker->h2);
    c->up.other = &c->down;
    c->up.out = out;
}

static bool
attempt_refused(const struct call *c)
{
    return c->up.close_err == ERR_REFUSED || c->up.close_err == ERR_GOAWAY;
}

static bool
attempt_is_left(const struct call *c)
{
    return c->attempts < ATTEMPTS_MAX && c->refusals + attempt_refused(c) <= REFUSALS_MAX;
}

bool
attempt_may_replay(const struct call *c)
{
    return c->up.unprocessed && !c->committed && c->down.conn && attempt_is_left(c);
}

bool
attempt_replay(struct call *c)
{
    if (!c->up.unprocessed || c->committed || !c->down.conn)
        return false;
    if (!attempt_is_left(c)) {
        stat_inc(&c->worker->stats, STAT_REPLAYS_REFUSED_LIMIT);
        return false;
    }
    c->refusals += attempt_refused(c);
    stat_inc(&c->worker->stats, STAT_REPLAYS);
    attempt_rewind(c);
    attempt_start(c);
    return true;
}

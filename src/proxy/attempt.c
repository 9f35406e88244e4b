/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/attempt.c - one try of a call on one backend, and the transparent replay of a try that no backend processed
 * (gRFC A6 "transparent retries", RFC 9113 8.7). */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

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
#include "proxy/retry.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "proxy/xfcc.h"

enum {
    ATTEMPTS_MAX =
        10, /* all together: a request that never left us may be tried again and again */
    REFUSALS_MAX =
        2, /* replays after a backend refused (gRFC A6 has one; GOAWAY and refusal may meet) */
    REFUSALS_POLICY = 1, /* with a policy, which has the next word */
    OWN_FIELDS =
        5, /* :authority in the place of host, te, grpc-timeout, grpc-previous-rpc-attempts, xfcc.h */
};

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
        case H2_TOKEN_OF_HOP:
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

/* How many attempts were before, in the place of what the client told. */
static void
attempt_tell_previous(const struct attempt *a, struct fields *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        if (!retry_is_previous(&f->v[i]))
            f->v[n++] = f->v[i];
    }
    f->n = n;
    fields_add(f, retry_previous(a));
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
attempt_fields(struct call *c, const struct attempt *a, const struct pool *to,
               struct h2_field *few, size_t *ret_n)
{
    struct fields f = { .v = UNLIKELY(c->fields != NULL) ? c->fields : few };

    attempt_pass_fields(c, to, &f);
    if (UNLIKELY(a && a->counted > 1))
        attempt_tell_previous(a, &f);
    if (UNLIKELY(c->owner->front->conf->xfcc))
        f.n = xfcc_apply(c->owner, &c->arena, f.v, f.n);
    if (UNLIKELY(c->acts & ACT_EDIT_REQUEST))
        f.n = action_edit_request(c, f.v, f.n);
    *ret_n = f.n;
    return f.v;
}

/* --- begin --------------------------------------------------------------------------- */

/* The word for a call that got no stream. With no endpoint: whether that is so because none could be connected, and which one the operator shall look at. */
static const char *
attempt_reason(struct attempt *a, int err)
{
    struct call *c = a->call;

    if (err != ERR_NO_ENDPOINT)
        return reason_from_err(err);
    c->lost_name = pool_blame(c->pool, &a->wait);
    return c->lost_name ? REASON_CONNECT_FAILED : REASON_NO_ENDPOINT;
}

/* There is no stream. */
static void
attempt_failed(struct attempt *a, int err, const char *text)
{
    struct call *c = a->call;
    int code = (int)grpc_code_from_err(err);
    bool again = UNLIKELY(c->retry != NULL) && retry_pick_failed(a, err);

    if (UNLIKELY(c->acts & ACT_FILTERS))
        filters_attempt_end(a, code, false, again, "");
    if (!again)
        call_fail(c, code, attempt_reason(a, err), "%s", text);
}

static void
attempt_open(struct attempt *a, struct upconn *conn)
{
    struct call *c = a->call;
    struct h2_stream *up = &a->up;
    UNINITIALIZED struct h2_field few[BLOCK_FIELDS];
    const struct h2_field *f;
    UNINITIALIZED char text[POOL_TEXT_MAX];
    size_t n;
    bool end;
    int rv;

    if (c->attempts++ == 0 && !c->committed && LIKELY(!hedge_is(c)))
        buf_keep_start(&up->out);
    f = attempt_fields(c, a, c->pool, few, &n);
    end =
        c->down
            .in_bodiless; /* a half-close of its own stays a frame of its own: grpc-go needs that */
    rv = upconn_request(conn, &a->wait, up, f, n, end);
    if (rv != ERR_OK) {
        snprintf(text, sizeof(text), "no stream could be opened to %s: %s",
                 upconn_name(conn), err_text(rv));
        attempt_failed(a, rv, text);
        return;
    }
    a->upconn = conn;
    if (UNLIKELY(hedge_is(c)) && !hedge_fill(a))
        return;
    if (up->out.len)
        h2_stream_kick(up);
    request_forward(c);
}

static void
attempt_no_endpoint(struct attempt *a, int err)
{
    char text[POOL_TEXT_MAX];

    attempt_failed(a, err, pool_explain(a->call->pool, &a->wait, err, text));
}

static void
attempt_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err)
{
    struct attempt *a = CONTAINER_OF(wait, struct attempt, wait);
    struct call *c = a->call;

    if (conn)
        attempt_open(a, conn);
    else
        attempt_no_endpoint(a, err);
    call_settle(c);
}

void
attempt_wait_cancel(struct attempt *a, int code)
{
    if (pool_wait_cancel(&a->wait) && UNLIKELY(a->call->acts & ACT_FILTERS))
        filters_attempt_end(a, code, false, false, "");
}

void
attempt_start(struct attempt *a)
{
    struct call *c = a->call;
    struct upconn *conn;
    int rv;

    if (UNLIKELY(c->retry != NULL))
        retry_started(a);
    if (UNLIKELY(c->acts & ACT_FILTERS))
        filters_attempt(a);
    if (UNLIKELY(!attempt_reserve(c))) {
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the request headers");
        return;
    }
    a->wait.done = attempt_on_wait_done;
    a->wait.retry = c->attempts > 0;
    if (UNLIKELY(pool_wants(c->pool) & (POOL_WANTS_HASH | POOL_WANTS_METHOD)) &&
        !a->wait.retry)
        balance_request(c->pool, &a->wait, &c->down.in_headers);
    rv = pool_take(c->pool, &a->wait, &conn);
    if (rv == ERR_OK)
        attempt_open(a, conn);
    else if (rv != ERR_AGAIN)
        attempt_no_endpoint(a, rv);
}

/* --- end ------------------------------------------------------------------------------ */

/* The backend did not end it. What its connection knows about that is kept for the text. */
static NOINLINE void
attempt_note_loss(struct attempt *a, const struct upconn *conn)
{
    struct call *c = a->call;
    char words[UPCONN_WORDS_MAX];

    if (!a->up.unprocessed && !call_ran_out(a))
        pool_lost(&a->wait);
    if (a != c->at)
        return;
    upconn_words(conn, a->up.close_err, words);
    c->text = words[0] ? arena_copy(&c->arena, words, strlen(words) + 1) : NULL;
}

static inline void
attempt_close(struct attempt *a, bool again)
{
    struct call *c = a->call;
    struct upconn *conn = a->upconn;
    bool ended = c->response == HALF_CLOSED;

    a->upconn = NULL;
    if (LIKELY(a == c->at))
        c->lost_name = upconn_name(conn);
    if (UNLIKELY(!ended && !a->over))
        attempt_note_loss(a, conn);
    upconn_release(conn, &a->wait);
    if (LIKELY(!(c->acts & ACT_FILTERS)))
        return;
    if (UNLIKELY(a->code >= 0))
        filters_attempt_end(a, a->code, a->answered, again, upconn_name(conn));
    else
        filters_attempt_end(a, LIKELY(ended) ? c->code : response_lost_code(&a->up),
                            ended && !c->local, again, upconn_name(conn));
}

void
attempt_closed(struct attempt *a, bool again)
{
    attempt_close(a, again);
}

/* Apart, so that the other one has a single caller, and the compiler puts it there. */
void
attempt_closed_aside(struct attempt *a, bool again)
{
    attempt_close(a, again);
}

void
attempt_commit(struct call *c)
{
    struct worker *w = c->worker;

    c->committed = true;
    buf_keep_stop(&c->first.up.out, w->bufs);
    w->replay_bytes -= c->replay_held;
    stat_add(&w->stats, STAT_REPLAY_BYTES, -(int64_t)c->replay_held);
    c->replay_held = 0;
    if (UNLIKELY(c->retry != NULL))
        retry_committed(c);
}

void
attempt_rewind(struct attempt *a)
{
    struct call *c = a->call;
    struct buf out;

    buf_rewind(&a->up.out);
    a->uncredited = c->replay_held;
    out = a->up.out;
    buf_init(&a->up.out);
    h2_stream_done(&a->up);
    h2_stream_init(&a->up, c->worker->h2);
    a->up.other = &c->down;
    a->up.out = out;
    a->held = a->over = a->answered = false;
    a->code = -1;
}

static bool
attempt_refused(const struct attempt *a)
{
    return a->up.close_err == ERR_REFUSED || a->up.close_err == ERR_GOAWAY;
}

static bool
attempt_is_left(const struct attempt *a)
{
    const struct call *c = a->call;

    return c->replays < ATTEMPTS_MAX - 1 &&
           c->refusals + attempt_refused(a) <=
               (LIKELY(!c->retry) ? REFUSALS_MAX : REFUSALS_POLICY);
}

bool
attempt_may_replay(const struct attempt *a)
{
    const struct call *c = a->call;

    return a->up.unprocessed && !c->committed && c->down.conn && attempt_is_left(a);
}

void
attempt_count_replay(struct attempt *a)
{
    a->call->replays++;
    a->call->refusals += attempt_refused(a);
    stat_inc(&a->call->worker->stats, STAT_REPLAYS);
}

bool
attempt_replay(struct attempt *a)
{
    struct call *c = a->call;

    if (!a->up.unprocessed || c->committed || !c->down.conn)
        return false;
    if (!attempt_is_left(a)) {
        stat_inc(&c->worker->stats, STAT_REPLAYS_REFUSED_LIMIT);
        return false;
    }
    attempt_count_replay(a);
    attempt_rewind(a);
    attempt_start(a);
    return true;
}

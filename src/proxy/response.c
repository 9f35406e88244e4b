/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/response.c - what the backend sends: whatever it is, the client gets a well-formed gRPC answer (grpc-spec 1.7, 2.1, 3.2). */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "grpc/path.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "proxy/action.h"
#include "proxy/balance.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/retry.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "upstream/retry_guard.h"

enum { OWN_FIELDS = 2 }; /* :status, content-type */

static int
response_http_status(const struct h2_headers *h)
{
    struct slice s = h2_headers_get(h, H2_TOKEN_STATUS);

    if (s.n != 3)
        return 0;
    return (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
}

/* Copies what belongs to the client to f, which has room for all of h. Returns the number of fields. */
static size_t
response_fields(const struct h2_headers *h, struct h2_field *f)
{
    static const uint32_t not_passed = 1u << H2_TOKEN_STATUS |
                                       1u << H2_TOKEN_CONTENT_LENGTH | 1u << H2_TOKEN_TE |
                                       1u << H2_TOKEN_HOST | 1u << H2_TOKEN_OF_HOP;
    size_t n = 0;

    for (unsigned i = 0; i < h->n; i++) {
        if (!(not_passed >> h->v[i].token & 1))
            f[n++] = h->v[i].f;
    }
    return n;
}

/* Room for a block made of h, with the edits of the route: few (BLOCK_FIELDS, or NULL) or memory of the call. NULL: there was none, the call has ended. */
static struct h2_field *
response_room(struct call *c, const struct h2_headers *h, unsigned block,
              struct h2_field *few)
{
    size_t n = h->n + OWN_FIELDS;

    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE))
        n += action_adds(c, block);
    if (UNLIKELY(c->acts & ACT_FILTERS) && block & ACTION_HEADERS)
        n += filters_answer_count(c);
    if (LIKELY(few && n <= BLOCK_FIELDS))
        return few;
    few = arena_alloc(&c->arena, n * sizeof(*few));
    if (!few)
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the headers of the answer");
    return few;
}

static inline void
response_learn(struct attempt *a, int code, const struct h2_headers *h)
{
    struct pool *p = a->call->pool;
    unsigned wants = pool_wants(p) & (POOL_WANTS_REPORTS | POOL_WANTS_SUCCESS);

    if (LIKELY(code != GRPC_DEADLINE_EXCEEDED) || !call_ran_out(a))
        pool_result(&a->wait, code);
    if (LIKELY(!wants))
        return;
    if (wants & POOL_WANTS_REPORTS)
        balance_report(&a->wait, h);
    if (wants & POOL_WANTS_SUCCESS && code == GRPC_OK)
        retry_guard_success(pool_retry_guard(p));
}

void
response_judge(struct attempt *a, int code, const struct h2_headers *h)
{
    response_learn(a, code, h);
}

static void
response_note_code(struct call *c, const struct h2_headers *h)
{
    int code = (int)grpc_code_parse(h2_headers_get(h, H2_TOKEN_GRPC_STATUS));

    c->code = (int16_t)code;
    response_learn(c->at, code, h);
    if (UNLIKELY(c->retry != NULL) && code == GRPC_OK)
        retry_succeeded(c);
}

/* The answer is complete. If the client still sends, or a filter has some of the request, the backend is told to forget the rest. */
static void
response_done(struct call *c)
{
    call_set_response(c, HALF_CLOSED);
    if (c->request == HALF_CLOSED && c->at->up.out.len == 0 && c->at->up.end_queued)
        return;
    if (c->request != HALF_CLOSED)
        call_set_request(c, HALF_CLOSED);
    h2_stream_reset(&c->at->up, H2_NO_ERROR);
    buf_consume(&c->down.in, c->worker->bufs, c->down.in.len);
    h2_stream_consume(&c->down, c->down.held);
}

/* Not a gRPC answer: the page of some web server, a proxy's 502. It never reaches the client as it is. */
static void
response_not_grpc(struct call *c, const struct h2_headers *h)
{
    int http = response_http_status(h);
    struct slice type = h2_headers_get(h, H2_TOKEN_CONTENT_TYPE);

    stat_inc(&c->worker->stats, STAT_STATUS_SYNTHESIZED);
    pool_result(&c->at->wait, grpc_code_from_http(http));
    call_fail(c, grpc_code_from_http(http), REASON_NOT_GRPC,
              "a backend of pool %s answered HTTP %d, %s%.*s: not gRPC",
              pool_name(c->pool), http,
              type.n ? "content-type " : "without a content-type",
              (int)(type.n < 60 ? type.n : 60), type.n ? (const char *)type.p : "");
}

static bool
response_usable(struct call *c, const struct h2_headers *h)
{
    if (h->invalid) {
        pool_result(&c->at->wait, GRPC_INTERNAL);
        call_fail(c, GRPC_INTERNAL, REASON_BAD_RESPONSE,
                  "a backend of pool %s sent an illegal header field",
                  pool_name(c->pool));
        return false;
    }
    if (h->over) {
        response_too_large(c, h);
        return false;
    }
    return true;
}

static void
response_pass_headers(struct call *c, struct h2_headers *h, bool end)
{
    unsigned block = ACTION_HEADERS | (end ? ACTION_TRAILERS : 0);
    UNINITIALIZED struct h2_field few[BLOCK_FIELDS];
    struct h2_field *f;
    size_t n;

    if (UNLIKELY(c->acts & ACT_FILTER_ANSWER) &&
        (!filters_response(c, h, end) || (end && !filters_trailers(c, h))))
        return;
    f = response_room(c, h, block, few);
    if (!f)
        return;
    f[0] = H2_FIELD(":status", "200");
    n = 1 + response_fields(h, f + 1);
    if (!h2_headers_get(h, H2_TOKEN_CONTENT_TYPE).p)
        f[n++] = H2_FIELD("content-type", "application/grpc");
    if (UNLIKELY(c->acts & ACT_FILTERS)) {
        n += filters_answer_fields(c, f + n);
        filters_answered(c);
    }
    if (end)
        response_note_code(c, h);
    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE) && !action_edit_answer(c, block, f, &n))
        return;
    if (h2_stream_respond(&c->down, f, n, end) != ERR_OK) {
        h2_stream_reset(&c->down, H2_INTERNAL_ERROR);
        return;
    }
    call_set_response(c, HALF_BODY);
    if (end)
        response_done(c);
    else
        h2_headers_done(h, c->worker->slab); /* a stream may stay open for days */
}

int
response_bad_code(const struct h2_headers *h, bool end)
{
    bool grpc = content_type_is_grpc(h2_headers_get(h, H2_TOKEN_CONTENT_TYPE));
    int http = response_http_status(h);

    if (h->invalid)
        return GRPC_INTERNAL;
    if (h->over)
        return GRPC_RESOURCE_EXHAUSTED;
    if (h2_headers_get(h, H2_TOKEN_GRPC_STATUS).p || (http == 200 && grpc && !end))
        return -1;
    return grpc && http == 200 ? GRPC_UNKNOWN : (int)grpc_code_from_http(http);
}

/* All of the request that is still of use: its name. */
static void
response_keep_path(struct call *c)
{
    struct slice path = h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH);
    char *kept = arena_alloc(&c->arena, path.n + 1);

    if (kept) {
        memcpy(kept, path.p, path.n);
        kept[path.n] = '\0';
    }
    c->path = kept;
    h2_headers_done(&c->down.in_headers, c->worker->slab);
}

void
response_begin(struct call *c, bool end)
{
    struct h2_headers *h = &c->at->up.in_headers;
    bool has_status = h2_headers_get(h, H2_TOKEN_GRPC_STATUS).p != NULL;
    bool grpc = content_type_is_grpc(h2_headers_get(h, H2_TOKEN_CONTENT_TYPE));

    if (UNLIKELY(pool_wants(c->pool) & POOL_WANTS_TIMES))
        pool_answered(&c->at->wait);
    attempt_commit(c);
    if (LIKELY(!(c->acts & (ACT_KEEP_HEADERS | ACT_TELL))))
        h2_headers_done(&c->down.in_headers,
                        c->worker->slab); /* the request cannot be replayed any more */
    else if (!(c->acts & ACT_KEEP_HEADERS))
        response_keep_path(c);
    if (!response_usable(c, h))
        return;
    if (!has_status && (response_http_status(h) != 200 || !grpc || end)) {
        if (end && grpc && response_http_status(h) == 200) {
            stat_inc(&c->worker->stats, STAT_STATUS_SYNTHESIZED);
            pool_result(&c->at->wait, GRPC_UNKNOWN);
            call_fail(c, GRPC_UNKNOWN, REASON_NO_STATUS,
                      "a backend of pool %s ended the call without a grpc-status",
                      pool_name(c->pool));
        } else {
            response_not_grpc(c, h);
        }
        return;
    }
    response_pass_headers(c, h, end);
}

static void
response_count_messages(struct call *c)
{
    for (const struct chunk *k = c->at->up.in.head; k; k = k->next)
        frame_feed(&c->out_frames, k->data + k->off, k->len - k->off);
}

static void
response_pass(struct call *c)
{
    stat_add(&c->worker->stats, STAT_BYTES_TO_DOWN, (int64_t)c->at->up.in.len);
    c->bytes_out += c->at->up.in.len;
    buf_splice(&c->down.out, c->worker->bufs, &c->at->up.in);
    h2_stream_kick(&c->down);
}

void
response_forward(struct call *c)
{
    if (c->response != HALF_BODY || !c->down.conn) {
        buf_consume(&c->at->up.in, c->worker->bufs, c->at->up.in.len);
        h2_stream_consume(&c->at->up, c->at->up.held);
        return;
    }
    if (UNLIKELY(c->acts & ACT_FILTER_OUT) && !filters_response_data(c))
        return;
    if (UNLIKELY(c->acts & ACT_MAX_OUT)) {
        if (!action_measure_response(c))
            return;
    } else {
        response_count_messages(c);
    }
    if (c->out_frames.messages > 1)
        pool_is_stream(&c->at->wait);
    response_pass(c);
}

/* It says OK in the middle of a message (grpc-spec 1.6): its receiver would take what is there for all. */
static bool
response_is_cut(struct call *c, const struct h2_headers *h)
{
    if (LIKELY(frame_at_border(&c->out_frames)) ||
        grpc_code_parse(h2_headers_get(h, H2_TOKEN_GRPC_STATUS)) != GRPC_OK)
        return false;
    pool_result(&c->at->wait, GRPC_INTERNAL);
    call_fail(c, GRPC_INTERNAL, REASON_BAD_RESPONSE,
              "a backend of pool %s ended the call with grpc-status 0 in the middle of a "
              "message",
              pool_name(c->pool));
    return true;
}

void
response_end(struct call *c, bool with_trailers)
{
    struct h2_headers *h = &c->at->up.in_trailers;
    struct h2_field *f;
    size_t n;

    if (!with_trailers) {
        stat_inc(&c->worker->stats, STAT_STATUS_SYNTHESIZED);
        pool_result(&c->at->wait, GRPC_UNKNOWN);
        call_fail(c, GRPC_UNKNOWN, REASON_NO_STATUS,
                  "a backend of pool %s ended the call without trailers",
                  pool_name(c->pool));
        return;
    }
    if (!response_usable(c, h))
        return;
    if (!h2_headers_get(h, H2_TOKEN_GRPC_STATUS).p) {
        stat_inc(&c->worker->stats, STAT_STATUS_SYNTHESIZED);
        pool_result(&c->at->wait, GRPC_UNKNOWN);
        call_fail(c, GRPC_UNKNOWN, REASON_NO_STATUS,
                  "a backend of pool %s sent trailers without a grpc-status",
                  pool_name(c->pool));
        return;
    }
    if (UNLIKELY(c->at->up.in.len > 0)) {
        /* The beginning of a prefix waited for its rest (ACT_MAX_OUT): the client shall see that the last message is cut. */
        response_count_messages(c);
        response_pass(c);
    }
    if (response_is_cut(c, h))
        return;
    if (UNLIKELY(c->acts & ACT_FILTER_ANSWER) && !filters_trailers(c, h))
        return;
    f = response_room(c, h, ACTION_TRAILERS, NULL); /* they may wait for the body */
    if (!f)
        return;
    n = response_fields(h, f);
    response_note_code(c, h);
    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE) &&
        !action_edit_answer(c, ACTION_TRAILERS, f, &n))
        return;
    h2_stream_end(&c->down, f, n);
    response_done(c);
}

void
response_drained(struct call *c)
{
    size_t n = c->down.drained;

    c->down.drained = 0;
    h2_stream_consume(&c->at->up, n);
}

int
response_lost_code(const struct h2_stream *up)
{
    switch (up->close_err) {
    case ERR_OK:
        return GRPC_INTERNAL; /* ended cleanly, yet without an answer: cannot be */
    case ERR_RESET:
        return grpc_code_from_h2(up->close_code);
    case ERR_STALL:
        return GRPC_RESOURCE_EXHAUSTED;
    default:
        return (int)grpc_code_from_err(up->close_err);
    }
}

void
response_lost(struct call *c)
{
    int err = c->at->up.close_err;
    const char *what = err_text(err);
    const char *more = c->text;
    char text[80], why[RESPONSE_WHY_MAX];

    if (err == ERR_RESET) {
        snprintf(text, sizeof(text), "it reset the stream with HTTP/2 code %u (%s)",
                 c->at->up.close_code, h2_code_name(c->at->up.close_code));
        what = text;
    } else if (err == ERR_PROTOCOL && !more) { /* else it was the connection's fault */
        response_why(&c->at->up, why);
        more = why;
    } else if (err == ERR_STALL) {
        /* The client takes nothing, trailers neither: only a reset frees what is held for it. */
        h2_stream_reset(&c->down, H2_ENHANCE_YOUR_CALM);
    }
    call_fail(c, response_lost_code(&c->at->up), reason_from_err(err),
              "a backend of pool %s: %s%s%s", pool_name(c->pool), what, more ? ": " : "",
              more ? more : "");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/request.c - from the client's header block to an attempt; its bytes and its end. */
#include "proxy/request.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "grpc/path.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "grpc/timeout.h"
#include "loop/loop.h"
#include "proxy/action.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/listener_conf.h"
#include "proxy/matcher.h"
#include "proxy/method_conf.h"
#include "proxy/mirror.h"
#include "proxy/retry.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "proxy/worker.h"
#include "upstream/pool_conf.h"

static bool
request_refuse(struct call *c, enum stat_id counter, int code, const char *text)
{
    stat_inc(&c->worker->stats, counter);
    call_fail(c, code,
              counter == STAT_HEADERS_TOO_LARGE ? REASON_HEADERS_TOO_LARGE
                                                : REASON_BAD_REQUEST,
              "%s", text);
    return false;
}

static bool
request_refuse_http(struct call *c, enum stat_id counter, const char *status,
                    const char *text)
{
    stat_inc(&c->worker->stats, counter);
    reply_http(c, status, text);
    return false;
}

static bool
request_has(struct slice s, char c)
{
    return s.n && memchr(s.p, c, s.n);
}

/* :authority and host name the same thing; two answers to one question are an attack or a bug (gRFC A41). */
static bool
request_authority_ok(const struct h2_headers *h)
{
    struct slice authority = h2_headers_get(h, H2_TOKEN_AUTHORITY);
    struct slice host = h2_headers_get(h, H2_TOKEN_HOST);

    /* No user part. A comma is legal: gRPC C-core writes the whole target "ipv4:a:1,b:2" here. */
    if (h2_headers_has_twice(h, H2_TOKEN_HOST) || request_has(authority, '@') ||
        request_has(host, '@'))
        return false;
    return !host.p || !authority.p || slice_eq(host, authority);
}

static bool
request_is_grpc(struct call *c)
{
    const struct h2_headers *h = &c->down.in_headers;
    struct slice scheme = h2_headers_get(h, H2_TOKEN_SCHEME);

    if (h->invalid)
        return request_refuse(
            c, STAT_BAD_HEADERS, GRPC_INTERNAL,
            "the request has a header field with an illegal name or value");
    if (h->over)
        return request_refuse(c, STAT_HEADERS_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED,
                              "the request headers are over the limits of this listener "
                              "(maxHeaderBytes, maxHeaderCount)");
    if (!slice_eq_str(h2_headers_get(h, H2_TOKEN_METHOD), "POST"))
        return request_refuse_http(c, STAT_BAD_METHOD, "405",
                                   "gRPC calls use the method POST\n");
    if (!content_type_is_grpc(h2_headers_get(h, H2_TOKEN_CONTENT_TYPE)) ||
        h2_headers_has_twice(h, H2_TOKEN_CONTENT_TYPE))
        return request_refuse_http(
            c, STAT_BAD_CONTENT_TYPE, "415",
            "this proxy carries gRPC: content-type must be application/grpc\n");
    if (!slice_eq_str(scheme, "http") && !slice_eq_str(scheme, "https"))
        return request_refuse(c, STAT_BAD_HEADERS, GRPC_INTERNAL,
                              ":scheme must be http or https");
    if (!request_authority_ok(h))
        return request_refuse(c, STAT_BAD_HEADERS, GRPC_INTERNAL,
                              ":authority is not a host, or host differs from it");
    return true;
}

/* The client's grpc-timeout in nanoseconds, -1: none. */
static bool
request_timeout(struct call *c, int64_t *ret_ns)
{
    const struct h2_headers *h = &c->down.in_headers;
    struct slice v = h2_headers_get(h, H2_TOKEN_GRPC_TIMEOUT);

    *ret_ns = -1;
    if (!v.p)
        return true;
    if (!h2_headers_has_twice(h, H2_TOKEN_GRPC_TIMEOUT) &&
        timeout_parse(v, ret_ns) == ERR_OK)
        return true;
    return request_refuse(
        c, STAT_BAD_TIMEOUT, GRPC_INTERNAL,
        "malformed grpc-timeout: 1 to 8 digits and one of H M S m u n are expected");
}

/* Kept for all attempts of the call (gRFC A31). */
static void
request_target(struct call *c, struct table_use *use)
{
    const struct route *r = c->route;

    c->acts = r->acts | (c->acts & ACT_OF_CHAIN);
    c->max_in = r->max_in;
    c->max_out = r->max_out;
    if (LIKELY(r->target_count)) {
        const struct table_place *to;

        c->way = route_pick_target(r, &c->worker->rng, &c->down.in_headers);
        to = &use->targets[c->way];
        c->pool = to->pool;
        c->first.wait.subset = to->subset;
    } else {
        c->way = (unsigned)use->table->target_count + r->index;
    }
    table_use_count(use, c->way, 1);
}

/* False: no route matches, the call has ended. Twice for a call whose filters ask for it. */
static bool
request_route(struct call *c, struct slice service, struct slice method)
{
    struct table_use *use = c->table;
    const struct table *t = use->table;
    const struct h2_headers *h = &c->down.in_headers;
    struct match_input in = {
        .authority = h2_headers_get(h, H2_TOKEN_AUTHORITY),
        .path = h2_headers_get(h, H2_TOKEN_PATH),
        .service = service,
        .method = method,
        .headers = h,
    };
    int found;

    if (!in.authority.p)
        in.authority = h2_headers_get(h, H2_TOKEN_HOST);
    if (matcher_wants_peer(t->matcher))
        in.peer = down_peer(c->owner);
    found = matcher_find(t->matcher, &in);
    if (in.gave_up)
        stat_add(&c->worker->stats, STAT_MATCH_GAVE_UP, in.gave_up);
    if (found >= 0) {
        c->route = &t->routes[found];
        request_target(c, use);
        return true;
    }
    stat_inc(&c->worker->stats, STAT_NO_ROUTE);
    call_fail(c, GRPC_UNIMPLEMENTED, REASON_NO_ROUTE,
              "no route of listener %s matches %.*s/%.*s", t->conf->name, (int)service.n,
              (const char *)service.p, (int)method.n, (const char *)method.p);
    return false;
}

/* What methodConfig says of this method, for routes that lead to several: message limits go to the call, the time limit in microseconds is returned. */
static int64_t
request_lookup(struct call *c, struct slice service, struct slice method)
{
    const struct method_conf *m =
        method_conf_find(c->table->table->methods, service, method);

    if (!m)
        return 0;
    c->max_in = (uint32_t)route_stricter(c->max_in, (int64_t)m->max_request_bytes);
    c->max_out = (uint32_t)route_stricter(c->max_out, (int64_t)m->max_response_bytes);
    c->acts |= (c->max_in ? ACT_MAX_IN : 0u) | (c->max_out ? ACT_MAX_OUT : 0u) |
               (m->wait_for_ready ? ACT_PATIENT : 0u);
    c->policy = method_conf_policy(c->table->table->methods, m);
    if (c->policy)
        c->acts |= ACT_RETRY;
    return m->timeout_ms * 1000;
}

/* The clock runs from the receipt of the headers (grpc-spec 5). */
static bool
request_deadline(struct call *c, int64_t client_ns, int64_t method_us)
{
    int64_t limit = route_time_limit_us(c->route, client_ns, method_us);
    int64_t now = loop_now_us(c->worker->loop);

    if (limit < 0) {
        stat_inc(&c->worker->stats, STAT_DEADLINES);
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "the deadline had passed when the call arrived");
        return false;
    }
    if (limit) {
        c->deadline_us = c->begun_us + limit;
        if (c->deadline_us < 0)
            c->deadline_us = INT64_MAX;
        timer_start(c->worker->loop, &c->deadline,
                    c->deadline_us > now ? c->deadline_us - now : 0);
    } else if (c->deadline_us) { /* of the route that was there before the filters */
        c->deadline_us = 0;
        timer_stop(c->worker->loop, &c->deadline);
    }
    if (UNLIKELY(c->filters != NULL)) /* they asked for another route */
        filters_bound(c);
    return true;
}

/* Where the call goes and what time it has. False: it has ended. */
static bool
request_plan(struct call *c, struct slice service, struct slice method, int64_t client_ns)
{
    int64_t method_us = 0;

    if (!request_route(c, service, method))
        return false;
    if (UNLIKELY(c->acts & ACT_LOOKUP))
        method_us = request_lookup(c, service, method);
    return request_deadline(c, client_ns, method_us);
}

void
request_begin(struct call *c)
{
    struct slice service, method;
    int64_t client_ns;

    c->begun_us = loop_now_us(c->worker->loop);
    c->table = server_view(c->owner->server, c->worker)->use;
    c->table->calls++;
    if (!request_is_grpc(c))
        return;
    if (path_split(h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH), &service,
                   &method) != ERR_OK) {
        request_refuse(c, STAT_BAD_PATH, GRPC_UNIMPLEMENTED,
                       "the path is not /service/method");
        return;
    }
    if (!request_timeout(c, &client_ns) || !request_plan(c, service, method, client_ns))
        return;
    call_set_request(c, c->down.in_ended ? HALF_CLOSED : HALF_BODY);
    if (UNLIKELY(c->acts & ACT_FILTERS) && !filters_request(c, service, method))
        return;
    request_go_on(c, false);
}

/* False: the call has ended. */
static bool
request_prepare(struct call *c)
{
    if (c->acts & ACT_BEGIN && !action_begin(c))
        return false;
    return !(c->acts & (ACT_RETRY | ACT_PATIENT)) || retry_begin(c);
}

void
request_go_on(struct call *c, bool again)
{
    struct slice service, method;
    int64_t client_ns;

    if (UNLIKELY(again)) {
        table_use_count(c->table, c->way, -1); /* it counts for one route only */
        if (path_split(h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH), &service,
                       &method) != ERR_OK ||
            !request_timeout(c, &client_ns) ||
            !request_plan(c, service, method, client_ns))
            return;
    }
    if (UNLIKELY(c->acts & (ACT_BEGIN | ACT_RETRY | ACT_PATIENT)) && !request_prepare(c))
        return;
    attempt_start(&c->first);
}

static void
request_count_messages(struct call *c)
{
    for (const struct chunk *k = c->down.in.head; k; k = k->next)
        frame_feed(&c->in_frames, k->data + k->off, k->len - k->off);
}

/* At bytes that are about to be passed on. False: they are not, the call has ended. */
static bool
request_look(struct call *c)
{
    if (c->acts & ACT_MAX_IN && !action_measure_request(c))
        return false;
    if (c->mirror)
        mirror_copy(c->mirror, &c->down.in);
    return true;
}

/* What is in down.in goes to up.out, which may wait for a connection. end: and nothing follows. */
static void
request_pass(struct call *c, bool end)
{
    struct h2_stream *up = &c->at->up;
    bool all = hedge_takes(c);

    if (c->down.in.len) {
        if (UNLIKELY(c->acts & (ACT_MAX_IN | ACT_MIRROR)) && !request_look(c))
            return;
        request_count_messages(c);
        if (c->in_frames.messages > 1)
            pool_is_stream(&c->at->wait);
        stat_add(&c->worker->stats, STAT_BYTES_FROM_DOWN, (int64_t)c->down.in.len);
        c->bytes_in += c->down.in.len;
        if (UNLIKELY(all)) {
            if (!hedge_pass(c))
                return;
        } else {
            buf_splice(&up->out, c->worker->bufs, &c->down.in);
            h2_stream_kick(up);
        }
    }
    if (end) {
        if (UNLIKELY(all))
            hedge_end(c);
        else
            h2_stream_end(up, NULL, 0);
        if (UNLIKELY(c->mirror != NULL))
            mirror_complete(c->mirror);
    }
}

void
request_pass_aside(struct call *c, struct buf *aside)
{
    struct buf later = c->down.in;

    c->down.in = *aside;
    buf_init(aside);
    request_pass(c, false);
    assert(c->down.in.len == 0);
    c->down.in = later;
    request_forward(c);
}

void
request_forward(struct call *c)
{
    if (c->response == HALF_CLOSED) {
        /* Answered already: nobody reads the rest. */
        buf_consume(&c->down.in, c->worker->bufs, c->down.in.len);
        h2_stream_consume(&c->down, c->down.held);
        return;
    }
    if (c->down.in_ended && c->request != HALF_CLOSED) {
        call_set_request(c, HALF_CLOSED);
        if (UNLIKELY(c->retry != NULL))
            retry_request_complete(c);
    }
    if (UNLIKELY(hedge_takes(c)))
        hedge_make_room(c);
    if (UNLIKELY(!c->at->up.conn) && !hedge_takes(c))
        return; /* waits in down.in, bounded by the stream window; attempt_open takes it along */
    if (UNLIKELY(c->acts & ACT_FILTER_IN) &&
        (filters_hold(c) || !filters_request_data(c)))
        return;
    request_pass(c, c->request == HALF_CLOSED);
}

/* Bytes went to the backend. The copy kept for a replay is charged; a rewound body was credited the first time. */
void
request_drained(struct attempt *a)
{
    struct call *c = a->call;
    struct worker *w = c->worker;
    size_t n = a->up.drained, again;

    a->up.drained = 0;
    if (a->up.out.keep) {
        size_t grown = a->up.out.kept_len - c->replay_held;

        if (a->up.out.kept_len > c->replay_held) {
            c->replay_held += grown;
            w->replay_bytes += grown;
            stat_add(&w->stats, STAT_REPLAY_BYTES, (int64_t)grown);
        }
        if ((c->replay_held > pool_config(c->pool)->limits.replay_bytes ||
             w->replay_bytes > w->max_replay_bytes) &&
            LIKELY(!retry_goes_on(c)))
            attempt_commit(c);
    }
    again = n < a->uncredited ? n : a->uncredited;
    a->uncredited -= again;
    h2_stream_consume(&c->down, n - again);
}

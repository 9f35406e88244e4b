/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/call.c - the life of a call: events in, halves moved, the end. */
#include "proxy/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/slab.h"
#include "filter/filter.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/action.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/mirror.h"
#include "proxy/request.h"
#include "proxy/retry.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "proxy/worker.h"

enum {
    /* The most fields that limits.maxHeaderCount allows, 40 bytes each. What a call really takes is bounded by the header limits of its two peers. */
    CALL_ARENA_CAP = 512 * 1024,
    CALL_TEXT_MAX = 1024,
    CANCEL_SLACK_US = 20 * 1000,
    STUCK_US = 20 * 1000, /* one that reads took something within it */
};

static void call_on_deadline(struct timer *t);

struct call *
call_new(struct down *d)
{
    struct worker *w = d->worker;
    struct call *c = slab_malloc(w->slab, sizeof(*c));

    if (!c)
        return NULL;
    memset(c, 0, offsetof(struct call, first.wait));
    c->worker = w;
    c->owner = d;
    c->code = -1;
    list_append(&w->calls, &c->link);
    h2_stream_init(&c->down, w->h2);
    c->at = &c->first;
    attempt_init(&c->first, c, w->h2);
    timer_init(&c->deadline, call_on_deadline);
    frame_init(&c->in_frames);
    frame_init(&c->out_frames);
    arena_init(&c->arena, w->slab, c->block, sizeof(c->block), CALL_ARENA_CAP);
    d->calls++;
    atomic_fetch_add_explicit(&w->flying, 1, memory_order_relaxed);
    stat_inc(&w->stats, STAT_CALLS_STARTED);
    stat_inc(&w->stats, STAT_CALLS_FLYING);
    return c;
}

static void
call_free(struct call *c)
{
    struct worker *w = c->worker;
    struct down *d = c->owner;

    attempt_commit(c); /* the replay copy */
    if (c->acts & (ACT_FILTERS | ACT_TELL) || UNLIKELY(!c->route))
        filters_end(c);
    if (UNLIKELY(c->counted))
        action_end(c);
    if (UNLIKELY(c->retry != NULL))
        retry_free(c);
    pool_wait_done(&c->first.wait);
    timer_stop(w->loop, &c->deadline);
    h2_stream_done(&c->down);
    h2_stream_done(&c->first.up);
    arena_reset(&c->arena);
    list_remove(&c->link);
    stat_add(&w->stats, STAT_CALLS_FLYING, -1);
    stat_add(&w->stats, STAT_MESSAGES_FROM_DOWN, (int64_t)c->in_frames.messages);
    stat_add(&w->stats, STAT_MESSAGES_TO_DOWN, (int64_t)c->out_frames.messages);
    stat_inc(&w->stats,
             (enum stat_id)(STAT_CODE_0 +
                            (c->code < 0 || c->code > 16 ? GRPC_UNKNOWN : c->code)));
    atomic_fetch_sub_explicit(&w->flying, 1, memory_order_relaxed);
    if (c->table)
        worker_release(w, c->table);
    if (UNLIKELY(c->code != GRPC_OK))
        d->failed++;
    slab_give(w->slab, c);
    down_call_ended(d);
}

void
call_settle_end(struct call *c)
{
    if (!attempt_busy(&c->first) && (LIKELY(!c->retry) || !hedge_busy(c)))
        call_free(c);
}

/* The only writers of the two halves; they only move forward. */
void
call_set_request(struct call *c, enum half to)
{
    assert(to >= c->request);
    c->request = to;
}

void
call_set_response(struct call *c, enum half to)
{
    assert(to >= c->response);
    c->response = to;
    if (to == HALF_CLOSED) {
        timer_stop(c->worker->loop, &c->deadline);
        if (UNLIKELY(c->mirror != NULL))
            mirror_leave(c->mirror);
        if (UNLIKELY(c->retry != NULL))
            retry_over(c);
    }
}

/* What was received for the other side and is not wanted any more. */
static void
call_drop_input(struct call *c, struct h2_stream *s)
{
    size_t n = s->in.len;

    buf_consume(&s->in, c->worker->bufs, n);
    h2_stream_consume(s, s->held);
}

void
call_fail(struct call *c, int code, const char *reason, const char *fmt, ...)
{
    const struct filter_refusal why = { .code = code, .reason = reason };
    UNINITIALIZED char text[CALL_TEXT_MAX];
    va_list ap;

    if (c->response == HALF_CLOSED)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    call_refuse(c, &why, text);
}

void
call_refuse(struct call *c, const struct filter_refusal *why, const char *text)
{
    if (c->response == HALF_CLOSED)
        return;
    attempt_wait_cancel(c->at, (int)why->code);
    h2_stream_reset(&c->at->up, H2_CANCEL);
    c->committed = true;
    c->local = true;
    c->code = (int16_t)why->code;
    c->reason = why->reason;
    c->text = arena_copy(&c->arena, text, strlen(text) + 1);
    stat_inc(&c->worker->stats, STAT_LOCAL_REPLIES);
    reply_status(c, why, text);
    call_set_response(c, HALF_CLOSED);
    if (c->request != HALF_CLOSED)
        call_set_request(c, HALF_CLOSED);
    call_drop_input(c, &c->down);
}

/* Client, proxy and backend have the same deadline, and another one may be the first by a little: a hair before the deadline a cancel means just that. */
static bool
call_is_at_deadline(const struct call *c)
{
    int64_t now = loop_now_us(c->worker->loop);

    return c->deadline_us && c->deadline_us - now <= CANCEL_SLACK_US;
}

bool
call_ran_out(const struct attempt *a)
{
    return a->call->request != HALF_CLOSED && a->up.out.len == 0 &&
           call_is_at_deadline(a->call);
}

/* A backend that takes calls and never answers is no good one. Streams that had an answer may well be open at their deadline. */
static void
call_note_silence(struct call *c)
{
    if (c->response != HALF_HEADERS || call_ran_out(c->at))
        return;
    pool_lost(&c->at->wait);
    if (UNLIKELY(c->retry != NULL))
        hedge_note_silence(c);
}

/* The client takes nothing of what waits for it: its stream has no window, or its connection none. */
static bool
call_is_stuck(const struct call *c)
{
    const struct h2_stream *s = &c->down;

    if (s->out.len == 0)
        return false;
    return !list_linked(&s->sender) ||
           loop_now_us(c->worker->loop) - s->progress_us > STUCK_US;
}

/* Trailers would wait behind it for good. They may follow at once when nothing of the body was sent; else only a reset says that it is over. */
static void
call_drop_stuck(struct call *c)
{
    if (c->down.out.len < c->bytes_out)
        h2_stream_reset(&c->down, H2_CANCEL);
    buf_done(&c->down.out, c->worker->bufs);
}

/* What the time went by with: a backend's work, or what came before it. */
static void
call_say_late(struct call *c, bool unread)
{
    static const char late[] = "the deadline passed";
    const char *what = c->attempts ? "the next attempt" : "the call";
    const char *filter = c->filters ? filters_waiting(c) : NULL;
    char text[POOL_TEXT_MAX];

    if (c->at->up.conn && c->at->up.out.len) {
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s while the backend did not read the request", late);
    } else if (c->at->up.conn && unread) {
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s while the client did not read the answer", late);
    } else if (c->at->up.conn) {
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s while the backend was working on the call", late);
    } else if (filter) {
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s while the filter %s was waiting", late, filter);
    } else if (list_linked(&c->at->wait.link)) {
        pool_explain(c->pool, &c->at->wait, ERR_AGAIN, text);
        c->lost_name = pool_blame(c->pool, &c->at->wait);
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s before a backend got %s; %s", late, what, text);
    } else {
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_DEADLINE,
                  "%s before a backend got %s", late, what);
    }
}

static void
call_on_deadline(struct timer *t)
{
    struct call *c = CONTAINER_OF(t, struct call, deadline);
    bool unread = c->down.out.len > 0;

    stat_inc(&c->worker->stats, STAT_DEADLINES);
    call_note_silence(c);
    if (call_is_stuck(c))
        call_drop_stuck(c);
    call_say_late(c, unread);
    call_settle(c);
}

/* We reset it, because it broke the rules of HTTP/2 (RFC 9113 8.1.1); perhaps before anybody looked where it goes. What the client sees is our reset. */
static void
call_broke_rules(struct call *c)
{
    struct worker *w = c->worker;

    if (!c->table && c->owner->server) {
        c->begun_us = loop_now_us(w->loop);
        c->table = server_view(c->owner->server, w)->use;
        c->table->calls++;
        stat_inc(&w->stats, STAT_BAD_HEADERS);
    }
    c->local = true;
    c->code = GRPC_INTERNAL;
    c->reason = REASON_BAD_REQUEST;
    c->text = "the request breaks the rules of HTTP/2, so its stream was reset";
}

/* The client is gone (reset, connection lost) before it had its answer: nothing to say, the backend must stop in this very turn. */
static void
call_cancelled(struct call *c)
{
    if (call_is_at_deadline(c))
        call_note_silence(c);
    attempt_wait_cancel(c->at, c->code < 0 ? GRPC_CANCELLED : c->code);
    if (UNLIKELY(c->mirror != NULL))
        mirror_cancel(c->mirror);
    c->committed = true;
    if (!c->at->up.conn && c->attempts == 0 && c->owner->h2)
        h2_conn_glitch(
            c->owner->h2,
            1); /* opened and reset before any backend saw it: Rapid Reset's shape */
    h2_stream_reset(&c->at->up, H2_CANCEL);
    if (c->code < 0 && c->down.close_err == ERR_PROTOCOL) {
        call_broke_rules(c);
    } else {
        c->cancelled = true;
        stat_inc(&c->worker->stats, STAT_CALLS_CANCELLED);
    }
    if (c->code < 0) {
        c->code = GRPC_CANCELLED;
        c->reason =
            c->down.close_err == ERR_STALL ? REASON_CLIENT_STALLED : REASON_CLIENT_CANCEL;
    }
    if (c->response != HALF_CLOSED)
        call_set_response(c, HALF_CLOSED);
    if (c->request != HALF_CLOSED)
        call_set_request(c, HALF_CLOSED);
}

static void
call_down_closed(struct call *c)
{
    if (c->response != HALF_CLOSED ||
        (c->down.close_err != ERR_OK && c->down.close_err != ERR_CANCELLED))
        call_cancelled(c); /* ERR_CANCELLED: our own reset behind an answer of ours */
    if (c->request != HALF_CLOSED)
        call_set_request(c, HALF_CLOSED);
    call_drop_input(c, &c->down);
    call_drop_input(c, &c->at->up);
    buf_done(&c->down.out, c->worker->bufs);
    h2_stream_consume(&c->at->up, c->at->up.held);
}

void
call_on_down(struct h2_stream *s, unsigned ev)
{
    struct call *c = CONTAINER_OF(s, struct call, down);

    if (!(ev & H2_EV_CLOSED)) {
        if (ev & H2_EV_HEADERS)
            request_begin(c);
        if (ev & (H2_EV_DATA | H2_EV_TRAILERS | H2_EV_END) && c->request != HALF_HEADERS)
            request_forward(c);
        if (ev & H2_EV_DRAINED)
            response_drained(c);
    } else {
        call_down_closed(c);
    }
    call_settle(c);
}

static void
call_up_closed(struct call *c)
{
    struct attempt *a = c->at;

    attempt_closed(a, c->response != HALF_CLOSED &&
                          (retry_goes_on(c) || attempt_may_replay(a)));
    if (UNLIKELY(retry_goes_on(c))) {
        retry_next(a);
        return;
    }
    if (c->response != HALF_CLOSED && !attempt_replay(a))
        response_lost(c);
    if (c->response == HALF_CLOSED) {
        /* What the client still sends has no reader. */
        buf_done(&a->up.out, c->worker->bufs);
        h2_stream_consume(&c->down, c->down.held);
    }
}

void
call_on_up(struct h2_stream *s, unsigned ev)
{
    struct attempt *a = CONTAINER_OF(s, struct attempt, up);
    struct call *c = a->call;
    bool ended;

    if (ev & H2_EV_DRAINED)
        request_drained(a);
    if (UNLIKELY(c->retry != NULL))
        ev = retry_on_up(a, ev);
    ended = ev & (H2_EV_END | H2_EV_TRAILERS);
    if (c->response != HALF_CLOSED) {
        if (ev & H2_EV_HEADERS)
            response_begin(c, ended && !(ev & (H2_EV_DATA | H2_EV_TRAILERS)));
        if (ev & H2_EV_DATA)
            response_forward(c);
        if (ended && c->response == HALF_BODY)
            response_end(c, ev & H2_EV_TRAILERS);
    } else if (ev & H2_EV_DATA) {
        call_drop_input(c, &c->at->up);
    }
    if (ev & H2_EV_CLOSED)
        call_up_closed(c);
    call_settle(c);
}

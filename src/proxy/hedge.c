/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hedge.c - several attempts of one call at one time (gRFC A6, hedgingPolicy): the first good answer is the client's, the others end in the same turn. */
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "filter/method_times.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "lb/hash.h"
#include "loop/loop.h"
#include "proxy/filters.h"
#include "proxy/retry.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "upstream/pool_conf.h"
#include "upstream/retry_guard.h"

/* --- all attempts of a call ---------------------------------------------------------------- */

/* The first, then the hedges; NULL behind the last. */
static struct attempt *
hedge_at(struct call *c, unsigned i)
{
    if (i == 0)
        return &c->first;
    return i <= c->retry->more_count ? c->retry->more[i - 1] : NULL;
}

/* One that may still answer, other than `but`. */
static struct attempt *
hedge_alive(struct call *c, const struct attempt *but)
{
    struct attempt *a;

    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (a != but && !a->over && attempt_busy(a))
            return a;
    }
    return NULL;
}

static unsigned
hedge_count_open(struct call *c)
{
    struct attempt *a;
    unsigned n = 0;

    for (unsigned i = 0; (a = hedge_at(c, i)); i++)
        n += a->up.conn && !a->over;
    return n;
}

bool
hedge_busy(const struct call *c)
{
    for (unsigned i = 0; i < c->retry->more_count; i++) {
        if (attempt_busy(c->retry->more[i]))
            return true;
    }
    return false;
}

/* --- times ------------------------------------------------------------------------------- */

void
hedge_learn(struct call *c)
{
    struct retry *r = c->retry;

    if (r->method)
        method_times_add(c->worker->times, r->method,
                         loop_now_us(c->worker->loop) - c->first.begun_us);
}

void
hedge_schedule(struct call *c)
{
    struct retry *r = c->retry;
    struct worker *w = c->worker;

    r->delay_us = r->policy->delay_us;
    if (r->policy->percentile) {
        struct slice path = h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH);

        if (!w->times)
            w->times = method_times_new();
        r->method = lb_hash(path.p, path.n) | 1;
        r->delay_us = method_times_find(w->times, r->method, r->policy->percentile);
    }
    if (r->delay_us >= 0)
        timer_start(w->loop, &r->next, r->delay_us);
}

static bool
hedge_is_left(const struct retry *r)
{
    return r->state != RETRY_OVER && !r->stopped &&
           r->at.attempts < r->policy->max_attempts;
}

/* --- begin ------------------------------------------------------------------------------- */

/* NULL: there shall be no more of them. */
static struct attempt *
hedge_new(struct call *c)
{
    struct retry *r = c->retry;
    const struct pool_wait *first = &c->first.wait;
    struct attempt *a;

    r->stopped = true; /* unless all goes well */
    if (!retry_guard_allows(pool_retry_guard(c->pool))) {
        retry_count_refused(c, RETRY_THROTTLED);
        return NULL;
    }
    a = arena_alloc(&c->arena, sizeof(*a));
    if (!a)
        return NULL;
    memset(a, 0, offsetof(struct attempt, wait));
    attempt_init(a, c, c->worker->h2);
    a->wait.subset = first->subset;
    a->wait.patient = first->patient;
    a->wait.hashed = first->hashed;
    a->wait.hash = first->hash;
    a->wait.method = first->method;
    a->wait.tried = &r->tried;
    if (!retry_take_slot(c, &a->wait))
        return NULL;
    r->stopped = false;
    r->more[r->more_count++] = a;
    a->counted = (uint8_t)++r->at.attempts;
    return a;
}

static void
hedge_start(struct attempt *a)
{
    struct call *c = a->call;

    if (c->at->over)
        c->at = a;
    stat_inc(&c->worker->stats, STAT_HEDGES);
    pool_retry_count(c->pool);
    attempt_start(a);
}

static bool
hedge_send(struct call *c)
{
    struct attempt *a = hedge_is_left(c->retry) ? hedge_new(c) : NULL;

    if (!a)
        return false;
    hedge_start(a);
    return true;
}

static void
hedge_wait(struct call *c)
{
    struct retry *r = c->retry;

    if (r->delay_us >= 0 && hedge_is_left(r))
        timer_start(c->worker->loop, &r->next, r->delay_us);
}

void
hedge_on_timer(struct call *c)
{
    struct retry *r = c->retry;
    struct attempt *a = r->reserved;

    r->reserved = NULL;
    if (a)
        hedge_start(a);
    else
        hedge_send(c);
    while (r->delay_us == 0 && hedge_send(c))
        continue;
    hedge_wait(c);
}

/* --- end --------------------------------------------------------------------------------- */

static void
hedge_cancel(struct attempt *a)
{
    struct call *c = a->call;

    if (a->over)
        return;
    a->over = true;
    a->held = false;
    a->code = GRPC_CANCELLED;
    attempt_wait_cancel(a, a->code);
    pool_retry_give(&a->wait);
    h2_stream_reset(&a->up, H2_CANCEL);
    buf_done(&a->up.out, c->worker->bufs);
}

static void
hedge_charge(struct call *c, int64_t n)
{
    c->retry->charged += (size_t)n;
    c->worker->replay_bytes += (size_t)n;
    stat_add(&c->worker->stats, STAT_REPLAY_BYTES, n);
}

void
hedge_settle(struct call *c)
{
    struct retry *r = c->retry;
    struct attempt *a;

    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (a != c->at)
            hedge_cancel(a);
    }
    hedge_charge(c, -(int64_t)r->charged);
    if (list_linked(&c->at->wait.link) ||
        hedge_is_to_come(c)) { /* it takes along what it has not got yet */
        c->at->uncredited = r->copy.len;
        buf_splice(&c->at->up.out, c->worker->bufs, &r->copy);
    }
    buf_done(&r->copy, c->worker->bufs);
}

void
hedge_free(struct call *c)
{
    struct retry *r = c->retry;

    for (unsigned i = 0; i < r->more_count; i++) {
        pool_wait_done(&r->more[i]->wait);
        h2_stream_done(&r->more[i]->up);
    }
}

void
hedge_note_silence(struct call *c)
{
    struct attempt *a;

    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (a != c->at && !a->over && !a->held)
            pool_lost(&a->wait);
    }
}

/* --- the request --------------------------------------------------------------------------- */

static bool
hedge_has_room(struct call *c, size_t n)
{
    struct worker *w = c->worker;

    return c->retry->copy.len + n <= pool_config(c->pool)->limits.replay_bytes &&
           w->replay_bytes + n * (1 + hedge_count_open(c)) <= w->max_replay_bytes;
}

/* To the attempt that has sent most; without a stream, to the one that waits for one, or for its time. */
static void
hedge_commit(struct call *c)
{
    struct attempt *a, *best = hedge_alive(c, NULL);

    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (!a->up.conn || a->over)
            continue;
        if (!best || !best->up.conn || a->up.out.len < best->up.out.len)
            best = a;
    }
    if (!best)
        best = c->retry->reserved;
    if (best)
        c->at = best;
    attempt_commit(c);
}

void
hedge_make_room(struct call *c)
{
    if (!hedge_has_room(c, c->down.in.len))
        hedge_commit(c);
}

static bool
hedge_append(struct call *c, struct buf *to, const struct buf *from)
{
    for (const struct chunk *k = from->head; k; k = k->next) {
        if (buf_append(to, c->worker->bufs, k->data + k->off, k->len - k->off,
                       SIZE_MAX) != ERR_OK) {
            call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                      "no memory for the copies of the request");
            return false;
        }
    }
    hedge_charge(c, (int64_t)from->len);
    return true;
}

bool
hedge_pass(struct call *c)
{
    struct buf *in = &c->down.in;
    size_t n = in->len;
    struct attempt *a;

    if (!hedge_has_room(c, n)) { /* only bytes that a filter had put aside get here */
        hedge_commit(c);
        buf_splice(&c->at->up.out, c->worker->bufs, in);
        h2_stream_kick(&c->at->up);
        return true;
    }
    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (!a->up.conn || a->over)
            continue;
        if (!hedge_append(c, &a->up.out, in))
            return false;
        a->uncredited += n;
        h2_stream_kick(&a->up);
    }
    if (!hedge_append(c, &c->retry->copy, in))
        return false;
    buf_consume(in, c->worker->bufs, n);
    h2_stream_consume(&c->down, n); /* it is ours now, and bounded */
    return true;
}

void
hedge_end(struct call *c)
{
    struct attempt *a;

    for (unsigned i = 0; (a = hedge_at(c, i)); i++) {
        if (a->up.conn && !a->over)
            h2_stream_end(&a->up, NULL, 0);
    }
}

bool
hedge_fill(struct attempt *a)
{
    struct retry *r = a->call->retry;

    if (r->copy.len == 0)
        return true;
    a->uncredited = r->copy.len;
    return hedge_append(a->call, &a->up.out, &r->copy);
}

/* --- what comes back ----------------------------------------------------------------------- */

/* It does not matter any more, but its stream must come to its end. */
static unsigned
hedge_loser(struct attempt *a, unsigned ev)
{
    struct call *c = a->call;

    buf_consume(&a->up.in, c->worker->bufs, a->up.in.len);
    h2_stream_consume(&a->up, a->up.held);
    if (ev & H2_EV_CLOSED)
        attempt_closed_aside(a, c->response != HALF_CLOSED);
    return 0;
}

/* No backend has seen it: another one takes its place. */
static void
hedge_replay(struct attempt *a)
{
    struct call *c = a->call;

    attempt_closed_aside(a, true);
    attempt_count_replay(a);
    h2_stream_done(&a->up);
    h2_stream_init(&a->up, c->worker->h2);
    a->up.other = &c->down;
    a->uncredited = 0;
    attempt_start(a);
}

/* There will be an answer without that of a. Otherwise its own is the client's. */
static bool
hedge_has_others(struct attempt *a)
{
    struct call *c = a->call;
    struct retry *r = c->retry;

    if (hedge_alive(c, a))
        return true;
    if (!r->reserved && timer_running(&r->next) && hedge_is_left(r))
        r->reserved = hedge_new(c);
    return r->reserved != NULL;
}

static void
hedge_drop(struct attempt *a)
{
    struct call *c = a->call;
    struct attempt *other = hedge_alive(c, a);

    a->over = true;
    a->held = false;
    retry_unwatch(a);
    pool_retry_give(&a->wait);
    if (c->at == a && other)
        c->at = other;
}

/* What a failure means for those that follow. False: it is the client's answer. */
static bool
hedge_failed(struct attempt *a, const struct retry_end *end)
{
    struct call *c = a->call;
    struct retry *r = c->retry;

    switch (hedge_decide(r->policy, end, pool_retry_guard(c->pool))) {
    case HEDGE_FATAL:
        return false;
    case HEDGE_NO_MORE:
        retry_count_refused(c, end->pushback.kind == PUSHBACK_NEVER ? RETRY_PUSHBACK
                                                                    : RETRY_THROTTLED);
        r->stopped = true;
        break;
    case HEDGE_NEXT_LATE:
        if (retry_left_us(c) <= end->pushback.us)
            r->stopped = true;
        else if (hedge_is_left(r) && !r->reserved)
            timer_start(c->worker->loop, &r->next, end->pushback.us);
        break;
    case HEDGE_NEXT_NOW:
        if (!r->reserved && hedge_send(c))
            hedge_wait(c);
        break;
    }
    return c->response == HALF_CLOSED || hedge_has_others(a);
}

unsigned
hedge_on_up(struct attempt *a, unsigned ev)
{
    struct call *c = a->call;
    struct retry *r = c->retry;
    struct retry_end end;

    if (a->over)
        return hedge_loser(a, ev);
    if (r->state == RETRY_OVER || c->response == HALF_CLOSED ||
        (r->released && a == r->watched))
        return a->held ? retry_choose(a, ev) : ev;
    switch (retry_news(a, ev, &end)) {
    case NEWS_NONE:
        if (!retry_hold(a, ev))
            break;
        return 0;
    case NEWS_GOOD:
        break;
    case NEWS_FAILED:
        if (ev & H2_EV_CLOSED && !a->held && attempt_may_replay(a)) {
            hedge_replay(a);
            return 0;
        }
        if (hedge_failed(a, &end)) {
            retry_note_end(a, &end);
            hedge_drop(a);
            h2_stream_reset(&a->up, H2_CANCEL);
            return hedge_loser(a, ev);
        }
        break;
    }
    return retry_choose(a, ev);
}

bool
hedge_pick_failed(struct attempt *a)
{
    struct call *c = a->call;

    if (a->over || c->response == HALF_CLOSED || c->committed)
        return a->over;
    c->retry->stopped = true; /* the next one would not do better */
    timer_stop(c->worker->loop, &c->retry->next);
    if (!hedge_alive(c, a))
        return false;
    hedge_drop(a);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/retry.c - one attempt after the other; and what hedges have in common with that. */
#include "proxy/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/filters.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "upstream/pool_conf.h"
#include "upstream/retry_guard.h"

enum { BEFORE_MAX = 1000 };

/* --- what was before ---------------------------------------------------------------------- */

/* What the client says was before; p NULL: nothing. */
static struct slice
request_previous(const struct call *c)
{
    const struct h2_headers *h = &c->down.in_headers;

    for (unsigned i = 0; i < h->n; i++) {
        if (retry_is_previous(&h->v[i].f))
            return slice_make(h->v[i].f.value, h->v[i].f.valuelen);
    }
    return (struct slice){ 0 };
}

static unsigned
previous_number(struct slice v)
{
    unsigned n = 0;

    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9' || n > BEFORE_MAX)
            return 0; /* no number: as if it were not there */
        n = n * 10 + (v.p[i] - '0');
    }
    return n < BEFORE_MAX ? n : BEFORE_MAX;
}

/* --- begin ------------------------------------------------------------------------------- */

static void retry_on_next(struct timer *t);
static void retry_on_watch(struct timer *t);

static const struct retry_policy *
retry_policy_of(const struct call *c)
{
    const struct route *r = c->route;

    return r->policy ? r->policy : r->method_policy ? r->method_policy : c->policy;
}

bool
retry_begin(struct call *c)
{
    const struct retry_policy *p = retry_policy_of(c);
    struct slice previous;
    struct retry *r;

    c->first.wait.patient = c->acts & ACT_PATIENT;
    if (!(c->acts & ACT_RETRY))
        return true;
    previous = request_previous(c);
    if (!retry_policy_applies(p, previous))
        return true;
    r = arena_alloc(&c->arena, sizeof(*r));
    if (!r) {
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the attempts of the call");
        return false;
    }
    memset(r, 0, sizeof(*r));
    r->call = c;
    r->policy = p;
    r->before = previous_number(previous);
    r->at.attempts = 1;
    timer_init(&r->next, retry_on_next);
    timer_init(&r->watch, retry_on_watch);
    buf_init(&r->copy);
    c->first.counted = 1;
    c->first.wait.tried = &r->tried;
    c->retry = r;
    if (p->hedging)
        hedge_schedule(c);
    return true;
}

/* Retries are counted by pool when the call ends, since only then it is known what they were good for. */
static void
retry_count_results(const struct retry *r)
{
    unsigned made = r->at.attempts - 1;

    if (r->policy->hedging || made == 0)
        return;
    if (r->succeeded)
        pool_retry_result(r->call->pool, RETRY_RESULT_OK, 1);
    pool_retry_result(r->call->pool, RETRY_RESULT_FAILED, made - r->succeeded);
}

/* One that was wanted is not made. */
static void
retry_refused(struct call *c, enum stat_id why)
{
    stat_inc(&c->worker->stats, why);
    if (!c->retry->policy->hedging)
        pool_retry_result(c->pool, RETRY_RESULT_REFUSED, 1);
}

void
retry_free(struct call *c)
{
    retry_count_results(c->retry);
    retry_over(c);
    hedge_free(c);
    pool_tried_done(&c->retry->tried);
}

/* Not before the request is complete: an upload may take its time. */
static void
retry_watch(struct attempt *a)
{
    struct retry *r = a->call->retry;

    if (r->policy->per_try_us == 0 || a->call->request != HALF_CLOSED || a->held)
        return;
    r->watched = a;
    timer_start(a->call->worker->loop, &r->watch, r->policy->per_try_us);
}

void
retry_started(struct attempt *a)
{
    a->begun_us = loop_now_us(a->call->worker->loop);
    retry_watch(a);
}

void
retry_request_complete(struct call *c)
{
    if (c->retry->state == RETRY_WATCH)
        retry_watch(&c->first);
}

/* --- end --------------------------------------------------------------------------------- */

void
retry_committed(struct call *c)
{
    struct retry *r = c->retry;

    if (r->state == RETRY_OVER)
        return;
    r->state = RETRY_OVER;
    if (LIKELY(!hedge_is_to_come(c)))
        timer_stop(c->worker->loop, &r->next);
    if (!c->at->held || r->watched != c->at) /* else its headers are still to come */
        timer_stop(c->worker->loop, &r->watch);
    hedge_settle(c);
    if (!list_linked(&c->at->wait.link) &&
        !hedge_is_to_come(c)) /* a call that waits is counted with its slot */
        pool_retry_give(&c->at->wait);
}

void
retry_over(struct call *c)
{
    retry_committed(c);
    timer_stop(c->worker->loop, &c->retry->next);
    timer_stop(c->worker->loop, &c->retry->watch);
    pool_retry_give(&c->at->wait);
}

void
retry_succeeded(struct call *c)
{
    struct retry *r = c->retry;
    struct worker *w = c->worker;

    if (r->policy->hedging && c->at->counted > 1)
        stat_inc(&w->stats, STAT_HEDGES_WON);
    else if (!r->policy->hedging && r->at.attempts > 1)
        stat_inc(&w->stats, STAT_RETRIES_SUCCEEDED);
    r->succeeded = r->at.attempts > 1;
}

unsigned
retry_choose(struct attempt *a, unsigned ev)
{
    bool held = a->held;

    a->held = false;
    a->call->at = a;
    hedge_learn(a->call);
    timer_stop(a->call->worker->loop, &a->call->retry->watch);
    attempt_commit(a->call);
    return held ? ev | H2_EV_HEADERS : ev;
}

/* --- may there be another one? ------------------------------------------------------------- */

void
retry_count_refused(struct call *c, enum retry_verdict v)
{
    static const enum stat_id ids[] = {
        [RETRY_PUSHBACK] = STAT_RETRIES_REFUSED_PUSHBACK,
        [RETRY_THROTTLED] = STAT_RETRIES_REFUSED_THROTTLE,
        [RETRY_USED_UP] = STAT_RETRIES_REFUSED_ATTEMPTS,
        [RETRY_TOO_LATE] = STAT_RETRIES_REFUSED_DEADLINE,
    };

    if (v != RETRY_AGAIN && v != RETRY_NOT_RETRYABLE)
        retry_refused(c, ids[v]);
}

bool
retry_take_slot(struct call *c, struct pool_wait *w)
{
    enum pool_retry got = pool_retry_take(c->pool, w);

    if (got == POOL_RETRY_BUDGET)
        retry_refused(c, STAT_RETRIES_REFUSED_BUDGET);
    else if (got == POOL_RETRY_LIMIT && !c->retry->policy->hedging)
        pool_retry_result(c->pool, RETRY_RESULT_REFUSED, 1); /* the pool counted why */
    return got == POOL_RETRY_OK;
}

int64_t
retry_left_us(const struct call *c)
{
    return c->deadline_us ? c->deadline_us - loop_now_us(c->worker->loop) : INT64_MAX;
}

/* The budget is against load that makes itself. A connection breaks once, and what was on it is no more than what its backend had to carry anyway: all of
 * these calls may be tried again, so that the death of one backend is not seen by a part of its calls. */
static bool
retry_is_free(const struct attempt *a)
{
    int err = a->up.close_err;

    return !a->answered && !a->up.conn &&
           (err == ERR_CONN_LOST || err == ERR_EOF || err == ERR_KEEPALIVE);
}

/* The attempt has failed like this. True: `next` runs, the answer is forgotten. */
static bool
retry_again(struct attempt *a, const struct retry_end *end)
{
    struct call *c = a->call;
    struct retry *r = c->retry;
    enum retry_verdict v;
    int64_t delay;

    /* The copy may have grown since it was looked at. */
    if (c->committed || a->up.out.kept_len > pool_config(c->pool)->limits.replay_bytes) {
        retry_refused(c, STAT_RETRIES_REFUSED_COMMIT);
        return false;
    }
    v = retry_decide(r->policy, &r->at, end, pool_retry_guard(c->pool), retry_left_us(c),
                     &c->worker->rng, &delay);
    retry_count_refused(c, v);
    if (v != RETRY_AGAIN || (!retry_is_free(a) && !retry_take_slot(c, &a->wait)))
        return false;
    timer_stop(c->worker->loop, &r->watch);
    timer_start(c->worker->loop, &r->next, delay);
    r->due = false;
    return true;
}

bool
retry_pick_failed(struct attempt *a, int err)
{
    struct call *c = a->call;
    const struct retry_end end = { .code = (int)grpc_code_from_err(err) };

    if (hedge_is(c))
        return hedge_pick_failed(a);
    /* What a limit refuses is not made better by asking again. */
    if (c->response == HALF_CLOSED || c->retry->state != RETRY_WATCH ||
        (err != ERR_NO_ENDPOINT && err != ERR_QUEUE_TIMEOUT) || !retry_again(a, &end))
        return false;
    c->retry->state = RETRY_BACKOFF;
    return true;
}

/* --- one after the other ------------------------------------------------------------------- */

static void
retry_start(struct retry *r)
{
    struct attempt *a = &r->call->first;

    r->state = RETRY_WATCH;
    a->counted = (uint8_t)++r->at.attempts;
    a->code = -1;
    stat_inc(&r->call->worker->stats, STAT_RETRIES);
    pool_retry_count(r->call->pool);
    attempt_start(a);
}

void
retry_next(struct attempt *a)
{
    struct retry *r = a->call->retry;

    attempt_rewind(a);
    if (r->due)
        retry_start(r);
    else
        r->state = RETRY_BACKOFF;
}

static void
retry_on_next(struct timer *t)
{
    struct retry *r = CONTAINER_OF(t, struct retry, next);
    struct call *c = r->call;

    if (r->policy->hedging)
        hedge_on_timer(c);
    else if (r->state == RETRY_BACKOFF)
        retry_start(r);
    else
        r->due = true;
    call_settle(c);
}

/* The answer did not begin in time. */
static void
retry_timed_out(struct attempt *a)
{
    const struct retry_end end = { .code = GRPC_DEADLINE_EXCEEDED, .timed_out = true };
    struct call *c = a->call;
    struct retry *r = c->retry;
    unsigned counted = a->counted;
    bool waited = pool_wait_cancel(&a->wait); /* it had no connection */

    pool_lost(&a->wait);
    if (!retry_again(a, &end)) {
        if (waited && UNLIKELY(c->acts & ACT_FILTERS))
            filters_attempt_end(a, GRPC_DEADLINE_EXCEEDED, false, false, "");
        call_fail(c, GRPC_DEADLINE_EXCEEDED, REASON_TRY_TIMEOUT,
                  "attempt %u got no answer in time (perTryTimeout)", counted);
        return;
    }
    a->code = GRPC_DEADLINE_EXCEEDED;
    if (a->up.conn) {
        r->state = RETRY_ENDING;
        h2_stream_reset(&a->up, H2_CANCEL);
    } else {
        r->state = RETRY_BACKOFF;
        if (UNLIKELY(c->acts & ACT_FILTERS))
            filters_attempt_end(a, a->code, false, true, "");
    }
}

static void
retry_on_watch(struct timer *t)
{
    struct retry *r = CONTAINER_OF(t, struct retry, watch);
    struct attempt *a = r->watched;
    struct call *c = r->call;

    if (a->held) {
        r->released = true;
        call_on_up(&a->up, 0);
        return;
    }
    retry_timed_out(a);
    call_settle(c);
}

/* The copy was given up, so this failure is the client's. */
static void
retry_count_commit(struct attempt *a, unsigned ev)
{
    struct call *c = a->call;
    struct retry_end end;

    if (c->response == HALF_HEADERS && !a->held &&
        retry_news(a, ev, &end) == NEWS_FAILED &&
        retry_policy_lists(c->retry->policy, end.code))
        retry_refused(c, STAT_RETRIES_REFUSED_COMMIT);
    a->held = false; /* whatever it is, the client gets it now */
}

unsigned
retry_on_up(struct attempt *a, unsigned ev)
{
    struct call *c = a->call;
    struct retry *r = c->retry;
    struct retry_end end;

    if (r->policy->hedging)
        return hedge_on_up(a, ev);
    if (r->state == RETRY_ENDING)
        return ev & H2_EV_CLOSED; /* what it still says has no reader */
    if (a->held && (r->state == RETRY_OVER || r->released))
        return retry_choose(a, ev);
    if (r->state == RETRY_OVER) {
        retry_count_commit(a, ev);
        return ev;
    }
    switch (retry_news(a, ev, &end)) {
    case NEWS_NONE:
        return retry_hold(a, ev) ? 0 : retry_choose(a, ev);
    case NEWS_GOOD:
        return retry_choose(a, ev);
    case NEWS_FAILED:
        break;
    }
    if (ev & H2_EV_CLOSED && !a->held && attempt_may_replay(a))
        return ev;
    if (!retry_again(a, &end))
        return retry_choose(a, ev);
    retry_note_end(a, &end);
    a->held = false;
    r->state = RETRY_ENDING;
    h2_stream_reset(&a->up, H2_CANCEL);
    return ev & H2_EV_CLOSED;
}

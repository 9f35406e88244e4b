/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/filters.c - the chain's side of a call. Its end is filters_end.c. */
#include "proxy/filters.h"

#include "filter/chain.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/filters_int.h"
#include "proxy/request.h"

/* --- what filters ask of the call ---------------------------------------------------- */

static const struct tls_peer *
host_peer(const struct filter_call *fc)
{
    return down_peer(filters_call(fc)->owner);
}

static const char *
host_identity(const struct filter_call *fc)
{
    return down_identity(filters_call(fc)->owner);
}

static struct pool *
host_pool(const struct filter_call *fc, const struct filter *f)
{
    const struct table_use *use = filters_call(fc)->table;

    return use->targets[table_filter_target(use->table, f)].pool;
}

static const struct addr *
host_local(const struct filter_call *fc)
{
    const struct down *d = filters_call(fc)->owner;

    return d->h2 ? &d->server->addr : NULL;
}

static uint64_t
host_connection(const struct filter_call *fc)
{
    const struct down *d = filters_call(fc)->owner;

    return d->h2 ? h2_conn_number(d->h2) : 0;
}

static uint64_t
host_messages_in(const struct filter_call *fc)
{
    return filters_call(fc)->in_frames.messages;
}

static void
host_set_deadline(struct filter_call *fc, int64_t deadline_us)
{
    struct call *c = filters_call(fc);

    if (c->response == HALF_CLOSED) /* no timer may start behind the end */
        return;
    c->filters->limit_us = route_stricter(c->filters->limit_us, deadline_us);
    filters_bound(c);
}

void
filters_bound(struct call *c)
{
    struct call_filters *f = c->filters;
    int64_t left_us = f->limit_us - loop_now_us(c->worker->loop);

    if (f->limit_us && route_stricter(c->deadline_us, f->limit_us) != c->deadline_us) {
        c->deadline_us = f->limit_us;
        timer_start(c->worker->loop, &c->deadline, left_us > 0 ? left_us : 0);
    }
    f->fc.deadline_us = c->deadline_us;
}

/* What the filter said becomes the call's end. */
static void
filters_fail(struct call *c)
{
    const struct filter_call *fc = &c->filters->fc;

    call_refuse(c, &fc->refusal, fc->text);
}

/* All have seen the request. */
static void
filters_asked(struct call *c)
{
    if (UNLIKELY(c->filters->fc.wants_answer))
        c->acts |= ACT_FILTER_ANSWER;
}

static void
filters_resume(struct filter_call *fc, enum filter_verdict verdict)
{
    struct call *c = filters_call(fc);
    struct call_filters *f = c->filters;
    bool data = fc->slot == SLOT_REQUEST_DATA;

    if (c->response == HALF_CLOSED) { /* it ended meanwhile; on_end comes in a moment */
        fc->waiting = false;
        call_settle(c);
        return;
    }
    if (verdict == FILTER_NEXT)
        verdict = chain_go_on(fc, &f->aside, f->aside_end);
    else
        fc->waiting = false;
    if (verdict == FILTER_DONE)
        filters_fail(c);
    else if (verdict == FILTER_NEXT && data)
        request_pass_aside(c, &f->aside);
    else if (verdict == FILTER_NEXT) {
        filters_asked(c);
        request_go_on(c, fc->wants_match);
    }
    call_settle(c);
}

const struct filter_host filters_host = {
    .resume = filters_resume,
    .peer = host_peer,
    .identity = host_identity,
    .pool = host_pool,
    .local = host_local,
    .connection = host_connection,
    .messages_in = host_messages_in,
    .set_deadline = host_set_deadline,
    .tell = filters_host_tell,
    .progress = filters_host_progress,
};

/* --- begin ----------------------------------------------------------------------------- */

bool
filters_request(struct call *c, struct slice service, struct slice method)
{
    enum filter_verdict v;

    if (!filters_attach(c, c->route->chain, service, method)) {
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the filters of the call");
        return false;
    }
    v = chain_request(&c->filters->fc);
    if (LIKELY(v == FILTER_NEXT)) {
        filters_asked(c);
        if (!c->filters->fc.wants_match)
            return true;
        request_go_on(c, true);
        return false;
    }
    if (v == FILTER_DONE)
        filters_fail(c);
    return false;
}

/* --- data ------------------------------------------------------------------------------ */

bool
filters_hold(const struct call *c)
{
    return c->filters->fc.waiting;
}

const char *
filters_waiting(const struct call *c)
{
    return filters_hold(c) ? filter_self(&c->filters->fc)->name : NULL;
}

bool
filters_request_data(struct call *c)
{
    struct call_filters *f = c->filters;
    bool end = c->request == HALF_CLOSED;
    enum filter_verdict v;

    if (f->ended || (!end && c->down.in.len == 0))
        return true;
    f->ended = end;
    v = chain_request_data(&f->fc, &c->down.in, end);
    if (LIKELY(v == FILTER_NEXT))
        return true;
    if (v == FILTER_DONE) {
        filters_fail(c);
        return false;
    }
    if (!f->has_aside)
        buf_init(&f->aside);
    f->has_aside = true;
    buf_splice(&f->aside, c->worker->bufs, &c->down.in);
    f->aside_end = end;
    return false;
}

/* Filters have no way to make an answer wait, so DONE is all that there is beside NEXT. */
static bool
filters_judge(struct call *c, enum filter_verdict v)
{
    if (LIKELY(v == FILTER_NEXT))
        return true;
    filters_fail(c);
    return false;
}

bool
filters_response(struct call *c, struct h2_headers *h, bool end)
{
    return filters_judge(c, chain_response(&c->filters->fc, h, end));
}

bool
filters_response_data(struct call *c)
{
    return filters_judge(c, chain_response_data(&c->filters->fc, &c->at->up.in));
}

bool
filters_trailers(struct call *c, struct h2_headers *h)
{
    return filters_judge(c, chain_trailers(&c->filters->fc, h));
}

/* --- attempts -------------------------------------------------------------------------- */

void
filters_attempt(struct attempt *a)
{
    struct filter_call *fc = &a->call->filters->fc;

    a->number = ++a->call->begun;
    a->begun_us = loop_now_us(a->call->worker->loop);
    fc->pool = pool_name(a->call->pool);
    fc->pool_number = pool_number(a->call->pool);
    chain_attempt(fc, a->number);
}

void
filters_attempt_end(struct attempt *a, int code, bool answered, bool again,
                    const char *backend)
{
    const struct filter_attempt end = {
        .number = a->number,
        .code = code,
        .answered = answered,
        .unprocessed = a->up.unprocessed,
        .again = again,
        .backend = backend,
        .begun_us = a->begun_us,
    };

    chain_attempt_end(&a->call->filters->fc, &end);
}

/* --- the answer ------------------------------------------------------------------------ */

size_t
filters_answer_count(const struct call *c)
{
    size_t n = 0;

    for (const struct filter_field *a = c->filters->fc.answer; a; a = a->next)
        n++;
    return n;
}

size_t
filters_answer_fields(const struct call *c, struct h2_field *f)
{
    size_t n = 0;

    for (const struct filter_field *a = c->filters->fc.answer; a; a = a->next)
        f[n++] = (struct h2_field){ .name = (uint8_t *)a->name.p,
                                    .value = (uint8_t *)a->value.p,
                                    .namelen = a->name.n,
                                    .valuelen = a->value.n,
                                    .flags = H2_FIELD_STATIC };
    return n;
}

const struct filter_call *
filters_facts(const struct call *c)
{
    return c->filters ? &c->filters->fc : NULL;
}

void
filters_answered(struct call *c)
{
    c->filters->answered_us = loop_now_us(c->worker->loop);
}

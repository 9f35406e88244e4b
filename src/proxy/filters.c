/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/filters.c - the chain's side of a call. */
#include "proxy/filters.h"

#include <string.h>

#include "base/err.h"
#include "base/slab.h"
#include "filter/chain.h"
#include "filter/failed_note.h"
#include "filter/services.h"
#include "filter/tail.h"
#include "grpc/path.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/listener_conf.h"
#include "proxy/request.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "proxy/worker.h"

struct call_filters {
    struct call *call;
    struct filter_call fc;
    struct buf aside; /* request bytes that a filter made wait; with has_aside */
    bool has_aside;
    bool aside_end; /* with them comes the end */
    bool ended;     /* the request's end was shown */
    int64_t answered_us;
    int64_t limit_us; /* the earliest deadline that a filter set; 0: none did */
    _Alignas(16) char state[];
};

static struct call *
filters_call(const struct filter_call *fc)
{
    return CONTAINER_OF(fc, struct call_filters, fc)->call;
}

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

static void host_tell(const struct filter_call *fc, struct filter_result *r);
static void filters_progress(const struct filter_call *fc, struct filter_result *ret);

static const struct filter_host host = {
    .resume = filters_resume,
    .peer = host_peer,
    .identity = host_identity,
    .pool = host_pool,
    .set_deadline = host_set_deadline,
    .tell = host_tell,
    .progress = filters_progress,
};

/* --- begin ----------------------------------------------------------------------------- */

static const struct chain *
filters_chain(const struct call *c)
{
    return c->route ? c->route->chain : c->table->table->chain;
}

/* The first part of fc; the rest is chain_begin's. */
static ALWAYS_INLINE void
filters_fill(struct call *c, struct call_filters *f)
{
    struct worker *w = c->worker;
    struct filter_call *fc = &f->fc;

    f->call = c;
    f->has_aside = f->aside_end = f->ended = false;
    f->answered_us = f->limit_us = 0;
    fc->host = &host;
    fc->arena = &c->arena;
    fc->slab = w->slab;
    fc->loop = w->loop;
    fc->stats = &w->stats;
    fc->rng = &w->rng;
    fc->worker = (unsigned)w->index;
    fc->listener = c->table->table->conf->name;
    fc->route = c->route ? c->route->name : "";
    fc->address = &c->owner->peer;
    fc->local = c->owner->h2 ? &c->owner->server->addr : NULL;
    fc->connection = c->owner->h2 ? h2_conn_number(c->owner->h2) : 0;
    fc->request = &c->down.in_headers;
    fc->path = h2_headers_get(fc->request, H2_TOKEN_PATH);
    fc->service = fc->method = (struct slice){ 0 };
    fc->begun_us = c->begun_us;
    fc->deadline_us = c->deadline_us;
    fc->messages_in = &c->in_frames.messages;
    fc->messages_out = &c->out_frames.messages;
    c->filters = f;
}

/* In two places, of which only one is on the path of a good call. */
static ALWAYS_INLINE bool
filters_attach(struct call *c, const struct chain *chain)
{
    struct call_filters *f =
        slab_malloc(c->worker->slab, sizeof(*f) + chain_state_size(chain));

    if (!f)
        return false;
    filters_fill(c, f);
    chain_begin(&f->fc, chain, f->state);
    return true;
}

bool
filters_request(struct call *c, struct slice service, struct slice method)
{
    enum filter_verdict v;

    if (!filters_attach(c, c->route->chain)) {
        call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_NO_MEMORY,
                  "no memory for the filters of the call");
        return false;
    }
    c->filters->fc.service = service;
    c->filters->fc.method = method;
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
        .trailers = a->up.in_trailers.complete  ? &a->up.in_trailers
                    : a->up.in_headers.complete ? &a->up.in_headers
                                                : NULL,
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

/* --- end ------------------------------------------------------------------------------- */

/* Time that bytes waited in out. */
static int64_t
filters_waited(const struct call *c, const struct h2_stream *s)
{
    return s->waited_us +
           (s->waits_since_us ? loop_now_us(c->worker->loop) - s->waits_since_us : 0);
}

/* What the client was told beside the code. */
static struct slice
filters_message(const struct call *c)
{
    const struct h2_stream *up = &c->at->up;
    const struct h2_headers *h =
        up->in_trailers.complete ? &up->in_trailers : &up->in_headers;

    return c->local ? slice_of(c->text) : h2_headers_get(h, H2_TOKEN_GRPC_MESSAGE);
}

static void
host_tell(const struct filter_call *fc, struct filter_result *r)
{
    const struct call *c = filters_call(fc);

    r->whole = true;
    r->reason = c->reason ? c->reason : "";
    r->pool = c->pool ? pool_name(c->pool) : "";
    r->backend = c->lost_name ? c->lost_name : "";
    r->message = filters_message(c);
    r->bytes_in = c->bytes_in;
    r->bytes_out = c->bytes_out;
    r->first_byte_us = c->filters->answered_us;
    r->blocked_down_us = filters_waited(c, &c->down);
    r->blocked_up_us = filters_waited(c, &c->at->up);
}

static void
filters_result(const struct call *c, struct filter_result *r)
{
    r->code = c->code < 0 || c->code > GRPC_UNAUTHENTICATED ? GRPC_UNKNOWN : c->code;
    r->local = c->local;
    r->cancelled = c->cancelled;
    r->whole = false;
    r->attempts = c->attempts;
    r->messages_in = c->in_frames.messages;
    r->messages_out = c->out_frames.messages;
    r->end_us = loop_now_us(c->worker->loop);
}

/* A call that ended before it came to its filters: those that watch hear of it all the same. */
static NOINLINE bool
filters_watch(struct call *c)
{
    const struct chain *chain = c->table ? filters_chain(c) : NULL;
    struct filter_call *fc;

    if (!chain || !(chain_flags(chain) & FILTER_ALWAYS) || !filters_attach(c, chain))
        return false;
    fc = &c->filters->fc;
    if (path_split(fc->path, &fc->service, &fc->method) != ERR_OK)
        fc->service = fc->method = (struct slice){ 0 };
    chain_watch(fc);
    return true;
}

static void
filters_drop(struct call *c)
{
    if (UNLIKELY(c->filters->has_aside))
        buf_done(&c->filters->aside, c->worker->bufs);
    slab_give(c->worker->slab, c->filters);
    c->filters = NULL;
}

/* The filter "metrics" tells of the end of the calls that came to it. Of the others it is told here: refused by a filter before it, it is switched off, there are no filters. */
static NOINLINE void
filters_tell(struct call *c, const struct filter_result *r)
{
    const struct filter_services *to = c->table->table->tell;
    const struct filter_call *fc = &c->filters->fc;
    struct slice path = h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH);

    if (!to || fc->told)
        return;
    filter_result_whole(fc, r);
    if (!path.p && c->path)
        path = slice_of(c->path);
    if (r->code != GRPC_OK)
        failed_note(to->failed, fc, path, r);
    if (tail_wanted(to->tail))
        tail_put(to->tail, fc, path, r);
}

/* No filter was asked, and none watches. */
static void
filters_end_alone(struct call *c)
{
    const struct filter_services *to = c->table ? c->table->table->tell : NULL;
    struct call_filters *f;
    struct filter_result r;

    if (!to || (c->code == GRPC_OK && !tail_wanted(to->tail)))
        return;
    f = slab_malloc(c->worker->slab, sizeof(*f));
    if (!f)
        return;
    memset(f, 0, sizeof(*f));
    filters_fill(c, f);
    filters_result(c, &r);
    filters_tell(c, &r);
    filters_drop(c);
}

static void
filters_progress(const struct filter_call *fc, struct filter_result *ret)
{
    const struct call *c = filters_call(fc);
    const struct upconn *upconn = c->at->upconn;

    filters_result(c, ret);
    host_tell(fc, ret);
    ret->code = -1;
    if (upconn)
        ret->backend = upconn_name(upconn);
}

void
filters_end(struct call *c)
{
    UNINITIALIZED struct filter_result r;

    if (!c->filters && !filters_watch(c)) {
        filters_end_alone(c);
        return;
    }
    filters_result(c, &r);
    chain_end(&c->filters->fc, &r);
    if (UNLIKELY(r.code != GRPC_OK || c->acts & ACT_TELL))
        filters_tell(c, &r);
    filters_drop(c);
}

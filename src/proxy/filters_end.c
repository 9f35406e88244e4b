/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/filters_end.c - the end of a call: what filters hear of it, and who hears of it when there are none. */
#include <string.h>

#include "base/err.h"
#include "filter/failed_note.h"
#include "filter/services.h"
#include "filter/tail.h"
#include "grpc/path.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "proxy/filters_int.h"

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

void
filters_host_tell(const struct filter_call *fc, struct filter_result *r)
{
    const struct call *c = filters_call(fc);

    r->rest = NULL;
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
    r->rest = r;
    r->attempts = c->attempts;
    r->messages_in = c->in_frames.messages;
    r->messages_out = c->out_frames.messages;
    r->end_us = loop_now_us(c->worker->loop);
}

static const struct chain *
filters_chain(const struct call *c)
{
    return c->route ? c->route->chain : c->table->table->chain;
}

static NOINLINE bool
filters_watch_with(struct call *c, const struct chain *chain)
{
    struct slice service, method;

    if (path_split(h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH), &service,
                   &method) != ERR_OK)
        service = method = (struct slice){ 0 };
    if (!filters_attach(c, chain, service, method))
        return false;
    chain_watch(&c->filters->fc);
    return true;
}

/* A call that ended before it came to its filters: those that watch hear of it all the same. */
static NOINLINE bool
filters_watch(struct call *c)
{
    const struct chain *chain = c->table ? filters_chain(c) : NULL;

    return chain && chain_flags(chain) & FILTER_ALWAYS && filters_watch_with(c, chain);
}

static void
filters_drop(struct call *c)
{
    if (UNLIKELY(c->filters->has_aside))
        buf_done(&c->filters->aside, c->worker->bufs);
    c->filters = NULL;
}

/* The filter "metrics" tells of the end of the calls that came to it. Of the others it is told here: refused by a filter before it, it is switched off, there are no filters. */
static NOINLINE void
filters_tell(struct call *c, const struct filter_result *r)
{
    const struct filter_services *to = c->table->table->tell;
    const struct filter_call *fc = &c->filters->fc;
    struct slice path;

    if (!to || fc->told || (r->code == GRPC_OK && !tail_wanted(to->tail)))
        return;
    path = h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH);
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
    f = arena_alloc(&c->arena, sizeof(*f));
    if (!f)
        return;
    memset(f, 0, sizeof(*f));
    filters_fill(c, f, (struct slice){ 0 }, (struct slice){ 0 });
    filters_result(c, &r);
    filters_tell(c, &r);
    filters_drop(c);
}

void
filters_host_progress(const struct filter_call *fc, struct filter_result *ret)
{
    const struct call *c = filters_call(fc);
    const struct upconn *upconn = c->at->upconn;

    filters_result(c, ret);
    filters_host_tell(fc, ret);
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

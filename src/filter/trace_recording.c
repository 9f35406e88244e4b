/* SPDX-License-Identifier: Apache-2.0 */
/* filter/trace_recording.c - a call whose trace is recorded: what its spans need is kept from the request to the end, in the call's arena. One span for each attempt and one for the call,
 * serialized where they end, into the ring of the exporter. The filter itself is tracing.c. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "filter/trace_export.h"
#include "filter/trace_span.h"
#include "filter/tracing_int.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "obs/stats.h"

enum {
    ATTEMPTS_MAX = 16, /* whose ids are kept at the same time */
    SPAN_BYTES_MAX = 32 * 1024,
    AUTHORITY_MAX = 256,
    MESSAGE_MAX = 1024,
};

struct attempt {
    unsigned number; /* 0: free */
    bool transparent;
    uint8_t span[SPAN_ID_BYTES];
};

struct recording {
    uint8_t parent[SPAN_ID_BYTES];
    bool has_parent;
    bool unprocessed;  /* the last attempt was seen by no backend */
    int64_t offset_us; /* wall clock minus the loop's */
    struct slice path, authority, state;
    struct attempt attempts[ATTEMPTS_MAX];
    size_t retry_count;
    unsigned retries_left_out;
    struct trace_retry retries[TRACE_RETRIES_MAX];
};

static struct slice
keep(struct filter_call *fc, struct slice s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    const void *p = n ? arena_copy(fc->arena, s.p, n) : NULL;

    return slice_make(p, p ? n : 0);
}

bool
trace_recording_begin(struct filter_call *fc, struct trace_call *t, bool has_parent,
                      struct slice state)
{
    struct recording *r = arena_alloc(fc->arena, sizeof(*r));

    if (!r)
        return false;
    memset(r, 0, sizeof(*r));
    r->has_parent = has_parent;
    memcpy(r->parent, t->context.span, SPAN_ID_BYTES);
    r->offset_us = clock_wall_us() - loop_now_us(fc->loop);
    r->path = keep(fc, fc->path, SIZE_MAX);
    r->authority =
        keep(fc, h2_headers_get(fc->request, H2_TOKEN_AUTHORITY), AUTHORITY_MAX);
    r->state = keep(fc, state, SIZE_MAX);
    t->context.flags |= TRACE_SAMPLED;
    if (has_parent)
        trace_span_new(&t->context, fc->rng);
    t->recording = r;
    return true;
}

static void
span_put(struct filter_call *fc, struct strbuf *bytes)
{
    if (!trace_exporter_put(tracing_self(fc)->exporter, fc->worker,
                            slice_make(bytes->s, bytes->len)))
        stat_inc(fc->stats, STAT_SPANS_FULL);
    strbuf_done(bytes);
}

static struct trace_span
span_of(const struct filter_call *fc, const struct trace_call *t)
{
    const struct recording *r = t->recording;

    return (struct trace_span){
        .context = t->context,
        .state = r->state,
        .path = r->path,
        .grpc_names = tracing_conf_of(tracing_self(fc))->names == TRACING_GRPC,
    };
}

void
trace_recording_attempt(struct filter_call *fc, struct trace_call *t, unsigned number)
{
    struct recording *r = t->recording;
    struct trace_context context;
    char text[TRACEPARENT_BYTES];
    struct attempt *a;

    a = &r->attempts[number % ATTEMPTS_MAX];
    context = t->context;
    trace_span_new(&context, fc->rng);
    *a = (struct attempt){ .number = number, .transparent = r->unprocessed };
    memcpy(a->span, context.span, SPAN_ID_BYTES);
    traceparent_write(&context, text);
    tracing_set_parent(fc, text);
    if (t->binary)
        tracing_set_binary(fc, &context);
}

static void
note_retry(struct recording *r, const struct filter_attempt *a, int64_t wall_us)
{
    r->unprocessed = a->unprocessed;
    if (!a->again)
        return;
    if (r->retry_count == TRACE_RETRIES_MAX) {
        r->retries_left_out++;
        return;
    }
    r->retries[r->retry_count++] =
        (struct trace_retry){ .wall_us = wall_us, .number = a->number, .code = a->code };
}

void
trace_recording_attempt_end(struct filter_call *fc, struct trace_call *t,
                            const struct filter_attempt *a)
{
    struct recording *r = t->recording;
    struct trace_attempt_span s;
    struct attempt *began;
    struct strbuf bytes;

    began = &r->attempts[a->number % ATTEMPTS_MAX];
    if (began->number != a->number)
        return; /* an older one took its place: more than 16 at once */
    s = (struct trace_attempt_span){
        .span = span_of(fc, t),
        .backend = a->backend,
        .number = a->number,
        .transparent = began->transparent,
    };
    memcpy(s.span.context.span, began->span, SPAN_ID_BYTES);
    s.span.parent = t->context.span;
    s.span.start_us = a->begun_us + r->offset_us;
    s.span.end_us = loop_now_us(fc->loop) + r->offset_us;
    s.span.code = a->code;
    s.span.pool = fc->pool;
    note_retry(r, a, s.span.end_us);
    strbuf_init(&bytes, SPAN_BYTES_MAX);
    trace_attempt_encode(&s, &bytes);
    span_put(fc, &bytes);
}

void
trace_recording_end(struct filter_call *fc, struct trace_call *t,
                    const struct filter_result *result)
{
    struct recording *r = t->recording;
    UNINITIALIZED char client[ADDR_TEXT_MAX], message[MESSAGE_MAX];
    struct trace_call_span s;
    struct strbuf bytes;

    filter_result_whole(fc, result);
    s = (struct trace_call_span){
        .span = span_of(fc, t),
        .listener = fc->listener,
        .route = fc->route,
        .reason = result->reason,
        .client = addr_print(fc->address, client),
        .authority = r->authority,
        .attempts = result->attempts,
        .retries = r->retries,
        .retry_count = r->retry_count,
        .retries_left_out = r->retries_left_out,
    };
    s.span.parent = r->has_parent ? r->parent : NULL;
    s.span.remote = r->has_parent;
    s.span.start_us = fc->begun_us + r->offset_us;
    s.span.end_us = result->end_us + r->offset_us;
    s.span.code = result->code;
    s.span.pool = result->pool;
    s.span.message = result->message;
    if (!result->local)
        s.span.message = slice_make(
            message, grpc_message_decode(result->message, message, MESSAGE_MAX));
    strbuf_init(&bytes, SPAN_BYTES_MAX);
    trace_call_encode(&s, &bytes);
    span_put(fc, &bytes);
}

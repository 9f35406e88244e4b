/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tracing.c - the filter "tracing": reads who began the trace (traceparent, else grpc-trace-bin, else B3), decides whether the call is recorded, and gives backends the traceparent
 * that joins their spans to ours. A call that is not recorded costs the reading of its headers, and, when it has no trace yet, the making of one, so that everybody
 * behind us decides as we did.
 *
 * A recorded call has one span for itself and one for each attempt; a backend gets the id of its attempt. They are serialized when they end and go into the ring of
 * the exporter. W3C rules: who makes no span passes both headers as they are; tracestate without a good traceparent is dropped; tracestate has at most 512 bytes. */
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/trace_export.h"
#include "filter/trace_span.h"
#include "filter/tracing_conf.h"
#include "grpc/status.h"
#include "h2/edit.h"
#include "h2/headers.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "obs/stats.h"
#include "obs/trace_context.h"

enum {
    ATTEMPTS_MAX = 16, /* whose ids are kept at the same time */
    SPAN_BYTES_MAX = 32 * 1024,
    AUTHORITY_MAX = 256,
    MESSAGE_MAX = 1024,
};

struct tracing_filter {
    struct filter base;
    struct trace_exporter *exporter;
    uint64_t threshold;
    _Atomic uint64_t window; /* second << 32 | calls recorded in it */
};

struct attempt {
    unsigned number; /* 0: free */
    bool transparent;
    uint8_t span[SPAN_ID_BYTES];
};

/* Of a recorded call. */
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

struct trace_call {
    struct trace_context
        context; /* of the call's span; of the parent's when nothing is recorded */
    struct recording *recording;  /* NULL: it is not recorded */
    bool binary;                  /* the parent spoke by grpc-trace-bin */
    char text[TRACEPARENT_BYTES]; /* of it, for the request and fc->trace_id */
};

static const struct tracing_filter *
self(const struct filter_call *fc)
{
    return (const struct tracing_filter *)filter_self(fc);
}

static const struct tracing_conf *
conf_of(const struct tracing_filter *f)
{
    return f->base.conf;
}

/* --- settings ------------------------------------------------------------------------- */

static void
tracing_open(struct filter *base, const struct filter_env *env)
{
    struct tracing_filter *f = (struct tracing_filter *)base;

    f->threshold = trace_threshold(conf_of(f)->sample_ratio);
    f->exporter = trace_exporter_get(env->services, conf_of(f));
}

static void
tracing_close(struct filter *base)
{
    trace_exporter_drop(((struct tracing_filter *)base)->exporter);
}

/* Not named: what tracing says. */
static void
tracing_usual(void *conf, const struct filter_env *env)
{
    const struct tracing_conf *c = services_tracing(env->services);

    if (c)
        *(struct tracing_conf *)conf = *c;
}

static bool
tracing_wanted(const void *conf, const struct filter_env *env)
{
    const struct tracing_conf *c = conf;

    return env->services && c->on && c->otlp;
}

/* --- headers -------------------------------------------------------------------------- */

#define TRACEPARENT "traceparent"
#define TRACESTATE  "tracestate"
#define TRACE_BIN   "grpc-trace-bin"

/* What the request has of all that. */
struct found {
    struct slice traceparent, binary;
    unsigned traceparents, tracestates, binaries;
    bool has_b3;
    struct b3_headers b3;
};

static void
found_b3(struct found *f, struct slice *to, struct slice value)
{
    *to = value;
    f->has_b3 = true;
}

static void
found_see(struct found *f, struct slice name, struct slice value)
{
    switch (name.n) {
    case 2:
        if (slice_eq_str(name, "b3"))
            found_b3(f, &f->b3.single, value);
        break;
    case 10:
        if (slice_eq_str(name, TRACESTATE))
            f->tracestates++;
        else if (slice_eq_str(name, "x-b3-flags"))
            found_b3(f, &f->b3.flags, value);
        break;
    case 11:
        if (slice_eq_str(name, TRACEPARENT)) {
            f->traceparent = value;
            f->traceparents++;
        } else if (slice_eq_str(name, "x-b3-spanid")) {
            found_b3(f, &f->b3.span, value);
        }
        break;
    case 12:
        if (slice_eq_str(name, "x-b3-traceid"))
            found_b3(f, &f->b3.trace, value);
        else if (slice_eq_str(name, "x-b3-sampled"))
            found_b3(f, &f->b3.sampled, value);
        break;
    case 14:
        if (slice_eq_str(name, TRACE_BIN)) {
            f->binary = value;
            f->binaries++;
        }
        break;
    default:
        break;
    }
}

static struct found
headers_find(const struct h2_headers *h)
{
    struct found f = { .traceparents = 0 };

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_entry *e = &h->v[i];

        if (e->token == H2_TOKEN_ONE_OFF || e->token == H2_TOKEN_B3_HINT)
            found_see(&f, slice_make(e->f.name, e->f.namelen),
                      slice_make(e->f.value, e->f.valuelen));
    }
    return f;
}

/* Some field may be one of those above: all their names have these tokens. Most requests have none, and shall not pay for reading them. */
static bool
headers_speak(const struct h2_headers *h)
{
    return h->first[H2_TOKEN_ONE_OFF] || h->first[H2_TOKEN_B3_HINT];
}

/* Without memory the call goes on with the header that it had. */
static void
traceparent_set(struct filter_call *fc, const char *text)
{
    if (!filter_set(fc, fc->request, slice_of(TRACEPARENT),
                    slice_make(text, TRACEPARENT_BYTES), true))
        return;
}

/* Who joins a trace by grpc-trace-bin tells it in both forms. */
static NOINLINE void
binary_set(struct filter_call *fc, const struct trace_context *c)
{
    char text[TRACE_BIN_TEXT];

    trace_bin_write(c, text);
    if (!filter_set(fc, fc->request, slice_of(TRACE_BIN), slice_make(text, sizeof(text)),
                    true))
        return;
}

/* The request has none: the text in the call's state lives as long as the request, so nothing is copied. */
static void
traceparent_add(struct filter_call *fc, const char *text)
{
    if (h2_headers_add_own(fc->request, fc->slab, slice_of(TRACEPARENT),
                           slice_make(text, TRACEPARENT_BYTES), H2_TOKEN_ONE_OFF) != 0)
        return;
}

/* Passes tracestate on within its bounds. Returns what it is now, in the request. */
static NOINLINE struct slice
tracestate_check(struct filter_call *fc, bool good_parent)
{
    struct tracestate t = { .n = 0 };
    char text[TRACESTATE_MAX];
    bool good = good_parent;
    struct slice value;

    for (unsigned i = 0; i < fc->request->n && good; i++) {
        const struct h2_entry *e = &fc->request->v[i];

        if (slice_eq_str(slice_make(e->f.name, e->f.namelen), TRACESTATE))
            good = tracestate_add(&t, slice_make(e->f.value, e->f.valuelen));
    }
    tracestate_trim(&t);
    if (good && t.n > 0 && !t.changed)
        return filter_header(fc, slice_of(TRACESTATE));
    value = slice_make(text, tracestate_write(&t, text));
    if (!good || t.n == 0 ||
        !filter_set(fc, fc->request, slice_of(TRACESTATE), value, true)) {
        filter_remove(fc->request, slice_of(TRACESTATE));
        return (struct slice){ 0 };
    }
    return filter_header(fc, slice_of(TRACESTATE));
}

/* --- the decision --------------------------------------------------------------------- */

static bool
limit_pass(struct tracing_filter *f, int64_t now_us)
{
    uint64_t second = (uint64_t)(now_us / 1000000), max = conf_of(f)->max_per_second;
    uint64_t was = atomic_load_explicit(&f->window, memory_order_relaxed), next;

    if (max == 0)
        return true;
    do {
        if (was >> 32 == second && (was & UINT32_MAX) >= max)
            return false;
        next = was >> 32 == second ? was + 1 : second << 32 | 1;
    } while (!atomic_compare_exchange_weak_explicit(
        &f->window, &was, next, memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* A stranger may choose the id of the trace, so for him chance is our own. */
static bool
decide(const struct tracing_filter *f, struct filter_call *fc,
       const struct trace_context *c, enum trace_decision said, bool has_parent)
{
    if (conf_of(f)->trust_parent && said != TRACE_UNDECIDED)
        return said == TRACE_RECORD;
    if (conf_of(f)->trust_parent || !has_parent)
        return trace_sampled(c, f->threshold);
    return rng_next(fc->rng) >> 8 >= f->threshold;
}

/* --- recording ------------------------------------------------------------------------ */

static struct slice
keep(struct filter_call *fc, struct slice s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    const void *p = n ? arena_copy(fc->arena, s.p, n) : NULL;

    return slice_make(p, p ? n : 0);
}

static NOINLINE bool
recording_begin(struct filter_call *fc, struct trace_call *t, bool has_parent,
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
    if (!trace_exporter_put(self(fc)->exporter, fc->worker,
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
        .grpc_names = conf_of(self(fc))->names == TRACING_GRPC,
    };
}

/* --- slots ---------------------------------------------------------------------------- */

/* What backends are told of a call that is not recorded. asked: its parent wants it to be. False: what the request has, as it is, since no span of ours is between. */
static bool
pass_on(const struct tracing_filter *f, struct filter_call *fc, struct trace_call *t,
        bool w3c, bool asked)
{
    bool trusted = conf_of(f)->trust_parent;

    if (w3c && (!asked || trusted))
        return false;
    if (asked && !trusted)
        trace_span_new(&t->context, fc->rng); /* overruled, under an id of our own */
    t->context.flags &= (uint8_t)~TRACE_SAMPLED;
    if (asked && trusted)
        t->context.flags |= TRACE_SAMPLED; /* as its B3 headers say */
    return true;
}

/* Who the parent is and what it says; a new trace when there is none. */
static bool
parent_read(struct filter_call *fc, const struct found *found, struct trace_call *t,
            bool *ret_w3c, enum trace_decision *ret_said)
{
    bool parent;

    *ret_w3c = found->traceparents == 1 &&
               traceparent_parse(found->traceparent, &t->context) == 0;
    if (*ret_w3c) {
        *ret_said = t->context.flags & TRACE_SAMPLED ? TRACE_RECORD : TRACE_DROP;
        return true;
    }
    t->binary = found->traceparents == 0 && found->binaries == 1 &&
                trace_bin_parse(found->binary, &t->context) == 0;
    if (UNLIKELY(t->binary)) {
        *ret_said = t->context.flags & TRACE_SAMPLED ? TRACE_RECORD : TRACE_DROP;
        return true;
    }
    *ret_said = TRACE_UNDECIDED;
    parent = found->has_b3 && b3_parse(&found->b3, &t->context, ret_said);
    if (!parent)
        trace_context_new(&t->context, fc->rng);
    return parent;
}

static bool
should_record(struct tracing_filter *f, struct filter_call *fc,
              const struct trace_call *t, enum trace_decision said, bool parent)
{
    if (LIKELY(!decide(f, fc, &t->context, said, parent)))
        return false;
    if (limit_pass(f, loop_now_us(fc->loop)))
        return true;
    stat_inc(fc->stats, STAT_SPANS_LIMITED);
    return false;
}

/* What later filters and lines of logs are told. */
static void
tell(struct filter_call *fc, const struct trace_call *t)
{
    fc->trace_id = slice_make(t->text + TRACEPARENT_ID, 2 * TRACE_ID_BYTES);
    fc->sampled = t->recording != NULL;
}

/* The request has a header that may speak of a trace. */
static NOINLINE enum filter_verdict
request_read(struct tracing_filter *f, struct filter_call *fc, struct trace_call *t)
{
    struct found found = headers_find(fc->request);
    struct slice tracestate = { 0 };
    enum trace_decision said;
    bool w3c, parent = parent_read(fc, &found, t, &w3c, &said);

    if (found.tracestates > 0)
        tracestate = tracestate_check(fc, w3c);
    if ((should_record(f, fc, t, said, parent) &&
         recording_begin(fc, t, parent, tracestate)) ||
        pass_on(f, fc, t, w3c, parent && said == TRACE_RECORD)) {
        traceparent_write(&t->context, t->text);
        if (found.traceparents > 0)
            traceparent_set(fc, t->text);
        else
            traceparent_add(fc, t->text);
        if (UNLIKELY(t->binary))
            binary_set(fc, &t->context);
    } else {
        memcpy(t->text, found.traceparent.p, TRACEPARENT_BYTES);
    }
    tell(fc, t);
    return FILTER_NEXT;
}

/* A trace that we began, and that is to be recorded unless there are too many. */
static NOINLINE void
request_record(struct tracing_filter *f, struct filter_call *fc, struct trace_call *t)
{
    if (limit_pass(f, loop_now_us(fc->loop)))
        (void)recording_begin(fc, t, false, (struct slice){ 0 });
    else
        stat_inc(fc->stats, STAT_SPANS_LIMITED);
}

static enum filter_verdict
tracing_on_request(struct filter_call *fc, void *state)
{
    struct tracing_filter *f = (struct tracing_filter *)(uintptr_t)self(fc);
    struct trace_call *t = state;

    t->recording = NULL;
    t->binary = false;
    if (headers_speak(fc->request))
        return request_read(f, fc, t);
    trace_context_new(&t->context, fc->rng);
    if (UNLIKELY(trace_sampled(&t->context, f->threshold)))
        request_record(f, fc, t);
    traceparent_write(&t->context, t->text);
    traceparent_add(fc, t->text);
    tell(fc, t);
    return FILTER_NEXT;
}

static NOINLINE void
attempt_begin(struct filter_call *fc, struct trace_call *t, unsigned number)
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
    traceparent_set(fc, text);
    if (t->binary)
        binary_set(fc, &context);
}

static void
tracing_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        attempt_begin(fc, t, number);
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

static NOINLINE void
attempt_record(struct filter_call *fc, struct trace_call *t,
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

static void
tracing_on_attempt_end(struct filter_call *fc, void *state,
                       const struct filter_attempt *a)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        attempt_record(fc, t, a);
}

static NOINLINE void
call_record(struct filter_call *fc, struct trace_call *t,
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

static void
tracing_on_end(struct filter_call *fc, void *state, const struct filter_result *result)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        call_record(fc, t, result);
}

const struct filter_kind filter_tracing = {
    .name = "tracing",
    .conf = &tracing_conf_struct,
    .size = sizeof(struct tracing_filter),
    .call_size = sizeof(struct trace_call),
    .flags = FILTER_ALWAYS | FILTER_NO_REPEAT | FILTER_RAW_STATE,
    .open = tracing_open,
    .close = tracing_close,
    .usual = tracing_usual,
    .wanted = tracing_wanted,
    .on_request = tracing_on_request,
    .on_attempt = tracing_on_attempt,
    .on_attempt_end = tracing_on_attempt_end,
    .on_end = tracing_on_end,
};

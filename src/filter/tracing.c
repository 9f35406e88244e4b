/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tracing.c - the filter "tracing": reads who began the trace (traceparent, else grpc-trace-bin, else B3), decides whether the call is recorded, and gives backends the traceparent
 * that joins their spans to ours. A call that is not recorded costs the reading of its headers, and, when it has no trace yet, the making of one, so that everybody
 * behind us decides as we did. Spans of recorded calls are made in trace_recording.c.
 *
 * W3C rules: who makes no span passes both headers as they are; tracestate without a good traceparent is dropped; tracestate has at most 512 bytes. */
#include <string.h>

#include "base/rand.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/trace_export.h"
#include "filter/tracing_int.h"
#include "h2/edit.h"
#include "h2/headers.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "obs/trace_context.h"

/* --- settings ------------------------------------------------------------------------- */

static void
tracing_open(struct filter *base, const struct filter_env *env)
{
    struct tracing_filter *f = (struct tracing_filter *)base;

    f->threshold = trace_threshold(tracing_conf_of(f)->sample_ratio);
    f->exporter = trace_exporter_get(env->services, tracing_conf_of(f));
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

#define TRACESTATE "tracestate"
#define TRACE_BIN  "grpc-trace-bin"

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

void
tracing_set_binary(struct filter_call *fc, const struct trace_context *c)
{
    char text[TRACE_BIN_TEXT];

    trace_bin_write(c, text);
    if (!filter_set(fc, fc->request, slice_of(TRACE_BIN), slice_make(text, sizeof(text)),
                    true))
        return;
}

/* The request has none: the field in the call's state lives as long as the request, so nothing is copied. */
static inline void
traceparent_add(struct filter_call *fc, struct trace_call *t)
{
    memcpy(t->field, TRACEPARENT_HEAD, TRACEPARENT_AT);
    if (h2_headers_add_ready(fc->request, fc->slab,
                             slice_make(t->field + H2_READY_BEFORE, TRACEPARENT_NAME),
                             slice_make(t->field + TRACEPARENT_AT, TRACEPARENT_BYTES),
                             H2_TOKEN_ONE_OFF) != 0)
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
    uint64_t second = (uint64_t)(now_us / 1000000),
             max = tracing_conf_of(f)->max_per_second;
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
    if (tracing_conf_of(f)->trust_parent && said != TRACE_UNDECIDED)
        return said == TRACE_RECORD;
    if (tracing_conf_of(f)->trust_parent || !has_parent)
        return trace_sampled(c, f->threshold);
    return rng_next(fc->rng) >> 8 >= f->threshold;
}

/* --- slots ---------------------------------------------------------------------------- */

/* What backends are told of a call that is not recorded. asked: its parent wants it to be. False: what the request has, as it is, since no span of ours is between. */
static bool
pass_on(const struct tracing_filter *f, struct filter_call *fc, struct trace_call *t,
        bool w3c, bool asked)
{
    bool trusted = tracing_conf_of(f)->trust_parent;

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
    fc->trace_id =
        slice_make(t->field + TRACEPARENT_AT + TRACEPARENT_ID, 2 * TRACE_ID_BYTES);
    fc->sampled = t->recording != NULL;
}

/* The request has a header that may speak of a trace. */
static NOINLINE enum filter_verdict
request_read(struct tracing_filter *f, struct filter_call *fc, struct trace_call *t)
{
    struct found found = headers_find(fc->request);
    struct slice tracestate = { 0 };
    char *text = t->field + TRACEPARENT_AT;
    enum trace_decision said;
    bool w3c, parent = parent_read(fc, &found, t, &w3c, &said);

    if (found.tracestates > 0)
        tracestate = tracestate_check(fc, w3c);
    if ((should_record(f, fc, t, said, parent) &&
         trace_recording_begin(fc, t, parent, tracestate)) ||
        pass_on(f, fc, t, w3c, parent && said == TRACE_RECORD)) {
        traceparent_write(&t->context, text);
        if (found.traceparents > 0)
            tracing_set_parent(fc, text);
        else
            traceparent_add(fc, t);
        if (UNLIKELY(t->binary))
            tracing_set_binary(fc, &t->context);
    } else {
        memcpy(text, found.traceparent.p, TRACEPARENT_BYTES);
    }
    tell(fc, t);
    return FILTER_NEXT;
}

/* A trace that we began, and that is to be recorded unless there are too many. */
static NOINLINE void
request_record(struct tracing_filter *f, struct filter_call *fc, struct trace_call *t)
{
    if (limit_pass(f, loop_now_us(fc->loop)))
        (void)trace_recording_begin(fc, t, false, (struct slice){ 0 });
    else
        stat_inc(fc->stats, STAT_SPANS_LIMITED);
}

static enum filter_verdict
tracing_on_request(struct filter_call *fc, void *state)
{
    struct tracing_filter *f = (struct tracing_filter *)(uintptr_t)tracing_self(fc);
    struct trace_call *t = state;

    t->recording = NULL;
    t->binary = false;
    if (headers_speak(fc->request))
        return request_read(f, fc, t);
    trace_context_new(&t->context, fc->rng);
    if (UNLIKELY(trace_sampled(&t->context, f->threshold)))
        request_record(f, fc, t);
    traceparent_write(&t->context, t->field + TRACEPARENT_AT);
    tell(fc, t);
    traceparent_add(fc, t);
    return FILTER_NEXT;
}

static void
tracing_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        trace_recording_attempt(fc, t, number);
}

static void
tracing_on_attempt_end(struct filter_call *fc, void *state,
                       const struct filter_attempt *a)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        trace_recording_attempt_end(fc, t, a);
}

static void
tracing_on_end(struct filter_call *fc, void *state, const struct filter_result *result)
{
    struct trace_call *t = state;

    if (UNLIKELY(t->recording != NULL))
        trace_recording_end(fc, t, result);
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

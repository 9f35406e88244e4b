/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tracing_int.h - what the files of the filter "tracing" share: tracing.c, which is the filter and decides, and trace_recording.c, which makes the spans of those calls that
 * are recorded. Worker's thread only. */
#ifndef OUTRIGGER_FILTER_TRACING_INT_H
#define OUTRIGGER_FILTER_TRACING_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "filter/filter.h"
#include "filter/tracing_conf.h"
#include "h2/headers.h"
#include "obs/trace_context.h"

struct recording;
struct trace_exporter;

#define TRACEPARENT      "traceparent"
#define TRACEPARENT_HEAD H2_READY("\x0b", TRACEPARENT, "\x37") /* 11 and 55 bytes */
enum {
    TRACEPARENT_NAME = sizeof(TRACEPARENT) - 1,
    TRACEPARENT_AT = sizeof(TRACEPARENT_HEAD) - 1,
};

struct tracing_filter {
    struct filter base;
    struct trace_exporter *exporter;
    uint64_t threshold;
    _Atomic uint64_t window; /* second << 32 | calls recorded in it */
};

struct trace_call {
    struct trace_context
        context; /* of the call's span; of the parent's when nothing is recorded */
    struct recording *recording; /* NULL: it is not recorded */
    bool binary;                 /* the parent spoke by grpc-trace-bin */
    /* traceparent as the request may have it (H2_READY), whose value is also what fc->trace_id is of. */
    char field[TRACEPARENT_AT + TRACEPARENT_BYTES];
};

static inline const struct tracing_filter *
tracing_self(const struct filter_call *fc)
{
    return (const struct tracing_filter *)filter_self(fc);
}

static inline const struct tracing_conf *
tracing_conf_of(const struct tracing_filter *f)
{
    return f->base.conf;
}

/* Without memory the call goes on with the header that it had. */
static inline void
tracing_set_parent(struct filter_call *fc, const char *text)
{
    if (!filter_set(fc, fc->request, slice_of(TRACEPARENT),
                    slice_make(text, TRACEPARENT_BYTES), true))
        return;
}

/* Who joins a trace by grpc-trace-bin tells it in both forms. */
NOINLINE void tracing_set_binary(struct filter_call *fc, const struct trace_context *c);

/* The call is recorded from now on: t->recording, and a span of its own. state: the request's tracestate. False: no memory. */
NOINLINE bool trace_recording_begin(struct filter_call *fc, struct trace_call *t,
                                    bool has_parent, struct slice state);
/* An attempt gets its id, which its backend is told. */
NOINLINE void
trace_recording_attempt(struct filter_call *fc, struct trace_call *t, unsigned number);
/* The span of an attempt, then that of the call. */
NOINLINE void trace_recording_attempt_end(struct filter_call *fc, struct trace_call *t,
                                          const struct filter_attempt *a);
NOINLINE void trace_recording_end(struct filter_call *fc, struct trace_call *t,
                                  const struct filter_result *result);

#endif

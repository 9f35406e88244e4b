/* SPDX-License-Identifier: Apache-2.0 */
/* filter/trace_span.h - the spans of one recorded call as OpenTelemetry and gRPC (A72) want them: one for the call (kind SERVER), one for each attempt on a backend
 * (kind CLIENT), its child. Plain values to serialized bytes; any thread. Source: grpc-spec.md 19.3. */
#ifndef OUTRIGGER_FILTER_TRACE_SPAN_H
#define OUTRIGGER_FILTER_TRACE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "obs/trace_context.h"

struct strbuf;

enum { TRACE_RETRIES_MAX = 16 };

struct trace_retry { /* an attempt that was followed by another */
    int64_t wall_us;
    unsigned number;
    int code;
};

/* What both kinds have. Texts that are NULL or empty are left out. */
struct trace_span {
    struct trace_context context; /* its trace, its own id */
    const uint8_t *parent;        /* NULL: it begins the trace */
    bool remote;                  /* the parent is the client's */
    struct slice state;           /* tracestate */
    struct slice path;            /* "/pkg.Service/Method" */
    bool grpc_names;
    int64_t start_us, end_us; /* since 1970 */
    int code;
    struct slice message;
    const char *pool;
};

struct trace_call_span {
    struct trace_span span;
    const char *listener, *route, *reason;
    const char *client; /* address with port */
    struct slice authority;
    unsigned attempts;
    const struct trace_retry *retries;
    size_t retry_count;
    unsigned retries_left_out;
};

struct trace_attempt_span {
    struct trace_span span;
    const char *backend; /* address with port; "": there was no connection */
    unsigned number;
    bool transparent; /* the one before it was seen by no backend */
};

void trace_call_encode(const struct trace_call_span *c, struct strbuf *out);
void trace_attempt_encode(const struct trace_attempt_span *a, struct strbuf *out);

#endif

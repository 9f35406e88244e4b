/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp.h - spans as OpenTelemetry collectors read them: opentelemetry.proto.trace.v1.Span, the request that carries many of them, and its answer.
 * Texts of others must be UTF-8 on the wire; what is not is made so here. Pure; any thread.
 * Sources: opentelemetry-proto docs/specification.md, grpc-spec.md 19.4. */
#ifndef OUTRIGGER_GRPC_OTLP_H
#define OUTRIGGER_GRPC_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

#define OTLP_TRACES_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define OTLP_METRICS_PATH \
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

enum {
    OTLP_ATTRIBUTES_MAX = 24, /* of a span or a resource */
    OTLP_EVENT_ATTRIBUTES_MAX = 4,
    OTLP_EVENTS_MAX = 16,
    OTLP_TEXT_MAX =
        1024, /* bytes of a text; a longer one is cut between two characters */
    OTLP_SPAN_MAX = 32 * 1024, /* serialized */
};

enum otlp_kind { OTLP_SERVER = 2, OTLP_CLIENT = 3 };
enum otlp_status { OTLP_UNSET, OTLP_OK, OTLP_ERROR };
/* Beside the flags of traceparent. */
enum { OTLP_FLAG_REMOTE_KNOWN = 0x100, OTLP_FLAG_REMOTE = 0x200 };

struct otlp_attribute {
    const char *key;
    enum { OTLP_TEXT, OTLP_INT, OTLP_BOOL } kind;
    struct slice text;
    int64_t number; /* OTLP_BOOL: 0 or 1 */
};

struct otlp_event {
    int64_t wall_us;
    const char *name;
    const struct otlp_attribute *attributes;
    size_t attribute_count;
};

struct otlp_span {
    const uint8_t *trace, *span; /* 16 and 8 bytes */
    const uint8_t *parent;       /* 8 bytes; NULL: a root */
    struct slice state;          /* tracestate */
    struct slice name;
    enum otlp_kind kind;
    int64_t start_us, end_us; /* since 1970 */
    const struct otlp_attribute *attributes;
    size_t attribute_count;
    const struct otlp_event *events;
    size_t event_count;
    uint32_t events_dropped;
    enum otlp_status status;
    struct slice message; /* of the status */
    uint32_t flags;
};

struct otlp_resource {
    const struct otlp_attribute *attributes;
    size_t attribute_count;
    const char *scope, *version; /* who made the spans */
};

struct otlp_answer {
    int64_t rejected; /* spans that the collector did not want */
    char why[256];
};

/* Appends one serialized span; one that is longer than OTLP_SPAN_MAX is left out (out->cut). */
void otlp_span_encode(const struct otlp_span *s, struct strbuf *out);
/* Appends an ExportTraceServiceRequest with these serialized spans. */
void otlp_request_encode(const struct otlp_resource *r, const struct slice *spans,
                         size_t n, struct strbuf *out);
/* An ExportTraceServiceResponse. ERR_SYNTAX: it is none. */
int otlp_answer_read(struct slice message, struct otlp_answer *ret) MUST_CHECK;

#endif

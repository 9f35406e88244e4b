/* SPDX-License-Identifier: Apache-2.0 */
/* obs/trace_context.h - who began the trace of a call, as headers say it: traceparent and tracestate (W3C Trace Context), grpc-trace-bin, or B3 (one header or
 * several), which is only read. Strict where the specifications are: what is not exactly right counts as absent, and the caller begins a trace of its own. Pure functions on values and
 * the caller's memory; any thread.
 * Sources: w3.org/TR/trace-context-2, github.com/openzipkin/b3-propagation, grpc-spec.md 19.1. */
#ifndef OUTRIGGER_OBS_TRACE_CONTEXT_H
#define OUTRIGGER_OBS_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/slice.h"
#include "obs/hex.h"

enum {
    TRACE_ID_BYTES = 16,
    SPAN_ID_BYTES = 8,
    TRACEPARENT_BYTES = 55, /* "00-" trace id "-" span id "-" flags */
    TRACEPARENT_ID = 3,     /* where the trace id is */
    TRACESTATE_MAX = 512,   /* bytes that are passed on (reliability.md E10) */
    TRACESTATE_MEMBERS = 32,
    TRACESTATE_LONG = 128, /* a member that is longer goes first */
};

enum trace_flag {
    TRACE_SAMPLED = 1,
    TRACE_RANDOM = 2, /* the last 7 bytes of the trace id are random */
};

/* What the headers say about recording. */
enum trace_decision { TRACE_UNDECIDED, TRACE_DROP, TRACE_RECORD };

struct trace_context {
    uint8_t trace[TRACE_ID_BYTES], span[SPAN_ID_BYTES]; /* neither is all zero */
    uint8_t flags;                                      /* enum trace_flag */
};

/* Any of them may be absent (p NULL). */
struct b3_headers {
    struct slice single;                      /* b3 */
    struct slice trace, span, sampled, flags; /* x-b3-traceid ... */
};

/* ERR_SYNTAX: it must be ignored, and tracestate with it. */
int traceparent_parse(struct slice value, struct trace_context *ret) MUST_CHECK;
/* The single header wins over the others. *ret_decision is always set. False: they name no trace; *ret is as before. A short trace id gets zeros in front. */
bool b3_parse(const struct b3_headers *h, struct trace_context *ret,
              enum trace_decision *ret_decision) MUST_CHECK;

/* grpc-trace-bin, the binary form of gRPC libraries that know nothing newer (grpc-spec.md 19.2): read from the header's value, base64 with or without padding, and written
 * without. It has no random flag. ERR_SYNTAX: it must be ignored. */
enum { TRACE_BIN_BYTES = 29, TRACE_BIN_TEXT = 39 };
int trace_bin_parse(struct slice value, struct trace_context *ret) MUST_CHECK;
void trace_bin_write(const struct trace_context *c, char out[TRACE_BIN_TEXT]);

/* A new span of the same trace. */
void trace_span_new(struct trace_context *c, struct rng *rng);

/* The share of new traces that is recorded, from 0 to 1, by their ids, so that all who sample by the same ratio agree. */
uint64_t trace_threshold(double ratio);
bool trace_sampled(const struct trace_context *c, uint64_t threshold);

/* Members of tracestate in order, pieces of the headers. */
struct tracestate {
    struct slice v[TRACESTATE_MEMBERS];
    unsigned n;
    size_t bytes; /* with commas */
    bool changed; /* it is not what came: joined, or something was left out */
};

/* Adds the next header line; start with a zeroed one. False: it is not a tracestate, and must not be passed on. */
bool tracestate_add(struct tracestate *t, struct slice value) MUST_CHECK;
/* Leaves members out until TRACESTATE_MAX holds: long ones first, then from the right. */
void tracestate_trim(struct tracestate *t);
/* After tracestate_trim. Returns how many bytes. */
size_t tracestate_write(const struct tracestate *t, char out[TRACESTATE_MAX]);

static inline void
traceparent_write(const struct trace_context *c, char out[TRACEPARENT_BYTES])
{
    memcpy(out, "00-", 3);
    hex_write_sixteen(c->trace, out + 3);
    out[35] = '-';
    hex_write_eight(c->span, out + 36);
    out[52] = '-';
    out[53] = '0';
    out[54] = (char)('0' + c->flags); /* below 4 */
}

/* A new trace. Inline, as writing it: most calls begin one. */
static inline void
trace_context_new(struct trace_context *c, struct rng *rng)
{
    uint64_t words[3];

    do
        rng_three(rng, words);
    while (UNLIKELY((words[0] == 0 && words[1] == 0) || words[2] == 0));
    memcpy(c->trace, words, TRACE_ID_BYTES);
    memcpy(c->span, words + 2, SPAN_ID_BYTES);
    c->flags = TRACE_RANDOM;
}

/* 2 n lower-case digits. */
void trace_hex_write(const uint8_t *bytes, size_t n, char *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: traceparent, tracestate (lines by \n), grpc-trace-bin and B3, from the same bytes. What is taken can be written and read again as the same, and what is passed on stays
 * in its bounds. */
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "fuzz.h"
#include "obs/trace_context.h"

static void
context_check(const struct trace_context *c)
{
    static const uint8_t zero[TRACE_ID_BYTES];
    char out[TRACEPARENT_BYTES];
    struct trace_context again;

    FUZZ_CHECK(memcmp(c->trace, zero, TRACE_ID_BYTES) != 0);
    FUZZ_CHECK(memcmp(c->span, zero, SPAN_ID_BYTES) != 0);
    FUZZ_CHECK((c->flags & ~(TRACE_SAMPLED | TRACE_RANDOM)) == 0);
    traceparent_write(c, out);
    FUZZ_CHECK(traceparent_parse(slice_make(out, sizeof(out)), &again) == ERR_OK);
    FUZZ_CHECK(memcmp(c, &again, sizeof(again)) == 0);
}

static void
binary_check(const struct trace_context *c)
{
    char out[TRACE_BIN_TEXT];
    struct trace_context again;

    context_check(c);
    trace_bin_write(c, out);
    memset(&again, 0, sizeof(again));
    FUZZ_CHECK(trace_bin_parse(slice_make(out, sizeof(out)), &again) == ERR_OK);
    FUZZ_CHECK(memcmp(c, &again, sizeof(again)) == 0);
}

static struct slice
part_of(const uint8_t **p, size_t *n)
{
    const uint8_t *end = *n ? memchr(*p, '\n', *n) : NULL;
    size_t k = end ? (size_t)(end - *p) : *n;
    struct slice part = slice_make(*p, k);

    *p += end ? k + 1 : k;
    *n -= end ? k + 1 : k;
    return part;
}

static bool
state_read(const uint8_t *p, size_t n, struct tracestate *t)
{
    *t = (struct tracestate){ 0 };
    while (n > 0) {
        if (!tracestate_add(t, part_of(&p, &n)))
            return false;
    }
    return true;
}

static void
state_check(const uint8_t *p, size_t n)
{
    struct tracestate t, again;
    char out[TRACESTATE_MAX], second[TRACESTATE_MAX];
    size_t k;

    if (!state_read(p, n, &t))
        return;
    FUZZ_CHECK(t.n <= TRACESTATE_MEMBERS);
    tracestate_trim(&t);
    FUZZ_CHECK(t.bytes <= TRACESTATE_MAX);
    k = tracestate_write(&t, out);
    FUZZ_CHECK(k == t.bytes);
    FUZZ_CHECK(state_read((const uint8_t *)out, k, &again) && !again.changed);
    FUZZ_CHECK(tracestate_write(&again, second) == k && memcmp(out, second, k) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct trace_context c;
    enum trace_decision d;
    struct b3_headers h = { .single = slice_make(bytes, n) };
    const uint8_t *p = bytes;
    size_t left = n;

    memset(&c, 0, sizeof(c));
    if (traceparent_parse(slice_make(bytes, n), &c) == ERR_OK)
        context_check(&c);
    memset(&c, 0, sizeof(c));
    if (trace_bin_parse(slice_make(bytes, n), &c) == ERR_OK)
        binary_check(&c);
    memset(&c, 0, sizeof(c));
    if (b3_parse(&h, &c, &d))
        context_check(&c);
    h = (struct b3_headers){ 0 };
    h.trace = part_of(&p, &left);
    h.span = part_of(&p, &left);
    h.sampled = part_of(&p, &left);
    h.flags = part_of(&p, &left);
    memset(&c, 0, sizeof(c));
    if (b3_parse(&h, &c, &d))
        context_check(&c);
    state_check(bytes, n);
    return 0;
}

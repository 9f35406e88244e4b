/* SPDX-License-Identifier: Apache-2.0 */
/* obs/trace_context.c - reads and writes the headers of traces. */
#include "obs/trace_context.h"

#include <endian.h>

#include "base/base64.h"
#include "base/err.h"

/* --- hex ---------------------------------------------------------------------------- */

/* Lower case only; what is no digit has bits above 15. */
static const uint8_t hex_values[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f,
};

static bool
hex_read(const uint8_t *text, uint8_t *out, size_t n)
{
    unsigned good = 0x10;

    for (size_t i = 0; i < n; i++) {
        unsigned high = hex_values[text[2 * i]], low = hex_values[text[2 * i + 1]];

        good &= high & low;
        out[i] = (uint8_t)(high << 4 | (low & 15));
    }
    return good;
}

static inline void
hex_write_byte(uint8_t byte, char *out)
{
    static const char digits[] = "0123456789abcdef";

    out[0] = digits[byte >> 4];
    out[1] = digits[byte & 15];
}

void
trace_hex_write(const uint8_t *bytes, size_t n, char *out)
{
    for (; n >= 16; n -= 16, bytes += 16, out += 32)
        hex_write_sixteen(bytes, out);
    if (n >= 8) {
        hex_write_eight(bytes, out);
        n -= 8;
        bytes += 8;
        out += 16;
    }
    for (size_t i = 0; i < n; i++)
        hex_write_byte(bytes[i], out + 2 * i);
}

static bool
is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* --- traceparent -------------------------------------------------------------------- */

/* A later version may have more behind these four fields, and keeps them where they are. */
int
traceparent_parse(struct slice v, struct trace_context *ret)
{
    struct trace_context c;
    uint8_t version, flags;

    if (v.n < TRACEPARENT_BYTES || !hex_read(v.p, &version, 1) || version == 0xff ||
        v.p[2] != '-' || v.p[35] != '-' || v.p[52] != '-')
        return ERR_SYNTAX;
    if (v.n > TRACEPARENT_BYTES && (version == 0 || v.p[TRACEPARENT_BYTES] != '-'))
        return ERR_SYNTAX;
    if (!hex_read(v.p + 3, c.trace, TRACE_ID_BYTES) ||
        !hex_read(v.p + 36, c.span, SPAN_ID_BYTES) || !hex_read(v.p + 53, &flags, 1) ||
        is_zero(c.trace, TRACE_ID_BYTES) || is_zero(c.span, SPAN_ID_BYTES))
        return ERR_SYNTAX;
    c.flags = flags & (TRACE_SAMPLED | TRACE_RANDOM);
    *ret = c;
    return ERR_OK;
}

/* --- grpc-trace-bin ------------------------------------------------------------------ */

/* Version 0, then each field behind its number, in this order alone. */
enum { BIN_TRACE = 1, BIN_SPAN = 18, BIN_FLAGS = 27 };

int
trace_bin_parse(struct slice value, struct trace_context *ret)
{
    uint8_t bin[TRACE_BIN_TEXT + 1]; /* 3/4 of that is enough, also with padding */
    struct trace_context c;

    if (value.n < TRACE_BIN_TEXT || value.n > TRACE_BIN_TEXT + 1 ||
        base64_decode(value, bin) != TRACE_BIN_BYTES)
        return ERR_SYNTAX;
    if (bin[0] != 0 || bin[BIN_TRACE] != 0 || bin[BIN_SPAN] != 1 || bin[BIN_FLAGS] != 2)
        return ERR_SYNTAX;
    memcpy(c.trace, bin + BIN_TRACE + 1, TRACE_ID_BYTES);
    memcpy(c.span, bin + BIN_SPAN + 1, SPAN_ID_BYTES);
    if (is_zero(c.trace, TRACE_ID_BYTES) || is_zero(c.span, SPAN_ID_BYTES))
        return ERR_SYNTAX;
    c.flags = bin[BIN_FLAGS + 1] & TRACE_SAMPLED;
    *ret = c;
    return ERR_OK;
}

void
trace_bin_write(const struct trace_context *c, char out[TRACE_BIN_TEXT])
{
    uint8_t bin[TRACE_BIN_BYTES] = { [BIN_SPAN] = 1, [BIN_FLAGS] = 2 };

    memcpy(bin + BIN_TRACE + 1, c->trace, TRACE_ID_BYTES);
    memcpy(bin + BIN_SPAN + 1, c->span, SPAN_ID_BYTES);
    bin[BIN_FLAGS + 1] = c->flags & TRACE_SAMPLED;
    base64_encode(slice_make(bin, sizeof(bin)), out);
}

/* --- B3 ----------------------------------------------------------------------------- */

static bool
b3_ids(struct slice trace, struct slice span, struct trace_context *ret)
{
    struct trace_context c = { 0 };
    size_t bytes = trace.n / 2;

    if ((trace.n != 2 * TRACE_ID_BYTES && trace.n != TRACE_ID_BYTES) ||
        span.n != 2 * SPAN_ID_BYTES ||
        !hex_read(trace.p, c.trace + TRACE_ID_BYTES - bytes, bytes) ||
        !hex_read(span.p, c.span, SPAN_ID_BYTES) || is_zero(c.trace, TRACE_ID_BYTES) ||
        is_zero(c.span, SPAN_ID_BYTES))
        return false;
    *ret = c;
    return true;
}

static enum trace_decision
b3_decision(struct slice v)
{
    if (slice_eq_str(v, "1") || slice_eq_str(v, "d") || slice_eq_str(v, "true"))
        return TRACE_RECORD;
    return slice_eq_str(v, "0") || slice_eq_str(v, "false") ? TRACE_DROP
                                                            : TRACE_UNDECIDED;
}

/* The text up to the next '-', which goes as well. */
static struct slice
b3_part(struct slice *rest)
{
    const uint8_t *dash = rest->n ? memchr(rest->p, '-', rest->n) : NULL;
    size_t n = dash ? (size_t)(dash - rest->p) : rest->n;
    struct slice part = slice_make(rest->p, n);

    *rest = dash ? slice_make(dash + 1, rest->n - n - 1) : (struct slice){ 0 };
    return part;
}

static bool
b3_single(struct slice v, struct trace_context *ret, enum trace_decision *ret_decision)
{
    struct slice trace = b3_part(&v), span, state, parent;

    if (!v.p) { /* "0", "1" or "d" alone */
        *ret_decision = b3_decision(trace);
        return false;
    }
    span = b3_part(&v);
    state = b3_part(&v);
    parent = b3_part(&v);
    if (v.p || (parent.p && parent.n != 2 * SPAN_ID_BYTES) || !b3_ids(trace, span, ret))
        return false;
    *ret_decision = b3_decision(state);
    return true;
}

bool
b3_parse(const struct b3_headers *h, struct trace_context *ret,
         enum trace_decision *ret_decision)
{
    *ret_decision = TRACE_UNDECIDED;
    if (h->single.p)
        return b3_single(h->single, ret, ret_decision);
    *ret_decision = h->flags.p && slice_eq_str(h->flags, "1") ? TRACE_RECORD
                                                              : b3_decision(h->sampled);
    return h->trace.p && h->span.p && b3_ids(h->trace, h->span, ret);
}

/* --- new ones ----------------------------------------------------------------------- */

void
trace_span_new(struct trace_context *c, struct rng *rng)
{
    uint64_t span;

    do
        span = rng_next(rng);
    while (span == 0);
    memcpy(c->span, &span, SPAN_ID_BYTES);
}

uint64_t
trace_threshold(double ratio)
{
    const uint64_t all = UINT64_C(1) << 56;

    if (!(ratio > 0))
        return all;
    return ratio >= 1 ? 0 : all - (uint64_t)(ratio * (double)all);
}

bool
trace_sampled(const struct trace_context *c, uint64_t threshold)
{
    uint64_t last; /* 8 bytes, of which 7 count */

    memcpy(&last, c->trace + TRACE_ID_BYTES - sizeof(last), sizeof(last));
    return (be64toh(last) & ((UINT64_C(1) << 56) - 1)) >= threshold;
}

/* --- tracestate --------------------------------------------------------------------- */

static bool
key_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '*' || c == '/' || c == '@';
}

/* key=value */
static bool
member_good(struct slice m)
{
    size_t key = 0, value;

    while (key < m.n && key_char(m.p[key]))
        key++;
    if (key == 0 || key > 256 || key == m.n || m.p[key] != '=' ||
        memchr("_-*/@", m.p[0], 5))
        return false;
    value = m.n - key - 1;
    for (size_t i = key + 1; i < m.n; i++) {
        if (m.p[i] < 0x20 || m.p[i] > 0x7e || m.p[i] == '=')
            return false;
    }
    return value > 0 && value <= 256;
}

static struct slice
trim_blanks(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_make(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool
tracestate_add(struct tracestate *t, struct slice rest)
{
    if (t->n > 0)
        t->changed = true; /* two lines become one */
    while (rest.n > 0) {
        const uint8_t *comma = memchr(rest.p, ',', rest.n);
        size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
        struct slice m = trim_blanks(slice_make(rest.p, n));

        rest = comma ? slice_make(comma + 1, rest.n - n - 1) : (struct slice){ 0 };
        if (m.n != n || m.n == 0)
            t->changed = true; /* blanks and empty members are legal and go */
        if (m.n == 0)
            continue;
        if (!member_good(m))
            return false;
        if (t->n == TRACESTATE_MEMBERS) {
            t->changed = true;
            return true;
        }
        t->v[t->n++] = m;
        t->bytes += m.n + (t->n > 1);
    }
    return true;
}

static void
tracestate_drop(struct tracestate *t, unsigned i)
{
    t->bytes -= t->v[i].n + (t->n > 1);
    memmove(&t->v[i], &t->v[i + 1], (t->n - i - 1) * sizeof(t->v[0]));
    t->n--;
    t->changed = true;
}

void
tracestate_trim(struct tracestate *t)
{
    for (unsigned i = t->n; i > 0 && t->bytes > TRACESTATE_MAX; i--) {
        if (t->v[i - 1].n > TRACESTATE_LONG)
            tracestate_drop(t, i - 1);
    }
    while (t->bytes > TRACESTATE_MAX)
        tracestate_drop(t, t->n - 1);
}

size_t
tracestate_write(const struct tracestate *t, char out[TRACESTATE_MAX])
{
    size_t n = 0;

    for (unsigned i = 0; i < t->n; i++) {
        if (i > 0)
            out[n++] = ',';
        memcpy(out + n, t->v[i].p, t->v[i].n);
        n += t->v[i].n;
    }
    return n;
}

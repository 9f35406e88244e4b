/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_record.c - one table of fields makes both forms of a line. */
#include "filter/access_record.h"

#include "base/compat.h"
#include "grpc/status.h"
#include "obs/line.h"

#define FIELD(n, k, m, after)                                                  \
    {                                                                          \
        .name = (n), .kind = (k), .at = offsetof(struct access_record, m),     \
        .lead = ",\"" n "\":" after, .lead_n = sizeof(",\"" n "\":" after) - 1 \
    }
#define TEXT(n, k, m)  FIELD(n, k, m, "\"")
#define PLAIN(n, k, m) FIELD(n, k, m, "")

static const struct access_field fields[] = {
    TEXT("time", ACCESS_TIME, wall_us),
    TEXT("event", ACCESS_TEXT, event),
    TEXT("logged", ACCESS_TEXT, logged),
    TEXT("listener", ACCESS_TEXT, listener),
    TEXT("client", ACCESS_TEXT, client),
    TEXT("san", ACCESS_TEXT, san),
    TEXT("clientName", ACCESS_SLICE, client_name),
    TEXT("service", ACCESS_SLICE, service),
    TEXT("method", ACCESS_SLICE, method),
    TEXT("authority", ACCESS_SLICE, authority),
    PLAIN("code", ACCESS_CODE, code),
    TEXT("status", ACCESS_NAME, code),
    TEXT("message", ACCESS_SLICE, message),
    TEXT("reason", ACCESS_TEXT, reason),
    PLAIN("cancelled", ACCESS_BOOL, cancelled),
    PLAIN("attempts", ACCESS_COUNT, attempts),
    TEXT("route", ACCESS_TEXT, route),
    TEXT("pool", ACCESS_TEXT, pool),
    TEXT("endpoint", ACCESS_TEXT, endpoint),
    PLAIN("bytesIn", ACCESS_COUNT, bytes_in),
    PLAIN("bytesOut", ACCESS_COUNT, bytes_out),
    PLAIN("messagesIn", ACCESS_COUNT, messages_in),
    PLAIN("messagesOut", ACCESS_COUNT, messages_out),
    PLAIN("firstByteMs", ACCESS_MS, first_byte_us),
    PLAIN("totalMs", ACCESS_MS, total_us),
    PLAIN("deadlineMs", ACCESS_MS, deadline_us),
    PLAIN("blockedClientMs", ACCESS_MS, blocked_client_us),
    PLAIN("blockedBackendMs", ACCESS_MS, blocked_backend_us),
    TEXT("traceId", ACCESS_SLICE, trace_id),
    TEXT("requestId", ACCESS_SLICE, request_id),
    PLAIN("sampled", ACCESS_BOOL, sampled),
};

const struct access_field *
access_field_at(size_t i)
{
    return i < ARRAY_LEN(fields) ? &fields[i] : NULL;
}

void
access_record_init(struct access_record *r)
{
    /* Without the headers, which are read only as far as header_count says. */
    memset(r, 0, offsetof(struct access_record, headers));
    r->code = ACCESS_NONE;
    r->attempts = r->bytes_in = r->bytes_out = r->messages_in = r->messages_out =
        ACCESS_NONE;
    r->first_byte_us = r->total_us = r->deadline_us = ACCESS_NONE;
    r->blocked_client_us = r->blocked_backend_us = ACCESS_NONE;
}

/* --- values ------------------------------------------------------------------------- */

static const void *
value_at(const struct access_field *f, const struct access_record *r)
{
    return (const char *)r + f->at;
}

static struct slice
value_text(const struct access_field *f, const struct access_record *r)
{
    const void *at = value_at(f, r);

    return f->kind == ACCESS_TEXT ? slice_of(*(const char *const *)at)
                                  : *(const struct slice *)at;
}

static bool
applies(const struct access_field *f, const struct access_record *r)
{
    const void *at = value_at(f, r);

    switch (f->kind) {
    case ACCESS_TIME:
        return true;
    case ACCESS_TEXT:
    case ACCESS_SLICE:
        return value_text(f, r).n > 0;
    case ACCESS_CODE:
    case ACCESS_NAME:
        return *(const int *)at >= 0;
    case ACCESS_COUNT:
    case ACCESS_MS:
        return *(const int64_t *)at >= 0;
    case ACCESS_BOOL:
        return *(const bool *)at;
    }
    return false;
}

bool
access_field_write(const struct access_field *f, const struct access_record *r, bool text,
                   struct line *l)
{
    const void *at = value_at(f, r);

    if (!applies(f, r))
        return false;
    switch (f->kind) {
    case ACCESS_TIME:
        line_time(l, *(const int64_t *)at);
        break;
    case ACCESS_TEXT:
    case ACCESS_SLICE:
        line_value(l, value_text(f, r), text ? LINE_TEXT : LINE_JSON);
        break;
    case ACCESS_CODE:
        line_number(l, (uint64_t) * (const int *)at);
        break;
    case ACCESS_NAME:
        line_puts(l, grpc_code_name(*(const int *)at));
        break;
    case ACCESS_COUNT:
        line_number(l, (uint64_t) * (const int64_t *)at);
        break;
    case ACCESS_MS:
        line_ms(l, *(const int64_t *)at);
        break;
    case ACCESS_BOOL:
        line_puts(l, "true");
        break;
    }
    return true;
}

/* --- JSON ---------------------------------------------------------------------------- */

/* A member that does not fit is left out whole, so the object stays legal. */
struct member {
    size_t start;
    bool cut; /* before it */
};

static struct member
member_begin(struct line *l)
{
    struct member m = { .start = l->n, .cut = l->cut };

    l->cut = false;
    return m;
}

static bool
member_end(struct line *l, const struct member *m)
{
    bool fits = !l->cut;

    if (!fits)
        l->n = m->start;
    l->cut = !fits || m->cut;
    return fits;
}

static void
json_headers(const struct access_record *r, struct line *l)
{
    struct member all = member_begin(l);
    bool first = true;

    line_puts(l, ",\"headers\":{");
    if (!member_end(l, &all))
        return;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct access_header *h = &r->headers[i];
        struct member m;

        if (!h->value.p)
            continue;
        m = member_begin(l);
        line_puts(l, first ? "\"" : ",\"");
        line_value(l, h->name, LINE_JSON);
        line_puts(l, "\":\"");
        line_value(l, h->value, LINE_JSON);
        line_puts(l, "\"");
        first = !member_end(l, &m) && first;
    }
    /* One byte behind what line_add allows: there is room for it and for the end of the line. */
    line_end(l, "}");
}

void
access_record_json(const struct access_record *r, struct line *l)
{
    line_begin(l);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct access_field *f = &fields[i];
        struct member m;

        if (!applies(f, r))
            continue;
        m = member_begin(l);
        line_add(l, f->lead, f->lead_n);
        access_field_write(f, r, false, l);
        if (f->lead[f->lead_n - 1] == '"')
            line_add(l, "\"", 1);
        member_end(l, &m);
    }
    l->s[0] = '{'; /* in the place of the first comma: the time is always there */
    if (r->header_count > 0)
        json_headers(r, l);
    line_end(l, l->cut ? ",\"cut\":true}\n" : "}\n");
}

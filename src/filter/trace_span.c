/* SPDX-License-Identifier: Apache-2.0 */
/* filter/trace_span.c - names and attributes. */
#include "filter/trace_span.h"

#include <stdio.h>

#include "base/compat.h"
#include "grpc/otlp.h"
#include "grpc/path.h"
#include "grpc/status.h"

enum { NAME_MAX_BYTES = 320, MESSAGE_MAX = 512 };

struct attributes {
    size_t n;
    struct otlp_attribute v[OTLP_ATTRIBUTES_MAX];
};

static void
add_text(struct attributes *a, const char *key, struct slice text)
{
    if (text.n > 0)
        a->v[a->n++] = (struct otlp_attribute){ .key = key, .text = text };
}

static void
add_number(struct attributes *a, const char *key, int64_t number)
{
    a->v[a->n++] =
        (struct otlp_attribute){ .key = key, .kind = OTLP_INT, .number = number };
}

static void
add_bool(struct attributes *a, const char *key, bool truth)
{
    a->v[a->n++] =
        (struct otlp_attribute){ .key = key, .kind = OTLP_BOOL, .number = truth };
}

/* "10.0.0.1:80", "[::1]:80", "shop.example", "unix:/path": host, and port where there is one. */
static void
add_address(struct attributes *a, const char *host_key, const char *port_key,
            struct slice text)
{
    size_t at = text.n;
    int64_t port = 0, unit = 1;

    while (at > 0 && text.p[at - 1] >= '0' && text.p[at - 1] <= '9' && unit <= 10000) {
        port += (text.p[--at] - '0') * unit;
        unit *= 10;
    }
    if (at > 1 && at < text.n && text.p[at - 1] == ':' && !slice_starts(text, "unix:")) {
        add_text(a, host_key, slice_make(text.p, at - 1));
        add_number(a, port_key, port);
    } else {
        add_text(a, host_key, text);
    }
}

/* --- what both have ------------------------------------------------------------------- */

/* Room for texts that are made here. */
struct texts {
    char name[NAME_MAX_BYTES], message[MESSAGE_MAX];
};

static struct slice
text_make(char *room, size_t size, int n)
{
    return slice_make(room, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1);
}

/* "pkg.Service/Method", as the path has it. */
static struct slice
method_of(struct slice path)
{
    struct slice service, method;
    size_t n = path.n ? path.n - 1 : 0;

    if (path_split(path, &service, &method) != 0)
        return slice_of("_OTHER");
    return slice_make(path.p + 1, n < NAME_MAX_BYTES ? n : NAME_MAX_BYTES - 1);
}

/* "Recv.pkg.Service.Method" (A72). */
static struct slice
grpc_name(char room[NAME_MAX_BYTES], struct slice path, const char *before)
{
    struct slice service, method;

    if (path_split(path, &service, &method) != 0)
        return slice_of("_OTHER");
    return text_make(room, NAME_MAX_BYTES,
                     snprintf(room, NAME_MAX_BYTES, "%s%.*s.%.*s", before, (int)service.n,
                              (const char *)service.p, (int)method.n,
                              (const char *)method.p));
}

static struct otlp_span
span_begin(const struct trace_span *s, enum otlp_kind kind, struct texts *t,
           struct attributes *a)
{
    const char *before = kind == OTLP_SERVER ? "Recv." : "Attempt.";

    a->n = 0;
    add_text(a, "rpc.system.name", slice_of("grpc"));
    add_text(a, "rpc.method", method_of(s->path));
    add_text(a, "rpc.status_code", slice_of(grpc_code_name(s->code)));
    add_text(a, "outrigger.pool", slice_of(s->pool));
    return (struct otlp_span){
        .trace = s->context.trace,
        .span = s->context.span,
        .parent = s->parent,
        .state = s->state,
        .name = s->grpc_names ? grpc_name(t->name, s->path, before) : method_of(s->path),
        .kind = kind,
        .start_us = s->start_us,
        .end_us = s->end_us,
        .flags = s->context.flags | OTLP_FLAG_REMOTE_KNOWN |
                 (s->remote ? (uint32_t)OTLP_FLAG_REMOTE : 0),
    };
}

/* error: this code is a fault of what the span stands for. */
static void
span_status(const struct trace_span *s, bool error, struct texts *t, struct otlp_span *o,
            struct attributes *a)
{
    if (error)
        add_text(a, "error.type", slice_of(grpc_code_name(s->code)));
    if (s->grpc_names && s->code != GRPC_OK) {
        o->status = OTLP_ERROR;
        o->message = text_make(t->message, MESSAGE_MAX,
                               snprintf(t->message, MESSAGE_MAX, "%s, %.*s",
                                        grpc_code_name(s->code), (int)s->message.n,
                                        (const char *)s->message.p));
    } else if (s->grpc_names) {
        o->status = OTLP_OK;
    } else if (error) {
        o->status = OTLP_ERROR;
        o->message = s->message;
    }
}

static void
span_end(struct otlp_span *o, const struct attributes *a, struct strbuf *out)
{
    o->attributes = a->v;
    o->attribute_count = a->n;
    otlp_span_encode(o, out);
}

/* --- the call ------------------------------------------------------------------------- */

/* A server has failed; with other codes the client has asked for what cannot be. */
static bool
is_server_error(int code)
{
    switch (code) {
    case GRPC_UNKNOWN:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_UNIMPLEMENTED:
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

struct retry_event {
    struct otlp_attribute v[2];
};

static void
retry_fill(struct otlp_event *e, struct retry_event *room, const struct trace_retry *r)
{
    room->v[0] = (struct otlp_attribute){ .key = "outrigger.attempt",
                                          .kind = OTLP_INT,
                                          .number = r->number };
    room->v[1] = (struct otlp_attribute){ .key = "rpc.status_code",
                                          .text = slice_of(grpc_code_name(r->code)) };
    *e = (struct otlp_event){ .wall_us = r->wall_us,
                              .name = "retry",
                              .attributes = room->v,
                              .attribute_count = 2 };
}

void
trace_call_encode(const struct trace_call_span *c, struct strbuf *out)
{
    UNINITIALIZED struct attributes a;
    UNINITIALIZED struct texts t;
    UNINITIALIZED struct otlp_event events[TRACE_RETRIES_MAX];
    UNINITIALIZED struct retry_event rooms[TRACE_RETRIES_MAX];
    struct otlp_span o = span_begin(&c->span, OTLP_SERVER, &t, &a);

    add_address(&a, "network.peer.address", "network.peer.port", slice_of(c->client));
    add_address(&a, "server.address", "server.port", c->authority);
    add_text(&a, "outrigger.listener", slice_of(c->listener));
    add_text(&a, "outrigger.route", slice_of(c->route));
    add_text(&a, "outrigger.reason", slice_of(c->reason));
    add_number(&a, "outrigger.attempts", c->attempts);
    span_status(&c->span, is_server_error(c->span.code), &t, &o, &a);
    for (size_t i = 0; i < c->retry_count; i++)
        retry_fill(&events[i], &rooms[i], &c->retries[i]);
    o.events = events;
    o.event_count = c->retry_count;
    o.events_dropped = c->retries_left_out;
    span_end(&o, &a, out);
}

void
trace_attempt_encode(const struct trace_attempt_span *at, struct strbuf *out)
{
    UNINITIALIZED struct attributes a;
    UNINITIALIZED struct texts t;
    struct otlp_span o = span_begin(&at->span, OTLP_CLIENT, &t, &a);

    add_address(&a, "network.peer.address", "network.peer.port", slice_of(at->backend));
    add_number(&a, "previous-rpc-attempts", at->number - 1);
    add_bool(&a, "transparent-retry", at->transparent);
    span_status(&at->span, at->span.code != GRPC_OK, &t, &o, &a);
    span_end(&o, &a, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp.c - our structs to protobuf-c's, which point to them while they are packed; spans, of which there are many, are written here. */
#include "grpc/otlp.h"

#include <assert.h>
#include <stdio.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "grpc/otlp_int.h"
#include "grpc/pb_back.h"

static ProtobufCBinaryData
text_of(const char *s)
{
    return pb_data(slice_of(s));
}

ProtobufCBinaryData
otlp_text_clean(struct slice s, struct otlp_texts *t)
{
    size_t room = sizeof(t->room) - t->n, n;

    if (s.n <= OTLP_TEXT_MAX && utf8_valid(s))
        return pb_data(s);
    if (room > OTLP_TEXT_MAX)
        room = OTLP_TEXT_MAX;
    n = utf8_clean(s, UTF8_REPLACEMENT, t->room + t->n, room);
    s = slice_make(t->room + t->n, n);
    t->n += n;
    return pb_data(s);
}

static void
value_fill(pb_value *v, const struct otlp_attribute *a, struct otlp_texts *t)
{
    outrigger__otlp_part__value__init(v);
    if (a->kind == OTLP_TEXT) {
        v->value_case = OUTRIGGER__OTLP_PART__VALUE__VALUE_STRING_VALUE;
        v->string_value = otlp_text_clean(a->text, t);
    } else if (a->kind == OTLP_INT) {
        v->value_case = OUTRIGGER__OTLP_PART__VALUE__VALUE_INT_VALUE;
        v->int_value = a->number;
    } else {
        v->value_case = OUTRIGGER__OTLP_PART__VALUE__VALUE_BOOL_VALUE;
        v->bool_value = a->number != 0;
    }
}

pb_attribute **
otlp_attributes_fill(struct otlp_room *to, const struct otlp_attribute *from, size_t n,
                     struct otlp_texts *t)
{
    pb_attribute **list = &to->list[to->n];

    assert(n <= OTLP_ROOM_MAX - to->n);
    for (size_t i = 0; i < n; i++) {
        size_t at = to->n++;

        value_fill(&to->values[at], &from[i], t);
        to->all[at] = (pb_attribute)OUTRIGGER__OTLP_PART__ATTRIBUTE__INIT;
        to->all[at].key = text_of(from[i].key);
        to->all[at].value = &to->values[at];
        to->list[at] = &to->all[at];
    }
    return list;
}

uint64_t
otlp_nanoseconds(int64_t us)
{
    return us > 0 ? (uint64_t)us * 1000 : 0;
}

/* --- spans: made on the path of a call, so without protobuf-c -------------------------- */

/* Field numbers of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto. */
enum {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_TRACE_STATE = 3,
    SPAN_PARENT_SPAN_ID = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_EVENTS = 11,
    SPAN_DROPPED_EVENTS = 12,
    SPAN_STATUS = 15,
    SPAN_FLAGS = 16,
    EVENT_TIME = 1,
    EVENT_NAME = 2,
    EVENT_ATTRIBUTES = 3,
    STATUS_MESSAGE = 2,
    STATUS_CODE = 3,
    ATTRIBUTE_KEY = 1,
    ATTRIBUTE_VALUE = 2,
    VALUE_STRING = 1,
    VALUE_BOOL = 2,
    VALUE_INT = 3,
};

static struct slice
clean(struct slice s, struct otlp_texts *t)
{
    return pb_slice(otlp_text_clean(s, t));
}

static void
attribute_write(struct pb_back *b, unsigned field, const struct otlp_attribute *a,
                struct otlp_texts *t)
{
    size_t whole = pb_back_left(b);

    if (a->kind == OTLP_TEXT)
        pb_back_one_bytes(b, VALUE_STRING, clean(a->text, t));
    else if (a->kind == OTLP_INT)
        pb_back_one_number(b, VALUE_INT, (uint64_t)a->number);
    else
        pb_back_one_number(b, VALUE_BOOL, a->number != 0);
    pb_back_nest(b, ATTRIBUTE_VALUE, whole);
    pb_back_bytes(b, ATTRIBUTE_KEY, slice_of(a->key));
    pb_back_nest(b, field, whole);
}

static void
event_write(struct pb_back *b, const struct otlp_event *e, struct otlp_texts *t)
{
    size_t whole = pb_back_left(b);

    assert(e->attribute_count <= OTLP_EVENT_ATTRIBUTES_MAX);
    for (size_t i = e->attribute_count; i-- > 0;)
        attribute_write(b, EVENT_ATTRIBUTES, &e->attributes[i], t);
    pb_back_bytes(b, EVENT_NAME, slice_of(e->name));
    pb_back_fixed64(b, EVENT_TIME, otlp_nanoseconds(e->wall_us));
    pb_back_nest(b, SPAN_EVENTS, whole);
}

static void
status_write(struct pb_back *b, enum otlp_status status, struct slice message)
{
    size_t whole = pb_back_left(b);

    if (status == OTLP_UNSET)
        return;
    pb_back_number(b, STATUS_CODE, status);
    pb_back_bytes(b, STATUS_MESSAGE, message);
    pb_back_nest(b, SPAN_STATUS, whole);
}

void
otlp_span_encode(const struct otlp_span *s, struct strbuf *out)
{
    UNINITIALIZED uint8_t room[OTLP_SPAN_MAX];
    UNINITIALIZED struct otlp_texts texts;
    struct slice state, name, message, bytes;
    struct pb_back b;

    assert(s->event_count <= OTLP_EVENTS_MAX &&
           s->attribute_count <= OTLP_ATTRIBUTES_MAX);
    texts.n = 0;
    state = clean(s->state, &texts); /* first: room for these is sure */
    name = clean(s->name, &texts);
    message = clean(s->message, &texts);
    pb_back_init(&b, room, sizeof(room));
    pb_back_fixed32(&b, SPAN_FLAGS, s->flags);
    status_write(&b, s->status, message);
    pb_back_number(&b, SPAN_DROPPED_EVENTS, s->events_dropped);
    for (size_t i = s->event_count; i-- > 0;)
        event_write(&b, &s->events[i], &texts);
    for (size_t i = s->attribute_count; i-- > 0;)
        attribute_write(&b, SPAN_ATTRIBUTES, &s->attributes[i], &texts);
    pb_back_fixed64(&b, SPAN_END, otlp_nanoseconds(s->end_us));
    pb_back_fixed64(&b, SPAN_START, otlp_nanoseconds(s->start_us));
    pb_back_number(&b, SPAN_KIND, s->kind);
    pb_back_bytes(&b, SPAN_NAME, name);
    if (s->parent)
        pb_back_bytes(&b, SPAN_PARENT_SPAN_ID, slice_make(s->parent, 8));
    pb_back_bytes(&b, SPAN_TRACE_STATE, state);
    pb_back_bytes(&b, SPAN_SPAN_ID, slice_make(s->span, 8));
    pb_back_bytes(&b, SPAN_TRACE_ID, slice_make(s->trace, 16));
    bytes = pb_back_message(&b);
    if (b.full)
        out->cut = true;
    else
        strbuf_add(out, (const char *)bytes.p, bytes.n);
}

/* --- the request ------------------------------------------------------------------------ */

void
otlp_request_encode(const struct otlp_resource *r, const struct slice *spans, size_t n,
                    struct strbuf *out)
{
    Outrigger__OtlpPart__Request m = OUTRIGGER__OTLP_PART__REQUEST__INIT;
    Outrigger__OtlpPart__ResourceSpans rs = OUTRIGGER__OTLP_PART__RESOURCE_SPANS__INIT;
    Outrigger__OtlpPart__Resource resource = OUTRIGGER__OTLP_PART__RESOURCE__INIT;
    Outrigger__OtlpPart__ScopeSpans ss = OUTRIGGER__OTLP_PART__SCOPE_SPANS__INIT;
    Outrigger__OtlpPart__Scope scope = OUTRIGGER__OTLP_PART__SCOPE__INIT;
    Outrigger__OtlpPart__ResourceSpans *rs_list[] = { &rs };
    Outrigger__OtlpPart__ScopeSpans *ss_list[] = { &ss };
    UNINITIALIZED struct otlp_room attributes;
    UNINITIALIZED struct otlp_texts texts;

    texts.n = 0;
    attributes.n = 0;
    resource.attributes =
        otlp_attributes_fill(&attributes, r->attributes, r->attribute_count, &texts);
    resource.n_attributes = r->attribute_count;
    scope.name = text_of(r->scope);
    scope.version = text_of(r->version);
    ss.scope = &scope;
    ss.spans = xcalloc(n + 1, sizeof(*ss.spans));
    ss.n_spans = n;
    for (size_t i = 0; i < n; i++)
        ss.spans[i] = pb_data(spans[i]);
    rs.resource = &resource;
    rs.scope_spans = ss_list;
    rs.n_scope_spans = 1;
    m.resource_spans = rs_list;
    m.n_resource_spans = 1;
    pb_write(&m.base, out);
    xfree(ss.spans);
}

int
otlp_answer_read(struct slice message, struct otlp_answer *ret)
{
    Outrigger__OtlpPart__Response *m =
        outrigger__otlp_part__response__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    *ret = (struct otlp_answer){ 0 };
    if (m->partial_success) {
        ProtobufCBinaryData why = m->partial_success->error_message;

        ret->rejected = m->partial_success->rejected_spans;
        snprintf(ret->why, sizeof(ret->why), "%.*s", (int)why.len,
                 why.data ? (const char *)why.data : "");
    }
    outrigger__otlp_part__response__free_unpacked(m, NULL);
    return ERR_OK;
}

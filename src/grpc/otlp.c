/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/otlp.c - our structs to protobuf-c's, which point to them while they are packed. */
#include "grpc/otlp.h"

#include <assert.h>
#include <stdio.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "grpc/otlp_int.h"

typedef Outrigger__OtlpPart__Event pb_event;
typedef Outrigger__OtlpPart__Span pb_span;
typedef Outrigger__OtlpPart__Status pb_status;

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

static void
event_fill(pb_event *to, struct otlp_room *room, const struct otlp_event *e,
           struct otlp_texts *t)
{
    *to = (pb_event)OUTRIGGER__OTLP_PART__EVENT__INIT;
    to->time_unix_nano = otlp_nanoseconds(e->wall_us);
    to->name = text_of(e->name);
    assert(e->attribute_count <= OTLP_EVENT_ATTRIBUTES_MAX);
    to->attributes = otlp_attributes_fill(room, e->attributes, e->attribute_count, t);
    to->n_attributes = e->attribute_count;
}

void
otlp_span_encode(const struct otlp_span *s, struct strbuf *out)
{
    UNINITIALIZED struct otlp_room attributes;
    UNINITIALIZED struct otlp_texts texts;
    pb_event events[OTLP_EVENTS_MAX], *event_list[OTLP_EVENTS_MAX];
    pb_status status = OUTRIGGER__OTLP_PART__STATUS__INIT;
    pb_span m = OUTRIGGER__OTLP_PART__SPAN__INIT;

    assert(s->event_count <= OTLP_EVENTS_MAX &&
           s->attribute_count <= OTLP_ATTRIBUTES_MAX);
    texts.n = 0;
    attributes.n = 0;
    m.trace_id = pb_data(slice_make(s->trace, 16));
    m.span_id = pb_data(slice_make(s->span, 8));
    if (s->parent)
        m.parent_span_id = pb_data(slice_make(s->parent, 8));
    m.trace_state = otlp_text_clean(s->state, &texts);
    m.name = otlp_text_clean(s->name, &texts);
    m.kind = s->kind;
    m.start_time_unix_nano = otlp_nanoseconds(s->start_us);
    m.end_time_unix_nano = otlp_nanoseconds(s->end_us);
    m.attributes =
        otlp_attributes_fill(&attributes, s->attributes, s->attribute_count, &texts);
    m.n_attributes = s->attribute_count;
    for (size_t i = 0; i < s->event_count; i++) {
        event_fill(&events[i], &attributes, &s->events[i], &texts);
        event_list[i] = &events[i];
    }
    m.events = event_list;
    m.n_events = s->event_count;
    m.dropped_events_count = s->events_dropped;
    status.code = s->status;
    status.message = otlp_text_clean(s->message, &texts);
    if (s->status != OTLP_UNSET)
        m.status = &status;
    m.flags = s->flags;
    pb_write(&m.base, out);
}

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

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/channelz.c - requests, channels, subchannels and servers. An answer is its first field as often as there are objects: each is packed by itself, so no answer is
 * ever in memory twice. */
#include "grpc/channelz.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/channelz_int.h"

typedef Outrigger__ChannelzPart__ChannelData pb_data_of_channel;
typedef Outrigger__ChannelzPart__SubchannelRef pb_subchannel_ref;
typedef Outrigger__ChannelzPart__Time pb_time;

enum { US_PER_S = 1000000, NS_PER_US = 1000, SEVERITY_INFO = 1, SEVERITY_WARNING = 2 };

int
channelz_request_decode(struct slice message, int64_t ret[3])
{
    Outrigger__ChannelzPart__Request *m =
        outrigger__channelz_part__request__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    ret[0] = m->first;
    ret[1] = m->second;
    ret[2] = m->third;
    outrigger__channelz_part__request__free_unpacked(m, NULL);
    return ERR_OK;
}

static pb_time *
time_fill(pb_time *t, int64_t us)
{
    outrigger__channelz_part__time__init(t);
    t->seconds = us / US_PER_S;
    t->nanos = (int32_t)(us % US_PER_S) * NS_PER_US;
    return t;
}

/* The parts that ChannelData points to while it is packed. */
struct channel_parts {
    pb_data_of_channel data;
    Outrigger__ChannelzPart__State state;
    Outrigger__ChannelzPart__Trace trace;
    Outrigger__ChannelzPart__Event event, *event_at;
    pb_time last, created, since;
};

static void
channel_parts_fill(struct channel_parts *p, const struct channelz_channel *c)
{
    outrigger__channelz_part__channel_data__init(&p->data);
    outrigger__channelz_part__state__init(&p->state);
    outrigger__channelz_part__trace__init(&p->trace);
    outrigger__channelz_part__event__init(&p->event);
    p->state.state = (int32_t)c->state;
    p->data.state = &p->state;
    p->data.target = channelz_text(c->target);
    p->data.calls_started = c->calls.started;
    p->data.calls_succeeded = c->calls.succeeded;
    p->data.calls_failed = c->calls.failed;
    p->data.last_call_started_timestamp = time_fill(&p->last, c->calls.last_us);
    p->trace.creation_timestamp = time_fill(&p->created, c->created_us);
    p->data.trace = &p->trace;
    if (!c->why[0])
        return;
    p->event.description = channelz_text(c->why);
    p->event.severity =
        c->state == CHANNELZ_TRANSIENT_FAILURE ? SEVERITY_WARNING : SEVERITY_INFO;
    p->event.timestamp = time_fill(&p->since, c->since_us);
    p->event_at = &p->event;
    p->trace.num_events_logged = 1;
    p->trace.n_events = 1;
    p->trace.events = &p->event_at;
}

void
channelz_put_channel(const struct channelz_channel *c, struct strbuf *out)
{
    Outrigger__ChannelzPart__ChannelAnswer m =
        OUTRIGGER__CHANNELZ_PART__CHANNEL_ANSWER__INIT;
    Outrigger__ChannelzPart__Channel channel = OUTRIGGER__CHANNELZ_PART__CHANNEL__INIT;
    Outrigger__ChannelzPart__ChannelRef ref = OUTRIGGER__CHANNELZ_PART__CHANNEL_REF__INIT;
    pb_subchannel_ref *refs = xcalloc(c->n + 1, sizeof(*refs));
    pb_subchannel_ref **at = xcalloc(c->n + 1, sizeof(*at));
    struct channel_parts parts;

    for (size_t i = 0; i < c->n; i++) {
        outrigger__channelz_part__subchannel_ref__init(&refs[i]);
        refs[i].subchannel_id = c->refs[i].id;
        refs[i].name = channelz_text(c->refs[i].name);
        at[i] = &refs[i];
    }
    ref.channel_id = c->ref.id;
    ref.name = channelz_text(c->ref.name);
    channel_parts_fill(&parts, c);
    channel.ref = &ref;
    channel.data = &parts.data;
    channel.n_subchannel_ref = c->n;
    channel.subchannel_ref = at;
    m.channel = &channel;
    pb_write(&m.base, out);
    xfree(at);
    xfree(refs);
}

void
channelz_put_subchannel(const struct channelz_channel *c, struct strbuf *out)
{
    Outrigger__ChannelzPart__SubchannelAnswer m =
        OUTRIGGER__CHANNELZ_PART__SUBCHANNEL_ANSWER__INIT;
    Outrigger__ChannelzPart__Subchannel sub = OUTRIGGER__CHANNELZ_PART__SUBCHANNEL__INIT;
    pb_subchannel_ref ref = OUTRIGGER__CHANNELZ_PART__SUBCHANNEL_REF__INIT;
    pb_socket_ref *refs = xcalloc(c->n + 1, sizeof(*refs));
    pb_socket_ref **at = xcalloc(c->n + 1, sizeof(*at));
    struct channel_parts parts;

    for (size_t i = 0; i < c->n; i++) {
        channelz_socket_ref_fill(&refs[i], &c->refs[i]);
        at[i] = &refs[i];
    }
    ref.subchannel_id = c->ref.id;
    ref.name = channelz_text(c->ref.name);
    channel_parts_fill(&parts, c);
    sub.ref = &ref;
    sub.data = &parts.data;
    sub.n_socket_ref = c->n;
    sub.socket_ref = at;
    m.subchannel = &sub;
    pb_write(&m.base, out);
    xfree(at);
    xfree(refs);
}

void
channelz_put_server(const struct channelz_server *s, struct strbuf *out)
{
    Outrigger__ChannelzPart__ServerAnswer m =
        OUTRIGGER__CHANNELZ_PART__SERVER_ANSWER__INIT;
    Outrigger__ChannelzPart__Server server = OUTRIGGER__CHANNELZ_PART__SERVER__INIT;
    Outrigger__ChannelzPart__ServerRef ref = OUTRIGGER__CHANNELZ_PART__SERVER_REF__INIT;
    Outrigger__ChannelzPart__ServerData data =
        OUTRIGGER__CHANNELZ_PART__SERVER_DATA__INIT;
    pb_socket_ref listen, *listen_at = &listen;
    pb_time last;

    ref.server_id = s->ref.id;
    ref.name = channelz_text(s->ref.name);
    data.calls_started = s->calls.started;
    data.calls_succeeded = s->calls.succeeded;
    data.calls_failed = s->calls.failed;
    data.last_call_started_timestamp = time_fill(&last, s->calls.last_us);
    server.ref = &ref;
    server.data = &data;
    if (s->listen.id) {
        channelz_socket_ref_fill(&listen, &s->listen);
        server.n_listen_socket = 1;
        server.listen_socket = &listen_at;
    }
    m.server = &server;
    pb_write(&m.base, out);
}

void
channelz_put_end(struct strbuf *out)
{
    Outrigger__ChannelzPart__End m = OUTRIGGER__CHANNELZ_PART__END__INIT;

    m.end = true;
    pb_write(&m.base, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_answer.c - puts together what the codec writes. */
#include "main/channelz_answer.h"

#include <stdlib.h>

#include "admin/channelz_service.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/channelz.h"
#include "loop/loop.h"
#include "main/live.h"
#include "main/process_channelz.h"
#include "main/process_int.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "upstream/backend.h"
#include "upstream/hub.h"
#include "upstream/hub_channel.h"

enum { TARGETS_MAX = 1024 };

/* A time of the loop's clock on the wall's; 0: not known. */
static int64_t
wall_us(const struct process *p, int64_t loop_us)
{
    return loop_us ? clock_wall_us() - (loop_now_us(p->loop) - loop_us) : 0;
}

struct backend *
channelz_answer_backend(const struct process *p, uint64_t number)
{
    for (size_t i = 0; i < p->hub_count; i++) {
        const struct backend_list *list = hub_list(p->hubs[i]);

        for (size_t k = 0; list && k < list->n; k++) {
            if (list->rows[k].backend->number == number)
                return list->rows[k].backend;
        }
    }
    return NULL;
}

/* --- channels --------------------------------------------------------------------------- */

/* With the calls of endpoints that went, which only `live` remembers. */
static void
channel_calls(const struct process *p, const struct hub *hub, struct channelz_calls *ret)
{
    const struct backend_list *list = hub_list(hub);
    struct live_calls past;
    int64_t flying = 0;

    *ret = (struct channelz_calls){ 0 };
    for (size_t i = 0; list && i < list->n; i++) {
        struct channelz_calls c;

        backend_channel_calls(list->rows[i].backend, &c);
        ret->started += c.started;
        ret->succeeded += c.succeeded;
        ret->failed += c.failed;
    }
    if (!live_pool_calls(p->live, hub, &past) || past.started < (uint64_t)ret->started)
        return;
    flying = ret->started - ret->succeeded - ret->failed;
    ret->started = (int64_t)past.started;
    ret->succeeded = (int64_t)past.good;
    ret->failed = ret->started - ret->succeeded - (flying > 0 ? flying : 0);
    if (ret->failed < 0)
        ret->failed = 0;
    ret->last_us = wall_us(p, past.last_us);
}

void
channelz_answer_channel(const struct process *p, const struct hub *hub,
                        struct strbuf *out)
{
    const struct backend_list *list = hub_list(hub);
    size_t n = list ? list->n : 0;
    struct channelz_ref *refs;
    struct channelz_channel c;
    struct hub_load load;
    struct strbuf targets;

    if (n > CHANNELZ_REFS_MAX)
        n = CHANNELZ_REFS_MAX;
    refs = xcalloc(n + 1, sizeof(*refs));
    for (size_t i = 0; i < n; i++) {
        const struct backend *b = list->rows[i].backend;

        refs[i].id = channelz_id(CHANNELZ_SUBCHANNEL, b->number);
        refs[i].name = b->name;
    }
    hub_load_get(hub, &load);
    strbuf_init(&targets, TARGETS_MAX);
    hub_put_targets(hub, &targets);
    c = (struct channelz_channel){
        .ref = { channelz_id(CHANNELZ_CHANNEL, hub_number(hub)), load.name },
        .state = hub_channel_state(hub),
        .target = targets.s,
        .created_us = wall_us(p, hub_made_us(hub)),
        .why = "",
        .refs = refs,
        .n = n,
    };
    channel_calls(p, hub, &c.calls);
    channelz_put_channel(&c, out);
    strbuf_done(&targets);
    xfree(refs);
}

/* What keeps calls away; else why it cannot be connected. */
static void
subchannel_why(const struct process *p, const struct backend *b,
               const struct look_found *found, size_t n, struct channelz_channel *c)
{
    c->why = b->why;
    c->since_us = wall_us(p, b->since_us);
    for (size_t i = 0; i < n && backend_usable(b); i++) {
        if (!found[i].why[0])
            continue;
        c->why = found[i].why;
        c->since_us = clock_wall_us() - found[i].why_age_us;
    }
}

static int
ref_compare(const void *a, const void *b)
{
    const struct channelz_ref *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* Of all workers, in the order of ids. */
static struct channelz_ref *
refs_join(const struct look_found *found, size_t n, size_t *ret_n)
{
    struct channelz_ref *v;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += found[i].ref_count;
    v = xcalloc(count + 1, sizeof(*v));
    count = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < found[i].ref_count; k++)
            v[count++] =
                (struct channelz_ref){ found[i].refs[k].id, found[i].refs[k].name };
    }
    qsort(v, count, sizeof(*v), ref_compare);
    *ret_n = count;
    return v;
}

static void
answer_subchannel(const struct process *p, const struct backend *b,
                  const struct look_found *found, size_t n, struct strbuf *out)
{
    struct channelz_channel c = {
        .ref = { channelz_id(CHANNELZ_SUBCHANNEL, b->number), b->name },
        .state = backend_channel_state(b),
        .target = b->name,
    };
    struct channelz_ref *refs = refs_join(found, n, &c.n);

    c.refs = refs;
    backend_channel_calls(b, &c.calls);
    subchannel_why(p, b, found, n, &c);
    channelz_put_subchannel(&c, out);
    xfree(refs);
}

/* --- servers ---------------------------------------------------------------------------- */

static void
answer_one_server(const struct process *p, const struct look *q, size_t at,
                  const struct look_found *found, size_t n, struct strbuf *out)
{
    const struct server *s = q->servers[at];
    char listen[ADDR_TEXT_MAX];
    struct channelz_server c = {
        .ref = { channelz_id(CHANNELZ_SERVER, s->number), s->front->conf->name },
        .listen = { look_listen_id(p->worker_count, s->number),
                    addr_print(&s->addr, listen) },
    };
    int64_t open = 0;

    for (size_t i = 0; i < n; i++) {
        c.calls.started += found[i].sums[at].calls;
        c.calls.failed += found[i].sums[at].failed;
        open += found[i].sums[at].open;
    }
    c.calls.succeeded = c.calls.started - c.calls.failed - open;
    if (c.calls.succeeded < 0)
        c.calls.succeeded = 0;
    channelz_put_server(&c, out);
}

static void
answer_servers(const struct process *p, const struct channelz_ask *ask,
               const struct look *q, const struct look_found *found, size_t n,
               struct strbuf *out)
{
    size_t i = 0;

    while (i < q->server_count && i < ask->max && out->len <= CHANNELZ_ANSWER_MAX / 2)
        answer_one_server(p, q, i++, found, n, out);
    if (i == q->server_count)
        channelz_put_end(out);
}

static void
answer_sockets(const struct channelz_ask *ask, const struct look_found *found, size_t n,
               struct strbuf *out)
{
    size_t count, i = 0;
    struct channelz_ref *refs = refs_join(found, n, &count);
    bool more = count > ask->max;

    for (size_t k = 0; k < n; k++)
        more |= found[k].more;
    for (; i < count && i < ask->max; i++)
        channelz_put_socket_ref(&refs[i], out);
    if (!more)
        channelz_put_end(out);
    xfree(refs);
}

/* --- sockets ---------------------------------------------------------------------------- */

void
channelz_answer_listen(const struct process *p, const struct server *s,
                       struct strbuf *out)
{
    char text[ADDR_TEXT_MAX];
    const struct channelz_socket c = {
        .ref = { look_listen_id(p->worker_count, s->number), addr_print(&s->addr, text) },
        .local = &s->addr,
        .remote_name = "",
    };

    channelz_put_socket(&c, out);
}

static void
answer_socket(const struct channelz_ask *ask, const struct look_socket *s,
              struct strbuf *out)
{
    char text[ADDR_TEXT_MAX];
    struct channelz_socket c = {
        .ref = { ask->id, addr_print(&s->remote, text) },
        .local = &s->facts.local,
        .remote = &s->remote,
        .remote_name = s->remote_name,
        .streams = (int64_t)s->h2.streams,
        .failed = (int64_t)(s->h2.failed + s->h2.refused),
        .keepalives = (int64_t)s->h2.keepalives,
        .local_window = s->h2.recv_window,
        .remote_window = s->h2.send_window,
        .tcp = s->facts.has_tcp ? &s->facts.tcp : NULL,
        .cipher = s->cipher,
        .cipher_standard = s->cipher_standard,
        .local_cert = slice_make(s->local_cert.s, s->local_cert.len),
        .remote_cert = slice_make(s->remote_cert.s, s->remote_cert.len),
    };

    c.succeeded = c.streams - c.failed - (int64_t)s->h2.open;
    if (c.succeeded < 0)
        c.succeeded = 0;
    channelz_put_socket(&c, out);
}

void
channelz_answer_found(const struct process *p, const struct channelz_ask *ask,
                      const struct look *q, const struct look_found *found, size_t n,
                      struct strbuf *out)
{
    switch (q->what) {
    case LOOK_SERVERS:
        if (ask->what == CHANNELZ_GET_SERVER)
            answer_one_server(p, q, 0, found, n, out);
        else
            answer_servers(p, ask, q, found, n, out);
        break;
    case LOOK_SOCKETS:
        answer_sockets(ask, found, n, out);
        break;
    case LOOK_SUBCHANNEL:
        answer_subchannel(p, q->backend, found, n, out);
        break;
    case LOOK_SOCKET:
        answer_socket(ask, found[0].socket, out);
        break;
    }
}

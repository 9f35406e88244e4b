/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_channelz.c - finds objects by their ids and asks workers; channelz_answer.c makes the bytes. */
#include "main/process_channelz.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/channelz_service.h"
#include "admin/rpc.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/channelz.h"
#include "main/channelz_answer.h"
#include "main/channelz_round.h"
#include "main/leave.h"
#include "main/process_int.h"
#include "proxy/server.h"
#include "upstream/hub.h"
#include "upstream/hub_channel.h"

enum { TEXT_MAX = 160 };

struct process_channelz {
    struct process *process;
    struct channelz_service *service;
    struct rounds *rounds;
    bool closed;
};

/* A question that waits for workers. */
struct waiting {
    struct round_owner owner;
    struct process_channelz *z;
    struct channelz_ask *ask;
};

static void
reply_error(struct channelz_ask *ask, enum grpc_code code, const char *text)
{
    channelz_reply(ask, code, text, (struct slice){ 0 });
}

static void
reply_missing(struct channelz_ask *ask, const char *what)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text),
             "there is no %s %lld, or not any more; ids are never used again", what,
             (long long)ask->id);
    reply_error(ask, GRPC_NOT_FOUND, text);
}

static void
reply_bytes(struct channelz_ask *ask, struct strbuf *out)
{
    if (out->cut)
        reply_error(ask, GRPC_RESOURCE_EXHAUSTED,
                    "the answer is larger than a message may be; ask for fewer results");
    else
        channelz_reply(ask, GRPC_OK, "", slice_make(out->s, out->len));
}

/* --- answers that the main thread has -------------------------------------------------- */

static int
hub_compare(const void *a, const void *b)
{
    uint64_t x = hub_number(*(struct hub *const *)a),
             y = hub_number(*(struct hub *const *)b);

    return x < y ? -1 : x > y;
}

/* In the order of ids. A page ends when it is full, or when its bytes are more than half of what an answer may have: the next channel may be large. */
static void
answer_top_channels(const struct process *p, struct channelz_ask *ask)
{
    struct hub **hubs = xcalloc(p->hub_count + 1, sizeof(struct hub *));
    struct strbuf out;
    size_t n = 0, i = 0;

    for (size_t k = 0; k < p->hub_count; k++) {
        if (channelz_id(CHANNELZ_CHANNEL, hub_number(p->hubs[k])) >= ask->start)
            hubs[n++] = p->hubs[k];
    }
    qsort(hubs, n, sizeof(struct hub *), hub_compare);
    strbuf_init(&out, CHANNELZ_ANSWER_MAX);
    while (i < n && i < ask->max && out.len <= CHANNELZ_ANSWER_MAX / 2)
        channelz_answer_channel(p, hubs[i++], &out);
    if (i == n)
        channelz_put_end(&out);
    reply_bytes(ask, &out);
    strbuf_done(&out);
    xfree(hubs);
}

static void
answer_channel(const struct process *p, struct channelz_ask *ask)
{
    struct strbuf out;

    for (size_t i = 0; i < p->hub_count; i++) {
        if (hub_number(p->hubs[i]) != channelz_id_number(ask->id))
            continue;
        strbuf_init(&out, CHANNELZ_ANSWER_MAX);
        channelz_answer_channel(p, p->hubs[i], &out);
        reply_bytes(ask, &out);
        strbuf_done(&out);
        return;
    }
    reply_missing(ask, "channel");
}

/* --- answers of workers ------------------------------------------------------------------ */

static void
waiting_on_done(struct round_owner *o, const struct look *q,
                const struct look_found *found, size_t n, int late)
{
    struct waiting *w = CONTAINER_OF(o, struct waiting, owner);
    struct channelz_ask *ask = w->ask;
    struct strbuf out;
    char text[TEXT_MAX];

    strbuf_init(&out, CHANNELZ_ANSWER_MAX);
    if (late >= 0) {
        snprintf(text, sizeof(text),
                 "worker %d did not answer within a second: it is very busy, or hangs; "
                 "ask again",
                 late);
        reply_error(ask, GRPC_UNAVAILABLE, text);
    } else if (q->what == LOOK_SOCKET && !found[0].socket) {
        reply_missing(ask, "socket");
    } else {
        channelz_answer_found(w->z->process, ask, q, found, n, &out);
        reply_bytes(ask, &out);
    }
    strbuf_done(&out);
    xfree(w);
}

static void
ask_workers(struct process_channelz *z, struct channelz_ask *ask, const struct look *q,
            int only)
{
    struct waiting *w = xcalloc(1, sizeof(*w));

    w->owner.done = waiting_on_done;
    w->z = z;
    w->ask = ask;
    if (rounds_ask(z->rounds, q, only, &w->owner)) {
        ask->answerer = w;
        return;
    }
    xfree(w);
    reply_error(ask, GRPC_RESOURCE_EXHAUSTED,
                "too many questions wait for the workers; ask again in a second");
}

/* --- questions --------------------------------------------------------------------------- */

static int
server_compare(const void *a, const void *b)
{
    uint64_t x = (*(struct server *const *)a)->number,
             y = (*(struct server *const *)b)->number;

    return x < y ? -1 : x > y;
}

/* Those of the config and those that leave, in the order of ids. */
static struct server **
servers_sorted(const struct process *p, size_t *ret_n)
{
    struct server **v;
    size_t n = p->server_count;

    for (const struct list *l = p->leaving.next; l != &p->leaving; l = l->next)
        n++;
    v = xcalloc(n + 1, sizeof(struct server *));
    n = 0;
    for (size_t i = 0; i < p->server_count; i++)
        v[n++] = p->servers[i];
    for (const struct list *l = p->leaving.next; l != &p->leaving; l = l->next) {
        v[n] = leave_server(CONTAINER_OF(l, struct live_server, link));
        n += v[n] != NULL;
    }
    qsort(v, n, sizeof(struct server *), server_compare);
    *ret_n = n;
    return v;
}

/* One server too many says that there are more; it is not shown. */
static void
ask_servers(struct process_channelz *z, struct channelz_ask *ask)
{
    size_t n, skip = 0;
    struct look q = { .what = LOOK_SERVERS, .servers = servers_sorted(z->process, &n) };

    while (skip < n && channelz_id(CHANNELZ_SERVER, q.servers[skip]->number) < ask->start)
        skip++;
    for (size_t i = skip; i < n; i++)
        q.servers[i - skip] = q.servers[i];
    q.server_count = n - skip > ask->max + 1 ? ask->max + 1 : n - skip;
    ask_workers(z, ask, &q, -1);
}

/* A question about one server, or its sockets. */
static void
ask_server(struct process_channelz *z, struct channelz_ask *ask)
{
    bool sockets = ask->what == CHANNELZ_GET_SERVER_SOCKETS;
    size_t n, i = 0;
    struct look q = { .what = sockets ? LOOK_SOCKETS : LOOK_SERVERS,
                      .servers = servers_sorted(z->process, &n),
                      .server_count = 1,
                      .start = ask->start,
                      .max = ask->max };

    while (i < n && q.servers[i]->number != channelz_id_number(ask->id))
        i++;
    if (i == n) {
        xfree(q.servers);
        reply_missing(ask, "server");
        return;
    }
    q.servers[0] = q.servers[i];
    ask_workers(z, ask, &q, -1);
}

static void
ask_subchannel(struct process_channelz *z, struct channelz_ask *ask)
{
    struct look q = { .what = LOOK_SUBCHANNEL, .max = CHANNELZ_PAGE_MAX };

    q.backend = channelz_answer_backend(z->process, channelz_id_number(ask->id));
    if (!q.backend) {
        reply_missing(ask, "subchannel");
        return;
    }
    backend_hold(q.backend);
    ask_workers(z, ask, &q, -1);
}

static void
ask_socket(struct process_channelz *z, struct channelz_ask *ask)
{
    const struct process *p = z->process;
    uint64_t number;
    size_t n, worker = look_id_worker(p->worker_count, ask->id, &number);
    struct look q = { .what = LOOK_SOCKET, .start = ask->id, .summary = ask->summary };
    struct server **servers;
    struct strbuf out;

    if (worker < p->worker_count) {
        ask_workers(z, ask, &q, (int)worker);
        return;
    }
    strbuf_init(&out, CHANNELZ_ANSWER_MAX);
    servers = servers_sorted(p, &n);
    for (size_t i = 0; i < n; i++) {
        if (servers[i]->number == number)
            channelz_answer_listen(p, servers[i], &out);
    }
    if (out.len > 0)
        reply_bytes(ask, &out);
    else
        reply_missing(ask, "socket");
    xfree(servers);
    strbuf_done(&out);
}

static void
channelz_on_ask(void *arg, struct channelz_ask *ask)
{
    struct process_channelz *z = arg;

    if (z->closed || !z->process->started) {
        reply_error(ask, GRPC_UNAVAILABLE,
                    z->closed ? "this process ends" : "this process starts; ask again");
        return;
    }
    switch (ask->what) {
    case CHANNELZ_GET_TOP_CHANNELS:
        answer_top_channels(z->process, ask);
        break;
    case CHANNELZ_GET_CHANNEL:
        answer_channel(z->process, ask);
        break;
    case CHANNELZ_GET_SUBCHANNEL:
        ask_subchannel(z, ask);
        break;
    case CHANNELZ_GET_SERVERS:
        ask_servers(z, ask);
        break;
    case CHANNELZ_GET_SERVER:
    case CHANNELZ_GET_SERVER_SOCKETS:
        ask_server(z, ask);
        break;
    case CHANNELZ_GET_SOCKET:
        ask_socket(z, ask);
        break;
    }
}

static void
channelz_on_forget(void *arg, struct channelz_ask *ask)
{
    struct waiting *w = ask->answerer;

    (void)arg;
    if (!w)
        return;
    rounds_forget(&w->owner);
    xfree(w);
}

/* --- life -------------------------------------------------------------------------------- */

struct process_channelz *
process_channelz_open(struct process *p)
{
    static const struct channelz_ops ops = { .ask = channelz_on_ask,
                                             .forget = channelz_on_forget };
    struct process_channelz *z = xcalloc(1, sizeof(*z));

    z->process = p;
    z->rounds = rounds_new(p->loop, p->workers, p->worker_count);
    z->service = channelz_service_new(&ops, z);
    admin_set_service(p->admin, channelz_service_get(z->service));
    return z;
}

void
process_channelz_close(struct process_channelz *z)
{
    if (!z)
        return;
    z->closed = true;
    rounds_stop(z->rounds);
}

void
process_channelz_free(struct process_channelz *z)
{
    if (!z)
        return;
    rounds_free(z->rounds);
    channelz_service_free(z->service);
    xfree(z);
}

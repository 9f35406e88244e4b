/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_drain.c - what the phases of the drain (drain.h) do to listeners, workers and the outside. */
#include <stdatomic.h>
#include <stdio.h>

#include "admin/actions.h"
#include "admin/admin.h"
#include "admin/query.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "main/mirror.h"
#include "main/notify.h"
#include "main/process_int.h"
#include "main/swap.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/worker.h"

static bool
server_is_outbound(const struct server *s)
{
    return s->front->conf->direction == LISTENER_OUTBOUND;
}

/* --- drain_ops ----------------------------------------------------------------------- */

static void
process_on_phase(void *arg, enum drain_phase phase)
{
    struct process *p = arg;
    int64_t before = stat_get(&p->main_stats, STAT_DRAIN_STATE);

    stat_add(&p->main_stats, STAT_DRAIN_STATE, phase - before);
    process_probe_tell(p);
    if (phase == DRAIN_SERVING)
        notify_status(p->notify, "serving");
    else if (p->drain.ending && !p->drain.replaced)
        notify_stopping(p->notify, "draining: calls may end");
    else if (!p->drain.ending)
        notify_status(p->notify, phase == DRAIN_ANNOUNCED
                                     ? "drain asked for: still accepting"
                                     : "drain asked for: clients are told to go");
}

static void
process_tell(void *arg, bool outbound, int64_t spread_us)
{
    struct process *p = arg;
    struct swap *swap = swap_new(p);

    for (size_t i = 0; i < p->server_count; i++) {
        if (server_is_outbound(p->servers[i]) == outbound)
            swap_add_server(swap, &(struct change_server){ .server = p->servers[i],
                                                           .depart = true,
                                                           .depart_us = spread_us });
    }
    swap_post(swap, NULL, NULL);
}

static void
process_untell(void *arg)
{
    struct process *p = arg;
    struct swap *swap = swap_new(p);

    for (size_t i = 0; i < p->server_count; i++) {
        if (!server_is_outbound(p->servers[i]) && !p->servers[i]->mirrored)
            swap_add_server(
                swap, &(struct change_server){ .server = p->servers[i], .stay = true });
    }
    swap_post(swap, NULL, NULL);
}

/* A listener is closed on the loop that accepts. */
static void
process_close(void *arg, bool outbound)
{
    struct process *p = arg;
    struct swap *swap = swap_new(p);

    for (size_t i = 0; i < p->server_count; i++) {
        struct server *s = p->servers[i];

        if (server_is_outbound(s) != outbound)
            continue;
        if (p->drain.replaced)
            server_hand_over(s);
        if (p->worker_count > 1)
            server_stop(s);
        else
            swap_add_server(swap, &(struct change_server){ .server = s, .stop = true });
    }
    swap_post(swap, NULL, NULL);
}

static struct drain_left
process_left(void *arg)
{
    const struct process *p = arg;
    struct drain_left left = { 0 };
    unsigned connections = 0;

    for (size_t i = 0; i < p->server_count; i++) {
        unsigned n = atomic_load(&p->servers[i]->connections);

        if (server_is_outbound(p->servers[i]))
            left.outbound += n;
        else
            left.inbound += n;
    }
    for (size_t i = 0; i < p->worker_count; i++) {
        left.calls += atomic_load(&p->workers[i]->flying);
        connections += atomic_load(&p->workers[i]->load);
    }
    /* Those of listeners that a reload took away count as inbound: they have clients too. */
    if (connections > left.inbound + left.outbound)
        left.inbound = connections - left.outbound;
    return left;
}

static void
process_stop(void *arg, struct drain_left left)
{
    struct process *p = arg;

    (void)left;
    for (size_t i = 0; i < p->worker_count; i++)
        worker_stop(p->workers[i]);
    loop_stop(p->loop);
}

static struct drain_times
process_times(void *arg)
{
    const struct drain_conf *c = &((const struct process *)arg)->conf->drain;

    return (struct drain_times){ .delay_us = c->delay_ms * 1000,
                                 .spread_us = c->spread_ms * 1000,
                                 .timeout_us = c->timeout_ms * 1000 };
}

void
process_drain_init(struct process *p)
{
    static const struct drain_ops ops = {
        .on_phase = process_on_phase,
        .tell = process_tell,
        .untell = process_untell,
        .close = process_close,
        .left = process_left,
        .stop = process_stop,
        .times = process_times,
    };

    drain_init(&p->drain, p->loop, &ops, p);
    timer_init(&p->mirror, mirror_on_timer);
}

void
process_drain_again(struct process *p)
{
    if (p->drain.phase == DRAIN_GOAWAY && !p->drain.ending)
        process_tell(p, false, p->conf->drain.spread_ms * 1000);
}

void
process_drain(struct process *p)
{
    drain_end(&p->drain);
}

/* --- what others see ------------------------------------------------------------------ */

bool
process_server_ready(const struct process *p, const struct server *s)
{
    if (server_is_outbound(s))
        return p->drain.phase < DRAIN_STOPPING;
    return p->drain.phase == DRAIN_SERVING && !s->mirrored;
}

bool
process_ready(const struct process *p)
{
    for (size_t i = 0; i < p->server_count; i++) {
        if (!process_server_ready(p, p->servers[i]))
            return false;
    }
    return p->started && p->drain.phase == DRAIN_SERVING;
}

static void
page_drain(void *arg, struct strbuf *out)
{
    const struct process *p = arg;
    struct drain_left left = process_left(arg);
    int64_t now = loop_now_us(p->loop);

    strbuf_printf(out, "{\"version\":1,\"state\":\"%s\",\"ready\":%s,\"ending\":%s,",
                  drain_word(p->drain.phase), process_ready(p) ? "true" : "false",
                  p->drain.ending ? "true" : "false");
    if (p->drain.ending && p->drain.phase == DRAIN_GOAWAY)
        strbuf_printf(out, "\"left_ms\":%lld,",
                      (long long)(p->drain.end_us - now) / 1000);
    strbuf_printf(out,
                  "\"inbound_connections\":%u,\"outbound_connections\":%u,\"calls\":%u,"
                  "\"timeout_ms\":%lld}\n",
                  left.inbound, left.outbound, left.calls,
                  (long long)(p->conf->drain.delay_ms + p->conf->drain.timeout_ms));
}

static int
action_drain(void *arg, const char *query, struct strbuf *out)
{
    /* What scripts for Envoy's /drain_listeners ask for happens anyway. */
    static const char *const envoys[] = { "graceful", "inboundonly", "skip_exit", NULL };
    struct process *p = arg;
    const char *why = "";

    if (!query_is_void(query, envoys, out))
        return 422;
    if (!drain_ask(&p->drain, &why)) {
        strbuf_printf(out, "%s\n", why);
        return 422;
    }
    strbuf_printf(out, "draining inbound listeners; POST /undrain takes it back\n");
    return 200;
}

static int
action_undrain(void *arg, const char *query, struct strbuf *out)
{
    struct process *p = arg;
    const char *why = "";

    if (!query_is_void(query, NULL, out))
        return 422;
    if (!drain_undo(&p->drain, &why)) {
        strbuf_printf(out, "%s\n", why);
        return 422;
    }
    strbuf_puts(out, "serving\n");
    return 200;
}

void
process_drain_pages(struct process *p)
{
    admin_set_action(p->admin, "/drain", action_drain, p);
    admin_set_action(p->admin, "/undrain", action_undrain, p);
    admin_set_page(p->admin, "/drain.json", "application/json", page_drain, p);
}

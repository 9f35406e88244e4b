/* SPDX-License-Identifier: Apache-2.0 */
/* main/mirror.c - passes on that the application goes away. */
#include "main/mirror.h"

#include "base/log.h"
#include "loop/loop.h"
#include "main/process_int.h"
#include "main/swap.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "upstream/hub.h"

enum { LOOKS = 2 };
static const int64_t LOOK_US = 100 * 1000;

static bool
server_mirrors(const struct server *s)
{
    return s->front->conf->mirror_goaway && s->front->conf->direction == LISTENER_INBOUND;
}

/* A listener without any pool (only fixed answers) goes nowhere. */
static bool
server_is_left(const struct process *p, const struct server *s)
{
    for (size_t i = 0; i < s->table->target_count; i++) {
        const struct live_pool *pool = p->slots[s->table->targets[i].slot];

        if (!pool || !hub_leaving(pool->hub))
            return false;
    }
    return s->table->target_count > 0;
}

static void
mirror_set(struct process *p, struct server *s, bool on)
{
    struct change_server change = { .server = s };

    s->mirrored = on;
    log_at(NULL, LOG_INFO,
           on ? "the application goes away: GOAWAY to the clients of its listener"
              : "the application is back: its listener is ready",
           LS("listener", s->front->conf->name),
           LI("connections", atomic_load(&s->connections)));
    /* While the proxy itself drains, its clients are told anyway, and stay told. */
    if (p->drain.phase >= DRAIN_GOAWAY)
        return;
    change.depart = on;
    change.depart_us = p->conf->drain.spread_ms * 1000;
    change.stay = !on;

    struct swap *swap = swap_new(p);

    swap_add_server(swap, &change);
    swap_post(swap, NULL, NULL);
}

static void
mirror_look(struct process *p, struct server *s)
{
    if (server_mirrors(s) && server_is_left(p, s)) {
        if (++s->mirror_looks >= LOOKS && !s->mirrored)
            mirror_set(p, s, true);
        return;
    }
    s->mirror_looks = 0;
    if (s->mirrored)
        mirror_set(p, s, false);
}

void
mirror_on_timer(struct timer *t)
{
    struct process *p = CONTAINER_OF(t, struct process, mirror);
    bool any = false;

    for (size_t i = 0; i < p->server_count; i++) {
        mirror_look(p, p->servers[i]);
        any |= server_mirrors(p->servers[i]);
    }
    if (any && p->drain.phase < DRAIN_STOPPING)
        timer_start(p->loop, t, LOOK_US);
}

void
mirror_begin(struct process *p)
{
    if (!timer_running(&p->mirror))
        timer_start(p->loop, &p->mirror, LOOK_US);
}

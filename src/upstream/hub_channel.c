/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_channel.c - states and counts from what hubs, backends and connections keep anyway. */
#include "upstream/hub_channel.h"

#include <stdatomic.h>

#include "base/strbuf.h"
#include "upstream/hub_int.h"
#include "upstream/hub_words.h"
#include "upstream/pool_int.h"

uint64_t
hub_number(const struct hub *hub)
{
    return hub->number;
}

int64_t
hub_made_us(const struct hub *hub)
{
    return hub->made_us;
}

void
hub_put_targets(const struct hub *hub, struct strbuf *out)
{
    strbuf_puts(out, "");
    for (size_t i = 0; i < hub->source_count; i++)
        strbuf_printf(out, "%s%s", i ? "," : "", hub->sources[i]->conf->target);
}

enum channelz_state
backend_channel_state(const struct backend *b)
{
    unsigned down = backend_worst(atomic_load(&b->down));
    bool ready = false, failed = false, any = false;

    if (down == BACKEND_UNCHECKED)
        return CHANNELZ_CONNECTING;
    if (!backend_usable(b))
        return CHANNELZ_TRANSIENT_FAILURE;
    for (size_t i = 0; i < b->workers; i++) {
        const struct backend_tally *t = &b->tally[i];

        ready |= atomic_load_explicit(&t->ready, memory_order_relaxed) != 0;
        failed |= atomic_load_explicit(&t->failed, memory_order_relaxed) != 0;
        any |= atomic_load_explicit(&t->connections, memory_order_relaxed) != 0;
    }
    if (ready)
        return CHANNELZ_READY;
    /* Stays failed while the next attempt runs, as gRPC's does. */
    if (failed)
        return CHANNELZ_TRANSIENT_FAILURE;
    return any ? CHANNELZ_CONNECTING : CHANNELZ_IDLE;
}

enum channelz_state
hub_channel_state(const struct hub *hub)
{
    static const enum channelz_state order[] = { CHANNELZ_READY, CHANNELZ_CONNECTING,
                                                 CHANNELZ_IDLE };
    bool seen[CHANNELZ_TRANSIENT_FAILURE + 1] = { false };

    if (!hub->list)
        return hub_answered(hub) ? CHANNELZ_TRANSIENT_FAILURE : CHANNELZ_CONNECTING;
    for (size_t i = 0; i < hub->list->n; i++)
        seen[backend_channel_state(hub->list->rows[i].backend)] = true;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (seen[order[i]])
            return order[i];
    }
    return CHANNELZ_TRANSIENT_FAILURE;
}

void
backend_channel_calls(const struct backend *b, struct channelz_calls *ret)
{
    struct backend_totals t = backend_totals(b);

    /* Workers count on while we read, so the parts may not fit by a call or two. */
    *ret = (struct channelz_calls){ .started = (int64_t)t.calls,
                                    .succeeded = (int64_t)t.successes };
    ret->failed = ret->started - ret->succeeded - t.flying;
    if (ret->failed < 0)
        ret->failed = 0;
}

/* --- on a worker ------------------------------------------------------------------------ */

static void
endpoint_each(const struct endpoint *e, upconn_each_fn *fn, void *arg)
{
    for (const struct list *n = e->conns.next; n != &e->conns; n = n->next) {
        const struct upconn *c = CONTAINER_OF(n, struct upconn, link);

        if (c->h2)
            fn(arg, e->backend, c->h2);
    }
}

void
upconn_each(const struct backend *b, size_t worker, upconn_each_fn *fn, void *arg)
{
    if (b->views[worker])
        endpoint_each(b->views[worker], fn, arg);
}

void
upconn_each_of_pool(const struct pool *p, upconn_each_fn *fn, void *arg)
{
    for (size_t i = 0; i < p->n; i++)
        endpoint_each(p->endpoints[i], fn, arg);
    for (const struct list *n = p->gone.next; n != &p->gone; n = n->next)
        endpoint_each(CONTAINER_OF(n, struct endpoint, gone), fn, arg);
}

const char *
upconn_last_failure(const struct backend *b, size_t worker, int64_t *ret_when_us)
{
    const struct endpoint *e = b->views[worker];

    if (!e || e->lb.state != LB_FAILED || !e->why)
        return "";
    *ret_when_us = e->attempt_us;
    return e->why;
}

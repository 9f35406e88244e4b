/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/filters_int.h - what a call has of its filters, for filters.c, where it goes through them, and filters_end.c, where it ends. Worker's thread only. */
#ifndef OUTRIGGER_PROXY_FILTERS_INT_H
#define OUTRIGGER_PROXY_FILTERS_INT_H

#include "base/arena.h"
#include "base/compat.h"
#include "filter/chain.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "proxy/worker.h"

struct call_filters {
    struct call *call;
    struct filter_call fc;
    struct buf aside; /* request bytes that a filter made wait; with has_aside */
    bool has_aside;
    bool aside_end; /* with them comes the end */
    bool ended;     /* the request's end was shown */
    int64_t answered_us;
    int64_t limit_us; /* the earliest deadline that a filter set; 0: none did */
    _Alignas(16) char state[];
};

/* What filters ask of the call: of all calls the same. */
extern const struct filter_host filters_host;

/* In filters_end.c: struct filter_host has the words. */
void filters_host_tell(const struct filter_call *fc, struct filter_result *r);
void filters_host_progress(const struct filter_call *fc, struct filter_result *ret);

static inline struct call *
filters_call(const struct filter_call *fc)
{
    return CONTAINER_OF(fc, struct call_filters, fc)->call;
}

/* The first part of fc; the rest is chain_begin's. */
static ALWAYS_INLINE void
filters_fill(struct call *c, struct call_filters *f, struct slice service,
             struct slice method)
{
    struct worker *w = c->worker;
    struct filter_call *fc = &f->fc;

    f->call = c;
    f->has_aside = f->aside_end = f->ended = false;
    f->answered_us = f->limit_us = 0;
    fc->host = &filters_host;
    fc->arena = &c->arena;
    fc->slab = w->slab;
    fc->loop = w->loop;
    fc->stats = &w->stats;
    fc->rng = &w->rng;
    fc->worker = (unsigned)w->index;
    fc->listener = c->table->table->conf->name;
    fc->route = c->route ? c->route->name : "";
    fc->address = &c->owner->peer;
    fc->request = &c->down.in_headers;
    fc->path = h2_headers_get(fc->request, H2_TOKEN_PATH);
    fc->service = service;
    fc->method = method;
    fc->begun_us = c->begun_us;
    fc->deadline_us = c->deadline_us;
    c->filters = f;
}

/* In two places, of which only one is on the path of a good call. */
static ALWAYS_INLINE bool
filters_attach(struct call *c, const struct chain *chain, struct slice service,
               struct slice method)
{
    struct call_filters *f = arena_alloc(&c->arena, sizeof(*f) + chain_state_size(chain));

    if (!f)
        return false;
    filters_fill(c, f, service, method);
    chain_begin(&f->fc, chain, f->state);
    return true;
}

#endif

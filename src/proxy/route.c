/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.c - one route. */
#include "proxy/route.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "filter/chain.h"
#include "filter/edit.h"
#include "filter/retry_policy.h"
#include "filter/template.h"
#include "h2/headers.h"
#include "proxy/balance.h"
#include "proxy/listener_conf.h"
#include "proxy/method_conf.h"
#include "proxy/split.h"
#include "upstream/pool_levels.h"

enum { SPLIT_VALUE_MAX = 1024 };

/* Written by all workers: on a cache line of its own, which only routes with this limit have. */
struct route_level {
    char before[64];
    _Atomic uint32_t calls;
    char behind[64];
};

/* What the answer's edits ask of the request: kept until the call ends. */
enum {
    WANTS_REQUEST = 1u << TEMPLATE_HEADER | 1u << TEMPLATE_SERVICE |
                    1u << TEMPLATE_METHOD | 1u << TEMPLATE_REQUEST_ID
};

static void
route_init_edits(struct route *r)
{
    const struct route_conf *c = r->conf;

    r->request = edit_new(&c->request_headers);
    r->response = edit_new(&c->response_headers);
    r->trailers = edit_new(&c->response_trailers);
    if (r->request)
        r->acts |= ACT_EDIT_REQUEST;
    if (r->response || r->trailers)
        r->acts |= ACT_EDIT_RESPONSE;
    if ((edit_wants(r->response) | edit_wants(r->trailers)) & WANTS_REQUEST)
        r->acts |= ACT_KEEP_HEADERS;
}

/* A route of one method has what methodConfig says of it from the start; the others ask for each call. */
static void
route_init_method(struct route *r, const struct method_table *methods)
{
    const struct match_conf *match = &r->conf->match;
    const struct method_conf *m;

    if (!methods)
        return;
    if (!match->service || !match->method) {
        r->acts |= ACT_LOOKUP;
        return;
    }
    m = method_conf_find(methods, slice_of(match->service), slice_of(match->method));
    if (!m)
        return;
    r->timeout_us = route_stricter(r->timeout_us, m->timeout_ms * 1000);
    r->max_in = (uint32_t)route_stricter(r->max_in, (int64_t)m->max_request_bytes);
    r->max_out = (uint32_t)route_stricter(r->max_out, (int64_t)m->max_response_bytes);
    r->method_policy = method_conf_policy(methods, m);
    if (r->method_policy)
        r->acts |= ACT_RETRY;
    if (m->wait_for_ready)
        r->acts |= ACT_PATIENT;
}

static void
route_init_policy(struct route *r)
{
    struct retry_policy p;

    if (!retry_policy_make(&p, &r->conf->retry, &r->conf->hedging))
        return;
    r->policy = xcalloc(1, sizeof(*r->policy));
    *r->policy = p;
    r->acts |= ACT_RETRY;
}

uint64_t
route_message_max(uint64_t own, const struct listener_limits_conf *limits)
{
    return own ? own : limits->max_message_bytes;
}

static void
route_init_limits(struct route *r, const struct listener_limits_conf *of_listener,
                  const struct method_table *methods)
{
    const struct route_limits_conf *l = &r->conf->limits;

    r->max_in = (uint32_t)route_message_max(l->max_request_message_bytes, of_listener);
    r->max_out = (uint32_t)route_message_max(l->max_response_message_bytes, of_listener);
    route_init_method(r, methods);
    r->max_calls = l->max_concurrent_requests;
    if (r->max_in)
        r->acts |= ACT_MAX_IN;
    if (r->max_out)
        r->acts |= ACT_MAX_OUT;
    if (r->max_calls) {
        r->acts |= ACT_MAX_CALLS;
        r->level = xcalloc(1, sizeof(*r->level));
    }
}

void
route_init(struct route *r, const struct route_conf *conf, unsigned index,
           const struct listener_limits_conf *limits, const struct method_table *methods)
{
    char name[32];

    *r = (struct route){
        .conf = conf,
        .index = index,
        .timeout_us = conf->timeout_ms * 1000,
        .grpc_timeout_max_us = conf->grpc_timeout_max_ms * 1000,
    };
    snprintf(name, sizeof(name), "routes[%u]", index);
    r->name = xstrdup(conf->name ? conf->name : name);
    if (conf->to.n > 1) {
        r->split = split_new(conf->to.items, conf->to.n);
        if (conf->split_by.on)
            r->split_header = slice_of(conf->split_by.header);
    }
    if (conf->status.on) {
        r->acts |= ACT_STATUS;
        r->status_code = status_conf_code(conf->status.code);
        r->status_text = template_new(conf->status.message);
    }
    if (conf->mirror.on && conf->mirror.share > 0) {
        r->acts |= ACT_MIRROR;
        r->mirror_share = (uint32_t)(conf->mirror.share * 10000 + 0.5);
    }
    route_init_edits(r);
    route_init_limits(r, limits, methods);
    route_init_policy(r);
}

void
route_set_chain(struct route *r, const struct chain *chain)
{
    r->chain = chain;
    if (!chain)
        return;
    r->acts |= ACT_FILTERS;
    if (chain_has(chain, SLOT_REQUEST_DATA))
        r->acts |= ACT_FILTER_IN;
    if (chain_has(chain, SLOT_RESPONSE_DATA))
        r->acts |= ACT_FILTER_OUT;
    if (chain_wants_answer(chain))
        r->acts |= ACT_FILTER_ANSWER;
    if (chain_flags(chain) & FILTER_KEEPS_REQUEST)
        r->acts |= ACT_KEEP_HEADERS;
}

void
route_done(struct route *r)
{
    split_free(r->split);
    template_free(r->status_text);
    edit_free(r->request);
    edit_free(r->response);
    edit_free(r->trailers);
    xfree(r->policy);
    xfree(r->level);
    xfree(r->name);
}

unsigned
route_split_target(const struct route *r, struct rng *rng,
                   const struct h2_headers *headers)
{
    UNINITIALIZED char value[SPLIT_VALUE_MAX];
    size_t n;

    if (r->split_header.p &&
        balance_header_text(headers, r->split_header, value, sizeof(value), &n))
        return r->target + split_sticky(r->split, slice_make(value, n));
    return r->target + split_random(r->split, rng);
}

int64_t
route_time_limit_us(const struct route *r, int64_t client_ns, int64_t method_us)
{
    int64_t limit = 0, own = route_stricter(r->timeout_us, method_us);

    if (client_ns >= 0) {
        limit = client_ns / 1000;
        if (limit == 0)
            limit = -1; /* time is over already */
        if (r->grpc_timeout_max_us && limit > r->grpc_timeout_max_us)
            limit = r->grpc_timeout_max_us;
    }
    if (own && (limit == 0 || limit > own))
        limit = own;
    return limit;
}

bool
route_level_take(const struct route *r)
{
    return level_take(&r->level->calls, r->max_calls);
}

void
route_level_give(const struct route *r)
{
    level_give(&r->level->calls, r->max_calls);
}

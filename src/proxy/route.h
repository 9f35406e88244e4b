/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.h - what is done with the calls that match: where they may go, in what time, and what else (actions). First match wins, in the order of
 * the file. Part of a table (proxy/table.h), immutable with it; any thread. */
#ifndef OUTRIGGER_PROXY_ROUTE_H
#define OUTRIGGER_PROXY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct chain;
struct edit;
struct h2_headers;
struct listener_limits_conf;
struct method_table;
struct retry_policy;
struct rng;
struct route_conf;
struct split;
struct template;

/* What a call of this route has to do beside being passed on. The call has a copy (call->acts), so that a call without any of it pays one branch. */
enum route_act {
    ACT_STATUS = 1,           /* the proxy answers itself */
    ACT_MAX_CALLS = 2,        /* concurrent ones are counted */
    ACT_EDIT_REQUEST = 4,     /* header edits */
    ACT_EDIT_RESPONSE = 8,    /* of headers or trailers */
    ACT_MIRROR = 16,          /* some calls are copied */
    ACT_MAX_IN = 32,          /* request messages have a limit */
    ACT_MAX_OUT = 64,         /* response messages */
    ACT_KEEP_HEADERS = 128,   /* the answer's edits name parts of the request */
    ACT_LOOKUP = 256,         /* methodConfig is looked up for each call */
    ACT_FILTERS = 512,        /* there is a chain */
    ACT_FILTER_IN = 1024,     /* which looks at bytes of the request */
    ACT_FILTER_OUT = 2048,    /* at bytes of the answer */
    ACT_FILTER_ANSWER = 4096, /* at headers or trailers of the answer */
    ACT_RETRY = 8192,         /* failed calls are tried again */
    ACT_PATIENT = 16384,      /* waitForReady */
    ACT_TELL = 32768, /* no filter "metrics": its end is told in proxy/filters.c */
    /* What action_begin does. */
    ACT_BEGIN = ACT_STATUS | ACT_MAX_CALLS | ACT_EDIT_REQUEST | ACT_MIRROR,
    /* What a chain asks for; it stays when the route is looked for again behind it. */
    ACT_OF_CHAIN = ACT_FILTERS | ACT_FILTER_IN | ACT_FILTER_OUT | ACT_FILTER_ANSWER |
                   ACT_KEEP_HEADERS | ACT_TELL,
};

struct route_level; /* calls at the same time, of the whole process */

struct route {
    const struct route_conf *conf; /* in the table's copy */
    unsigned index;                /* in table->routes */
    unsigned acts;                 /* enum route_act */
    /* Range of table->targets, as conf->to; 0 targets: ACT_STATUS. With ACT_MIRROR the mirror's is the next one behind it. */
    unsigned target, target_count;
    int64_t timeout_us;          /* 0: none */
    int64_t grpc_timeout_max_us; /* 0: none */
    char *name;                  /* "routes[3]" when the file gives none */
    struct split *split;         /* NULL: one target or none */
    struct slice split_header;   /* p NULL: by chance */
    int status_code;
    struct template *status_text;               /* NULL: none */
    struct edit *request, *response, *trailers; /* NULL: nothing to do */
    uint32_t mirror_share;                      /* of 1,000,000 calls */
    uint32_t max_in, max_out;                   /* bytes of one message; 0: no limit */
    uint32_t max_calls;                         /* 0: no limit */
    struct route_level *level;                  /* with max_calls */
    const struct chain *chain;                  /* the table's; NULL: no filters */
    struct retry_policy *policy;                /* NULL: none of its own */
    const struct retry_policy *method_policy;   /* of methodConfig, for its one method */
};

/* All but the targets, whose range the table sets. The strings stay those of conf. limits, methods: of the listener; methods NULL: none. */
void
route_init(struct route *r, const struct route_conf *conf, unsigned index,
           const struct listener_limits_conf *limits, const struct method_table *methods);
/* Bytes of one message on a route that says `own` in its limits, 0: nothing, in a listener with these limits; 0: no limit. */
uint64_t route_message_max(uint64_t own, const struct listener_limits_conf *limits);
/* Its filters; before any call. NULL: none. */
void route_set_chain(struct route *r, const struct chain *chain);
/* Frees what route_init made. No call may use the route. */
void route_done(struct route *r);
/* The slow half of route_pick_target: use that one. */
unsigned route_split_target(const struct route *r, struct rng *rng,
                            const struct h2_headers *headers);
/* The target of a call with these headers: an index in table->targets. Not with ACT_STATUS. */
static inline unsigned
route_pick_target(const struct route *r, struct rng *rng,
                  const struct h2_headers *headers)
{
    return LIKELY(!r->split) ? r->target : route_split_target(r, rng, headers);
}
/* Microseconds from now that a call may take; 0: for ever, -1: its time is over already. client_ns: its grpc-timeout, -1 when it sent none. method_us: what
 * methodConfig says, with ACT_LOOKUP; 0: nothing. The shortest limit wins (grpc-spec 5). */
int64_t route_time_limit_us(const struct route *r, int64_t client_ns, int64_t method_us);
/* The smaller of two limits where 0 means none. */
static inline int64_t
route_stricter(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}
/* One more call at the same time, with ACT_MAX_CALLS. False: there are max_calls already. Any thread. */
bool route_level_take(const struct route *r);
void route_level_give(const struct route *r);

#endif

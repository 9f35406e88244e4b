/* SPDX-License-Identifier: Apache-2.0 */
/* filter/concurrency_limit.c - the filter "concurrencyLimit": at most so many calls at the same time on all workers together. The limit is fixed (max), or found out from how long
 * calls take (adaptive, gradient.h). What is over it is refused with UNAVAILABLE, since another replica may have room (grpc-spec.md 3.3).
 * A fixed limit counts a call until it ends. The adaptive one asks how long a backend works on a call: it counts a call until its first response message, and one that turns out
 * to be a stream from the client until then. What failed at once says nothing about that time, and is no sample. */
#include <stdalign.h>
#include <stdatomic.h>

#include "base/xalloc.h"
#include "conf/check.h"
#include "filter/gradient.h"
#include "filter/kinds.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "obs/stats.h"

enum { LINE = 64, US_PER_MS = 1000 };

#define REASON_CONCURRENCY_LIMIT "CONCURRENCY_LIMIT"
#define HOUR_MS                  3600000LL

struct adaptive_conf {
    bool on;
    uint32_t min, requests;
    int64_t interval_ms, update_ms, min_rtt_ms;
    double buffer, jitter;
};

struct concurrency_limit_conf {
    uint32_t max;
    struct adaptive_conf adaptive;
};

/* What all workers write. */
struct fixed {
    alignas(LINE) _Atomic uint32_t flying;
};

struct limit_level {
    alignas(LINE) _Atomic uint32_t limit; /* what the gauge shows of this filter */
};

struct concurrency_limit {
    struct filter filter;
    struct gradient *gradient; /* NULL: fixed */
    struct fixed *fixed;       /* NULL: adaptive */
    struct limit_level *shown;
    struct stats *stats; /* of the main thread */
};

struct held {
    bool counts;
    int64_t begun_us;
};

/* --- settings ------------------------------------------------------------------------- */

static const struct conf_field adaptive_fields[] = {
    { .key = "min",
      .type = CONF_UINT,
      .at = offsetof(struct adaptive_conf, min),
      .def = "3",
      .min = 1,
      .max = 1000000,
      .example = "5",
      .help = "The limit never gets lower, and is this while minRtt is measured." },
    { .key = "update",
      .type = CONF_DURATION,
      .at = offsetof(struct adaptive_conf, update_ms),
      .def = "100ms",
      .min = 10,
      .max = 60000,
      .example = "\"250ms\"",
      .help = "Time between two changes of the limit, each by the median of the calls "
              "since the last one." },
    { .key = "minRtt",
      .type = CONF_DURATION,
      .at = offsetof(struct adaptive_conf, min_rtt_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"20ms\"",
      .help = "How long a call takes when the backend has little to do. 0s: it is "
              "measured, each time with the limit at min for some calls." },
    { .key = "minRttInterval",
      .type = CONF_DURATION,
      .at = offsetof(struct adaptive_conf, interval_ms),
      .def = "1m",
      .min = 1000,
      .max = 24 * HOUR_MS,
      .example = "\"5m\"",
      .help = "Time between two measurements of minRtt." },
    { .key = "minRttRequests",
      .type = CONF_UINT,
      .at = offsetof(struct adaptive_conf, requests),
      .def = "50",
      .min = 1,
      .max = 100000,
      .example = "25",
      .help = "Calls that a measurement of minRtt needs." },
    { .key = "buffer",
      .type = CONF_PERCENT,
      .at = offsetof(struct adaptive_conf, buffer),
      .def = "25%",
      .min = 0,
      .max = 1000,
      .example = "\"50%\"",
      .help = "Calls may take so much longer than minRtt before the limit goes down." },
    { .key = "jitter",
      .type = CONF_PERCENT,
      .at = offsetof(struct adaptive_conf, jitter),
      .def = "15%",
      .min = 0,
      .max = 100,
      .example = "\"30%\"",
      .help = "A random share of minRttInterval that is added to it, so that not all "
              "proxies measure at once." },
    { .key = NULL },
};

static const struct conf_struct adaptive_struct = {
    .name = "adaptive limit",
    .size = sizeof(struct adaptive_conf),
    .fields = adaptive_fields,
    .optional = true,
    .on_at = offsetof(struct adaptive_conf, on),
};

static const struct conf_field fields[] = {
    { .key = "max",
      .type = CONF_UINT,
      .at = offsetof(struct concurrency_limit_conf, max),
      .def = "1000",
      .min = 1,
      .max = 1000000,
      .example = "100",
      .help = "So many calls may go on at the same time, on all workers together. With "
              "adaptive: the limit never gets higher." },
    { .key = "adaptive",
      .type = CONF_OBJECT,
      .at = offsetof(struct concurrency_limit_conf, adaptive),
      .sub = &adaptive_struct,
      .example = "{ }",
      .help = "The limit follows how long calls take: it grows while they take about as "
              "long as with little to do (minRtt), and shrinks when they take longer." },
    { .key = NULL },
};

static void
check(void *obj, struct conf_place *place)
{
    const struct concurrency_limit_conf *conf = obj;

    if (conf->adaptive.on)
        conf_check_at_least(place, CONF_UINT, "max", conf->max, "adaptive.min",
                            conf->adaptive.min);
}

const struct conf_struct concurrency_limit_conf_struct = {
    .name = "concurrencyLimit filter",
    .size = sizeof(struct concurrency_limit_conf),
    .fields = fields,
    .check = check,
};

/* --- the filter ------------------------------------------------------------------------- */

static uint32_t
limit_now(const struct concurrency_limit *l)
{
    const struct concurrency_limit_conf *conf = l->filter.conf;

    return l->gradient ? gradient_limit(l->gradient) : conf->max;
}

/* The gauge is a sum over the blocks of all threads: whoever sees another limit adds the difference. */
static void
limit_show(const struct concurrency_limit *l, struct stats *stats, uint32_t limit)
{
    if (atomic_load_explicit(&l->shown->limit, memory_order_relaxed) == limit)
        return;
    stat_add(stats, STAT_CONCURRENCY_LIMIT,
             (int64_t)limit - (int64_t)atomic_exchange(&l->shown->limit, limit));
}

static void
limit_open(struct filter *f, const struct filter_env *env)
{
    struct concurrency_limit *l = (struct concurrency_limit *)f;
    const struct concurrency_limit_conf *conf = f->conf;
    const struct adaptive_conf *a = &conf->adaptive;
    const struct gradient_conf gradient = {
        .min_limit = a->min,
        .max_limit = conf->max,
        .requests = a->requests,
        .interval_us = a->interval_ms * US_PER_MS,
        .update_us = a->update_ms * US_PER_MS,
        .min_rtt_us = a->min_rtt_ms * US_PER_MS,
        .buffer = a->buffer,
        .jitter = a->jitter,
    };

    l->stats = env->stats;
    l->shown = xcalloc_aligned(LINE, sizeof(*l->shown));
    if (a->on)
        l->gradient = gradient_new(&gradient, loop_now_us(env->loop));
    else
        l->fixed = xcalloc_aligned(LINE, sizeof(*l->fixed));
    limit_show(l, l->stats, limit_now(l));
}

static void
limit_close(struct filter *f)
{
    struct concurrency_limit *l = (struct concurrency_limit *)f;

    limit_show(l, l->stats, 0);
    gradient_free(l->gradient);
    xfree(l->fixed);
    xfree(l->shown);
}

static bool
fixed_take(struct fixed *f, uint32_t max)
{
    uint32_t flying = atomic_load_explicit(&f->flying, memory_order_relaxed);

    while (flying < max) {
        if (atomic_compare_exchange_weak_explicit(&f->flying, &flying, flying + 1,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

static enum filter_verdict
refuse(const struct concurrency_limit *l, struct filter_call *fc)
{
    const struct filter_refusal why = { .code = GRPC_UNAVAILABLE,
                                        .reason = REASON_CONCURRENCY_LIMIT,
                                        .subject = l->filter.scope };

    stat_inc(fc->stats, STAT_CONCURRENCY_LIMITED);
    return filter_refuse(fc, &why, "%u calls are going on, more are not let in (%s)",
                         limit_now(l), l->filter.scope);
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    const struct concurrency_limit *l = (const struct concurrency_limit *)filter_self(fc);
    const struct concurrency_limit_conf *conf = l->filter.conf;
    int64_t now_us = loop_now_us(fc->loop);
    struct held *h = state;
    bool taken;

    if (l->gradient) {
        taken = gradient_take(l->gradient, now_us, fc->rng);
        limit_show(l, fc->stats, limit_now(l));
    } else {
        taken = fixed_take(l->fixed, conf->max);
    }
    if (!taken)
        return refuse(l, fc);
    *h = (struct held){ .counts = true, .begun_us = now_us };
    stat_inc(fc->stats, STAT_CONCURRENCY_FLYING);
    return FILTER_NEXT;
}

static void
give(struct filter_call *fc, struct held *h, bool is_sample)
{
    const struct concurrency_limit *l = (const struct concurrency_limit *)filter_self(fc);

    h->counts = false;
    stat_add(fc->stats, STAT_CONCURRENCY_FLYING, -1);
    if (!l->gradient) {
        atomic_fetch_sub_explicit(&l->fixed->flying, 1, memory_order_relaxed);
        return;
    }
    gradient_give(l->gradient);
    if (is_sample)
        gradient_tell(l->gradient, h->begun_us, loop_now_us(fc->loop), fc->rng);
    limit_show(l, fc->stats, limit_now(l));
}

static bool
is_adaptive(const struct filter_call *fc)
{
    return ((const struct concurrency_limit *)filter_self(fc))->gradient != NULL;
}

/* The second message makes it a stream, whose length is the client's choice. */
static enum filter_verdict
on_request_data(struct filter_call *fc, void *state, const struct buf *in, bool end)
{
    struct held *h = state;

    (void)in;
    (void)end;
    if (h->counts && filter_messages_in(fc) >= 2 && is_adaptive(fc))
        give(fc, h, false);
    return FILTER_NEXT;
}

static enum filter_verdict
on_response_data(struct filter_call *fc, void *state, const struct buf *in)
{
    struct held *h = state;

    (void)in;
    if (h->counts && is_adaptive(fc))
        give(fc, h, true);
    return FILTER_NEXT;
}

/* The client's clock ends a call as often as ours does, and then it looks like any other cancel. */
static bool
is_late(const struct filter_call *fc, const struct filter_result *r)
{
    int64_t most = fc->deadline_us - fc->begun_us;

    return fc->deadline_us && r->end_us - fc->begun_us >= most - most / 10;
}

/* A call without an answer in time took at least as long as it was waited for. */
static bool
is_sample(const struct filter_call *fc, const struct filter_result *r)
{
    if (r->code == GRPC_DEADLINE_EXCEEDED || r->cancelled)
        return is_late(fc, r);
    switch (r->code) {
    case GRPC_CANCELLED:
    case GRPC_UNAVAILABLE:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_UNIMPLEMENTED:
    case GRPC_UNAUTHENTICATED:
    case GRPC_PERMISSION_DENIED:
        return false;
    default:
        return !r->local;
    }
}

static void
on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct held *h = state;

    if (h->counts)
        give(fc, h, is_sample(fc, r));
}

const struct filter_kind filter_concurrency_limit = {
    .name = "concurrencyLimit",
    .conf = &concurrency_limit_conf_struct,
    .size = sizeof(struct concurrency_limit),
    .call_size = sizeof(struct held),
    .open = limit_open,
    .close = limit_close,
    .on_request = on_request,
    .on_request_data = on_request_data,
    .on_response_data = on_response_data,
    .on_end = on_end,
};

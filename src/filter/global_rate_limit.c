/* SPDX-License-Identifier: Apache-2.0 */
/* filter/global_rate_limit.c - the filter "globalRateLimit": limits that many proxies share. It asks Envoy's rate limit service over a pool, or keeps the limits in Redis
 * itself (filter/redis_limit.h); what either says is one struct rls_answer and goes the same way from there. Without an answer the call goes on, unless
 * failureModeDeny is set. A call that has none of the descriptors is not asked about. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "filter/descriptor.h"
#include "filter/edit.h"
#include "filter/global_rate_conf.h"
#include "filter/kinds.h"
#include "filter/redis_limit.h"
#include "filter/services.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/limit_counts.h"
#include "obs/stats.h"
#include "upstream/sidecall.h"

#define REASON_RATE_LIMITED     "RATE_LIMITED"
#define REASON_RATE_UNAVAILABLE "RATE_SERVICE_UNAVAILABLE"

enum {
    ERRORS_LOGGED = 3,
    SUBJECT_MAX = 512,
    HEADER_ROOM = 96,
    SHARE_MAX = 10000,
};

struct global_rate_limit {
    struct filter base;
    struct redis_limit *redis; /* NULL: the pool is asked */
    struct limit_count *over;  /* NULL: nobody counts */
};

struct global_rate_call {
    const struct global_rate_limit *f;
    struct filter_call *fc;
    struct sidecall *side;    /* the question is on its way to the service */
    struct redis_call *asked; /* or to Redis */
    struct timer timer;       /* of the latter */
    struct descriptors *descriptors;
};

static const struct global_rate_limit_conf *
rate_conf_of(const struct global_rate_call *c)
{
    return c->f->base.conf;
}

/* --- what an answer does -------------------------------------------------------------- */

static enum filter_verdict
rate_failed(struct global_rate_call *c, const char *why)
{
    static struct log_limit limit;
    const struct global_rate_limit_conf *conf = rate_conf_of(c);
    static const struct filter_refusal refusal = { .code = GRPC_UNAVAILABLE,
                                                   .reason = REASON_RATE_UNAVAILABLE };

    if (log_limit_pass(&limit, ERRORS_LOGGED))
        log_at(NULL, LOG_WARN,
               conf->failure_mode_deny
                   ? "there is no answer about the rate limit: calls are refused"
                   : "there is no answer about the rate limit: calls go on without it",
               LS("scope", c->f->base.scope), LS("filter", c->f->base.name),
               LS("why", why));
    if (!conf->failure_mode_deny) {
        stat_inc(c->fc->stats, STAT_GLOBAL_RATE_FAILED_OPEN);
        return FILTER_NEXT;
    }
    stat_inc(c->fc->stats, STAT_GLOBAL_RATE_ERRORS);
    return filter_refuse(c->fc, &refusal, "no answer about the rate limit (%s %s)",
                         conf->pool ? "pool" : "redis, domain",
                         conf->pool ? conf->pool : conf->domain);
}

static void
header_give(struct global_rate_call *c, const char *name, const char *value)
{
    if (!filter_answer_header(c->fc, slice_of(name), slice_of(value)))
        stat_inc(c->fc->stats, STAT_GLOBAL_RATE_HEADERS_LOST);
}

/* The headers of draft-ietf-httpapi-ratelimit-headers-03, as Envoy writes them. */
static void
limit_headers(struct global_rate_call *c, const struct rls_limit *l)
{
    char text[HEADER_ROOM];

    if (!l->known)
        return;
    if (l->unit_s)
        snprintf(text, sizeof(text), "%u, %u;w=%lld", l->requests, l->requests,
                 (long long)l->unit_s);
    else
        snprintf(text, sizeof(text), "%u", l->requests);
    header_give(c, "x-ratelimit-limit", text);
    snprintf(text, sizeof(text), "%u", l->remaining);
    header_give(c, "x-ratelimit-remaining", text);
    if (!l->reset_known)
        return;
    snprintf(text, sizeof(text), "%lld", (long long)((l->reset_ms + 999) / 1000));
    header_give(c, "x-ratelimit-reset", text);
}

/* Headers that the service gives. What is illegal, or not its business, is left out. */
static void
service_headers(struct global_rate_call *c, const struct rls_answer *a)
{
    struct filter_call *fc = c->fc;

    for (size_t i = 0; i < a->response_count; i++) {
        if (!edit_name_is_open(a->response[i].name) ||
            !filter_answer_header(fc, a->response[i].name, a->response[i].value))
            stat_inc(fc->stats, STAT_GLOBAL_RATE_HEADERS_LOST);
    }
    for (size_t i = 0; i < a->request_count && !a->over; i++) {
        if (!edit_name_is_open(a->request[i].name) ||
            !filter_add(fc, fc->request, a->request[i].name, a->request[i].value, true))
            stat_inc(fc->stats, STAT_GLOBAL_RATE_HEADERS_LOST);
    }
}

static const char *
rate_subject(const struct global_rate_call *c, const struct rls_limit *l)
{
    const struct global_rate_limit_conf *conf = rate_conf_of(c);
    char text[SUBJECT_MAX];
    int n = snprintf(text, sizeof(text), "%s, domain %s%s%.*s", c->f->base.scope,
                     conf->domain, l->name.n ? ", limit " : "",
                     l->name.n > 128 ? 128 : (int)l->name.n, (const char *)l->name.p);

    return arena_copy(c->fc->arena, text,
                      n < (int)sizeof(text) ? (size_t)n + 1 : sizeof(text));
}

static enum filter_verdict
rate_over(struct global_rate_call *c, const struct rls_limit *l)
{
    const struct global_rate_limit_conf *conf = rate_conf_of(c);
    struct filter_refusal refusal = {
        .code = GRPC_RESOURCE_EXHAUSTED,
        .reason = REASON_RATE_LIMITED,
        .retry_known = l->reset_known,
        .retry_ms = l->reset_ms,
        .pushback = conf->pushback && l->reset_known,
    };

    if (conf->enforce < 100 &&
        rng_below(c->fc->rng, SHARE_MAX) >= conf->enforce * SHARE_MAX / 100) {
        stat_inc(c->fc->stats, STAT_GLOBAL_RATE_SHADOWED);
        limit_count_passed(c->f->over);
        return FILTER_NEXT;
    }
    stat_inc(c->fc->stats, STAT_GLOBAL_RATE_OVER);
    limit_count_refused(c->f->over);
    refusal.subject = rate_subject(c, l);
    header_give(c, "x-envoy-ratelimited", "true");
    return filter_refuse(c->fc, &refusal, "over the rate limit of domain %s",
                         conf->domain);
}

static enum filter_verdict
rate_judge(struct global_rate_call *c, const struct rls_answer *a)
{
    service_headers(c, a);
    if (rate_conf_of(c)->headers)
        limit_headers(c, &a->limit);
    if (a->over)
        return rate_over(c, &a->limit);
    stat_inc(c->fc->stats, STAT_GLOBAL_RATE_OK);
    return FILTER_NEXT;
}

/* --- the service ---------------------------------------------------------------------- */

static void
rate_on_answer(void *arg, const struct sidecall_result *r)
{
    struct global_rate_call *c = arg;
    struct rls_answer a;
    enum filter_verdict v;

    c->side = NULL;
    if (r->code != GRPC_OK)
        v = rate_failed(c, r->why);
    else if (rls_answer_decode(r->message, c->fc->arena, &a) != ERR_OK)
        v = rate_failed(c, "its answer is no RateLimitResponse that says yes or no");
    else
        v = rate_judge(c, &a);
    filter_resume(c->fc, v);
}

static enum filter_verdict
rate_ask_service(struct global_rate_call *c)
{
    const struct global_rate_limit_conf *conf = rate_conf_of(c);
    struct pool *pool = filter_pool(c->fc, &c->f->base);
    struct strbuf message;
    int rv;

    strbuf_init(&message, SIDECALL_REQUEST_MAX);
    rv = rls_request_encode(slice_of(conf->domain), c->descriptors->v, c->descriptors->n,
                            conf->hits, c->fc->arena, &message);
    if (rv == ERR_OK)
        c->side = sidecall_start(pool, RLS_PATH, slice_make(message.s, message.len),
                                 conf->timeout_ms * 1000, rate_on_answer, c);
    strbuf_done(&message);
    return c->side ? FILTER_WAIT : rate_failed(c, "there is no memory to ask");
}

/* --- Redis ---------------------------------------------------------------------------- */

static void
rate_on_values(void *arg, const int64_t *v, size_t n, const char *error)
{
    struct global_rate_call *c = arg;
    struct rls_answer a;
    enum filter_verdict verdict;

    c->asked = NULL;
    timer_stop(c->fc->loop, &c->timer);
    if (error)
        verdict = rate_failed(c, error);
    else if (!redis_limit_read(c->descriptors, v, n, &a))
        verdict = rate_failed(c, "the answer of Redis is not that of the script");
    else
        verdict = rate_judge(c, &a);
    filter_resume(c->fc, verdict);
}

static void
rate_on_timeout(struct timer *t)
{
    struct global_rate_call *c = CONTAINER_OF(t, struct global_rate_call, timer);

    redis_forget(c->asked);
    c->asked = NULL;
    filter_resume(c->fc, rate_failed(c, "no answer of Redis in time"));
}

static enum filter_verdict
rate_ask_redis(struct global_rate_call *c)
{
    const struct global_rate_limit_conf *conf = rate_conf_of(c);
    int rv = redis_limit_ask(c->f->redis, c->fc->worker, c->descriptors, conf->hits,
                             c->fc->arena, rate_on_values, c, &c->asked);

    switch (rv) {
    case ERR_OK:
        timer_init(&c->timer, rate_on_timeout);
        timer_start(c->fc->loop, &c->timer, conf->timeout_ms * 1000);
        return FILTER_WAIT;
    case ERR_LIMIT:
        return rate_failed(c, "redis.maxPending questions wait for an answer of Redis");
    case ERR_NOMEM:
        return rate_failed(c, "there is no memory to ask");
    default:
        return rate_failed(c, "there is no connection to Redis");
    }
}

/* --- slots ---------------------------------------------------------------------------- */

static enum filter_verdict
global_rate_on_request(struct filter_call *fc, void *state)
{
    struct global_rate_call *c = state;

    c->f = CONTAINER_OF(filter_self(fc), struct global_rate_limit, base);
    c->fc = fc;
    c->descriptors = arena_alloc(fc->arena, sizeof(*c->descriptors));
    if (!c->descriptors ||
        !descriptors_make(&rate_conf_of(c)->descriptors, fc, c->descriptors))
        return rate_failed(c, "there is no memory to ask");
    if (c->descriptors->n == 0)
        return FILTER_NEXT;
    return c->f->redis ? rate_ask_redis(c) : rate_ask_service(c);
}

static void
global_rate_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct global_rate_call *c = state;

    (void)r;
    if (c->side)
        sidecall_cancel(c->side);
    if (c->asked) {
        redis_forget(c->asked);
        timer_stop(fc->loop, &c->timer);
    }
    c->side = NULL;
    c->asked = NULL;
}

/* --- life ----------------------------------------------------------------------------- */

static struct global_rate_limit *
rate_of(struct filter *f)
{
    return CONTAINER_OF(f, struct global_rate_limit, base);
}

static void
global_rate_open(struct filter *base, const struct filter_env *env)
{
    const struct global_rate_limit_conf *conf = base->conf;
    char key[SUBJECT_MAX];

    snprintf(key, sizeof(key), "domain %s", conf->domain);
    if (env->services)
        rate_of(base)->over = limit_counts_get(env->services->limits, base->scope, key);
    if (conf->redis.on)
        rate_of(base)->redis = redis_limit_new(&conf->redis, conf->domain, base->scope,
                                               env->loop, env->workers);
}

static void
global_rate_close(struct filter *base)
{
    redis_limit_free(rate_of(base)->redis);
}

static void
global_rate_worker_open(struct filter *base, unsigned worker, struct loop *loop,
                        struct stats *stats)
{
    (void)stats;
    if (rate_of(base)->redis)
        redis_limit_worker_open(rate_of(base)->redis, worker, loop);
}

static void
global_rate_worker_close(struct filter *base, unsigned worker)
{
    if (rate_of(base)->redis)
        redis_limit_worker_close(rate_of(base)->redis, worker);
}

static const char *
global_rate_pool(const void *conf)
{
    return ((const struct global_rate_limit_conf *)conf)->pool;
}

const struct filter_kind filter_global_rate_limit = {
    .name = "globalRateLimit",
    .conf = &global_rate_limit_conf_struct,
    .size = sizeof(struct global_rate_limit),
    .call_size = sizeof(struct global_rate_call),
    .open = global_rate_open,
    .close = global_rate_close,
    .worker_open = global_rate_worker_open,
    .worker_close = global_rate_worker_close,
    .pool = global_rate_pool,
    .on_request = global_rate_on_request,
    .on_end = global_rate_on_end,
};

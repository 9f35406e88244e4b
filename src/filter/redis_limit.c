/* SPDX-License-Identifier: Apache-2.0 */
/* filter/redis_limit.c - keys, the script, and connections by worker. */
#include "filter/redis_limit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "filter/descriptor.h"
#include "grpc/rls.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/digest.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

enum {
    KEY_MAX = 200,
    NUMBER_MAX = 32,
    ANSWER_VALUES = 5,
    LOST_LOGGED = 3,
};

static const int64_t STALL_US = 1000 * 1000;
static const int64_t PAUSE_US = 100 * 1000;
static const int64_t PAUSE_MAX_US = 5 * 1000 * 1000;

/* KEYS: buckets. ARGV: hits, then for each bucket the microseconds in which one token comes back, and those in which an empty bucket gets full. Times count from
 * 2023-11-14, so that a double has room for fractions of a microsecond.
 * Returns { allowed, which bucket says most, milliseconds to wait, tokens left in it, milliseconds until it is full }. */
static const char script[] =
    "local t = redis.call('TIME')\n"
    "local now = (t[1] - 1700000000) * 1000000 + t[2]\n"
    "local hits = tonumber(ARGV[1])\n"
    "local full, over, wait, least, left = {}, 0, 0, 0, 0\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local token, depth = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])\n"
    "  local at = tonumber(redis.call('GET', key) or now)\n"
    "  if not at or at < now then at = now end\n"
    "  if at > now + depth + 1 then at = now + depth end\n"
    "  local late = at + hits * token - depth - now\n"
    "  if late > 0.01 and late > wait then over, wait = i, late end\n"
    "  full[i] = at + hits * token\n"
    "  local rest = math.floor((0.01 - late) / token)\n"
    "  if least == 0 or rest < left then least, left = i, rest end\n"
    "end\n"
    "if over > 0 then\n"
    "  local at = full[over] - hits * tonumber(ARGV[2 * over])\n"
    "  return { 0, over, math.ceil(wait / 1000), 0, math.ceil((at - now) / 1000) }\n"
    "end\n"
    "for i, key in ipairs(KEYS) do\n"
    "  redis.call('SET', key, string.format('%.3f', full[i]), 'PX', "
    "math.ceil((full[i] - now) / 1000) + 1)\n"
    "end\n"
    "return { 1, least, 0, left, math.ceil((full[least] - now) / 1000) }\n";

/* One worker's. */
struct redis_worker {
    struct redis_limit *limit;
    struct redis *redis; /* NULL: the worker does not use it */
    struct redis_conf conf;
    struct digest *digest;
};

struct redis_limit {
    const struct redis_limit_conf *conf;
    const char *domain, *scope;
    /* Where Redis is; the resolver writes, workers read when they connect. */
    pthread_mutex_t lock;
    struct addr address;
    bool known;
    struct resolver *resolver;
    struct resolve_conf resolve;
    struct rng rng;
    struct log_limit lost_limit, name_limit;
    unsigned workers;
    struct redis_worker by_worker[];
};

/* --- keys ----------------------------------------------------------------------------- */

struct key_writer {
    char *to;
    size_t n;
    bool over; /* it did not fit */
};

static void
key_put(struct key_writer *w, const char *p, size_t n)
{
    if (n > KEY_MAX - w->n) {
        w->over = true;
        return;
    }
    memcpy(w->to + w->n, p, n);
    w->n += n;
}

static void
key_put_text(struct key_writer *w, struct slice s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    for (size_t i = 0; i < s.n && !w->over; i++) {
        char hex[4];

        if (s.p[i] && strchr(plain, s.p[i])) {
            key_put(w, (const char *)&s.p[i], 1);
        } else {
            snprintf(hex, sizeof(hex), "%%%02X", s.p[i]);
            key_put(w, hex, 3);
        }
    }
}

/* Everything with its length, so that no two lists of pairs have the same bytes. */
static bool
key_put_hash(struct key_writer *w, struct digest *digest, const struct rls_descriptor *d,
             struct arena *a)
{
    uint8_t sum[SHA256_LEN], *all, *to;
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += d->entries[i].name.n + d->entries[i].value.n + 2 * sizeof(uint64_t);
    to = all = arena_alloc(a, n + 1);
    for (size_t i = 0; all && i < d->n; i++) {
        const struct slice parts[] = { d->entries[i].name, d->entries[i].value };

        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            uint64_t len = parts[k].n;

            for (unsigned shift = 0; shift < 64; shift += 8)
                *to++ = (uint8_t)(len >> shift); /* the same on all machines */
            memcpy(to, parts[k].p, parts[k].n);
            to += parts[k].n;
        }
    }
    if (!all || !digest_sha256(digest, slice_make(all, n), sum))
        return false;
    key_put(w, "sha256-", 7);
    for (size_t i = 0; i < sizeof(sum); i++) {
        char hex[3];

        snprintf(hex, sizeof(hex), "%02x", sum[i]);
        key_put(w, hex, 2);
    }
    return !w->over;
}

/* p NULL: no memory. */
static struct slice
bucket_key(struct redis_worker *rw, const struct rls_descriptor *d,
           const struct descriptor_conf *conf, struct arena *a)
{
    const struct redis_limit *l = rw->limit;
    char rate[RATE_TEXT_MAX];
    struct key_writer w = { .to = arena_alloc(a, KEY_MAX) };
    size_t head;

    if (!w.to)
        return (struct slice){ 0 };
    rate_conf_print(&conf->rate, rate);
    key_put_text(&w, slice_of(l->conf->prefix));
    key_put(&w, ":", 1);
    key_put_text(&w, slice_of(l->domain));
    key_put(&w, ":", 1);
    key_put_text(&w, slice_of(rate));
    key_put(&w, ":", 1);
    head = w.n;
    for (size_t i = 0; i < d->n && !w.over; i++) {
        if (i)
            key_put(&w, ",", 1);
        key_put_text(&w, d->entries[i].name);
        key_put(&w, "=", 1);
        key_put_text(&w, d->entries[i].value);
    }
    if (w.over) {
        w.n = head;
        w.over = false;
        if (!key_put_hash(&w, rw->digest, d, a))
            return (struct slice){ 0 };
    }
    return slice_make(w.to, w.n);
}

/* --- questions ------------------------------------------------------------------------ */

static struct slice
number_text(double v, struct arena *a)
{
    char text[NUMBER_MAX];
    int n = snprintf(text, sizeof(text), "%.6f", v);

    return slice_make(arena_copy(a, text, (size_t)n), (size_t)n);
}

int
redis_limit_ask(struct redis_limit *l, unsigned worker, const struct descriptors *d,
                uint32_t hits, struct arena *a, redis_fn *fn, void *arg,
                struct redis_call **ret)
{
    struct redis_worker *rw = &l->by_worker[worker];
    struct slice keys[DESCRIPTORS_MAX], args[2 * DESCRIPTORS_MAX + 1];
    size_t n = 0;

    args[n++] = number_text(hits, a);
    for (size_t i = 0; i < d->n; i++) {
        const struct rate_conf *rate = &d->conf[i]->rate;
        double token_us = (double)rate->rate.per_ms * 1000 / rate->rate.events;

        keys[i] = bucket_key(rw, &d->v[i], d->conf[i], a);
        args[n++] = number_text(token_us, a);
        args[n++] = number_text(token_us * rate_conf_burst(rate), a);
        if (!keys[i].p)
            return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (!args[i].p)
            return ERR_NOMEM;
    }
    return redis_eval(rw->redis, keys, d->n, args, n, fn, arg, ret);
}

bool
redis_limit_read(const struct descriptors *d, const int64_t *v, size_t n,
                 struct rls_answer *ret)
{
    const struct rate_conf *rate;

    if (n != ANSWER_VALUES || v[0] < 0 || v[0] > 1 || v[1] < 1 || v[1] > (int64_t)d->n ||
        v[2] < 0 || v[3] < 0 || v[4] < 0)
        return false;
    rate = &d->conf[v[1] - 1]->rate;
    *ret = (struct rls_answer){
        .over = v[0] == 0,
        .limit = { .known = true,
                   .requests = rate_conf_burst(rate),
                   .remaining = v[3] > UINT32_MAX ? UINT32_MAX : (uint32_t)v[3],
                   .reset_known = true,
                   .reset_ms = v[0] == 0 ? v[2] : v[4] },
    };
    return true;
}

/* --- where Redis is ------------------------------------------------------------------- */

static void
limit_on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct redis_limit *l = arg;

    (void)valid_ms;
    if (n == 0)
        return;
    pthread_mutex_lock(&l->lock);
    l->address = v[0].addr;
    l->known = true;
    pthread_mutex_unlock(&l->lock);
}

static void
limit_on_error(void *arg, const char *why)
{
    struct redis_limit *l = arg;

    if (log_limit_pass(&l->name_limit, LOST_LOGGED))
        log_at(NULL, LOG_WARN, "the address of Redis is not known", LS("scope", l->scope),
               LS("target", l->conf->address), LS("why", why));
}

static bool
limit_address(void *arg, struct addr *ret)
{
    struct redis_limit *l = ((struct redis_worker *)arg)->limit;
    bool known;

    pthread_mutex_lock(&l->lock);
    *ret = l->address;
    known = l->known;
    pthread_mutex_unlock(&l->lock);
    return known;
}

static void
limit_lost(void *arg, const char *why)
{
    struct redis_limit *l = ((struct redis_worker *)arg)->limit;

    if (log_limit_pass(&l->lost_limit, LOST_LOGGED))
        log_at(NULL, LOG_WARN, "the connection to Redis failed or broke",
               LS("scope", l->scope), LS("target", l->conf->address), LS("why", why));
}

/* --- life ----------------------------------------------------------------------------- */

struct redis_limit *
redis_limit_new(const struct redis_limit_conf *conf, const char *domain,
                const char *scope, struct loop *main_loop, unsigned workers)
{
    static const struct resolver_ops ops = { .on_list = limit_on_list,
                                             .on_error = limit_on_error };
    struct redis_limit *l = xcalloc(1, sizeof(*l) + workers * sizeof(l->by_worker[0]));
    const struct resolver_args args = { .loop = main_loop,
                                        .rng = &l->rng,
                                        .target = conf->address,
                                        .conf = &l->resolve,
                                        .ops = &ops,
                                        .arg = l };

    l->conf = conf;
    l->domain = domain;
    l->scope = scope;
    l->workers = workers;
    pthread_mutex_init(&l->lock, NULL);
    rng_seed_system(&l->rng);
    field_defaults(&dns_conf_struct, &l->resolve.dns);
    field_defaults(&k8s_conf_struct, &l->resolve.k8s);
    for (unsigned i = 0; i < workers; i++)
        l->by_worker[i].limit = l;
    l->resolver = resolver_start(&args);
    return l;
}

void
redis_limit_free(struct redis_limit *l)
{
    if (!l)
        return;
    resolver_stop(l->resolver);
    pthread_mutex_destroy(&l->lock);
    xfree(l);
}

void
redis_limit_worker_open(struct redis_limit *l, unsigned worker, struct loop *loop)
{
    struct redis_worker *rw = &l->by_worker[worker];

    rw->conf = (struct redis_conf){
        .user = l->conf->user,
        .password = l->conf->password,
        .database = l->conf->database,
        .script = script,
        .max_pending = l->conf->max_pending,
        .stall_us = STALL_US,
        .pause_us = PAUSE_US,
        .pause_max_us = PAUSE_MAX_US,
        .address = limit_address,
        .lost = limit_lost,
        .arg = rw,
    };
    rw->digest = digest_new();
    rw->redis = redis_open(loop, &rw->conf);
}

void
redis_limit_worker_close(struct redis_limit *l, unsigned worker)
{
    struct redis_worker *rw = &l->by_worker[worker];

    redis_close(rw->redis);
    digest_free(rw->digest);
    rw->redis = NULL;
    rw->digest = NULL;
}

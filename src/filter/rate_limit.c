/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rate_limit.c - the filter "rateLimit": at most so many calls per time, shared exactly by all workers (features.md 2.7, grpc-spec.md 17.1). Without a key there is
 * one bucket for the filter, that is for the listener, or for the route that has settings of its own; with one there is a bucket per key. Buckets live as long as
 * the settings: a reload that changes them begins with full ones. */
#include <stdalign.h>
#include <stdio.h>

#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "filter/bucket_table.h"
#include "filter/key.h"
#include "filter/kinds.h"
#include "filter/rate_conf.h"
#include "filter/services.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "obs/limit_counts.h"
#include "obs/stats.h"

enum {
    LINE = 64,
    SUBJECT_MAX = 512,
    DEFAULT_KEYS = 10000,
    US_PER_S = 1000000,
    MILLION = 1000000
};

#define REASON_RATE_LIMITED     "RATE_LIMITED"
#define REASON_RATE_KEY_MISSING "RATE_KEY_MISSING"

enum missing { MISSING_SHARE, MISSING_SKIP, MISSING_REFUSE };

struct rate_limit_conf {
    struct rate_conf rate;
    struct conf_list key; /* of struct key_part */
    uint32_t max_keys;
    uint32_t missing; /* enum missing */
    double enforce;   /* percent */
    bool pushback, headers;
};

/* On a line of its own, since all workers write it. */
struct lone_bucket {
    alignas(LINE) struct shared_bucket b;
};

struct rate_limit {
    struct filter filter;
    struct bucket_rule rule;
    struct lone_bucket *lone;   /* NULL: there is a key */
    struct bucket_table *table; /* NULL: there is none */
    struct sip_secret secret;
    struct stats *stats;      /* of the main thread */
    struct limit_count *over; /* NULL: nobody counts */
    char *subject;            /* "listener inbound, key header:x-tenant" */
    char rate[RATE_TEXT_MAX]; /* "100/s" */
};

/* --- settings ------------------------------------------------------------------------- */

static const char *const missing_words[] = { "share", "skip", "refuse", NULL };

static const struct conf_field fields[] = {
    RATE_ROWS(struct rate_limit_conf, rate, "calls"),
    { .key = "key",
      .type = CONF_LIST,
      .at = offsetof(struct rate_limit_conf, key),
      .max = KEY_PARTS_MAX,
      .sub = &key_part_struct,
      .one_ok = true,
      .example = "[\"header:x-tenant\", \"method\"]",
      .help =
          "Calls that have the same of all these share a bucket. Without it all calls "
          "of the listener do, or of the route that has settings of its own." },
    { .key = "maxKeys",
      .type = CONF_UINT,
      .at = offsetof(struct rate_limit_conf, max_keys),
      .def = "10000",
      .min = 1,
      .max = 1000000,
      .example = "1000",
      .help =
          "So many keys have buckets, of about 50 bytes each. Then the key that was "
          "not used for longest gives its bucket up if that is full again; as long as "
          "it is not, new keys share one bucket." },
    { .key = "missing",
      .type = CONF_ENUM,
      .at = offsetof(struct rate_limit_conf, missing),
      .def = "share",
      .words = missing_words,
      .example = "\"refuse\"",
      .help =
          "What happens to calls that lack a part of the key. share: those that lack "
          "the same share a bucket. skip: they are not limited. refuse: they end with "
          "INVALID_ARGUMENT." },
    { .key = "enforce",
      .type = CONF_PERCENT,
      .at = offsetof(struct rate_limit_conf, enforce),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"0%\"",
      .help = "Share of the calls over the limit that are refused; the others go on and "
              "are only counted. 0% tries a limit out." },
    { .key = "pushback",
      .type = CONF_BOOL,
      .at = offsetof(struct rate_limit_conf, pushback),
      .def = "false",
      .example = "true",
      .help = "A refusal also says grpc-retry-pushback-ms: gRPC clients that retry do so "
              "when the next call may go on." },
    { .key = "headers",
      .type = CONF_BOOL,
      .at = offsetof(struct rate_limit_conf, headers),
      .def = "false",
      .example = "true",
      .help = "Answers have x-ratelimit-limit (burst), x-ratelimit-remaining (calls that "
              "may go on at once) and x-ratelimit-reset (seconds until that is burst "
              "again)." },
    { .key = NULL },
};

static void
check(void *obj, struct conf_place *place)
{
    const struct rate_limit_conf *conf = obj;

    rate_conf_check(&conf->rate, place);
    if (conf->key.n > 0 || !conf_place_clean(place))
        return;
    if (conf->max_keys != DEFAULT_KEYS)
        conf_problem(place, "maxKeys", "E0432",
                     "maxKeys is for buckets by key, and there is no key; remove it, or "
                     "say in key what calls are told apart by");
    if (conf->missing != MISSING_SHARE)
        conf_problem(place, "missing", "E0432",
                     "missing is about parts of the key, and there is no key; remove it, "
                     "or say in key what calls are told apart by");
}

const struct conf_struct rate_limit_conf_struct = {
    .name = "rateLimit filter",
    .size = sizeof(struct rate_limit_conf),
    .fields = fields,
    .check = check,
};

/* --- the filter ------------------------------------------------------------------------- */

static char *
subject_make(const struct filter *f, const struct rate_limit_conf *conf)
{
    struct strbuf out;

    strbuf_init(&out, SUBJECT_MAX);
    strbuf_puts(&out, f->scope);
    if (conf->key.n) {
        strbuf_puts(&out, ", key ");
        key_print(&conf->key, &out);
    }
    return strbuf_steal(&out);
}

static struct limit_count *
count_get(const struct filter *f, const struct rate_limit_conf *conf,
          const struct filter_env *env)
{
    struct limit_count *line;
    struct strbuf key;

    if (!env->services)
        return NULL;
    strbuf_init(&key, SUBJECT_MAX);
    if (conf->key.n)
        key_print(&conf->key, &key);
    else
        strbuf_puts(&key, "all");
    line = limit_counts_get(env->services->limits, f->scope, key.s);
    strbuf_done(&key);
    return line;
}

static void
rate_limit_open(struct filter *f, const struct filter_env *env)
{
    struct rate_limit *r = (struct rate_limit *)f;
    const struct rate_limit_conf *conf = f->conf;

    r->rule = rate_conf_rule(&conf->rate);
    r->stats = env->stats;
    r->subject = subject_make(f, conf);
    r->over = count_get(f, conf, env);
    rate_conf_print(&conf->rate, r->rate);
    sip_secret_make(&r->secret);
    if (conf->key.n)
        r->table = bucket_table_new(&r->rule, conf->max_keys);
    else
        r->lone = xcalloc_aligned(LINE, sizeof(*r->lone));
}

static void
rate_limit_close(struct filter *f)
{
    struct rate_limit *r = (struct rate_limit *)f;

    if (r->table)
        stat_add(r->stats, STAT_RATE_KEYS, -(int64_t)bucket_table_count(r->table));
    bucket_table_free(r->table);
    xfree(r->lone);
    xfree(r->subject);
}

/* Without memory it is left out: a header is not worth a call. */
static void
header_add(struct filter_call *fc, const char *name, uint64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    bool added = filter_answer_header(fc, slice_of(name), slice_make(text, (size_t)n));

    (void)added;
}

static void
headers_add(struct filter_call *fc, const struct rate_limit_conf *conf,
            const struct bucket_state *s)
{
    header_add(fc, "x-ratelimit-limit", rate_conf_burst(&conf->rate));
    header_add(fc, "x-ratelimit-remaining", s->left);
    header_add(fc, "x-ratelimit-reset",
               (uint64_t)((s->reset_us + US_PER_S - 1) / US_PER_S));
}

static bool
take_by_key(const struct rate_limit *r, struct filter_call *fc, struct sip_hash key,
            struct bucket_state *s)
{
    enum bucket_place place;
    bool taken = bucket_table_take(r->table, key, 1, loop_now_us(fc->loop), s, &place);

    switch (place) {
    case BUCKET_KNOWN:
        break;
    case BUCKET_ADDED:
        stat_inc(fc->stats, STAT_RATE_KEYS);
        break;
    case BUCKET_REPLACED:
        stat_inc(fc->stats, STAT_RATE_KEYS_REPLACED);
        break;
    case BUCKET_OVERFLOW:
        stat_inc(fc->stats, STAT_RATE_KEYS_OVERFLOW);
        break;
    }
    return taken;
}

static enum filter_verdict
refuse(const struct rate_limit *r, struct filter_call *fc, const struct bucket_state *s)
{
    const struct rate_limit_conf *conf = r->filter.conf;
    struct filter_refusal why = {
        .code = GRPC_RESOURCE_EXHAUSTED,
        .reason = REASON_RATE_LIMITED,
        .retry_known = true,
        .retry_ms = (s->wait_us + 999) / 1000,
        .pushback = conf->pushback,
        .subject = r->subject,
    };

    if (conf->enforce < 100 &&
        (double)rng_below(fc->rng, MILLION) >= conf->enforce / 100 * MILLION) {
        stat_inc(fc->stats, STAT_RATE_OVER_SHADOW);
        limit_count_passed(r->over);
        return FILTER_NEXT;
    }
    stat_inc(fc->stats, STAT_RATE_LIMITED);
    limit_count_refused(r->over);
    return filter_refuse(fc, &why, "over the rate limit of %s (%s)", r->rate, r->subject);
}

static enum filter_verdict
refuse_missing(const struct rate_limit *r, struct filter_call *fc)
{
    static const struct filter_refusal why = { .code = GRPC_INVALID_ARGUMENT,
                                               .reason = REASON_RATE_KEY_MISSING };

    stat_inc(fc->stats, STAT_RATE_KEY_MISSING);
    return filter_refuse(fc, &why,
                         "the call lacks a part of what its rate limit goes by (%s)",
                         r->subject);
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    const struct rate_limit *r = (const struct rate_limit *)filter_self(fc);
    const struct rate_limit_conf *conf = r->filter.conf;
    struct bucket_state s;
    bool taken, missing;

    (void)state;
    if (r->table) {
        struct sip_hash key = key_hash(&conf->key, fc, &r->secret, &missing);

        if (missing && conf->missing == MISSING_SKIP)
            return FILTER_NEXT;
        if (missing && conf->missing == MISSING_REFUSE)
            return refuse_missing(r, fc);
        taken = take_by_key(r, fc, key, &s);
    } else {
        taken = shared_bucket_take(&r->rule, &r->lone->b, 1, loop_now_us(fc->loop), &s);
    }
    if (conf->headers)
        headers_add(fc, conf, &s);
    return taken ? FILTER_NEXT : refuse(r, fc, &s);
}

const struct filter_kind filter_rate_limit = {
    .name = "rateLimit",
    .conf = &rate_limit_conf_struct,
    .size = sizeof(struct rate_limit),
    .open = rate_limit_open,
    .close = rate_limit_close,
    .on_request = on_request,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_log.c - the filter "accessLog": one line per call when it ends, for a share of all calls and for those that match a rule, and lines in between for calls
 * that go on. Whether there is a line is decided first, so a call without one costs a look at its code and a random number.
 * The request's headers are gone when the call ends, so the few that a line needs are kept aside, in the call's
 * arena; a call that never came to its filters still has them. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "filter/access_conf.h"
#include "filter/access_fill.h"
#include "filter/access_format.h"
#include "filter/access_record.h"
#include "filter/access_writer.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "grpc/path.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "obs/line.h"
#include "obs/stats.h"

enum { HEADER_VALUE_MAX = LINE_VALUE_MAX, AUTHORITY_MAX = 512 };

struct access_filter {
    struct filter base;
    struct access_sink *sink;
    struct access_format *format; /* NULL: JSON */
    uint64_t sample;              /* of 2^32 */
    size_t header_count;
    struct slice headers[ACCESS_HEADERS_MAX]; /* names */
};

enum draw { NOT_DRAWN, DRAWN_NO, DRAWN_YES };

/* What is left of the request. */
struct kept {
    struct filter_call *fc; /* for the timer */
    const struct access_filter *filter;
    struct timer interval;
    enum draw draw;
    struct slice path, authority;
    size_t header_count;
    struct slice headers[]; /* values; p NULL: not there */
};

struct access_call {
    struct kept *kept; /* NULL: never asked, or no memory */
};

static const struct access_conf *
conf_of(const struct access_filter *f)
{
    return f->base.conf;
}

/* --- settings ------------------------------------------------------------------------ */

static void
access_open(struct filter *base, const struct filter_env *env)
{
    struct access_filter *f = (struct access_filter *)base;
    const struct access_conf *c = conf_of(f);
    const struct access_header_conf *h = c->headers.items;
    const char *why;

    f->sample = (uint64_t)(c->sample / 100 * 4294967296.0 + 0.5);
    f->sink = access_writer_get(env->services->access, c->to);
    for (size_t i = 0; i < c->headers.n; i++)
        f->headers[f->header_count++] = slice_of(h[i].name);
    if (!c->format)
        return;
    f->format = xcalloc(1, sizeof(*f->format));
    if (access_format_parse(c->format, f->format, &why) != 0)
        f->format->n = 0; /* the check of the row has refused it: cannot be */
    f->header_count = f->format->header_count;
    memcpy(f->headers, f->format->headers, sizeof(f->headers));
}

static void
access_close(struct filter *base)
{
    struct access_filter *f = (struct access_filter *)base;

    access_sink_drop(f->sink);
    xfree(f->format);
}

/* Not named: what log.access says. */
static void
access_usual(void *conf, const struct filter_env *env)
{
    const struct access_conf *c = services_access(env->services);

    if (c)
        *(struct access_conf *)conf = *c;
}

static bool
access_wanted(const void *conf, const struct filter_env *env)
{
    return env->services && ((const struct access_conf *)conf)->on;
}

/* --- whether -------------------------------------------------------------------------- */

static bool
rule_holds(const struct access_rule_conf *r, int code, int64_t total_us,
           const char **ret_word)
{
    switch (r->kind) {
    case ACCESS_RULE_ERROR:
        *ret_word = "error";
        return code > GRPC_OK;
    case ACCESS_RULE_SLOW:
        *ret_word = "slow";
        return total_us >= r->value * 1000;
    default:
        *ret_word = "code";
        return code == r->value;
    }
}

static enum draw
access_draw(const struct access_filter *f, struct rng *rng)
{
    return rng_next(rng) >> 32 < f->sample ? DRAWN_YES : DRAWN_NO;
}

/* Why there is a line; NULL: there is none. Lines of one call are drawn for together. */
static const char *
access_why(const struct access_filter *f, struct kept *k, struct rng *rng, int code,
           int64_t total_us)
{
    const struct access_conf *c = conf_of(f);
    const struct access_rule_conf *rules = c->always.items;
    enum draw draw = k ? k->draw : NOT_DRAWN;
    const char *word;

    for (size_t i = 0; i < c->always.n; i++) {
        if (rule_holds(&rules[i], code, total_us, &word))
            return word;
    }
    if (draw == NOT_DRAWN)
        draw = access_draw(f, rng);
    if (k)
        k->draw = draw;
    return draw == DRAWN_YES ? "sample" : NULL;
}

/* --- the line ------------------------------------------------------------------------- */

static struct slice
cut(struct slice s, size_t max)
{
    return slice_make(s.p, s.n < max ? s.n : max);
}

/* What the request said: from what is kept, or from the request itself. */
static void
record_request(struct access_record *r, const struct access_filter *f,
               const struct filter_call *fc, const struct kept *k)
{
    struct slice path = k ? k->path : h2_headers_get(fc->request, H2_TOKEN_PATH);

    r->authority = k ? k->authority : h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);
    if (path_split(path, &r->service, &r->method) != 0) {
        r->service = (struct slice){ 0 };
        r->method = path; /* whatever it was */
    }
    r->header_count = f->header_count;
    for (size_t i = 0; i < f->header_count; i++)
        r->headers[i] = (struct access_header){
            .name = f->headers[i],
            .value = k ? k->headers[i] : filter_header(fc, f->headers[i]),
        };
}

void
access_fill_call(struct access_record *r, const struct filter_call *fc,
                 char client[ADDR_TEXT_MAX])
{
    r->wall_us = clock_wall_us();
    r->listener = fc->listener;
    r->route = fc->route;
    r->client = addr_print(fc->address, client);
    r->san = filter_identity(fc);
    r->client_name = fc->client;
    r->request_id = fc->request_id;
    r->trace_id = fc->trace_id;
    r->sampled = fc->sampled;
    if (fc->deadline_us)
        r->deadline_us = fc->deadline_us - fc->begun_us;
}

static void
access_write(const struct access_filter *f, const struct filter_call *fc,
             const struct access_record *r)
{
    UNINITIALIZED struct line line;

    if (f->format)
        access_format_write(f->format, r, &line);
    else
        access_record_json(r, &line);
    stat_inc(fc->stats, STAT_ACCESS_LOG_LINES);
    if (!access_sink_put(f->sink, fc->worker, line.s, line.n))
        stat_inc(fc->stats, STAT_ACCESS_LOG_FULL);
}

void
access_fill_result(struct access_record *r, const struct filter_call *fc,
                   const struct filter_result *result, char message[ACCESS_MESSAGE_MAX])
{
    struct slice text = result->message;

    if (!result->local)
        text =
            slice_make(message, grpc_message_decode(text, message, ACCESS_MESSAGE_MAX));
    r->code = result->code;
    r->message = text;
    r->reason = result->reason;
    r->cancelled = result->cancelled;
    r->pool = result->pool;
    r->endpoint = result->backend;
    r->attempts = result->attempts;
    r->bytes_in = (int64_t)result->bytes_in;
    r->bytes_out = (int64_t)result->bytes_out;
    r->messages_in = (int64_t)result->messages_in;
    r->messages_out = (int64_t)result->messages_out;
    r->total_us = result->end_us - fc->begun_us;
    if (result->first_byte_us)
        r->first_byte_us = result->first_byte_us - fc->begun_us;
    r->blocked_client_us = result->blocked_down_us;
    r->blocked_backend_us = result->blocked_up_us;
}

/* --- slots ---------------------------------------------------------------------------- */

static void access_on_interval(struct timer *t);

/* Room for the texts follows the struct. */
static struct slice
keep(char **room, struct slice s)
{
    struct slice kept = slice_make(*room, s.n);

    if (s.n)
        memcpy(*room, s.p, s.n);
    *room += s.n;
    return s.p ? kept : (struct slice){ 0 };
}

static enum filter_verdict
access_on_request(struct filter_call *fc, void *state)
{
    const struct access_filter *f = (const struct access_filter *)filter_self(fc);
    struct slice authority =
        cut(h2_headers_get(fc->request, H2_TOKEN_AUTHORITY), AUTHORITY_MAX);
    UNINITIALIZED struct slice values[ACCESS_HEADERS_MAX];
    size_t texts = fc->path.n + authority.n;
    struct kept *k;
    char *room;

    for (size_t i = 0; i < f->header_count; i++) {
        values[i] = cut(filter_header(fc, f->headers[i]), HEADER_VALUE_MAX);
        texts += values[i].n;
    }
    k = arena_alloc(fc->arena,
                    sizeof(*k) + f->header_count * sizeof(k->headers[0]) + texts);
    ((struct access_call *)state)->kept = k;
    if (!k)
        return FILTER_NEXT;
    room = (char *)&k->headers[f->header_count];
    k->fc = fc;
    k->filter = f;
    k->draw = NOT_DRAWN;
    k->path = keep(&room, fc->path);
    k->authority = keep(&room, authority);
    for (size_t i = 0; i < f->header_count; i++)
        k->headers[i] = keep(&room, values[i]);
    timer_init(&k->interval, access_on_interval);
    if (conf_of(f)->interval_ms > 0)
        timer_start(fc->loop, &k->interval, conf_of(f)->interval_ms * 1000);
    return FILTER_NEXT;
}

static void
access_on_interval(struct timer *t)
{
    struct kept *k = CONTAINER_OF(t, struct kept, interval);
    const struct access_filter *f = k->filter;
    struct filter_call *fc = k->fc;
    int64_t total_us = loop_now_us(fc->loop) - fc->begun_us;
    UNINITIALIZED struct access_record r;
    char client[ADDR_TEXT_MAX];

    timer_start(fc->loop, t, conf_of(f)->interval_ms * 1000);
    access_record_init(&r);
    r.logged = access_why(f, k, fc->rng, ACCESS_NONE, total_us);
    if (!r.logged)
        return;
    r.event = "interval";
    access_fill_call(&r, fc, client);
    record_request(&r, f, fc, k);
    access_fill_so_far(&r, fc);
    access_write(f, fc, &r);
}

/* Apart from the slot, which most calls leave without a line: its room is not theirs. */
static NOINLINE void
access_end_line(const struct access_filter *f, const struct filter_call *fc,
                const struct kept *k, const struct filter_result *result, const char *why)
{
    UNINITIALIZED struct access_record r;
    UNINITIALIZED char client[ADDR_TEXT_MAX], message[ACCESS_MESSAGE_MAX];

    access_record_init(&r);
    r.event = "end";
    r.logged = why;
    access_fill_call(&r, fc, client);
    record_request(&r, f, fc, k);
    access_fill_result(&r, fc, result, message);
    access_write(f, fc, &r);
}

static void
access_on_end(struct filter_call *fc, void *state, const struct filter_result *result)
{
    const struct access_filter *f = (const struct access_filter *)filter_self(fc);
    struct kept *k = ((struct access_call *)state)->kept;
    const char *why =
        access_why(f, k, fc->rng, result->code, result->end_us - fc->begun_us);

    if (LIKELY(k != NULL))
        timer_stop(fc->loop, &k->interval);
    if (UNLIKELY(why != NULL))
        access_end_line(f, fc, k, result, why);
}

const struct filter_kind filter_access_log = {
    .name = "accessLog",
    .conf = &access_log_conf_struct,
    .size = sizeof(struct access_filter),
    .call_size = sizeof(struct access_call),
    .flags = FILTER_ALWAYS | FILTER_NO_REPEAT,
    .open = access_open,
    .close = access_close,
    .usual = access_usual,
    .wanted = access_wanted,
    .on_request = access_on_request,
    .on_end = access_on_end,
};

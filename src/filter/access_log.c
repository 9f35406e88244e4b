/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_log.c - the filter "accessLog": one line per call when it ends, for a share of all calls and for those that match a rule, and lines in between for calls
 * that go on. Whether there is a line is decided first, so a call without one costs a look at its code and a random number.
 * The request's headers are gone when the call ends, so the few that a line needs are kept aside, in the call's
 * arena; a call that never came to its filters still has them. Where no rule can bring a line for a call that is not drawn, the draw comes first, and nothing is kept. */
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

enum { HEADER_VALUE_MAX = LINE_VALUE_MAX, AUTHORITY_MAX = 512, ACCESS_NEAR = 48 };

struct access_filter {
    struct filter base;
    struct access_sink *sink;
    struct access_format *format; /* NULL: JSON */
    uint64_t sample;              /* of 2^32 */
    uint32_t always_codes;        /* bit per code that has a line always */
    int64_t always_us;            /* calls that take so long have one */
    bool keeps;                   /* a line may come for a call that is not drawn */
    bool keeps_more;              /* headers, or lines in between */
    size_t header_count;
    struct slice headers[ACCESS_HEADERS_MAX]; /* names */
};

enum draw { NOT_DRAWN, DRAWN_NO, DRAWN_YES };

/* What is left of the request. */
struct access_call {
    bool asked; /* there was a request: what is kept of it counts */
    enum draw draw;
    struct slice path, authority;
    char room[ACCESS_NEAR]; /* for an authority that is short */
    struct slice
        *headers; /* values, p NULL: not there; NULL: no memory, or none wanted */
    struct interval *interval; /* NULL: no lines in between */
};

struct interval {
    struct timer timer;
    struct filter_call *fc;
    const struct access_filter *filter;
    struct access_call *call;
};

static const struct access_conf *
conf_of(const struct access_filter *f)
{
    return f->base.conf;
}

/* --- settings ------------------------------------------------------------------------ */

/* The rules in a form that is quickly asked. */
static void
access_rules(struct access_filter *f)
{
    const struct access_conf *c = conf_of(f);
    const struct access_rule_conf *rules = c->always.items;

    f->always_us = INT64_MAX;
    for (size_t i = 0; i < c->always.n; i++) {
        const struct access_rule_conf *r = &rules[i];

        if (r->kind == ACCESS_RULE_ERROR)
            f->always_codes |= ~(UINT32_C(1) << GRPC_OK);
        else if (r->kind == ACCESS_RULE_CODE)
            f->always_codes |= UINT32_C(1) << r->value;
        else if (r->value * 1000 < f->always_us)
            f->always_us = r->value * 1000;
    }
}

/* What a line has of the request. */
static void
access_fields(struct access_filter *f)
{
    const struct access_conf *c = conf_of(f);
    const struct access_header_conf *h = c->headers.items;
    const char *why;

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
access_open(struct filter *base, const struct filter_env *env)
{
    struct access_filter *f = (struct access_filter *)base;

    f->sample = (uint64_t)(conf_of(f)->sample / 100 * 4294967296.0 + 0.5);
    f->sink = access_writer_get(env->services->access, conf_of(f)->to);
    access_rules(f);
    access_fields(f);
    f->keeps = conf_of(f)->always.n > 0;
    f->keeps_more = f->header_count > 0 || conf_of(f)->interval_ms > 0;
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

/* The rule that wants a line; NULL: none does. */
static const char *
access_rule(const struct access_filter *f, int code, int64_t total_us)
{
    const struct access_conf *c = conf_of(f);
    const struct access_rule_conf *rules = c->always.items;
    const char *word;

    for (size_t i = 0; i < c->always.n; i++) {
        if (rule_holds(&rules[i], code, total_us, &word))
            return word;
    }
    return NULL;
}

/* Lines of one call are drawn for together. */
static bool
access_drawn(const struct access_filter *f, struct access_call *a, struct rng *rng)
{
    if (a->draw == NOT_DRAWN)
        a->draw = access_draw(f, rng);
    return a->draw == DRAWN_YES;
}

/* A rule may hold. code: ACCESS_NONE at an interval. */
static inline bool
access_ruled(const struct access_filter *f, int code, int64_t total_us)
{
    return (code >= 0 && f->always_codes >> code & 1) || total_us >= f->always_us;
}

/* Why there is a line; NULL: there is none. */
static const char *
access_why(const struct access_filter *f, struct access_call *a, struct rng *rng,
           int code, int64_t total_us)
{
    const char *word =
        access_ruled(f, code, total_us) ? access_rule(f, code, total_us) : NULL;

    if (word)
        return word;
    return access_drawn(f, a, rng) ? "sample" : NULL;
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
               const struct filter_call *fc, const struct access_call *a)
{
    struct slice path = a->asked ? a->path : h2_headers_get(fc->request, H2_TOKEN_PATH);

    r->authority =
        a->asked ? a->authority : h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);
    if (path_split(path, &r->service, &r->method) != 0) {
        r->service = (struct slice){ 0 };
        r->method = path; /* whatever it was */
    }
    r->header_count = f->header_count;
    for (size_t i = 0; i < f->header_count; i++)
        r->headers[i] = (struct access_header){
            .name = f->headers[i],
            .value = !a->asked    ? filter_header(fc, f->headers[i])
                     : a->headers ? a->headers[i]
                                  : (struct slice){ 0 },
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

static NOINLINE struct slice
keep(struct filter_call *fc, struct slice s, size_t max)
{
    struct slice some = cut(s, max);
    const void *p = some.n ? arena_copy(fc->arena, some.p, some.n) : "";

    return s.p && p ? slice_make(p, some.n) : (struct slice){ 0 };
}

/* Copies 8 bytes or more, without a call: n is seldom more than 32. The last eight may overlap those before. */
static inline void
copy_short(char *to, const uint8_t *from, size_t n)
{
    uint64_t word;

    for (size_t at = 0; at + sizeof(word) < n; at += sizeof(word)) {
        memcpy(&word, from + at, sizeof(word));
        memcpy(to + at, &word, sizeof(word));
    }
    memcpy(&word, from + n - sizeof(word), sizeof(word));
    memcpy(to + n - sizeof(word), &word, sizeof(word));
}

/* What most filters do not want. */
static void
access_keep_more(const struct access_filter *f, struct filter_call *fc,
                 struct access_call *a)
{
    if (f->header_count)
        a->headers = arena_alloc(fc->arena, f->header_count * sizeof(a->headers[0]));
    for (size_t i = 0; a->headers && i < f->header_count; i++)
        a->headers[i] = keep(fc, filter_header(fc, f->headers[i]), HEADER_VALUE_MAX);
    if (conf_of(f)->interval_ms > 0)
        a->interval = arena_alloc(fc->arena, sizeof(*a->interval));
    if (!a->interval)
        return;
    *a->interval = (struct interval){ .fc = fc, .filter = f, .call = a };
    timer_init(&a->interval->timer, access_on_interval);
    timer_start(fc->loop, &a->interval->timer, conf_of(f)->interval_ms * 1000);
}

static inline bool
authority_is_near(struct slice authority)
{
    return authority.n >= sizeof(uint64_t) && authority.n <= ACCESS_NEAR;
}

static inline void
authority_keep_near(struct access_call *a, struct slice authority)
{
    copy_short(a->room, authority.p, authority.n);
    a->authority = slice_make(a->room, authority.n);
}

/* Whatever may be wanted, however long it is. */
static NOINLINE enum filter_verdict
access_keep_all(const struct access_filter *f, struct filter_call *fc,
                struct access_call *a)
{
    struct slice authority = h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);

    a->path = fc->kept_path.p ? fc->kept_path : keep(fc, fc->path, SIZE_MAX);
    if (authority_is_near(authority))
        authority_keep_near(a, authority);
    else
        a->authority = keep(fc, authority, AUTHORITY_MAX);
    if (f->keeps_more)
        access_keep_more(f, fc, a);
    return FILTER_NEXT;
}

static enum filter_verdict
access_on_request(struct filter_call *fc, void *state)
{
    const struct access_filter *f = (const struct access_filter *)filter_self(fc);
    struct slice authority = h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);
    struct access_call *a = state;

    a->asked = true;
    a->draw = NOT_DRAWN;
    a->headers = NULL;
    a->interval = NULL;
    if (!f->keeps && !access_drawn(f, a, fc->rng))
        return FILTER_NEXT; /* nothing can bring a line any more */
    if (UNLIKELY(!fc->kept_path.p || f->keeps_more || !authority_is_near(authority)))
        return access_keep_all(f, fc, a);
    a->path = fc->kept_path;
    authority_keep_near(a, authority);
    return FILTER_NEXT;
}

static void
access_on_interval(struct timer *t)
{
    struct interval *i = CONTAINER_OF(t, struct interval, timer);
    const struct access_filter *f = i->filter;
    struct filter_call *fc = i->fc;
    int64_t total_us = loop_now_us(fc->loop) - fc->begun_us;
    UNINITIALIZED struct access_record r;
    char client[ADDR_TEXT_MAX];

    timer_start(fc->loop, t, conf_of(f)->interval_ms * 1000);
    access_record_init(&r);
    r.logged = access_why(f, i->call, fc->rng, ACCESS_NONE, total_us);
    if (!r.logged)
        return;
    r.event = "interval";
    access_fill_call(&r, fc, client);
    record_request(&r, f, fc, i->call);
    access_fill_so_far(&r, fc);
    access_write(f, fc, &r);
}

/* Apart from the slot, which most calls leave without a line: its room is not theirs. */
static NOINLINE void
access_end_line(const struct access_filter *f, const struct filter_call *fc,
                const struct access_call *a, const struct filter_result *result,
                const char *why)
{
    UNINITIALIZED struct access_record r;
    UNINITIALIZED char client[ADDR_TEXT_MAX], message[ACCESS_MESSAGE_MAX];

    filter_result_whole(fc, result);
    access_record_init(&r);
    r.event = "end";
    r.logged = why;
    access_fill_call(&r, fc, client);
    record_request(&r, f, fc, a);
    access_fill_result(&r, fc, result, message);
    access_write(f, fc, &r);
}

/* Somebody may want a line, or there is a timer. */
static NOINLINE void
access_end(struct filter_call *fc, struct access_call *a,
           const struct filter_result *result)
{
    const struct access_filter *f = (const struct access_filter *)filter_self(fc);
    const char *why =
        access_why(f, a, fc->rng, result->code, result->end_us - fc->begun_us);

    if (a->interval)
        timer_stop(fc->loop, &a->interval->timer);
    if (why)
        access_end_line(f, fc, a, result, why);
}

static void
access_on_end(struct filter_call *fc, void *state, const struct filter_result *result)
{
    const struct access_filter *f = (const struct access_filter *)filter_self(fc);
    struct access_call *a = state;

    if (UNLIKELY(a->interval != NULL ||
                 access_ruled(f, result->code, result->end_us - fc->begun_us) ||
                 access_drawn(f, a, fc->rng)))
        access_end(fc, a, result);
}

const struct filter_kind filter_access_log = {
    .name = "accessLog",
    .conf = &access_log_conf_struct,
    .size = sizeof(struct access_filter),
    .call_size = sizeof(struct access_call),
    .flags = FILTER_ALWAYS | FILTER_NO_REPEAT | FILTER_RAW_STATE,
    .open = access_open,
    .close = access_close,
    .usual = access_usual,
    .wanted = access_wanted,
    .on_request = access_on_request,
    .on_end = access_on_end,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/trace_export.c - rings of spans to requests, one at a time. The exporter sleeps while there is nothing: the first span posts to it, which starts the interval. */
#include "filter/trace_export.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "filter/kinds.h"
#include "filter/otlp_sender.h"
#include "filter/services.h"
#include "filter/tracing_conf.h"
#include "grpc/otlp.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/ring.h"
#include "obs/stats.h"

enum {
    LANE_BYTES = 1 << 20,
    HURRY_BYTES = 128 * 1024, /* in one lane: the interval is not waited for */
    BATCH_BYTES = 192 * 1024, /* below OTLP_REQUEST_MAX, with room for the resource */
    SPAN_MAX = 32 * 1024,     /* grpc/otlp.h makes none that is longer than half of it */
    RETRY_FIRST_US = 1000 * 1000,
    RETRY_MAX_US = 15 * 1000 * 1000,
    GIVE_UP_US = 60 * 1000 * 1000,        /* of our own pauses */
    GIVE_UP_ASKED_US = 600 * 1000 * 1000, /* while the collector names the pause */
    LAST_US = 1000 * 1000,
};

struct lane {
    struct ring ring; /* of records: uint32_t length, span */
    _Atomic bool awake, hurried;
};

struct trace_exporter {
    struct list link; /* services->exporters */
    struct filter_services *services;
    struct conf_copy *conf;
    unsigned holds;
    bool closing;
    struct otlp_sender *sender;
    /* the request under way */
    struct strbuf request;
    size_t spans; /* in it; 0: there is none */
    int64_t begun_us, pause_us;
    int64_t quiet_us; /* the collector wants nothing before this time of the loop */
    bool failing;     /* said so */
    struct timer interval, retry, last;
    unsigned lane_count;
    struct lane lanes[];
};

static const struct tracing_conf *
conf_of(const struct trace_exporter *e)
{
    return conf_copy_root(e->conf);
}

static struct loop *
loop_of(const struct trace_exporter *e)
{
    return e->services->args.loop;
}

static void
count(const struct trace_exporter *e, enum stat_id id, size_t n)
{
    stat_add(e->services->args.stats, id, (int64_t)n);
}

/* --- the worker's ------------------------------------------------------------------- */

static void export_on_wake(void *arg);
static void export_on_hurry(void *arg);

bool
trace_exporter_put(struct trace_exporter *e, unsigned worker, struct slice span)
{
    struct lane *lane = &e->lanes[worker];
    uint32_t n = (uint32_t)span.n;
    char record[sizeof(n) + SPAN_MAX] UNINITIALIZED;

    if (span.n == 0 || span.n > SPAN_MAX)
        return false;
    memcpy(record, &n, sizeof(n));
    memcpy(record + sizeof(n), span.p, n);
    if (!ring_put(&lane->ring, record, sizeof(n) + n))
        return false;
    if (!atomic_exchange(&lane->awake, true))
        loop_post(loop_of(e), export_on_wake, e);
    else if (ring_used(&lane->ring) > HURRY_BYTES &&
             !atomic_exchange(&lane->hurried, true))
        loop_post(loop_of(e), export_on_hurry, e);
    return true;
}

/* --- taking spans ------------------------------------------------------------------- */

/* Bytes of a record may lie in two pieces. */
static void
lane_copy(struct lane *lane, void *out, size_t n)
{
    for (size_t done = 0; done < n;) {
        struct slice piece = ring_peek(&lane->ring);
        size_t some = piece.n < n - done ? piece.n : n - done;

        assert(some > 0);
        memcpy((char *)out + done, piece.p, some);
        ring_take(&lane->ring, some);
        done += some;
    }
}

struct batch {
    char *bytes;
    size_t used, n, max;
    struct slice *spans;
};

static void
batch_take(struct batch *b, struct lane *lane)
{
    while (b->n < b->max && b->used + SPAN_MAX <= BATCH_BYTES &&
           ring_used(&lane->ring) > 0) {
        uint32_t n;

        lane_copy(lane, &n, sizeof(n));
        lane_copy(lane, b->bytes + b->used, n);
        b->spans[b->n++] = slice_make(b->bytes + b->used, n);
        b->used += n;
    }
    if (ring_used(&lane->ring) <= HURRY_BYTES)
        atomic_store(&lane->hurried, false);
}

static void
request_make(struct trace_exporter *e, const struct batch *b)
{
    const struct tracing_conf *c = conf_of(e);
    struct otlp_attribute room[OTLP_RESOURCE_ATTRIBUTES];
    const struct otlp_resource r = otlp_resource_make(c->service, c->instance, room);

    strbuf_init(&e->request, OTLP_REQUEST_MAX);
    otlp_request_encode(&r, b->spans, b->n, &e->request);
    assert(!e->request.cut);
    e->spans = b->n;
}

/* False: there is nothing to send. */
static bool
request_collect(struct trace_exporter *e)
{
    struct batch b = { .max = conf_of(e)->max_batch };

    b.bytes = xmalloc(BATCH_BYTES);
    b.spans = xcalloc(b.max, sizeof(*b.spans));
    for (unsigned i = 0; i < e->lane_count; i++)
        batch_take(&b, &e->lanes[i]);
    if (b.n > 0)
        request_make(e, &b);
    xfree(b.bytes);
    xfree(b.spans);
    return b.n > 0;
}

/* Nothing is left: who puts a span from now on wakes us. False: one came meanwhile. */
static bool
export_sleep(struct trace_exporter *e)
{
    bool empty = true;

    for (unsigned i = 0; i < e->lane_count; i++)
        atomic_exchange(&e->lanes[i].awake, false);
    for (unsigned i = 0; i < e->lane_count; i++) {
        if (ring_used(&e->lanes[i].ring) > 0) {
            atomic_store(&e->lanes[i].awake, true);
            empty = false;
        }
    }
    return empty;
}

/* --- sending ------------------------------------------------------------------------ */

static void export_done(void *arg, const struct otlp_sent *r);
static void export_close(struct trace_exporter *e);

static void
export_send(struct trace_exporter *e)
{
    otlp_sender_send(e->sender, slice_make(e->request.s, e->request.len),
                     conf_of(e)->timeout_ms * 1000, export_done, e);
}

/* Until the next request: the interval, or what is left of the pause that the collector asked for. */
static void
export_wait(struct trace_exporter *e)
{
    int64_t quiet_us = e->quiet_us - loop_now_us(loop_of(e));
    int64_t interval_us = conf_of(e)->interval_ms * 1000;

    timer_start(loop_of(e), &e->interval,
                quiet_us > interval_us ? quiet_us : interval_us);
}

/* The next request, if there is something to send; else to sleep. */
static void
export_next(struct trace_exporter *e)
{
    if (e->spans > 0)
        return; /* one is under way */
    if (loop_now_us(loop_of(e)) < e->quiet_us && !e->closing) {
        export_wait(e);
        return;
    }
    timer_stop(loop_of(e), &e->interval);
    if (request_collect(e)) {
        e->begun_us = loop_now_us(loop_of(e));
        e->pause_us = RETRY_FIRST_US;
        export_send(e);
    } else if (e->closing) {
        export_close(e);
    } else if (!export_sleep(e)) {
        export_wait(e);
    }
}

static void
request_drop(struct trace_exporter *e, enum stat_id id)
{
    count(e, id, e->spans);
    strbuf_done(&e->request);
    e->spans = 0;
}

static void
export_say(struct trace_exporter *e, const struct otlp_sent *r)
{
    if (!r->taken && !e->failing)
        log_at(NULL, LOG_WARN, "the trace collector does not take spans",
               LS("otlp", conf_of(e)->otlp), LS("code", r->code), LS("why", r->why));
    if (r->taken && e->failing)
        log_at(NULL, LOG_INFO, "the trace collector takes spans again",
               LS("otlp", conf_of(e)->otlp));
    e->failing = !r->taken;
}

/* A part that was refused is not sent again: the collector has the rest. */
static void
export_taken(struct trace_exporter *e, struct slice message)
{
    static struct log_limit limit;
    struct otlp_answer a = { 0 };
    size_t refused = 0;

    if (otlp_answer_read(message, &a) == ERR_OK && a.rejected > 0)
        refused = (uint64_t)a.rejected < e->spans ? (size_t)a.rejected : e->spans;
    if (refused && log_limit_pass(&limit, 3))
        log_at(NULL, LOG_WARN, "the trace collector refused some spans",
               LI("spans", refused), LS("why", a.why));
    count(e, STAT_SPANS_REFUSED, refused);
    e->spans -= refused;
    request_drop(e, STAT_SPANS_SENT);
}

/* With longer and longer pauses, or as long as the collector asks for. */
static void
export_again(struct trace_exporter *e, int64_t asked_us)
{
    int64_t pause_us = e->pause_us > asked_us ? e->pause_us : asked_us;

    timer_start(loop_of(e), &e->retry, rng_jitter(e->services->args.rng, pause_us, 20));
    e->pause_us = e->pause_us * 3 / 2;
    if (e->pause_us > RETRY_MAX_US)
        e->pause_us = RETRY_MAX_US;
}

static void
export_done(void *arg, const struct otlp_sent *r)
{
    struct trace_exporter *e = arg;
    int64_t now = loop_now_us(loop_of(e));
    int64_t pause_us = e->pause_us > r->pause_us ? e->pause_us : r->pause_us;
    int64_t give_up_us = r->pause_us > 0 ? GIVE_UP_ASKED_US : GIVE_UP_US;

    export_say(e, r);
    e->quiet_us = now + r->pause_us; /* also for the next request, if this one is lost */
    if (r->taken) {
        export_taken(e, r->message);
        export_next(e);
        return;
    }
    count(e, STAT_EXPORTS_FAILED, 1);
    if (r->may_pass && now - e->begun_us + pause_us < give_up_us) {
        export_again(e, r->pause_us);
        return;
    }
    request_drop(e, r->may_pass ? STAT_SPANS_LOST : STAT_SPANS_REFUSED);
    export_wait(e);
}

static void
export_on_retry(struct timer *t)
{
    export_send(CONTAINER_OF(t, struct trace_exporter, retry));
}

static void
export_on_interval(struct timer *t)
{
    export_next(CONTAINER_OF(t, struct trace_exporter, interval));
}

static void
export_on_wake(void *arg)
{
    struct trace_exporter *e = arg;

    if (e->spans == 0 && !timer_running(&e->interval))
        export_wait(e);
}

static void
export_on_hurry(void *arg)
{
    export_next(arg);
}

/* --- life ---------------------------------------------------------------------------- */

static void export_on_last(struct timer *t);

struct trace_exporter *
trace_exporter_get(struct filter_services *s, const struct tracing_conf *conf)
{
    struct trace_exporter *e;

    for (struct list *n = s->exporters.next; n != &s->exporters; n = n->next) {
        e = CONTAINER_OF(n, struct trace_exporter, link);
        if (!e->closing && tracing_same_export(conf_of(e), conf)) {
            e->holds++;
            return e;
        }
    }
    e = xcalloc(1, sizeof(*e) + s->args.workers * sizeof(e->lanes[0]));
    e->services = s;
    e->conf = conf_copy_new(&tracing_conf_struct, conf);
    e->holds = 1;
    e->lane_count = s->args.workers;
    for (unsigned i = 0; i < e->lane_count; i++)
        ring_init(&e->lanes[i].ring, LANE_BYTES);
    timer_init(&e->interval, export_on_interval);
    timer_init(&e->retry, export_on_retry);
    timer_init(&e->last, export_on_last);
    list_append(&s->exporters, &e->link);
    e->sender = otlp_sender_new(
        &s->args, &(struct otlp_way){ .to = conf_of(e)->otlp, .tls = &conf_of(e)->tls },
        OTLP_TRACES, "tracing.otlp");
    return e;
}

static void
export_on_gone(void *arg)
{
    struct trace_exporter *e = arg;

    conf_copy_drop(e->conf);
    for (unsigned i = 0; i < e->lane_count; i++)
        ring_done(&e->lanes[i].ring);
    list_remove(&e->link);
    xfree(e);
}

/* Nothing waits and nothing is under way. */
static void
export_close(struct trace_exporter *e)
{
    struct loop *loop = loop_of(e);

    timer_stop(loop, &e->interval);
    timer_stop(loop, &e->retry);
    timer_stop(loop, &e->last);
    otlp_sender_close(e->sender, export_on_gone, e);
}

/* Time is over: what is left is lost. */
static void
export_on_last(struct timer *t)
{
    struct trace_exporter *e = CONTAINER_OF(t, struct trace_exporter, last);

    otlp_sender_cancel(e->sender);
    do {
        if (e->spans > 0)
            request_drop(e, STAT_SPANS_LOST);
    } while (request_collect(e));
    export_close(e);
}

void
trace_exporter_drop(struct trace_exporter *e)
{
    if (--e->holds > 0)
        return;
    e->closing = true;
    timer_start(loop_of(e), &e->last, LAST_US);
    export_next(e);
}

size_t
trace_exporters_bytes(const struct filter_services *s)
{
    size_t bytes = 0;

    for (struct list *n = s->exporters.next; n != &s->exporters; n = n->next) {
        const struct trace_exporter *e = CONTAINER_OF(n, struct trace_exporter, link);

        bytes += e->spans > 0 ? e->request.len : 0;
        for (unsigned i = 0; i < e->lane_count; i++)
            bytes += ring_used(&e->lanes[i].ring);
    }
    return bytes;
}

void
trace_exporters_end(struct filter_services *s)
{
    /* Each is closing: it has a timer, or a post, that ends it. */
    while (!list_empty(&s->exporters))
        loop_turn(s->args.loop, true);
}

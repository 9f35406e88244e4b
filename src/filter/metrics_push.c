/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_push.c - a timer, a page, and the requests that carry it, one after the other. */
#include "filter/metrics_push.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "filter/metrics_part.h"
#include "filter/otlp_sender.h"
#include "filter/services.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/stats.h"

enum { LAST_US = 1000 * 1000 };

struct metrics_push {
    const struct services_args *args;
    struct conf_copy *conf;
    metrics_text_fn *text;
    void *text_arg;
    int64_t since_us;
    struct otlp_sender *sender;
    struct timer interval, last;
    /* the push under way */
    bool busy;
    struct strbuf page;
    struct metrics_page_reader reader;
    size_t points;    /* in the request under way */
    int64_t quiet_us; /* the collector wants nothing before this time of the loop */
    bool failing;     /* said so */
    bool ending;
    metrics_push_gone_fn *gone;
    void *gone_arg;
};

const struct metrics_push_conf *
metrics_push_conf_of(const struct metrics_push *p)
{
    return conf_copy_root(p->conf);
}

size_t
metrics_push_bytes(const struct metrics_push *p)
{
    return p->busy ? p->page.len : 0;
}

static void
count(const struct metrics_push *p, enum stat_id id, size_t n)
{
    stat_add(p->args->stats, id, (int64_t)n);
}

/* --- one push ------------------------------------------------------------------------- */

static void push_on_sent(void *arg, const struct otlp_sent *r);
static void push_close(struct metrics_push *p);

/* No half line. */
static void
page_make(struct metrics_push *p)
{
    static struct log_limit limit;

    strbuf_init(&p->page, PUSH_TEXT_MAX);
    p->text(p->text_arg, &p->page);
    while (p->page.cut && p->page.len > 0 && p->page.s[p->page.len - 1] != '\n')
        p->page.len--;
    if (p->page.cut && log_limit_pass(&limit, 1))
        log_at(NULL, LOG_WARN,
               "there are too many metrics to push them all; set metrics.histogram to "
               "coarse or none, or a lower metrics.maxMethods",
               LI("bytes", PUSH_TEXT_MAX));
    p->reader = metrics_page_begin(slice_make(p->page.s, p->page.len), p->since_us,
                                   clock_wall_us());
    p->reader.otel = metrics_push_conf_of(p)->names == PUSH_OPENTELEMETRY;
}

static void
push_done(struct metrics_push *p, enum stat_id id)
{
    count(p, id, 1);
    strbuf_done(&p->page);
    p->busy = false;
    if (p->ending)
        push_close(p);
}

static void
part_send(struct metrics_push *p, const struct metrics_part *part)
{
    const struct metrics_push_conf *c = metrics_push_conf_of(p);
    struct otlp_attribute room[OTLP_RESOURCE_ATTRIBUTES];
    const struct otlp_resource r = otlp_resource_make(c->service, c->instance, room);
    const struct slice *metrics;
    struct strbuf request;
    size_t n;

    metrics = metrics_part_metrics(part, &n);
    p->points = metrics_part_points(part);
    strbuf_init(&request, OTLP_REQUEST_MAX);
    otlp_request_encode(&r, metrics, n, &request);
    otlp_sender_send(p->sender, slice_make(request.s, request.len), c->timeout_ms * 1000,
                     push_on_sent, p);
    strbuf_done(&request);
}

static void
push_go_on(struct metrics_push *p)
{
    struct metrics_part *part = metrics_part_read(&p->reader);

    if (!part) {
        push_done(p, STAT_PUSHES_OK);
        return;
    }
    part_send(p, part);
    metrics_part_free(part);
}

static void
push_say(struct metrics_push *p, const struct otlp_sent *r)
{
    const char *otlp = metrics_push_conf_of(p)->otlp;

    if (!r->taken && !p->failing)
        log_at(NULL, LOG_WARN, "the collector does not take metrics", LS("otlp", otlp),
               LS("code", r->code), LS("why", r->why));
    if (r->taken && p->failing)
        log_at(NULL, LOG_INFO, "the collector takes metrics again", LS("otlp", otlp));
    p->failing = !r->taken;
}

static void
push_on_sent(void *arg, const struct otlp_sent *r)
{
    static struct log_limit limit;
    struct metrics_push *p = arg;
    struct otlp_answer a = { 0 };
    size_t refused = 0;

    push_say(p, r);
    p->quiet_us = loop_now_us(p->args->loop) + r->pause_us;
    if (!r->taken) {
        push_done(p, STAT_PUSHES_FAILED);
        return;
    }
    if (otlp_answer_read(r->message, &a) == ERR_OK && a.rejected > 0)
        refused = (uint64_t)a.rejected < p->points ? (size_t)a.rejected : p->points;
    if (refused && log_limit_pass(&limit, 3))
        log_at(NULL, LOG_WARN, "the collector refused some metrics",
               LI("points", refused), LS("why", a.why));
    count(p, STAT_POINTS_REFUSED, refused);
    count(p, STAT_POINTS_SENT, p->points - refused);
    push_go_on(p);
}

static void
push_begin(struct metrics_push *p)
{
    p->busy = true;
    page_make(p);
    push_go_on(p);
}

static void
push_on_interval(struct timer *t)
{
    struct metrics_push *p = CONTAINER_OF(t, struct metrics_push, interval);

    timer_start(p->args->loop, t, metrics_push_conf_of(p)->interval_ms * 1000);
    if (p->busy || loop_now_us(p->args->loop) < p->quiet_us)
        count(p, STAT_PUSHES_SKIPPED, 1); /* the collector is slower than that */
    else
        push_begin(p);
}

/* --- life ------------------------------------------------------------------------------ */

static void
push_on_gone(void *arg)
{
    struct metrics_push *p = arg;
    metrics_push_gone_fn *gone = p->gone;
    void *gone_arg = p->gone_arg;

    conf_copy_drop(p->conf);
    xfree(p);
    gone(gone_arg);
}

static void
push_close(struct metrics_push *p)
{
    timer_stop(p->args->loop, &p->last);
    otlp_sender_close(p->sender, push_on_gone, p);
}

/* Time is over. */
static void
push_on_last(struct timer *t)
{
    struct metrics_push *p = CONTAINER_OF(t, struct metrics_push, last);

    otlp_sender_cancel(p->sender);
    push_done(p, STAT_PUSHES_FAILED);
}

struct metrics_push *
metrics_push_new(const struct services_args *args, const struct metrics_push_conf *conf,
                 metrics_text_fn *text, void *arg, int64_t since_us)
{
    struct metrics_push *p = xcalloc(1, sizeof(*p));
    const struct metrics_push_conf *c;

    p->args = args;
    p->conf = conf_copy_new(&metrics_push_conf_struct, conf);
    p->text = text;
    p->text_arg = arg;
    p->since_us = since_us;
    c = metrics_push_conf_of(p);
    p->sender = otlp_sender_new(args, &(struct otlp_way){ .to = c->otlp, .tls = &c->tls },
                                OTLP_METRICS, "metrics.push");
    timer_init(&p->interval, push_on_interval);
    timer_init(&p->last, push_on_last);
    timer_start(args->loop, &p->interval,
                (int64_t)rng_below(args->rng, (uint64_t)c->interval_ms * 1000) + 1);
    return p;
}

void
metrics_push_end(struct metrics_push *p, bool page, metrics_push_gone_fn *gone, void *arg)
{
    p->gone = gone;
    p->gone_arg = arg;
    p->ending = true;
    timer_stop(p->args->loop, &p->interval);
    if (p->busy) { /* the last page has all that this one has */
        otlp_sender_cancel(p->sender);
        strbuf_done(&p->page);
        count(p, STAT_PUSHES_SKIPPED, 1);
    }
    if (!page) {
        push_close(p);
        return;
    }
    timer_start(p->args->loop, &p->last, LAST_US);
    push_begin(p);
}

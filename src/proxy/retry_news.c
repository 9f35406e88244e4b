/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/retry_news.c - what the events of an attempt mean for a call that may be tried again, how long its headers are kept back, and what a backend is told
 * of the attempts before. */
#include <stdio.h>
#include <string.h>

#include "grpc/status.h"
#include "proxy/retry.h"
#include "proxy/worker.h"

static const int64_t HOLD_US = 100 * 1000;

static const char previous_name[] = "grpc-previous-rpc-attempts";

/* --- the header -------------------------------------------------------------------------- */

bool
retry_is_previous(const struct h2_field *f)
{
    return f->namelen == sizeof(previous_name) - 1 &&
           memcmp(f->name, previous_name, sizeof(previous_name) - 1) == 0;
}

struct h2_field
retry_previous(const struct attempt *a)
{
    struct retry *r = a->call->retry;
    int n = snprintf(r->previous, sizeof(r->previous), "%u", r->before + a->counted - 1);

    return (struct h2_field){ .name = (uint8_t *)(uintptr_t)previous_name,
                              .value = (uint8_t *)r->previous,
                              .namelen = sizeof(previous_name) - 1,
                              .valuelen = (size_t)n,
                              .flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX };
}

/* --- what an attempt's events mean --------------------------------------------------------- */

static enum retry_news
news_failed(struct retry_end *ret, int code)
{
    *ret = (struct retry_end){ .code = code };
    return NEWS_FAILED;
}

/* A block with a status in it. */
static enum retry_news
news_status(struct attempt *a, const struct h2_headers *h, struct retry_end *ret)
{
    struct slice status = h2_headers_get(h, H2_TOKEN_GRPC_STATUS);
    int code = status.p ? (int)grpc_code_parse(status) : GRPC_UNKNOWN;

    if (code == GRPC_OK)
        return NEWS_GOOD;
    *ret = (struct retry_end){ .code = code, .pushback = retry_pushback_find(h) };
    a->answered = true;
    return NEWS_FAILED;
}

static enum retry_news
news_headers(struct attempt *a, unsigned ev, struct retry_end *ret)
{
    const struct h2_headers *h = &a->up.in_headers;
    bool more = ev & (H2_EV_DATA | H2_EV_TRAILERS);
    bool end = ev & H2_EV_END && !more;
    int bad = response_bad_code(h, end);

    if (UNLIKELY(pool_wants(a->call->pool) & POOL_WANTS_TIMES))
        pool_answered(&a->wait);
    if (bad >= 0) {
        a->answered = true;
        return news_failed(ret, bad);
    }
    if (end)
        return news_status(a, h, ret);
    a->held = true;
    return NEWS_NONE;
}

enum retry_news
retry_news(struct attempt *a, unsigned ev, struct retry_end *ret)
{
    const struct h2_headers *h = &a->up.in_trailers;
    enum retry_news news = NEWS_NONE;

    if (ev & H2_EV_HEADERS)
        news = news_headers(a, ev, ret);
    if (news != NEWS_NONE)
        return news;
    if (ev & H2_EV_DATA)
        return NEWS_GOOD; /* whatever follows it */
    if (ev & (H2_EV_TRAILERS | H2_EV_END)) {
        a->answered = true;
        if (!(ev & H2_EV_TRAILERS))
            return news_failed(ret, GRPC_UNKNOWN);
        if (h->invalid || h->over)
            return news_failed(ret, h->invalid ? GRPC_INTERNAL : GRPC_RESOURCE_EXHAUSTED);
        return news_status(a, h, ret);
    }
    return ev & H2_EV_CLOSED ? news_failed(ret, response_lost_code(&a->up)) : NEWS_NONE;
}

static void
retry_watch_held(struct attempt *a)
{
    struct retry *r = a->call->retry;

    r->watched = a;
    timer_start(a->call->worker->loop, &r->watch, HOLD_US);
}

bool
retry_hold(struct attempt *a, unsigned ev)
{
    struct retry *r = a->call->retry;

    if (!a->held)
        return true;
    if (a->call->request != HALF_CLOSED)
        return false;
    /* Of several attempts the first answer is watched: it is the one that the client gets then. */
    if (ev & H2_EV_HEADERS && !(timer_running(&r->watch) && r->watched->held))
        retry_watch_held(a);
    return true;
}

void
retry_unwatch(struct attempt *a)
{
    struct retry *r = a->call->retry;

    if (r->watched != a)
        return;
    r->watched = NULL;
    timer_stop(a->call->worker->loop, &r->watch);
    if (r->state == RETRY_OVER)
        return;
    if (a->call->first.held && a != &a->call->first)
        retry_watch_held(&a->call->first);
    for (unsigned i = 0; i < r->more_count && !r->watched; i++) {
        if (r->more[i]->held && r->more[i] != a)
            retry_watch_held(r->more[i]);
    }
}

void
retry_note_end(struct attempt *a, const struct retry_end *end)
{
    const struct h2_headers *h =
        a->up.in_trailers.complete ? &a->up.in_trailers : &a->up.in_headers;

    a->code = (int16_t)end->code;
    if (a->answered)
        response_judge(a, end->code, h);
    else if (!a->up.unprocessed)
        pool_lost(&a->wait);
}

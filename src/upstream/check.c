/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/check.c - one backend's check: when it connects, what it makes of the answers. */
#include "upstream/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "obs/stats.h"
#include "upstream/backend.h"
#include "upstream/hub_int.h"
#include "upstream/outlier.h"

/* --- the verdict ---------------------------------------------------------------------- */

static int64_t
check_now(const struct check *c)
{
    return loop_now_us(c->health->loop);
}

/* False when the one before said the same. */
static bool
check_note(struct check *c, const char *how, bool good, const char *text)
{
    struct stats *stats = h2_worker_stats(c->health->hub->h2);
    bool news = c->last_good != good || strcmp(c->last, text) != 0;

    c->last_us = check_now(c);
    c->last_good = good;
    c->last_how = how;
    snprintf(c->last, sizeof(c->last), "%s", text);
    stat_inc(stats, STAT_HEALTH_CHECKS);
    if (!good)
        stat_inc(stats, STAT_HEALTH_FAILURES);
    return news;
}

/* The last answer in words; of several bad ones in a row, how many. */
static void
check_say(const struct check *c, char *out, size_t size)
{
    if (!c->state.healthy && c->state.bad > 1)
        snprintf(out, size, "%s failed %u times: %s", c->last_how, c->state.bad, c->last);
    else
        snprintf(out, size, "%s: %s", c->last_how, c->last);
}

/* Tells the workers what the state has become. */
static void
check_apply(struct check *c)
{
    struct hub *hub = c->health->hub;
    struct backend *b = c->backend;
    bool was_down = atomic_load(&b->down) & BACKEND_UNHEALTHY;
    char why[CHECK_TEXT_MAX + 48];

    check_say(c, why, sizeof(why));
    hub_mark(hub, b, BACKEND_UNHEALTHY, !c->state.healthy, why);
    if (c->state.healthy && was_down)
        outlier_pardon(hub, b);
    hub_mark(hub, b, BACKEND_UNCHECKED, false, why);
}

/* It was bad and still is, but for another reason. */
static void
check_reword(const struct check *c)
{
    char why[CHECK_TEXT_MAX + 48];

    check_say(c, why, sizeof(why));
    backend_reword(c->backend, BACKEND_UNHEALTHY, why);
}

void
check_probed(struct check *c, const char *how, bool good, const char *text)
{
    bool news = check_note(c, how, good, text);

    /* Of a probe that failed only an answer is a word; once said it stays until something good is heard. */
    if (good)
        c->backend->said_not_serving = false;
    else if (c->messages == 1 && c->readable && c->status == HEALTH_NOT_SERVING)
        c->backend->said_not_serving = true;
    timer_stop(c->health->loop, &c->hold);
    if (health_state_probe(&c->state, good))
        check_apply(c);
    else if (news && !good && !c->state.healthy)
        check_reword(c);
}

void
check_word(struct check *c, const char *how, bool serving, const char *text)
{
    bool news = check_note(c, how, serving, text);
    int64_t hold_us;

    c->backend->said_not_serving = !serving;
    if (health_state_word(&c->state, serving, check_now(c)))
        check_apply(c);
    else if (news && !serving)
        check_reword(c);
    hold_us = health_state_hold_us(&c->state, check_now(c));
    if (hold_us < 0)
        timer_stop(c->health->loop, &c->hold);
    else if (!timer_running(&c->hold))
        timer_start(c->health->loop, &c->hold, hold_us);
}

static void
check_on_hold(struct timer *t)
{
    struct check *c = CONTAINER_OF(t, struct check, hold);

    if (health_state_release(&c->state, check_now(c)))
        check_apply(c);
}

/* --- waiting -------------------------------------------------------------------------- */

static uint64_t
check_calls(const struct check *c)
{
    uint64_t n = 0;

    for (size_t i = 0; i < c->backend->workers; i++)
        n += atomic_load_explicit(&c->backend->tally[i].calls, memory_order_relaxed);
    return n;
}

void
check_wait(struct check *c)
{
    uint64_t calls = check_calls(c);
    int64_t us = health_state_next_us(&c->state, calls != c->calls, c->health->hub->rng);

    c->calls = calls;
    timer_start(c->health->loop, &c->timer, us);
}

void
check_wait_again(struct check *c, bool had_message)
{
    timer_start(c->health->loop, &c->timer,
                health_state_again_us(&c->state, had_message, c->health->hub->rng));
}

/* --- connecting ----------------------------------------------------------------------- */

static void
check_connected(struct check *c)
{
    struct health *h = c->health;
    struct list *next;

    if (!c->connecting)
        return;
    c->connecting = false;
    h->connecting--;
    next = list_pop(&h->queue);
    if (next)
        check_proceed(CONTAINER_OF(next, struct check, queue));
}

static void
check_drop_tcp(struct check *c)
{
    transport_close(c->tcp);
    c->tcp = NULL;
}

/* This try is over: nothing of it is left. */
static void
check_drop(struct check *c)
{
    timer_stop(c->health->loop, &c->deadline);
    check_forget_calls(c);
    check_drop_tcp(c);
    if (c->client)
        grpc_client_disconnect(c->client);
    check_connected(c);
}

static void
check_failed(struct check *c, const char *why)
{
    check_drop(c);
    check_probed(c, c->client ? "connect" : "TCP connect", false, why);
    check_wait(c);
}

static void
check_on_tcp(void *arg, int what)
{
    struct check *c = arg;
    int error = c->tcp->sys_errno;

    if (!(what & TRANSPORT_CONNECTED)) {
        check_failed(c, error ? strerror(error) : "the connection failed");
        return;
    }
    check_drop(c);
    check_probed(c, "TCP connect", true, "connected");
    check_wait(c);
}

void
check_proceed(struct check *c)
{
    struct health *h = c->health;

    list_remove(&c->queue);
    if (h->connecting >= CHECK_CONNECTS_MAX) {
        list_append(&h->queue, &c->queue);
        return;
    }
    h->connecting++;
    c->connecting = true;
    timer_start(h->loop, &c->deadline, h->conf->timeout_ms * 1000);
    if (c->client) {
        grpc_client_connect(c->client);
        return;
    }
    c->tcp = transport_connect(h->loop, &c->backend->addr);
    transport_bind(c->tcp, check_on_tcp, c);
    transport_want(c->tcp, false, true);
}

static void
check_on_goaway(struct check *c, uint32_t code, const char *why)
{
    char text[CHECK_TEXT_MAX];

    if (code == H2_NO_ERROR && c->answered) {
        /* Polite: it lives, it only wants another connection. A probe that is on its way
         * may end on the old one. */
        if (c->watch)
            grpc_client_forget(c->watch);
        c->watch = NULL;
        if (!timer_running(&c->deadline) && !list_linked(&c->queue))
            timer_start(c->health->loop, &c->timer, 0);
        return;
    }
    if (c->answered && !c->watch && !c->probe && timer_running(&c->timer))
        return; /* nothing was asked here: the next check connects again */
    snprintf(text, sizeof(text), "GOAWAY with HTTP/2 code %u (%s)%s%s", code,
             h2_code_name(code), why[0] ? ": " : " before an answer", why);
    check_failed(c, text);
}

static void
check_on_conn(void *arg, enum grpc_client_event event, uint32_t code, const char *why)
{
    struct check *c = arg;

    switch (event) {
    case GRPC_CLIENT_CONNECTED:
        c->answered = false;
        c->no_watch = c->health->conf->type == HEALTH_GRPC_CHECK;
        check_connected(c);
        check_ask(c);
        break;
    case GRPC_CLIENT_FAILED:
        check_failed(c, why);
        break;
    case GRPC_CLIENT_GOAWAY:
        check_on_goaway(c, code, why);
        break;
    case GRPC_CLIENT_LOST:
        /* Its calls ended before and said what that means. An idle connection that goes is
         * no answer: the next check connects again. */
        timer_stop(c->health->loop, &c->deadline);
        if (!timer_running(&c->timer))
            check_wait(c);
        break;
    }
}

static void
check_on_deadline(struct timer *t)
{
    struct check *c = CONTAINER_OF(t, struct check, deadline);
    char why[CHECK_TEXT_MAX];

    snprintf(why, sizeof(why), "%s within %lld ms",
             c->connecting ? "no connection" : "no answer",
             (long long)c->health->conf->timeout_ms);
    check_failed(c, why);
}

static void
check_on_timer(struct timer *t)
{
    struct check *c = CONTAINER_OF(t, struct check, timer);

    if (c->client && grpc_client_connected(c->client))
        check_ask(c);
    else if (!c->connecting)
        check_proceed(c);
}

/* --- life ----------------------------------------------------------------------------- */

static void
check_free(struct ref *r)
{
    struct check *c = CONTAINER_OF(r, struct check, ref);

    backend_drop(c->backend);
    ref_drop(&c->health->ref, loop_reaper(c->health->loop));
    xfree(c);
}

struct check *
check_new(struct health *h, struct backend *b)
{
    struct check *c = xcalloc(1, sizeof(*c));
    const struct health_conf *conf = h->conf;

    ref_init(&c->ref, check_free);
    ref_hold(&h->ref);
    backend_hold(b);
    c->health = h;
    c->backend = b;
    list_init(&c->queue);
    timer_init(&c->timer, check_on_timer);
    timer_init(&c->deadline, check_on_deadline);
    timer_init(&c->hold, check_on_hold);
    list_append(&h->checks, &c->link);
    health_state_init(&c->state, conf);
    c->client_conf = (struct grpc_client_conf){
        .to = b->addr,
        .authority = conf->authority          ? conf->authority
                     : addr_is_unix(&b->addr) ? "localhost"
                                              : b->name,
        .limits = &h->limits,
        .tls = h->hub->tls,
        .tls_name = c->tls_name,
        .manual = true,
        .fields = h->fields,
        .field_count = conf->metadata.n,
        .on_conn = check_on_conn,
        .arg = c,
    };
    if (conf->type != HEALTH_TCP)
        c->client = grpc_client_new(h->hub->h2, &c->client_conf);
    timer_start(h->loop, &c->timer, health_state_first_us(&c->state, h->hub->rng));
    return c;
}

void
check_set_host(struct check *c, const char *host)
{
    backend_tls_name(c->backend, host, c->tls_name);
}

void
check_stop(struct check *c)
{
    struct loop *loop = c->health->loop;

    timer_stop(loop, &c->timer);
    timer_stop(loop, &c->hold);
    list_remove(&c->queue);
    check_drop(c);
    if (c->client) {
        grpc_client_close(c->client);
        grpc_client_free(c->client);
    }
    list_remove(&c->link);
    ref_drop(&c->ref, loop_reaper(loop));
}

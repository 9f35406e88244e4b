/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upconn.c - one connection to a backend: connect, SETTINGS, ready, leaving, closed. */
#include "upstream/pool_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/transport.h"

static const int64_t SHORT_LIFE_US = 1000 * 1000;

/* The only writer of state. Counters and lists of the endpoint move here. */
static void
upconn_set(struct upconn *c, enum upconn_state to)
{
    struct endpoint *e = c->endpoint;
    bool was_connecting = c->state == UPCONN_CONNECTING || c->state == UPCONN_SETTLING;
    bool is_connecting = to == UPCONN_CONNECTING || to == UPCONN_SETTLING;

    if (was_connecting && !is_connecting)
        e->connecting--;
    if (c->state != UPCONN_LEAVING && (to == UPCONN_LEAVING || to == UPCONN_CLOSED))
        e->conn_count--;
    c->state = to;
}

static void
upconn_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct upconn, ref));
}

/* Everything but the h2 connection, which ends by itself. */
static void
upconn_gone(struct upconn *c)
{
    struct pool *p = c->endpoint->pool;

    if (c->state == UPCONN_CLOSED)
        return;
    upconn_set(c, UPCONN_CLOSED);
    timer_stop(p->loop, &c->timeout);
    list_remove(&c->link);
    stat_add(p->stats, STAT_UP_OPEN, -1);
    transport_close(c->transport);
    c->transport = NULL;
    ref_drop(&c->ref, loop_reaper(p->loop));
}

static void
upconn_failed(struct upconn *c, int err, const char *text)
{
    struct endpoint *e = c->endpoint;

    stat_inc(e->pool->stats, STAT_UP_CONNECT_FAILED);
    upconn_gone(c);
    endpoint_failed(e, err, text);
    pool_changed(e->pool);
}

static void
upconn_on_settings(struct h2_conn *h2, void *arg)
{
    struct upconn *c = arg;
    struct pool *p = c->endpoint->pool;

    if (c->state == UPCONN_SETTLING && h2_conn_settled(h2)) {
        timer_stop(p->loop, &c->timeout);
        c->ready_us = loop_now_us(p->loop);
        upconn_set(c, UPCONN_READY);
    }
    endpoint_update(c->endpoint);
    pool_changed(p);
}

static void
upconn_on_goaway(struct h2_conn *h2, void *arg, uint32_t code, struct slice text)
{
    struct upconn *c = arg;

    (void)h2;
    if (code == H2_ENHANCE_YOUR_CALM && slice_eq_str(text, "too_many_pings"))
        endpoint_calm(c->endpoint);
    else if (code != H2_NO_ERROR && log_limit_pass(&c->endpoint->log_limit, 3))
        log_at(NULL, LOG_WARN, "backend sent GOAWAY with an error",
               LS("endpoint", c->endpoint->name), LI("code", code), LB("text", text));
    if (c->state == UPCONN_SETTLING || c->state == UPCONN_READY) {
        bool early = c->state == UPCONN_SETTLING;

        timer_stop(c->endpoint->pool->loop, &c->timeout);
        upconn_set(c, UPCONN_LEAVING);
        if (early)
            endpoint_failed(c->endpoint, ERR_GOAWAY,
                            "the backend said GOAWAY before it served a call");
    }
    endpoint_update(c->endpoint);
    pool_changed(c->endpoint->pool);
}

/* A lost connection that never did anything useful counts as a failed attempt: no reconnect storm against a backend that accepts and hangs up. */
static void
upconn_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    struct upconn *c = arg;
    struct endpoint *e = c->endpoint;
    struct pool *p = e->pool;
    enum upconn_state was = c->state;
    char text[FAILURE_TEXT_MAX];
    bool useless = !c->served && loop_now_us(p->loop) - c->ready_us < SHORT_LIFE_US;

    (void)h2;
    c->h2 = NULL;
    upconn_gone(c);
    if (p->closing || was == UPCONN_CLOSED)
        return;
    snprintf(text, sizeof(text), "%s%s%s", err_text(err), note[0] ? ": " : "", note);
    if (err == ERR_NOT_HTTP2)
        stat_inc(p->stats, STAT_UP_NOT_HTTP2);
    if (err == ERR_IDLE) {
        if (p->waiting == 0)
            p->active = false; /* nobody calls: do not reconnect before somebody does */
    } else if (was == UPCONN_SETTLING) {
        stat_inc(p->stats, STAT_UP_CONNECT_FAILED);
        endpoint_failed(e, err, text);
    } else if (was == UPCONN_READY) {
        stat_inc(p->stats, STAT_UP_LOST);
        if (useless)
            endpoint_failed(e, err, text);
        else
            e->failures = 0;
        if (!useless)
            snprintf(p->last_failure, sizeof(p->last_failure), "%.100s: %.120s", e->name,
                     text);
        if (log_limit_pass(&e->log_limit, 3))
            log_at(NULL, LOG_INFO, "connection to backend lost", LS("endpoint", e->name),
                   LS("why", text));
    } else if (was == UPCONN_LEAVING && useless) {
        endpoint_failed(e, err, text);
    }
    endpoint_update(e);
    pool_changed(p);
}

/* Connecting ended, well or badly. Afterwards the transport belongs to h2. */
static void
upconn_on_transport(void *arg, int what)
{
    struct upconn *c = arg;
    struct pool *p = c->endpoint->pool;
    struct transport *t = c->transport;

    if (c->state != UPCONN_CONNECTING)
        return;
    if (!(what & TRANSPORT_CONNECTED)) {
        upconn_failed(c, ERR_CONNECT, strerror(t->sys_errno));
        return;
    }
    c->transport = NULL;
    upconn_set(c, UPCONN_SETTLING);
    timer_start(p->loop, &c->timeout, p->conf->connections.settings_timeout_ms * 1000);
    c->h2 = h2_conn_open(p->h2, t, H2_UP, &p->limits, &p->ops, c);
    if (c->endpoint->keepalive_us)
        h2_conn_set_keepalive_time(c->h2, c->endpoint->keepalive_us);
}

static void
upconn_on_timeout(struct timer *t)
{
    struct upconn *c = CONTAINER_OF(t, struct upconn, timeout);

    if (c->state == UPCONN_CONNECTING) {
        upconn_failed(c, ERR_CONNECT_TIMEOUT, "connecting took too long");
        return;
    }
    if (c->h2)
        h2_conn_close(c->h2, ERR_HANDSHAKE_TIMEOUT, H2_NO_ERROR,
                      "connected, but no HTTP/2 SETTINGS came in time");
}

void
upconn_open(struct endpoint *e)
{
    struct pool *p = e->pool;
    struct upconn *c = xcalloc(1, sizeof(*c));

    ref_init(&c->ref, upconn_free);
    c->endpoint = e;
    c->state = UPCONN_CONNECTING;
    e->connecting++;
    e->conn_count++;
    list_append(&e->conns, &c->link);
    timer_init(&c->timeout, upconn_on_timeout);
    timer_start(p->loop, &c->timeout, p->conf->connections.connect_timeout_ms * 1000);
    stat_inc(p->stats, STAT_UP_CONNECTS);
    stat_inc(p->stats, STAT_UP_OPEN);
    c->transport = transport_connect(p->loop, &e->addr);
    transport_bind(c->transport, upconn_on_transport, c);
    transport_want(c->transport, false, true);
}

void
upconn_close(struct upconn *c, int err)
{
    if (c->h2)
        h2_conn_close(c->h2, err, H2_NO_ERROR, "");
    else
        upconn_gone(c);
}

int
upconn_request(struct upconn *c, struct h2_stream *s, const struct h2_field *fields,
               size_t n, bool end)
{
    int rv;

    if (!c->h2 || c->state != UPCONN_READY)
        return ERR_GOAWAY;
    rv = h2_stream_request(c->h2, s, fields, n, end);
    if (rv != ERR_OK)
        return rv;
    if (h2_conn_free_streams(c->h2) == 0)
        endpoint_update(c->endpoint);
    return ERR_OK;
}

void
upconn_release(struct upconn *c)
{
    struct endpoint *e = c->endpoint;

    c->served = true;
    e->failures = 0; /* it really works: the backoff starts afresh */
    if (e->pool->waiting || !e->pool->view[e->index].room) {
        endpoint_update(e);
        pool_changed(e->pool);
    }
}

const char *
upconn_name(const struct upconn *c)
{
    return c->endpoint->name;
}

const void *
upconn_endpoint(const struct upconn *c)
{
    return c->endpoint;
}

void
upconn_ops_fill(struct h2_conn_ops *ops, pool_stream_fn *on_stream)
{
    *ops = (struct h2_conn_ops){
        .on_events = on_stream,
        .on_settings = upconn_on_settings,
        .on_goaway = upconn_on_goaway,
        .on_closed = upconn_on_closed,
    };
}

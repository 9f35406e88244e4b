/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upconn.c - one connection to a backend: connect, SETTINGS, ready, leaving, closed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/tls_store.h"
#include "net/transport.h"
#include "upstream/hub.h"
#include "upstream/pool_int.h"

enum { LIFE_JITTER_PERCENT = 10 };

static const int64_t SHORT_LIFE_US = 1000 * 1000;

/* The only writer of state. Counters and lists of the endpoint move here. */
static void
upconn_set(struct upconn *c, enum upconn_state to)
{
    struct endpoint *e = c->endpoint;
    bool was_connecting = c->state == UPCONN_CONNECTING || c->state == UPCONN_SETTLING;
    bool is_connecting = to == UPCONN_CONNECTING || to == UPCONN_SETTLING;

    if (was_connecting && !is_connecting) {
        e->connecting--;
        if (e->pool->connecting-- == CONNECTS_MAX)
            e->pool->connect = true; /* others waited for this one's turn to end */
    }
    if (to == UPCONN_READY) {
        TALLY_ADD(e->tally->ready, 1);
        atomic_store_explicit(&e->backend->said_goaway, false, memory_order_relaxed);
    } else if (c->state == UPCONN_READY) {
        TALLY_ADD(e->tally->ready, -1u);
    }
    if (c->state != UPCONN_LEAVING && (to == UPCONN_LEAVING || to == UPCONN_CLOSED))
        e->conn_count--;
    c->state = to;
}

static void
upconn_free(struct ref *r)
{
    struct upconn *c = CONTAINER_OF(r, struct upconn, ref);

    ref_drop(&c->endpoint->ref, c->endpoint->reaper);
    xfree(c);
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
    timer_stop(p->loop, &c->age);
    list_remove(&c->link);
    stat_add(p->stats, STAT_UP_OPEN, -1);
    TALLY_ADD(c->endpoint->tally->connections, -1u);
    pool_limit_disconnect(p);
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
    endpoint_idle(e);
}

/* --- replacement ------------------------------------------------------------------------ */

struct upconn *
endpoint_retiring(const struct endpoint *e)
{
    for (struct list *n = e->conns.next; n != &e->conns; n = n->next) {
        struct upconn *c = CONTAINER_OF(n, struct upconn, link);

        if (c->retiring && c->state == UPCONN_READY)
            return c;
    }
    return NULL;
}

void
upconn_leave(struct upconn *c)
{
    if (c->state != UPCONN_READY)
        return;
    timer_stop(c->endpoint->pool->loop, &c->age);
    c->given_up = true;
    upconn_set(c, UPCONN_LEAVING);
    h2_conn_drain(c->h2);
}

/* The successor is opened first, also above connections.perEndpoint. When none can be (limits.maxConnections), or nobody calls, it just goes. */
void
upconn_retire(struct upconn *c)
{
    struct endpoint *e = c->endpoint;
    struct pool *p = e->pool;

    if (c->retiring || c->state != UPCONN_READY)
        return;
    c->retiring = true;
    if (e->connecting || timer_running(&e->retry))
        return; /* the one on its way is the successor */
    if (p->active && e->row && e->lb.wanted) {
        endpoint_connect(e);
        if (e->connecting)
            return;
    }
    upconn_leave(c);
    endpoint_update(e);
}

/* c is ready: it takes the place of one that retires, and if there are more of them they get theirs one by one. */
static void
upconn_succeed(struct upconn *c)
{
    struct endpoint *e = c->endpoint;
    struct upconn *old = endpoint_retiring(e);

    if (!old)
        return;
    upconn_leave(old);
    if (endpoint_retiring(e) && e->connecting == 0)
        endpoint_connect(e);
}

static void
upconn_on_age(struct timer *t)
{
    struct upconn *c = CONTAINER_OF(t, struct upconn, age);

    upconn_retire(c);
    pool_changed(c->endpoint->pool);
}

/* --- events ----------------------------------------------------------------------------- */

static void
upconn_on_settings(struct h2_conn *h2, void *arg)
{
    struct upconn *c = arg;
    struct pool *p = c->endpoint->pool;

    if (c->state == UPCONN_SETTLING && h2_conn_settled(h2)) {
        timer_stop(p->loop, &c->timeout);
        c->ready_us = loop_now_us(p->loop);
        upconn_set(c, UPCONN_READY);
        if (c->endpoint->why)
            endpoint_note(c->endpoint, NULL);
        if (p->conf->connections.max_age_ms)
            timer_start(p->loop, &c->age,
                        rng_jitter(p->rng, p->conf->connections.max_age_ms * 1000,
                                   LIFE_JITTER_PERCENT));
        upconn_succeed(c);
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
               LS("endpoint", c->endpoint->backend->name), LI("code", code),
               LS("name", h2_code_name(code)), LB("text", text));
    if (c->state == UPCONN_SETTLING || c->state == UPCONN_READY) {
        bool early = c->state == UPCONN_SETTLING;

        timer_stop(c->endpoint->pool->loop, &c->timeout);
        upconn_set(c, UPCONN_LEAVING);
        if (!early && code == H2_NO_ERROR)
            atomic_store_explicit(&c->endpoint->backend->said_goaway, true,
                                  memory_order_relaxed);
        if (early)
            endpoint_failed(c->endpoint, ERR_GOAWAY,
                            "the backend said GOAWAY before it served a call");
    }
    hub_ask_again(c->endpoint->pool->hub);
    endpoint_update(c->endpoint);
    pool_changed(c->endpoint->pool);
}

const char *
upconn_words(const struct upconn *c, int err, char out[UPCONN_WORDS_MAX])
{
    uint32_t code = c->h2 ? h2_conn_goaway_code(c->h2) : 0;

    out[0] = '\0';
    if (err == ERR_GOAWAY && code)
        snprintf(out, UPCONN_WORDS_MAX, "GOAWAY with HTTP/2 code %u (%s)", code,
                 h2_code_name(code));
    else if (c->h2 && (err == ERR_CONN_LOST || err == ERR_PROTOCOL || err == ERR_FLOOD ||
                       err == ERR_KEEPALIVE))
        snprintf(out, UPCONN_WORDS_MAX, "%s", h2_conn_note(c->h2));
    return out;
}

/* What the words of a failed connection do not say, and who runs it should look at. Some servers, gRPC's among them, close without an alert when they do not like the client's
 * certificate; with TLS 1.3 our handshake is over by then. */
static const char *
upconn_hint(const struct upconn *c, enum upconn_state was, int err, const char *note)
{
    const struct pool *p = c->endpoint->pool;

    if (was == UPCONN_SETTLING && !p->tls && err == ERR_CONN_LOST)
        return "; a server does this that wants TLS (the pool has no \"tls\"), or that "
               "speaks no HTTP/2";
    if (!p->tls && err == ERR_NOT_HTTP2 && strstr(note, "alert of TLS"))
        return ": give the pool \"tls\"";
    if (!p->tls || was != UPCONN_SETTLING || err != ERR_CONN_LOST ||
        strstr(note, "certificate"))
        return "";
    return p->conf->tls.cert
               ? "; a server does this that does not accept our client certificate"
               : "; a server does this that wants a client certificate (tls.cert)";
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
    snprintf(text, sizeof(text), "%s%s%s%s", err_text(err), note[0] ? ": " : "", note,
             upconn_hint(c, was, err, note));
    if (err == ERR_NOT_HTTP2)
        stat_inc(p->stats, STAT_UP_NOT_HTTP2);
    if (c->given_up) {
        /* The endpoint may have come back to the list since. */
    } else if (err == ERR_IDLE) {
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
        hub_ask_again(p->hub);
        if (!useless)
            endpoint_note(e, text);
        if (log_limit_pass(&e->log_limit, 3))
            log_at(NULL, LOG_INFO, "connection to backend lost",
                   LS("endpoint", e->backend->name), LS("why", text));
    } else if (was == UPCONN_LEAVING && useless) {
        endpoint_failed(e, err, text);
    }
    endpoint_update(e);
    pool_changed(p);
    endpoint_idle(e);
}

static void
upconn_count_handshake(struct upconn *c, int what)
{
    const struct transport *t = c->transport;
    struct stats *stats = c->endpoint->pool->stats;

    if (what & TRANSPORT_CONNECTED || tls_refusal(t))
        stat_inc(stats, (enum stat_id)(STAT_TLS_UP_0 + (int)tls_refusal(t)));
    if (what & TRANSPORT_CONNECTED && tls_resumed(t))
        stat_inc(stats, STAT_TLS_RESUMED_UP);
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
    if (p->tls)
        upconn_count_handshake(c, what);
    if (!(what & TRANSPORT_CONNECTED)) {
        upconn_failed(c, ERR_CONNECT, p->tls ? tls_why(t) : strerror(t->sys_errno));
        return;
    }
    c->transport = NULL;
    upconn_set(c, UPCONN_SETTLING);
    timer_start(p->loop, &c->timeout, p->conf->connections.settings_timeout_ms * 1000);
    c->h2 = h2_conn_open(p->h2, t, H2_UP, &p->limits, &p->ops, c);
    if (c->endpoint->keepalive_us)
        h2_conn_set_keepalive_time(c->h2, c->endpoint->keepalive_us);
}

/* There was no context to begin with. */
static void
upconn_no_tls(struct upconn *c)
{
    char why[TLS_WHY_MAX] = "";
    struct tls_ctx *ctx = tls_keyring_ctx(c->endpoint->pool->tls, why);

    upconn_failed(c, ERR_CONNECT, ctx ? "its certificate files have just healed" : why);
    tls_ctx_drop(ctx);
}

static void
upconn_on_timeout(struct timer *t)
{
    struct upconn *c = CONTAINER_OF(t, struct upconn, timeout);
    struct pool *p = c->endpoint->pool;

    if (c->state == UPCONN_CONNECTING) {
        if (!c->transport) {
            upconn_no_tls(c);
            return;
        }
        if (p->tls)
            stat_inc(p->stats, STAT_TLS_UP_LAST);
        upconn_failed(c, ERR_CONNECT_TIMEOUT,
                      p->tls ? "connecting and the TLS handshake took too long"
                             : "connecting took too long");
        return;
    }
    if (c->h2)
        h2_conn_close(c->h2, ERR_HANDSHAKE_TIMEOUT, H2_NO_ERROR,
                      "connected, but no HTTP/2 SETTINGS came in time");
}

/* Without a context there is nothing to connect with: that is told in the next turn, as any
 * failure is. */
static struct transport *
upconn_connect_tls(struct upconn *c)
{
    struct endpoint *e = c->endpoint;
    struct pool *p = e->pool;
    char name[BACKEND_TLS_NAME_MAX], why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_keyring_ctx(p->tls, why);
    struct transport *t = NULL;

    if (ctx)
        t = tls_connect(p->loop, ctx, &e->backend->addr,
                        backend_tls_name(e->backend, e->row ? e->row->host : "", name),
                        &e->session);
    else
        timer_start(p->loop, &c->timeout, 0);
    tls_ctx_drop(ctx);
    return t;
}

void
upconn_open(struct endpoint *e)
{
    struct pool *p = e->pool;
    struct upconn *c = xcalloc(1, sizeof(*c));

    ref_init(&c->ref, upconn_free);
    ref_hold(&e->ref);
    c->endpoint = e;
    c->state = UPCONN_CONNECTING;
    c->max_requests = (uint32_t)rng_jitter(p->rng, p->conf->connections.max_requests,
                                           LIFE_JITTER_PERCENT);
    if (c->max_requests == 0 && p->conf->connections.max_requests)
        c->max_requests = 1;
    e->connecting++;
    p->connecting++;
    e->conn_count++;
    list_append(&e->conns, &c->link);
    timer_init(&c->timeout, upconn_on_timeout);
    timer_init(&c->age, upconn_on_age);
    timer_start(p->loop, &c->timeout, p->conf->connections.connect_timeout_ms * 1000);
    stat_inc(p->stats, STAT_UP_CONNECTS);
    stat_inc(p->stats, STAT_UP_OPEN);
    TALLY_ADD(e->tally->connections, 1);
    c->transport =
        p->tls ? upconn_connect_tls(c) : transport_connect(p->loop, &e->backend->addr);
    if (!c->transport)
        return;
    transport_bind(c->transport, upconn_on_transport, c);
    transport_want(c->transport, false, true);
}

void
upconn_close(struct upconn *c, int err)
{
    c->given_up = true;
    if (c->h2)
        h2_conn_close(c->h2, err, H2_NO_ERROR, "");
    else
        upconn_gone(c);
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

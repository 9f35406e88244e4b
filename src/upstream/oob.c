/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/oob.c - one call that brings load reports. It is always in one of these: connecting or talking with `timer` as the time limit of the
 * connect, waiting for the next try with `timer`, or done for ever (UNIMPLEMENTED). */
#include "upstream/oob.h"

#include <stdbool.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/client.h"
#include "grpc/orca.h"
#include "h2/conn.h"
#include "lb/lb.h"
#include "lb/report.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "upstream/backend.h"
#include "upstream/pool_conf.h"

enum { REQUEST_MAX = 64, JITTER_PERCENT = 20 };

static const int64_t FIRST_WAIT_US = 1000 * 1000, LONGEST_WAIT_US = 120 * 1000 * 1000;

struct oob {
    struct ref ref; /* the connection uses client_conf a little longer than we do */
    struct loop *loop;
    struct backend *backend; /* held */
    const struct pool_conf *conf;
    struct rng *rng;
    oob_report_fn *on_report;
    void *arg;
    struct grpc_client_conf client_conf;
    char tls_name[BACKEND_TLS_NAME_MAX];
    struct h2_limits limits;
    struct grpc_client *client;
    struct grpc_client_call *call;
    struct timer timer;
    unsigned failures; /* in a row: since the last message */
    int64_t begun_us;  /* the last try */
};

/* --- tries ------------------------------------------------------------------------------ */

/* What there is ends, silently; the next try comes after 1 s x 1.6 ^ failures, or at once after a call that had messages (gRFC A51) and some life: a
 * backend that answers once and hangs up must not keep us busy. */
static void
oob_again(struct oob *o)
{
    int64_t wait = FIRST_WAIT_US;
    bool lived = loop_now_us(o->loop) - o->begun_us >= FIRST_WAIT_US;

    if (o->call)
        grpc_client_forget(o->call);
    o->call = NULL;
    grpc_client_disconnect(o->client);
    for (unsigned i = 1; i < o->failures && wait < LONGEST_WAIT_US; i++)
        wait = wait * 16 / 10;
    if (wait > LONGEST_WAIT_US)
        wait = LONGEST_WAIT_US;
    wait = o->failures || !lived ? rng_jitter(o->rng, wait, JITTER_PERCENT) : 0;
    o->failures++;
    timer_start(o->loop, &o->timer, wait);
}

static void
oob_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct oob *o = arg;
    struct lb_report r;

    (void)call;
    o->failures = 0;
    if (report_read_message(&o->conf->balance, message, &r) == ERR_OK)
        o->on_report(o->arg, &r);
}

static void
oob_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
           struct slice text)
{
    struct oob *o = arg;

    (void)call, (void)text;
    o->call = NULL;
    if (code != GRPC_UNIMPLEMENTED) {
        oob_again(o);
        return;
    }
    log_at(
        NULL, LOG_WARN,
        "backend has no OpenRcaService, so enableOobLoadReport gets no reports from it",
        LS("endpoint", o->backend->name), LS("pool", o->conf->name));
    timer_stop(o->loop, &o->timer);
    grpc_client_disconnect(o->client);
}

static void
oob_ask(struct oob *o)
{
    static const struct grpc_client_ops ops = { .on_message = oob_on_message,
                                                .on_end = oob_on_end };
    struct strbuf request;

    if (grpc_client_start(o->client, ORCA_PATH, 0, &ops, o, &o->call) != ERR_OK) {
        o->call = NULL;
        oob_again(o);
        return;
    }
    strbuf_init(&request, REQUEST_MAX);
    orca_request_encode(o->conf->balance.oob_reporting_period_ms, &request);
    grpc_client_send(o->call, slice_make(request.s, request.len));
    grpc_client_half_close(o->call);
    strbuf_done(&request);
}

static void
oob_on_conn(void *arg, enum grpc_client_event event, uint32_t code, const char *why)
{
    struct oob *o = arg;

    (void)code, (void)why;
    if (event == GRPC_CLIENT_CONNECTED) {
        timer_stop(o->loop, &o->timer);
        oob_ask(o);
    } else if (event != GRPC_CLIENT_LOST || !timer_running(&o->timer)) {
        oob_again(o); /* a loss ended the call before, and that said the same */
    }
}

static void
oob_connect(struct oob *o)
{
    o->begun_us = loop_now_us(o->loop);
    timer_start(o->loop, &o->timer, o->conf->connections.connect_timeout_ms * 1000);
    grpc_client_connect(o->client);
}

/* The pause is over, or connecting took too long. */
static void
oob_on_timer(struct timer *t)
{
    struct oob *o = CONTAINER_OF(t, struct oob, timer);

    grpc_client_disconnect(o->client);
    oob_connect(o);
}

/* --- life ------------------------------------------------------------------------------- */

static void
oob_free(struct ref *r)
{
    struct oob *o = CONTAINER_OF(r, struct oob, ref);

    backend_drop(o->backend);
    xfree(o);
}

struct oob *
oob_new(struct h2_worker *w, struct backend *b, const struct pool_conf *conf,
        struct tls_keyring *tls, const char *host, struct rng *rng,
        oob_report_fn *on_report, void *arg)
{
    struct oob *o = xcalloc(1, sizeof(*o));

    ref_init(&o->ref, oob_free);
    backend_hold(b);
    o->loop = h2_worker_loop(w);
    o->backend = b;
    o->conf = conf;
    o->rng = rng;
    o->on_report = on_report;
    o->arg = arg;
    timer_init(&o->timer, oob_on_timer);
    h2_limits_default(&o->limits);
    o->limits.idle_timeout_us = 0;
    o->client_conf = (struct grpc_client_conf){
        .to = b->addr,
        .authority = addr_is_unix(&b->addr) ? "localhost" : b->name,
        .limits = &o->limits,
        .tls = tls,
        .tls_name = backend_tls_name(b, host, o->tls_name),
        .manual = true,
        .on_conn = oob_on_conn,
        .arg = o,
    };
    o->client = grpc_client_new(w, &o->client_conf);
    oob_connect(o);
    return o;
}

void
oob_stop(struct oob *o)
{
    if (!o)
        return;
    timer_stop(o->loop, &o->timer);
    if (o->call)
        grpc_client_forget(o->call);
    o->call = NULL;
    grpc_client_close(o->client);
    grpc_client_free(o->client);
    ref_drop(&o->ref, loop_reaper(o->loop));
}

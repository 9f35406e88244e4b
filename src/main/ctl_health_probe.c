/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health_probe.c - one call on a loop of its own: addresses, a connection, the peer's SETTINGS (before them nobody knows that it speaks HTTP/2), the answer. Each step has
 * its exit code; the first one that is set ends the loop. */
#include "main/ctl_health_probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "loop/loop.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "net/tls_store.h"
#include "resolve/resolver.h"

enum { REQUEST_MAX = 16 * 1024 };

/* --- the end ------------------------------------------------------------------------ */

static void
health_end(struct health_probe *h, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
health_end(struct health_probe *h, int code, const char *fmt, ...)
{
    va_list ap;

    if (h->exit >= 0)
        return;
    h->exit = code;
    va_start(ap, fmt);
    vsnprintf(h->said, sizeof(h->said), fmt, ap);
    va_end(ap);
    timer_stop(h->loop, &h->timeout);
    timer_start(h->loop, &h->ended, 0); /* not from inside what calls us */
}

static void
health_on_ended(struct timer *t)
{
    loop_stop(CONTAINER_OF(t, struct health_probe, ended)->loop);
}

static void
health_tell(const struct health_probe *h, const char *what, const char *more)
{
    if (h->args->verbose)
        fprintf(stderr, "outriggerctl health: %5lld ms: %s%s\n",
                (long long)(loop_now_us(h->loop) - h->begun_us) / 1000, what, more);
}

static void
health_on_timeout(struct timer *t)
{
    struct health_probe *h = CONTAINER_OF(t, struct health_probe, timeout);

    if (h->asked)
        health_end(h, HEALTH_EXIT_RPC, "no answer from %s within -rpc-timeout (%lld ms)",
                   h->args->addr, (long long)h->args->rpc_timeout_ms);
    else
        health_end(h, HEALTH_EXIT_CONNECT,
                   "no connection to %s within -connect-timeout (%lld ms)%s%s",
                   h->args->addr, (long long)h->args->connect_timeout_ms,
                   h->failed[0] ? ": " : "", h->failed);
}

/* --- the call ----------------------------------------------------------------------- */

static const char *
status_word(enum health_status status)
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
                                         "SERVICE_UNKNOWN" };

    return words[status];
}

static void
health_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct health_probe *h = arg;

    (void)call;
    h->answered = health_response_decode(message, &h->status) == ERR_OK;
}

/* What a peer says goes to a terminal: printable ASCII only. */
static void
plain_text(struct slice text, char out[256])
{
    size_t n = grpc_message_decode(text, out, 255);

    for (size_t i = 0; i < n; i++) {
        if (out[i] < ' ' || out[i] > '~')
            out[i] = '?';
    }
    out[n] = '\0';
}

static void
health_on_call_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
                   struct slice text)
{
    struct health_probe *h = arg;
    char why[256];

    (void)call;
    h->call = NULL;
    plain_text(text, why);
    if (code == GRPC_UNIMPLEMENTED)
        health_end(h, HEALTH_EXIT_RPC,
                   "the server at %s has no grpc.health.v1.Health (UNIMPLEMENTED)",
                   h->args->addr);
    else if (code == GRPC_NOT_FOUND)
        health_end(h, HEALTH_EXIT_RPC,
                   "the server at %s knows no service \"%.100s\" (NOT_FOUND: %s)",
                   h->args->addr, h->args->service, why);
    else if (code != GRPC_OK)
        health_end(h, HEALTH_EXIT_RPC, "the call failed: %s%s%s", grpc_code_name(code),
                   why[0] ? ": " : "", why);
    else if (!h->answered)
        health_end(h, HEALTH_EXIT_RPC, "the answer is no HealthCheckResponse");
    else if (h->status == HEALTH_SERVING)
        health_end(h, HEALTH_EXIT_SERVING, "status: SERVING");
    else
        health_end(h, HEALTH_EXIT_NOT_SERVING, "not serving: the answer is %s",
                   status_word(h->status));
}

static void
health_ask(struct health_probe *h)
{
    static const struct grpc_client_ops ops = { .on_message = health_on_message,
                                                .on_end = health_on_call_end };
    int64_t timeout_us = h->args->rpc_timeout_ms * 1000;
    struct strbuf message;

    h->asked = true;
    health_tell(h, "connected; asking for service ",
                h->args->service[0] ? h->args->service : "\"\"");
    /* Ours comes first, with the better sentence; the server has the same one. */
    timer_start(h->loop, &h->timeout, timeout_us);
    if (grpc_client_start(h->client, "/grpc.health.v1.Health/Check", timeout_us + 1000000,
                          &ops, h, &h->call) != ERR_OK) {
        health_end(h, HEALTH_EXIT_RPC, "the server at %s takes no call", h->args->addr);
        return;
    }
    strbuf_init(&message, REQUEST_MAX);
    strbuf_puts(&message, "");
    health_request_encode(slice_of(h->args->service), &message);
    grpc_client_send(h->call, slice_make(message.s, message.len));
    grpc_client_half_close(h->call);
    strbuf_done(&message);
}

/* --- the connection ----------------------------------------------------------------- */

static void
health_connect(struct health_probe *h)
{
    char text[ADDR_TEXT_MAX];

    h->client_conf.to = h->addrs[h->next++];
    health_tell(h, "connecting to ", addr_print(&h->client_conf.to, text));
    grpc_client_connect(h->client);
}

static void
health_on_settings(void *arg)
{
    struct health_probe *h = arg;

    if (!h->asked && h->exit < 0)
        health_ask(h);
}

static void
health_on_conn(void *arg, enum grpc_client_event event, uint32_t code, const char *why)
{
    struct health_probe *h = arg;

    (void)code;
    if (event == GRPC_CLIENT_CONNECTED || h->exit >= 0)
        return; /* its SETTINGS follow */
    if (h->asked) {
        if (!h->call)
            return; /* the call has ended and said why */
        if (event == GRPC_CLIENT_LOST)
            health_end(h, HEALTH_EXIT_RPC, "the connection to %s was lost: %.200s",
                       h->args->addr, why);
        return;
    }
    snprintf(h->failed, sizeof(h->failed), "%s%s",
             event == GRPC_CLIENT_FAILED ? "" : "it does not speak HTTP/2: ", why);
    health_tell(h, "failed: ", h->failed);
    if (h->next < h->n)
        health_connect(h);
    else
        health_end(
            h, HEALTH_EXIT_CONNECT,
            "cannot connect to %s: %s; does a server listen there? --addr says where "
            "to ask",
            h->args->addr, h->failed);
}

/* --- addresses ---------------------------------------------------------------------- */

static void
health_on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct health_probe *h = arg;

    (void)valid_ms;
    if (h->n > 0)
        return;
    for (size_t i = 0; i < n && h->n < HEALTH_TRIED_MAX; i++)
        h->addrs[h->n++] = v[i].addr;
    health_connect(h);
}

static void
health_on_no_list(void *arg, const char *why)
{
    struct health_probe *h = arg;

    if (h->n == 0)
        health_end(h, HEALTH_EXIT_CONNECT, "no address of %s: %.200s", h->args->addr,
                   why);
}

static void
health_resolve(struct health_probe *h)
{
    static const struct resolver_ops ops = { .on_list = health_on_list,
                                             .on_error = health_on_no_list };
    const struct resolver_args args = {
        .loop = h->loop,
        .h2 = h->h2,
        .rng = &h->rng,
        .target = h->target,
        .conf = conf_root(h->conf),
        .ops = &ops,
        .arg = h,
    };

    h->resolver = resolver_start(&args);
}

/* --- all ---------------------------------------------------------------------------- */

/* False: the files are not good. */
static bool
health_tls(struct health_probe *h, char why[TLS_WHY_MAX])
{
    const struct health_args *a = h->args;
    const struct tls_client_conf conf = {
        .on = true,
        .ca = a->ca_cert,
        .cert = a->client_cert,
        .key = a->client_key,
        .server_name = a->server_name,
        .insecure_skip_verify = a->tls_no_verify,
    };
    struct tls_ctx *ctx;

    if (!a->tls)
        return true;
    h->tls = tls_store_new(h->loop, &h->stats);
    h->keyring = tls_store_client(h->tls, &conf, "health");
    ctx = tls_keyring_ctx(h->keyring, why);
    tls_ctx_drop(ctx);
    return ctx != NULL;
}

static void
health_client(struct health_probe *h)
{
    const struct health_args *a = h->args;

    h2_limits_default(&h->limits);
    for (size_t i = 0; i < a->header_count; i++)
        h->fields[i] =
            (struct grpc_client_field){ a->headers[i].text, a->headers[i].value };
    h->client_conf = (struct grpc_client_conf){
        .authority = a->server_name                       ? a->server_name
                     : strncmp(h->target, "unix", 4) == 0 ? "localhost"
                     : strstr(h->target, ":///")          ? strstr(h->target, ":///") + 4
                                                          : h->target,
        .limits = &h->limits,
        .tls = h->keyring,
        .tls_name = a->server_name ? a->server_name : h->host,
        .manual = true,
        .fields = h->fields,
        .field_count = a->header_count,
        .user_agent = a->user_agent,
        .on_conn = health_on_conn,
        .on_settings = health_on_settings,
        .arg = h,
    };
    h->client = grpc_client_new(h->h2, &h->client_conf);
}

static void
health_free(struct health_probe *h, struct slab *slab, struct buf_pool *bufs)
{
    resolver_stop(h->resolver);
    timer_stop(h->loop, &h->timeout);
    if (h->client)
        grpc_client_close(h->client);
    tls_store_free(h->tls);
    loop_turn(h->loop, false);
    loop_turn(h->loop, false);
    h2_worker_free(h->h2);
    grpc_client_free(h->client);
    tls_keyring_drop(h->keyring);
    loop_free(h->loop);
    buf_pool_free(bufs);
    slab_free(slab);
    conf_drop(h->conf);
}

void
health_probe_run(struct health_probe *h)
{
    struct slab *slab = slab_new();
    struct buf_pool *bufs = buf_pool_new(0);
    char why[TLS_WHY_MAX];

    h->loop = loop_new(NULL);
    h->h2 = h2_worker_new(h->loop, slab, bufs, &h->stats);
    rng_seed_system(&h->rng);
    h->begun_us = loop_now_us(h->loop);
    timer_init(&h->timeout, health_on_timeout);
    timer_init(&h->ended, health_on_ended);
    if (health_tls(h, why)) {
        health_client(h);
        timer_start(h->loop, &h->timeout, h->args->connect_timeout_ms * 1000);
        health_resolve(h);
        loop_run(h->loop);
    } else {
        h->exit = HEALTH_EXIT_USAGE;
        snprintf(h->said, sizeof(h->said), "TLS cannot be used: %.450s", why);
    }
    health_free(h, slab, bufs);
}

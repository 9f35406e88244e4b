/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s.c - the EndpointSlices of one service: list, then watch, over one connection.
 *
 *   WAITING -> CONNECTING -> LISTING -> WATCHING -> (end of a watch) -> WATCHING ...
 *
 * Every failure goes back to WAITING with a backoff; the version of what is known survives
 * it, so that after a lost connection the watch goes on where it was. Only "too old" (410)
 * makes a new list. Sources: Kubernetes API concepts ("Efficient detection of changes"),
 * discovery.k8s.io/v1 reference. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "resolve/k8s_http.h"
#include "resolve/k8s_lines.h"
#include "resolve/k8s_pod.h"
#include "resolve/k8s_state.h"
#include "resolve/k8s_target.h"
#include "resolve/kinds.h"
#include "resolve/resolve_conf.h"

enum {
    K8S_WAIT_MIN_MS =
        1000, /* backoff: 1 s, then 1.6 times as long each, 20 % by chance */
    K8S_WAIT_MAX_MS = 30000,
    K8S_LIST_MS = 30000,    /* for one page */
    K8S_WATCH_S = 300,      /* asked of the server, which then ends the watch cleanly */
    K8S_WATCH_GRACE_S = 30, /* it did not: the connection is dead */
    K8S_WHY_MAX = 1024,
    K8S_PATH_MAX = 16384, /* a continue token of 4 KiB, escaped */
};

enum k8s_phase { K8S_WAITING, K8S_CONNECTING, K8S_LISTING, K8S_WATCHING };

struct k8s {
    struct resolver r;
    struct ref ref;
    struct resolver_args args;
    const struct k8s_conf *conf;
    struct k8s_target target;
    char host[2 * K8S_LABEL_MAX + 8]; /* "app.shop.svc" */
    struct k8s_state *state;
    struct k8s_http *http;
    enum k8s_phase phase;
    struct timer timer; /* of the phase */
    unsigned fails;
    int64_t began_us;  /* of the watch */
    int64_t listed_us; /* when the last list began */
    int status;        /* of the answer that is read */
    bool stopped, expired;
    struct strbuf body;     /* a page, or an answer that is no 200 */
    struct k8s_lines lines; /* of a watch */
    struct k8s_token token;
};

static void k8s_connect(struct k8s *k);
static void k8s_watch(struct k8s *k);

/* ---- failing and waiting ---- */

static void
k8s_wait(struct k8s *k)
{
    int64_t ms = K8S_WAIT_MIN_MS;

    for (unsigned i = 1; i < k->fails && ms < K8S_WAIT_MAX_MS; i++)
        ms = ms * 16 / 10;
    if (ms > K8S_WAIT_MAX_MS)
        ms = K8S_WAIT_MAX_MS;
    k8s_http_close(k->http);
    k->http = NULL;
    k->phase = K8S_WAITING;
    timer_start(k->args.loop, &k->timer, rng_jitter(k->args.rng, ms * 1000, 20));
}

static void
k8s_fail(struct k8s *k, const char *why)
{
    struct strbuf text;

    if (k->stopped)
        return;
    k->fails++;
    k8s_wait(k);
    strbuf_init(&text, K8S_WHY_MAX);
    strbuf_printf(&text, "%s: %s", k->args.target, why);
    k->args.ops->on_error(k->args.arg, text.s);
    strbuf_done(&text);
}

/* ---- requests ---- */

static void
add_escaped(struct strbuf *out, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~";

    for (; *s; s++) {
        if (strchr(plain, *s))
            strbuf_add(out, s, 1);
        else
            strbuf_printf(out, "%%%02X", (unsigned char)*s);
    }
}

/* Sends the request for what `more` says. False after a failure. */
static bool
k8s_get(struct k8s *k, const char *more)
{
    struct strbuf path;
    char say[K8S_SAY_MAX];
    int rv =
        k8s_token_read(&k->token, k->conf->token_file, loop_now_us(k->args.loop), say);

    if (rv != ERR_OK) {
        k8s_fail(k, say);
        return false;
    }
    strbuf_init(&path, K8S_PATH_MAX);
    strbuf_printf(&path,
                  "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices?labelSelector="
                  "kubernetes.io%%2Fservice-name%%3D%s%s",
                  k->target.namespace, k->target.service, more);
    strbuf_done(&k->body);
    k->status = 0;
    k->expired = false;
    rv = k8s_http_get(k->http, path.s, k->token.text);
    strbuf_done(&path);
    if (rv != ERR_OK)
        k8s_fail(k, err_text(rv));
    return rv == ERR_OK;
}

static void
k8s_list_page(struct k8s *k)
{
    struct strbuf more;

    k->phase = K8S_LISTING;
    strbuf_init(&more, K8S_PATH_MAX);
    strbuf_printf(&more, "&limit=%d", K8S_PAGE);
    if (k8s_state_continue(k->state)[0] != '\0') {
        strbuf_puts(&more, "&continue=");
        add_escaped(&more, k8s_state_continue(k->state));
    }
    if (k8s_get(k, more.s))
        timer_start(k->args.loop, &k->timer, K8S_LIST_MS * INT64_C(1000));
    strbuf_done(&more);
}

static void
k8s_watch(struct k8s *k)
{
    struct strbuf more;

    k->phase = K8S_WATCHING;
    k8s_lines_done(&k->lines);
    strbuf_init(&more, K8S_PATH_MAX);
    strbuf_printf(&more,
                  "&watch=1&allowWatchBookmarks=true&timeoutSeconds=%d"
                  "&resourceVersion=",
                  K8S_WATCH_S);
    add_escaped(&more, k8s_state_version(k->state));
    k->began_us = loop_now_us(k->args.loop);
    if (k8s_get(k, more.s))
        timer_start(k->args.loop, &k->timer,
                    (K8S_WATCH_S + K8S_WATCH_GRACE_S) * INT64_C(1000000));
    strbuf_done(&more);
}

/* ---- answers ---- */

static void
k8s_publish(struct k8s *k)
{
    const struct resolved *v;
    struct strbuf why, text;
    size_t n;

    snprintf(k->host, sizeof(k->host), "%s.%s.svc", k->target.service,
             k->target.namespace);
    k8s_state_set_host(k->state, k->host);
    strbuf_init(&why, K8S_WHY_MAX);
    n = k8s_state_publish(k->state, &v, &why);
    if (n > 0) {
        k->args.ops->on_list(k->args.arg, v, n, -1);
    } else {
        strbuf_init(&text, K8S_WHY_MAX);
        strbuf_printf(&text, "%s: %s", k->args.target, why.s);
        k->args.ops->on_error(k->args.arg, text.s);
        strbuf_done(&text);
    }
    strbuf_done(&why);
}

/* What the server says to an answer that is no 200: the message of a Status object. */
static void
k8s_refused(struct k8s *k)
{
    struct jtree_fault fault;
    struct json_t *status = jtree_read(k->body.s ? k->body.s : "", k->body.len, &fault);
    const char *message = jtree_get_string(status, "message", "");
    struct strbuf why;

    strbuf_init(&why, K8S_WHY_MAX);
    switch (k->status) {
    case 401:
        k8s_token_drop(&k->token);
        strbuf_printf(&why, "the API server does not accept the token of %s (401)",
                      k->conf->token_file);
        break;
    case 403:
        strbuf_printf(&why,
                      "the account may not do this; give it a Role with the verbs list "
                      "and watch for endpointslices (discovery.k8s.io) in namespace %s "
                      "(403: %.300s)",
                      k->target.namespace, message);
        break;
    case 404:
        strbuf_puts(&why, "the API server knows no EndpointSlices (404); outrigger needs "
                          "Kubernetes 1.21 or newer");
        break;
    default:
        strbuf_printf(&why, "the API server answers %d %.300s", k->status, message);
    }
    jtree_free(status);
    k8s_fail(k, why.s);
    strbuf_done(&why);
}

static void
k8s_list_again(struct k8s *k)
{
    k->listed_us = loop_now_us(k->args.loop);
    k8s_state_list_begin(k->state);
    k8s_list_page(k);
}

static void
k8s_take_page(struct k8s *k)
{
    struct strbuf why;
    enum k8s_result rv;

    strbuf_init(&why, K8S_WHY_MAX);
    rv = k8s_state_page(k->state, k->body.s ? k->body.s : "", k->body.len, &why);
    strbuf_done(&k->body);
    if (rv == K8S_BAD)
        k8s_fail(k, why.s);
    strbuf_done(&why);
    if (rv == K8S_BAD)
        return;
    if (!k8s_http_usable(
            k->http)) { /* it is going away; the owner is told all the same */
        k8s_wait(k);
    } else if (rv == K8S_MORE) {
        k8s_list_page(k);
        return;
    } else {
        k8s_watch(k);
    }
    if (rv == K8S_CHANGED && !k->stopped)
        k8s_publish(k);
}

/* A watch ended as it should. One that ends at once must not make a storm. */
static void
k8s_watch_ended(struct k8s *k)
{
    bool lived =
        loop_now_us(k->args.loop) - k->began_us >= K8S_WAIT_MIN_MS * INT64_C(1000);

    if (!lived || !k8s_http_usable(k->http))
        k8s_wait(k);
    else
        k8s_watch(k);
}

/* What we know is too old to go on from. One that is always too old must not make a storm. */
static void
k8s_expired(struct k8s *k)
{
    int64_t age = loop_now_us(k->args.loop) - k->listed_us;

    k8s_state_forget(k->state);
    if (k8s_http_usable(k->http) && age >= K8S_WAIT_MIN_MS * INT64_C(1000))
        k8s_list_again(k);
    else
        k8s_wait(k);
}

static void
k8s_on_end(void *arg, const char *why)
{
    struct k8s *k = arg;

    if (k->status == 410 || k->expired) {
        k8s_expired(k);
    } else if (k->status != 0 && k->status != 200) {
        k8s_refused(k);
    } else if (why && k->phase == K8S_WATCHING && k->status == 200) {
        k8s_wait(k); /* what we know is still true; when it cannot go on, that is told */
    } else if (why) {
        k8s_fail(k, why);
    } else if (k->phase == K8S_LISTING) {
        k8s_take_page(k);
    } else {
        k8s_watch_ended(k);
    }
}

/* ---- callbacks of the connection ---- */

static void
k8s_on_ready(void *arg)
{
    struct k8s *k = arg;

    if (k8s_state_version(k->state)[0] != '\0')
        k8s_watch(k);
    else
        k8s_list_again(k);
}

static void
k8s_on_status(void *arg, int status)
{
    struct k8s *k = arg;

    k->status = status;
    if (status == 200 && k->phase == K8S_WATCHING)
        k->fails = 0;
}

/* All lines that are complete. */
static void
k8s_take_lines(struct k8s *k)
{
    bool changed = false;
    struct strbuf why;
    struct slice line;
    int rv;

    strbuf_init(&why, K8S_WHY_MAX);
    while (!k->expired && why.len == 0 &&
           (rv = k8s_lines_next(&k->lines, &line)) != ERR_AGAIN) {
        enum k8s_result result = K8S_BAD;

        if (rv == ERR_OK)
            result = k8s_state_event(k->state, (const char *)line.p, line.n, &why);
        else
            strbuf_printf(&why, "an event of the API server is larger than %d MiB",
                          K8S_OBJECT_MAX >> 20);
        changed |= result == K8S_CHANGED;
        k->expired = result == K8S_EXPIRED;
    }
    if (k->expired) /* the server ends the watch now; if not, it is ended for it */
        timer_start(k->args.loop, &k->timer, K8S_WAIT_MIN_MS * INT64_C(1000));
    if (changed)
        k8s_publish(k);
    if (why.len > 0 && !k->stopped) {
        /* Whatever was in it is missing now. */
        k8s_state_forget(k->state);
        k8s_fail(k, why.s);
    }
    strbuf_done(&why);
}

static void
k8s_on_body(void *arg, struct slice bytes)
{
    struct k8s *k = arg;

    if (k->phase != K8S_WATCHING || k->status != 200) {
        strbuf_add(&k->body, (const char *)bytes.p, bytes.n);
        if (k->body.cut)
            k8s_fail(k, "the answer of the API server is too large");
        return;
    }
    if (k8s_lines_feed(&k->lines, bytes.p, bytes.n) != ERR_OK) {
        k8s_state_forget(k->state);
        k8s_fail(k, "an event of the API server is too large");
        return;
    }
    k8s_take_lines(k);
}

static void
k8s_on_lost(void *arg, const char *why)
{
    k8s_fail(arg, why);
}

static const struct k8s_http_ops http_ops = {
    .on_ready = k8s_on_ready,
    .on_status = k8s_on_status,
    .on_body = k8s_on_body,
    .on_end = k8s_on_end,
    .on_lost = k8s_on_lost,
};

static void
k8s_connect(struct k8s *k)
{
    struct tls_client_conf tls = { .ca = k->conf->ca_file };
    struct k8s_server server;
    char why[TLS_WHY_MAX], say[K8S_SAY_MAX];
    struct tls_ctx *ctx;

    k->phase = K8S_CONNECTING;
    if (k8s_namespace_find(&k->target, k->conf->namespace, say) != ERR_OK ||
        k8s_server_find(k->conf->api_server, &server, say) != ERR_OK) {
        k8s_fail(k, say);
        return;
    }
    ctx = tls_ctx_new_client(&tls, why); /* each time: the CA may have changed */
    if (!ctx) {
        k8s_fail(k, why);
        return;
    }
    k->http = k8s_http_open(k->args.h2, ctx, &server, &http_ops, k);
    tls_ctx_drop(ctx);
}

static void
k8s_on_timer(struct timer *t)
{
    struct k8s *k = CONTAINER_OF(t, struct k8s, timer);

    if (k->phase == K8S_WAITING)
        k8s_connect(k);
    else if (k->phase == K8S_WATCHING && k->expired)
        k8s_expired(k);
    else if (k->phase == K8S_LISTING)
        k8s_fail(k, "the API server does not answer in time");
    else
        k8s_fail(k,
                 "the API server did not end the watch in time; the connection is dead");
}

/* ---- the kind ---- */

static int
k8s_check(const char *target, const char **ret_why)
{
    struct k8s_target t;

    return k8s_target_parse(target, &t, ret_why);
}

static void
k8s_free(struct ref *ref)
{
    struct k8s *k = CONTAINER_OF(ref, struct k8s, ref);

    k8s_state_free(k->state);
    k8s_lines_done(&k->lines);
    strbuf_done(&k->body);
    k8s_token_drop(&k->token);
    xfree(k);
}

static struct resolver *
k8s_start(const struct resolver_args *args)
{
    struct k8s *k = xcalloc(1, sizeof(*k));
    const char *why;

    if (k8s_target_parse(args->target, &k->target, &why) != ERR_OK)
        abort(); /* it was checked when the config was loaded */
    k->r.kind = &resolver_k8s;
    ref_init(&k->ref, k8s_free);
    timer_init(&k->timer, k8s_on_timer);
    k->args = *args;
    k->conf = &args->conf->k8s;
    k->state = k8s_state_new(&k->target);
    strbuf_init(&k->body, K8S_OBJECT_MAX);
    k8s_lines_init(&k->lines, K8S_OBJECT_MAX);
    k->phase = K8S_WAITING;
    timer_start(args->loop, &k->timer, 0);
    return &k->r;
}

static void
k8s_stop(struct resolver *r)
{
    struct k8s *k = CONTAINER_OF(r, struct k8s, r);

    k->stopped = true;
    timer_stop(k->args.loop, &k->timer);
    k8s_http_close(k->http);
    k->http = NULL;
    ref_drop(&k->ref, loop_reaper(k->args.loop));
}

const struct resolver_kind resolver_k8s = {
    .scheme = "k8s",
    .check = k8s_check,
    .start = k8s_start,
    .stop = k8s_stop,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/otlp_sender.c - a request to a side call or a fetch, and what became of it back in the same words. */
#include "filter/otlp_sender.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/jsontext.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "filter/services.h"
#include "grpc/otlp.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "net/fetch.h"
#include "net/tls_conf.h"
#include "resolve/resolver.h"
#include "upstream/hub.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"
#include "upstream/sidecall.h"

_Static_assert((int)OTLP_REQUEST_MAX <= (int)SIDECALL_REQUEST_MAX,
               "a side call takes it");

enum { URL_MAX = 4096, CODE_MAX = 16 };

struct otlp_sender {
    const struct services_args *args;
    struct otlp_way way;
    enum otlp_signal signal;
    otlp_sent_fn *fn; /* of the request under way; NULL: there is none */
    void *arg;
    otlp_gone_fn *gone;
    void *gone_arg;
    /* gRPC */
    struct conf_snapshot *pool_file; /* NULL: HTTP */
    struct pool_conf pool_conf;
    struct hub *hub;
    struct pool *pool;
    struct sidecall *call;
    /* HTTP */
    struct fetcher *fetcher; /* NULL: gRPC */
    struct fetch *fetch;
    char *url;
};

/* --- addresses ----------------------------------------------------------------------- */

static bool
is_url(const char *to)
{
    return strncasecmp(to, "http://", 7) == 0 || strncasecmp(to, "https://", 8) == 0;
}

int
otlp_target_valid(const char *text, const char **ret_why)
{
    if (!is_url(text))
        return resolver_check(text, ret_why);
    *ret_why = fetch_url_refuse(text);
    if (!*ret_why && strlen(text) > URL_MAX)
        *ret_why = "a URL here has at most 4096 bytes";
    if (!*ret_why && strpbrk(text, "?#@"))
        *ret_why = "the URL of a collector has no query, no fragment, no name and no "
                   "password in it; write \"https://otel.example:4318\"";
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

const char *
otlp_way_refuse(const struct otlp_way *way)
{
    const struct tls_client_conf *t = way->tls;

    if (!is_url(way->to))
        return NULL;
    if (fetch_missing())
        return "a collector with a URL needs the library libcurl, which is not here; "
               "install it (Debian: libcurl4), or write the collector's address for OTLP "
               "over gRPC, as \"dns:///otel-collector.obs:4317\"";
    if (t->on && strncasecmp(way->to, "http://", 7) == 0)
        return "TLS needs a URL that begins with https://";
    if (t->on && (t->server_name || t->match_san.n > 0 || t->crl || t->pins.n > 0 ||
                  t->insecure_skip_verify))
        return "with a URL, tls has only ca, cert, key and minVersion; the name in the "
               "certificate is the host of the URL";
    return NULL;
}

char *
otlp_url_make(const char *base, const char *path)
{
    size_t n = strlen(base), path_n = strlen(path);
    struct strbuf url;

    while (n > 0 && base[n - 1] == '/')
        n--;
    strbuf_init(&url, URL_MAX + 64);
    strbuf_add(&url, base, n);
    if (n < path_n || memcmp(base + n - path_n, path, path_n) != 0)
        strbuf_puts(&url, path);
    return strbuf_steal(&url);
}

/* --- what all requests say ------------------------------------------------------------- */

struct otlp_resource
otlp_resource_make(const char *service, const char *instance,
                   struct otlp_attribute room[OTLP_RESOURCE_ATTRIBUTES])
{
    size_t n = 0;

    room[n++] =
        (struct otlp_attribute){ .key = "service.name",
                                 .text = slice_of(service ? service : "outrigger") };
    room[n++] = (struct otlp_attribute){ .key = "telemetry.sdk.name",
                                         .text = slice_of("outrigger") };
    room[n++] = (struct otlp_attribute){ .key = "telemetry.sdk.version",
                                         .text = slice_of(PACKAGE_VERSION) };
    if (instance)
        room[n++] = (struct otlp_attribute){ .key = "service.instance.id",
                                             .text = slice_of(instance) };
    return (struct otlp_resource){ .attributes = room,
                                   .attribute_count = n,
                                   .scope = "outrigger",
                                   .version = PACKAGE_VERSION };
}

/* --- gRPC ---------------------------------------------------------------------------- */

/* Streams of side calls have owners of their own. */
static void
sender_on_stream(struct h2_stream *s, unsigned events)
{
    (void)s;
    (void)events;
    assert(false);
}

/* The pool as if the file had it. */
static void
sender_open_pool(struct otlp_sender *s, const char *name)
{
    struct strbuf text, problems;

    strbuf_init(&text, 65536);
    strbuf_init(&problems, 65536);
    strbuf_puts(&text, "{\"name\":");
    json_text_add(&text, name);
    strbuf_puts(&text, ",\"endpoints\":[");
    json_text_add(&text, s->way.to);
    strbuf_puts(&text, "],\"connections\":{\"perEndpoint\":1}}");
    if (conf_load_text(&pool_conf_struct, "otlp.json", text.s, text.len, &problems,
                       &s->pool_file) != ERR_OK) {
        log_at(NULL, LOG_ERROR, "no pool for the collector", LS("pool", name),
               LS("why", problems.s ? problems.s : ""));
        abort(); /* the target was checked */
    }
    strbuf_done(&text);
    strbuf_done(&problems);
    s->pool_conf = *(const struct pool_conf *)conf_root(s->pool_file);
    s->pool_conf.tls = *s->way.tls;
    s->hub =
        hub_new(s->args->loop, s->args->h2, s->args->rng, s->args->tls, &s->pool_conf, 1);
    s->pool = pool_new(s->args->h2, &s->pool_conf, s->args->rng, sender_on_stream);
    hub_attach(s->hub, 0, s->pool);
}

static int64_t
pause_bound(int64_t us)
{
    return us < OTLP_PAUSE_MAX_US ? us : OTLP_PAUSE_MAX_US;
}

static bool
code_may_pass(int code)
{
    switch (code) {
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_OUT_OF_RANGE:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

static void
sender_tell(struct otlp_sender *s, const struct otlp_sent *r)
{
    otlp_sent_fn *fn = s->fn;

    s->fn = NULL;
    fn(s->arg, r);
}

/* RESOURCE_EXHAUSTED may pass when the collector says when. */
static bool
call_may_pass(const struct sidecall_result *r)
{
    return code_may_pass(r->code) ||
           (r->code == GRPC_RESOURCE_EXHAUSTED && r->retry_known);
}

static void
sender_on_call(void *arg, const struct sidecall_result *r)
{
    struct otlp_sender *s = arg;
    const struct otlp_sent sent = {
        .taken = r->code == GRPC_OK,
        .message = r->message,
        .may_pass = call_may_pass(r),
        .pause_us = r->retry_known ? pause_bound(r->retry_ms * 1000) : 0,
        .code = grpc_code_name(r->code),
        .why = r->why ? r->why : "",
    };

    s->call = NULL;
    sender_tell(s, &sent);
}

/* No memory for the call, which is told like any failure, but not inside send. */
static void
sender_on_no_call(void *arg)
{
    struct otlp_sender *s = arg;
    const struct otlp_sent none = { .may_pass = true,
                                    .code = grpc_code_name(GRPC_UNAVAILABLE),
                                    .why = "no memory" };

    if (s->fn && !s->call)
        sender_tell(s, &none);
}

/* --- HTTP ---------------------------------------------------------------------------- */

static bool
status_may_pass(int status)
{
    return status == 0 || status == 429 || (status >= 502 && status <= 504);
}

static void
sender_on_fetch(void *arg, const char *why, struct slice text)
{
    struct otlp_sender *s = arg;
    int status = fetch_status(s->fetch);
    char code[CODE_MAX];
    struct otlp_sent sent = {
        .taken = why == NULL,
        .message = text,
        .may_pass = status_may_pass(status),
        .pause_us = pause_bound(fetch_pause_ms(s->fetch) * 1000),
        .code = "none",
        .why = why ? why : "",
    };

    if (status > 0) {
        snprintf(code, sizeof(code), "%d", status);
        sent.code = code;
    }
    s->fetch = NULL;
    sender_tell(s, &sent);
}

static void
sender_post(struct otlp_sender *s, struct slice request, int64_t timeout_us)
{
    const struct tls_client_conf *t = s->way.tls;
    const struct fetch_args args = {
        .url = s->url,
        .ca = t->ca,
        .cert = t->cert,
        .key = t->key,
        .tls13 = t->on && t->min_version == TLS_MIN_1_3,
        .timeout_ms = timeout_us / 1000,
        .cap = SIDECALL_ANSWER_MAX,
        .body = request,
        .type = "application/x-protobuf",
    };

    s->fetch = fetch_start(s->fetcher, &args, sender_on_fetch, s);
}

/* --- life ---------------------------------------------------------------------------- */

struct otlp_sender *
otlp_sender_new(const struct services_args *args, const struct otlp_way *way,
                enum otlp_signal signal, const char *name)
{
    struct otlp_sender *s = xcalloc(1, sizeof(*s));

    s->args = args;
    s->way = *way;
    s->signal = signal;
    if (is_url(way->to)) {
        s->fetcher = fetcher_new(args->loop);
        s->url =
            otlp_url_make(way->to, signal == OTLP_TRACES ? "/v1/traces" : "/v1/metrics");
    } else {
        sender_open_pool(s, name);
    }
    return s;
}

void
otlp_sender_send(struct otlp_sender *s, struct slice request, int64_t timeout_us,
                 otlp_sent_fn *fn, void *arg)
{
    assert(!s->fn);
    s->fn = fn;
    s->arg = arg;
    if (s->fetcher) {
        sender_post(s, request, timeout_us);
        return;
    }
    s->call = sidecall_start(
        s->pool, s->signal == OTLP_TRACES ? OTLP_TRACES_PATH : OTLP_METRICS_PATH, request,
        timeout_us, sender_on_call, s);
    if (!s->call)
        loop_post(s->args->loop, sender_on_no_call, s);
}

void
otlp_sender_cancel(struct otlp_sender *s)
{
    if (s->call)
        sidecall_cancel(s->call);
    fetch_cancel(s->fetch);
    s->call = NULL;
    s->fetch = NULL;
    s->fn = NULL;
}

/* Posted by a post, so a turn after the pool was closed: its connections have told their end. */
static void
sender_on_gone(void *arg)
{
    struct otlp_sender *s = arg;
    otlp_gone_fn *fn = s->gone;
    void *fn_arg = s->gone_arg;

    if (s->pool_file) {
        pool_free(s->pool);
        hub_free(s->hub);
        conf_drop(s->pool_file);
    }
    fetcher_free(s->fetcher);
    xfree(s->url);
    xfree(s);
    fn(fn_arg);
}

static void
sender_on_close(void *arg)
{
    struct otlp_sender *s = arg;

    if (s->pool_file) {
        hub_leave(s->hub, 0);
        pool_close(s->pool);
    }
    loop_post(s->args->loop, sender_on_gone, s);
}

void
otlp_sender_close(struct otlp_sender *s, otlp_gone_fn *fn, void *arg)
{
    assert(!s->fn);
    s->gone = fn;
    s->gone_arg = arg;
    loop_post(s->args->loop, sender_on_close, s);
}

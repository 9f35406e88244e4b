/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe_conn.c - one connection of the probe port from its first byte: HTTP/2 is handed on, HTTP/1.1 is answered here, one request after the other. While
 * an answer is on its way nothing is read. */
#include <string.h>

#include "admin/metrics_page.h"
#include "admin/probe_http.h"
#include "admin/probe_int.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "net/transport.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define ALLOW      "Allow: GET, HEAD\r\n"

enum { HEAD_ROOM = 1024, REASONS_MAX = 16 * 1024 };

struct probe_conn {
    struct list link; /* probe->http */
    struct probe *probe;
    struct transport *t;
    struct ref ref;
    struct timer limit; /* what it waits for must come until then */
    unsigned burst;     /* requests answered since bytes were read */
    bool asked;         /* a request came: it is HTTP/1 */
    bool last;          /* closes behind the answer */
    bool lingering;     /* the last answer is sent: the client reads it */
    bool page;          /* the answer is /metrics */
    struct strbuf out;
    size_t sent;
    size_t seen;            /* of sent: when the limit was set */
    int64_t answer_late_us; /* when all of the answer must be taken */
    size_t n;               /* bytes in `in` */
    char in[PROBE_HEAD_MAX];
};

static const struct {
    const char *path;
    enum probe_what what;
} probes[] = {
    { "/livez", PROBE_LIVE },
    { "/readyz", PROBE_READY },
    { "/startupz", PROBE_STARTUP },
};

/* --- its end -------------------------------------------------------------------------- */

static void
conn_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct probe_conn, ref));
}

/* Lets go of everything but the transport. */
static void
conn_leave(struct probe_conn *c)
{
    timer_stop(c->probe->loop, &c->limit);
    list_remove(&c->link);
    c->probe->http_conns--;
    strbuf_done(&c->out);
    c->probe->pages -= c->page;
    c->page = false;
    c->t = NULL;
    ref_drop(&c->ref, loop_reaper(c->probe->loop));
}

static void
conn_close(struct probe_conn *c)
{
    if (!c->t)
        return;
    transport_close(c->t);
    probe_lost(c->probe);
    conn_leave(c);
}

static void
conn_on_limit(struct timer *t)
{
    struct probe_conn *c = CONTAINER_OF(t, struct probe_conn, limit);

    if (!c->lingering)
        stat_inc(c->probe->stats, STAT_PROBE_CLOSED_LATE);
    conn_close(c);
}

static void
conn_set_limit(struct probe_conn *c, int64_t us)
{
    timer_start(c->probe->loop, &c->limit, us);
}

/* Behind an answer: for the next request, or for the rest of it. */
static void
conn_wait_request(struct probe_conn *c)
{
    conn_set_limit(c, c->n > 0 ? PROBE_HEAD_US : PROBE_IDLE_US);
}

/* A slow reader of a page of megabytes is no dead one; but who takes a byte now and then is. */
static void
conn_wait_write(struct probe_conn *c)
{
    int64_t left = c->answer_late_us - loop_now_us(c->probe->loop);

    c->seen = c->sent;
    conn_set_limit(c, left > PROBE_WRITE_US ? PROBE_WRITE_US : left > 0 ? left : 0);
}

/* --- answers -------------------------------------------------------------------------- */

struct answer {
    int status;
    const char *type, *encoding, *more;
    struct strbuf body;
    struct metrics_body page; /* instead of body, when it has text */
};

static void
answer_probe(struct probe *p, enum probe_what what, struct answer *a)
{
    if (p->ops->good(p->arg, what, &a->body)) {
        strbuf_done(&a->body);
        strbuf_init(&a->body, REASONS_MAX);
        strbuf_puts(&a->body, "ok\n");
    } else {
        a->status = 503;
    }
}

/* Text of megabytes on the thread that also answers probes: a few at a time, and not too often. */
static void
answer_metrics(struct probe_conn *c, const struct probe_request *r, struct answer *a)
{
    struct probe *p = c->probe;
    const struct metrics_page *page = p->ops->metrics(p->arg);

    if (!page) {
        a->status = 404;
        strbuf_puts(&a->body,
                    "/metrics is not on this port: \"probe\": { \"metrics\": false }\n");
        return;
    }
    if (p->pages >= PROBE_PAGES_MAX || !bucket_take(&p->pace, 1, loop_now_us(p->loop))) {
        a->status = 503;
        a->more = "Retry-After: 1\r\n";
        strbuf_puts(&a->body, "too many ask for /metrics; ask again in a second\n");
        return;
    }
    metrics_page_make(page, r->accept, r->accept_encoding, &a->page);
    a->type = a->page.type;
    a->encoding = a->page.gzip ? "gzip" : NULL;
    a->more = "Vary: Accept, Accept-Encoding\r\n";
    p->pages++;
    c->page = true;
}

static void
answer_path(struct probe_conn *c, const struct probe_request *r, struct answer *a)
{
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        if (slice_eq_str(r->path, probes[i].path)) {
            answer_probe(c->probe, probes[i].what, a);
            return;
        }
    }
    if (slice_eq_str(r->path, "/metrics")) {
        answer_metrics(c, r, a);
        return;
    }
    a->status = slice_eq_str(r->path, "/") ? 200 : 404;
    strbuf_puts(&a->body, "outrigger, the probe port\n/livez\n/readyz\n/startupz\n"
                          "/metrics\ngrpc.health.v1.Health over HTTP/2: \"\", liveness, "
                          "readiness, startup, pool/NAME\n");
}

/* Puts the answer into the queue and frees its body. */
static void
conn_answer(struct probe_conn *c, struct answer *a, bool with_body)
{
    const char *text = a->page.text;
    size_t n = a->page.n;

    if (!text) {
        strbuf_puts(&a->body, "");
        text = a->body.s;
        n = a->body.len;
    }
    strbuf_done(&c->out);
    strbuf_init(&c->out, HEAD_ROOM + n);
    probe_answer_head(&c->out, a->status, a->type, a->encoding, n, !c->last, a->more);
    if (with_body)
        strbuf_add(&c->out, text, n);
    strbuf_done(&a->body);
    xfree(a->page.text);
    c->sent = 0;
    c->asked = true;
    stat_inc(c->probe->stats,
             a->status == 200 ? STAT_PROBE_ANSWERS_GOOD : STAT_PROBE_ANSWERS_BAD);
    list_remove(&c->link); /* it is the one that was heard of last now */
    list_append(&c->probe->http, &c->link);
    c->answer_late_us = loop_now_us(c->probe->loop) + PROBE_ANSWER_US;
    conn_wait_write(c);
}

static void
answer_init(struct answer *a)
{
    *a = (struct answer){ .status = 200, .type = TEXT_PLAIN, .more = "" };
    strbuf_init(&a->body, REASONS_MAX);
}

static void
conn_refuse(struct probe_conn *c, int status, const char *more, const char *text)
{
    struct answer a;

    answer_init(&a);
    a.status = status;
    a.more = more;
    strbuf_puts(&a.body, text);
    c->last = true;
    conn_answer(c, &a, true);
}

static void
conn_ask(struct probe_conn *c, const struct probe_request *r)
{
    struct answer a;

    if (!r->get && !r->head) {
        conn_refuse(c, 405, ALLOW, "this port is read only: GET or HEAD\n");
        return;
    }
    if (r->body) {
        conn_refuse(c, 400, "", "a request to this port has no body\n");
        return;
    }
    c->last = !r->keep || ++c->burst >= PROBE_BURST_MAX;
    answer_init(&a);
    answer_path(c, r, &a);
    conn_answer(c, &a, r->get);
}

/* --- bytes ---------------------------------------------------------------------------- */

/* Writes what the client takes. True: all is out. */
static bool
conn_write(struct probe_conn *c)
{
    while (c->sent < c->out.len) {
        const struct iovec v = { .iov_base = c->out.s + c->sent,
                                 .iov_len = c->out.len - c->sent };
        ssize_t n = transport_writev(c->t, &v, 1);

        if (n == ERR_AGAIN) {
            if (c->sent - c->seen >= PROBE_WRITE_MIN)
                conn_wait_write(c);
            transport_want(c->t, false, true);
            return false;
        }
        if (n < 0) {
            conn_close(c);
            return false;
        }
        c->sent += (size_t)n;
    }
    strbuf_done(&c->out);
    strbuf_init(&c->out, 0);
    c->sent = 0;
    c->probe->pages -= c->page;
    c->page = false;
    return true;
}

/* The client reads the end first: closing with its bytes unread would reset the connection. */
static void
conn_linger(struct probe_conn *c)
{
    c->lingering = true;
    transport_shut(c->t);
    transport_want(c->t, true, false);
    conn_set_limit(c, PROBE_LINGER_US);
}

/* True: it is HTTP/1 and goes on here. */
static bool
conn_sniff(struct probe_conn *c)
{
    struct transport *t = c->t;

    switch (probe_sniff(c->in, c->n)) {
    case PROBE_HTTP1:
        return true;
    case PROBE_HTTP2:
        probe_take_h2(c->probe, t, c->in, c->n);
        conn_leave(c);
        return false;
    case PROBE_TLS:
        stat_inc(c->probe->stats, STAT_PROBE_CLOSED_BAD);
        conn_close(c);
        return false;
    default:
        return false;
    }
}

/* Answers what stands in `in`. False: the connection is not ours any more, or its answer is not taken yet. */
static bool
conn_next(struct probe_conn *c)
{
    struct probe_request r;
    int rv = probe_request_parse(c->in, c->n, &r);

    if (rv == ERR_AGAIN)
        return false;
    if (rv == ERR_OK) {
        conn_ask(c, &r); /* r points into `in` until here */
        c->n -= r.size;
        memmove(c->in, c->in + r.size, c->n);
    } else {
        stat_inc(c->probe->stats, STAT_PROBE_CLOSED_BAD);
        conn_refuse(c, rv == ERR_LIMIT ? 431 : 400, "",
                    rv == ERR_LIMIT ? "the head of the request is too long\n"
                                    : "this port speaks HTTP/1.1, and HTTP/2 for "
                                      "grpc.health.v1, both without TLS\n");
    }
    if (!conn_write(c))
        return false;
    if (c->last)
        conn_linger(c);
    else
        conn_wait_request(c);
    return !c->last;
}

static void
conn_go_on(struct probe_conn *c)
{
    if (c->n > 0 && (c->asked || conn_sniff(c))) {
        while (c->t && c->n > 0 && conn_next(c))
            ;
    }
    if (c->t && c->out.len == 0 && !c->lingering)
        transport_want(c->t, true, false);
}

static void
conn_on_readable(struct probe_conn *c)
{
    ssize_t n;

    if (c->lingering)
        c->n = 0;
    n = transport_read(c->t, c->in + c->n, sizeof(c->in) - c->n);
    if (n == ERR_AGAIN)
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    c->burst = 0;
    /* The time for a head runs from its first byte. */
    if (c->asked && c->n == 0 && !c->lingering)
        conn_set_limit(c, PROBE_HEAD_US);
    c->n += (size_t)n;
    if (!c->lingering)
        conn_go_on(c);
}

static void
conn_on_transport(void *arg, int what)
{
    struct probe_conn *c = arg;

    if (what & TRANSPORT_FAILED) {
        conn_close(c);
        return;
    }
    if (c->out.len > 0) {
        if (!conn_write(c))
            return;
        if (c->last) {
            conn_linger(c);
        } else {
            conn_wait_request(c);
            conn_go_on(c);
        }
        return;
    }
    if (what & TRANSPORT_READABLE)
        conn_on_readable(c);
}

void
probe_conn_open(struct probe *p, struct transport *t)
{
    struct probe_conn *c = xcalloc(1, sizeof(*c));

    ref_init(&c->ref, conn_free);
    c->probe = p;
    c->t = t;
    timer_init(&c->limit, conn_on_limit);
    list_append(&p->http, &c->link);
    p->http_conns++;
    conn_set_limit(c, PROBE_HEAD_US);
    transport_bind(t, conn_on_transport, c);
    transport_want(t, true, false);
}

bool
probe_conn_shed(struct probe *p)
{
    if (list_empty(&p->http))
        return false;
    conn_close(CONTAINER_OF(p->http.next, struct probe_conn, link));
    return true;
}

void
probe_conn_close_all(struct probe *p)
{
    while (!list_empty(&p->http))
        conn_close(CONTAINER_OF(p->http.next, struct probe_conn, link));
}

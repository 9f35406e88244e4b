/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_http.c - HTTP/1.0: one request, the answer ends with the connection. */
#include "main/ctl_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "net/transport.h"

enum { ANSWER_MAX = 128 << 20, READ_MAX = 16 * 1024, REQUEST_MAX = 16 * 1024 };
static const int64_t TIMEOUT_US = 5 * 1000 * 1000;
static const int64_t POST_TIMEOUT_US =
    30 * 1000 * 1000; /* it reads and checks a config */

struct exchange {
    struct loop *loop;
    struct transport *t;
    struct timer limit;
    const char *request;
    size_t n, sent;
    struct strbuf answer;
    int err; /* ERR_AGAIN: it goes on */
};

static void
exchange_end(struct exchange *x, int err)
{
    x->err = err;
    loop_stop(x->loop);
}

static void
exchange_on_limit(struct timer *t)
{
    exchange_end(CONTAINER_OF(t, struct exchange, limit), ERR_DEADLINE);
}

static void
exchange_write(struct exchange *x)
{
    while (x->sent < x->n) {
        const struct iovec piece = { (char *)(uintptr_t)(x->request + x->sent),
                                     x->n - x->sent };
        ssize_t n = transport_writev(x->t, &piece, 1);

        if (n == ERR_AGAIN)
            break;
        if (n < 0) {
            exchange_end(x, (int)n);
            return;
        }
        x->sent += (size_t)n;
    }
    transport_want(x->t, true, x->sent < x->n);
}

static void
exchange_read(struct exchange *x)
{
    char piece[READ_MAX];
    ssize_t n;

    /* Who sends faster than we read would keep us here. */
    do {
        n = transport_read(x->t, piece, sizeof(piece));
        if (n > 0)
            strbuf_add(&x->answer, piece, (size_t)n);
    } while (n > 0 && !x->answer.cut);
    if (n == ERR_EOF || x->answer.cut)
        exchange_end(x, ERR_OK);
    else if (n != ERR_AGAIN)
        exchange_end(x, (int)n);
}

static void
exchange_on_event(void *arg, int what)
{
    struct exchange *x = arg;

    if (what & TRANSPORT_FAILED) {
        exchange_end(x, ERR_CONNECT);
        return;
    }
    if (what & (TRANSPORT_CONNECTED | TRANSPORT_WRITABLE))
        exchange_write(x);
    if (what & TRANSPORT_READABLE && x->err == ERR_AGAIN)
        exchange_read(x);
}

/* The status and where the body starts. */
static int
http_split(const struct strbuf *answer, int *ret_status, const char **ret_body,
           const char **ret_why)
{
    const char *text = answer->s ? answer->s : "", *end = strstr(text, "\r\n\r\n");

    if (!end || strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) <= 12) {
        *ret_why = "what listens there is no HTTP server";
        return ERR_SYNTAX;
    }
    *ret_status = (int)strtol(text + 9, NULL, 10);
    *ret_body = end + 4;
    return ERR_OK;
}

/* With the first line of what it said, which knows better what it is. */
static int
http_refused(int status, const struct strbuf *body, const char **ret_why)
{
    static char other[300]; /* the caller prints it before it asks again */
    const char *said = body->s ? body->s : "";

    snprintf(other, sizeof(other),
             "it answered with HTTP status %d%s%.*s%s; is that the admin port of an "
             "outrigger?",
             status, said[0] ? " (" : "",
             (int)(strcspn(said, "\r\n") < 160 ? strcspn(said, "\r\n") : 160), said,
             said[0] ? ")" : "");
    for (char *p = other; *p;
         p++) /* it may be any program, and this goes to a terminal */
        *p = *p < ' ' || *p > '~' ? '?' : *p;
    *ret_why = status == 404 || status == 405
                   ? "it does not know this page; is it an older outrigger, or another "
                     "program?"
               : status == 503 ? "it has too much to do just now; ask again in a second"
                               : other;
    return status == 503 ? ERR_AGAIN : ERR_SYNTAX;
}

const char *
ctl_http_late(int64_t limit_us)
{
    return limit_us == TIMEOUT_US
               ? "no answer within 5 s; is that outrigger, and is it stopped or "
                 "overloaded?"
               : "no answer within 30 s; is that outrigger, and is it stopped or "
                 "overloaded?";
}

static int
http_exchange(const struct addr *to, const char *method, const char *path, int64_t limit,
              struct strbuf *body, int *ret_status, const char **ret_why)
{
    struct strbuf request;
    struct exchange x = { .loop = loop_new(NULL), .err = ERR_AGAIN };
    const char *text = "";
    int rv;

    strbuf_init(&request, REQUEST_MAX);
    strbuf_printf(&request, "%s %s HTTP/1.0\r\nHost: localhost\r\n%s\r\n", method, path,
                  method[0] == 'P' ? "Content-Length: 0\r\n" : "");
    x.request = request.s;
    x.n = request.len;
    strbuf_init(&x.answer, ANSWER_MAX);
    timer_init(&x.limit, exchange_on_limit);
    timer_start(x.loop, &x.limit, limit);
    x.t = transport_connect(x.loop, to);
    transport_bind(x.t, exchange_on_event, &x);
    transport_want(x.t, false, true);
    loop_run(x.loop);
    rv = x.err;
    if (rv == ERR_OK && x.answer.cut) {
        rv = ERR_LIMIT;
        *ret_why = "the answer is larger than 128 MiB";
    } else if (rv == ERR_OK)
        rv = http_split(&x.answer, ret_status, &text, ret_why);
    else if (rv == ERR_DEADLINE)
        *ret_why = ctl_http_late(limit);
    else
        *ret_why = x.t->sys_errno ? strerror(x.t->sys_errno) : err_text(rv);
    if (rv == ERR_OK)
        strbuf_puts(body, text);
    timer_stop(x.loop, &x.limit);
    transport_close(x.t);
    strbuf_done(&x.answer);
    strbuf_done(&request);
    loop_free(x.loop);
    return rv;
}

int
ctl_http_get(const struct addr *to, const char *path, struct strbuf *body,
             const char **ret_why)
{
    struct strbuf text;
    int status = 0, rv;

    strbuf_init(&text, ANSWER_MAX);
    rv = http_exchange(to, "GET", path, TIMEOUT_US, &text, &status, ret_why);
    if (rv == ERR_OK && status != 200)
        rv = http_refused(status, &text, ret_why);
    if (rv == ERR_OK)
        strbuf_add(body, text.s, text.len);
    strbuf_done(&text);
    return rv;
}

int
ctl_http_ask(const struct addr *to, const char *path, int *ret_status,
             struct strbuf *body, const char **ret_why)
{
    int rv = http_exchange(to, "GET", path, TIMEOUT_US, body, ret_status, ret_why);

    if (rv == ERR_OK && *ret_status != 200 && *ret_status != 400 && *ret_status != 403 &&
        *ret_status != 422)
        return http_refused(*ret_status, body, ret_why);
    return rv;
}

int
ctl_http_post(const struct addr *to, const char *path, int *ret_status,
              struct strbuf *body, const char **ret_why)
{
    int rv = http_exchange(to, "POST", path, POST_TIMEOUT_US, body, ret_status, ret_why);

    if (rv == ERR_OK && *ret_status != 200 && *ret_status != 422 && *ret_status != 503 &&
        *ret_status != 403)
        return http_refused(*ret_status, body, ret_why);
    return rv;
}

struct pause {
    struct timer timer;
    struct loop *loop;
};

static void
pause_on_timer(struct timer *t)
{
    loop_stop(CONTAINER_OF(t, struct pause, timer)->loop);
}

void
ctl_http_wait(int64_t us)
{
    struct pause p = { .loop = loop_new(NULL) };

    timer_init(&p.timer, pause_on_timer);
    timer_start(p.loop, &p.timer, us);
    loop_run(p.loop);
    loop_free(p.loop);
}

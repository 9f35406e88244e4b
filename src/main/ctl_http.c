/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_http.c - HTTP/1.0: one request, the answer ends with the connection. */
#include "main/ctl_http.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "net/transport.h"

enum { ANSWER_MAX = 128 << 20, READ_MAX = 16 * 1024, REQUEST_MAX = 256 };
static const int64_t TIMEOUT_US = 5 * 1000 * 1000;

struct exchange {
    struct loop *loop;
    struct transport *t;
    struct timer limit;
    char request[REQUEST_MAX];
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
        const struct iovec piece = { x->request + x->sent, x->n - x->sent };
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

    while ((n = transport_read(x->t, piece, sizeof(piece))) > 0)
        strbuf_add(&x->answer, piece, (size_t)n);
    if (n == ERR_EOF)
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

static int
http_body(const struct strbuf *answer, struct strbuf *body, const char **ret_why)
{
    const char *text = answer->s ? answer->s : "", *end = strstr(text, "\r\n\r\n");
    bool is_http = strncmp(text, "HTTP/1.", 7) == 0 && strlen(text) > 12;

    if (!end || !is_http) {
        *ret_why = "what listens there is no HTTP server";
        return ERR_SYNTAX;
    }
    if (text[9] == '4' && strncmp(text + 9, "404", 3) != 0) {
        strbuf_puts(body, end + 4);
        *ret_why = "it refused";
        return ERR_REFUSED;
    }
    if (strncmp(text + 9, "200", 3) != 0) {
        *ret_why =
            strncmp(text + 9, "404", 3) == 0
                ? "it does not know this page; is it an older outrigger, or another "
                  "program?"
                : "it answered with an HTTP error";
        return ERR_SYNTAX;
    }
    strbuf_puts(body, end + 4);
    return ERR_OK;
}

static int
http_ask(const struct addr *to, const char *method, const char *path, struct strbuf *body,
         const char **ret_why)
{
    struct exchange x = { .loop = loop_new(NULL), .err = ERR_AGAIN };
    int rv;

    x.n = (size_t)snprintf(x.request, sizeof(x.request),
                           "%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
                           method, path);
    strbuf_init(&x.answer, ANSWER_MAX);
    timer_init(&x.limit, exchange_on_limit);
    timer_start(x.loop, &x.limit, TIMEOUT_US);
    x.t = transport_connect(x.loop, to);
    transport_bind(x.t, exchange_on_event, &x);
    transport_want(x.t, false, true);
    loop_run(x.loop);
    rv = x.err;
    if (rv == ERR_OK)
        rv = http_body(&x.answer, body, ret_why);
    else if (rv == ERR_DEADLINE)
        *ret_why = "no answer within 5 s";
    else
        *ret_why = x.t->sys_errno ? strerror(x.t->sys_errno) : err_text(rv);
    timer_stop(x.loop, &x.limit);
    transport_close(x.t);
    strbuf_done(&x.answer);
    loop_free(x.loop);
    return rv;
}

int
ctl_http_get(const struct addr *to, const char *path, struct strbuf *body,
             const char **ret_why)
{
    return http_ask(to, "GET", path, body, ret_why);
}

int
ctl_http_post(const struct addr *to, const char *path, struct strbuf *body,
              const char **ret_why)
{
    return http_ask(to, "POST", path, body, ret_why);
}

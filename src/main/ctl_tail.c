/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_tail.c - an HTTP/1.0 answer that does not end, passed on as it comes. */
#include "main/ctl_tail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "main/ctl_known.h"
#include "main/ctl_plain.h"
#include "net/addr.h"
#include "net/transport.h"

enum { HEAD_MAX = 64 * 1024, REQUEST_MAX = 16 * 1024, READ_MAX = 16 * 1024 };
static const int64_t TIMEOUT_US = 5 * 1000 * 1000; /* until the first answer */

struct stream {
    struct loop *loop;
    struct transport *t;
    struct timer limit;
    struct strbuf request, head, said; /* said: instead of lines */
    size_t sent;
    bool begun; /* the head is over */
    int status; /* HTTP */
    int err;    /* ERR_AGAIN: it goes on */
};

static void
stream_end(struct stream *s, int err)
{
    s->err = err;
    loop_stop(s->loop);
}

static void
stream_on_limit(struct timer *t)
{
    stream_end(CONTAINER_OF(t, struct stream, limit), ERR_DEADLINE);
}

static void
stream_write(struct stream *s)
{
    while (s->sent < s->request.len) {
        const struct iovec piece = { s->request.s + s->sent, s->request.len - s->sent };
        ssize_t n = transport_writev(s->t, &piece, 1);

        if (n == ERR_AGAIN)
            break;
        if (n < 0) {
            stream_end(s, (int)n);
            return;
        }
        s->sent += (size_t)n;
    }
    transport_want(s->t, true, s->sent < s->request.len);
}

/* A refusal is a sentence, and is told when it is whole. */
static void
stream_put(struct stream *s, const char *bytes, size_t n)
{
    if (s->status != 200)
        strbuf_add(&s->said, bytes, n);
    else if (fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0)
        stream_end(s, ERR_SYS);
}

static void
stream_take(struct stream *s, const char *bytes, size_t n)
{
    const char *end;

    if (s->begun) {
        stream_put(s, bytes, n);
        return;
    }
    strbuf_add(&s->head, bytes, n);
    end = strstr(s->head.s, "\r\n\r\n");
    if ((!end && s->head.cut) || strncmp(s->head.s, "HTTP/1.", 7) != 0) {
        stream_end(s, ERR_SYNTAX);
    } else if (end) {
        s->begun = true;
        s->status = (int)strtol(s->head.s + 9, NULL, 10);
        if (s->status == 200)
            timer_stop(s->loop, &s->limit);
        end += 4;
        stream_put(s, end, s->head.len - (size_t)(end - s->head.s));
    }
}

static void
stream_read(struct stream *s)
{
    char piece[READ_MAX];
    ssize_t n = 0;

    while (s->err == ERR_AGAIN && (n = transport_read(s->t, piece, sizeof(piece))) > 0)
        stream_take(s, piece, (size_t)n);
    if (s->err == ERR_AGAIN && n == ERR_EOF)
        stream_end(s, ERR_OK);
    else if (s->err == ERR_AGAIN && n != ERR_AGAIN)
        stream_end(s, (int)n);
}

static void
stream_on_event(void *arg, int what)
{
    struct stream *s = arg;

    if (what & TRANSPORT_FAILED) {
        stream_end(s, ERR_CONNECT);
        return;
    }
    if (what & (TRANSPORT_CONNECTED | TRANSPORT_WRITABLE))
        stream_write(s);
    if (what & TRANSPORT_READABLE && s->err == ERR_AGAIN)
        stream_read(s);
}

static int
stream_verdict(const struct ctl_args *a, const struct stream *s)
{
    struct strbuf said;

    if (s->err == ERR_CONNECT)
        return ctl_ask_failed(
            a, s->err, s->t->sys_errno ? strerror(s->t->sys_errno) : err_text(s->err));
    if (s->err == ERR_DEADLINE)
        return ctl_ask_failed(a, s->err, ctl_http_late(TIMEOUT_US));
    if (s->err == ERR_SYS)
        return EXIT_FAILURE; /* who read the output has enough */
    if (s->err == ERR_SYNTAX || !s->begun)
        return ctl_ask_failed(a, s->err, "what listens there is no HTTP server");
    if (s->status == 404)
        return ctl_ask_failed(a, s->err, "it has no /tail; is it an older outrigger?");
    if (s->status != 200) {
        strbuf_init(&said, 2 * CTL_PLAIN_MAX);
        ctl_plain_add(&said, s->said.s ? s->said.s : "", s->said.len);
        fputs(said.s, stderr);
        strbuf_done(&said);
        return s->status == 400 ? CTL_BAD_USAGE : EXIT_FAILURE;
    }
    return EXIT_SUCCESS; /* also when the proxy ended in the middle */
}

int
ctl_tail(const struct ctl_args *a)
{
    struct stream s = { .err = ERR_AGAIN };
    struct strbuf path;
    struct addr to;
    int rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    if (!ctl_ask_words(a, "/tail", &path)) {
        strbuf_done(&path);
        return ctl_usage(a, "that is too much for one question");
    }
    ctl_known_note(a);
    s.loop = loop_new(NULL);
    strbuf_init(&s.request, REQUEST_MAX);
    strbuf_init(&s.head, HEAD_MAX);
    strbuf_init(&s.said, HEAD_MAX);
    strbuf_printf(&s.request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path.s);
    timer_init(&s.limit, stream_on_limit);
    timer_start(s.loop, &s.limit, TIMEOUT_US);
    s.t = transport_connect(s.loop, &to);
    transport_bind(s.t, stream_on_event, &s);
    transport_want(s.t, false, true);
    loop_run(s.loop);
    rv = stream_verdict(a, &s);
    timer_stop(s.loop, &s.limit);
    transport_close(s.t);
    strbuf_done(&s.said);
    strbuf_done(&s.head);
    strbuf_done(&s.request);
    strbuf_done(&path);
    loop_free(s.loop);
    return rv;
}

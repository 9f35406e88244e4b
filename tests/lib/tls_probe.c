/* SPDX-License-Identifier: Apache-2.0 */
/* tls_probe - a listener with TLS on a real loop that tells what it did with each client, one
 * JSON object per line, and sends back what it gets:
 *     tls_probe FILE
 *     {"listen": "127.0.0.1:34567"}
 *     {"ok": true, "version": "TLSv1.3", "cipher": "...", "sni": "", "subject": "", "resumed": false}
 *     {"ok": false, "refusal": "alpn", "why": "..."}
 * FILE has the key "tls" of a listener. It ends with its stdin. Status 1: the file is refused, the reason is
 * on stderr. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "conf/snapshot.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "net/transport.h"

enum { PIECE = 65536 };

struct probe { /* what the file says */
    struct tls_server_conf tls;
};

struct server {
    struct loop *loop;
    struct tls_ctx *ctx;
    struct tls_tickets *tickets;
    struct tls_budget budget;
    struct listener *listener;
    struct fdwatch *in;
};

struct client {
    struct transport *t;
    char bytes[PIECE]; /* n of them wait to go back */
    size_t n;
};

static const struct conf_field fields[] = {
    { .key = "tls",
      .type = CONF_OBJECT,
      .at = offsetof(struct probe, tls),
      .required = true,
      .sub = &tls_server_conf_struct,
      .help = "As in a listener." },
    { .key = NULL },
};

static const struct conf_struct root = {
    .name = "probe",
    .size = sizeof(struct probe),
    .fields = fields,
};

static void
tell_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, ", \"%s\": ", key);
    json_text_add(out, text);
}

static void
tell(const struct transport *t)
{
    const struct tls_peer *p = tls_peer(t);
    struct strbuf out;

    strbuf_init(&out, PIECE);
    strbuf_printf(&out, "{\"ok\": %s", p ? "true" : "false");
    if (p) {
        tell_text(&out, "version", p->version);
        tell_text(&out, "cipher", p->cipher);
        tell_text(&out, "sni", p->sni);
        tell_text(&out, "subject", p->verified ? p->subject : "");
        strbuf_printf(&out, ", \"resumed\": %s", tls_resumed(t) ? "true" : "false");
    } else {
        tell_text(&out, "refusal", tls_refusal_name(tls_refusal(t)));
        tell_text(&out, "why", tls_why(t));
    }
    strbuf_puts(&out, "}");
    puts(out.s);
    fflush(stdout);
    strbuf_done(&out);
}

static void
client_end(struct client *c)
{
    transport_close(c->t);
    xfree(c);
}

/* What came goes back; nothing more is read before it is gone. */
static bool
client_move(struct client *c)
{
    struct iovec v = { .iov_base = c->bytes };
    ssize_t n;

    if (c->n == 0) {
        n = transport_read(c->t, c->bytes, sizeof(c->bytes));
        if (n <= 0)
            return n == ERR_AGAIN;
        c->n = (size_t)n;
    }
    v.iov_len = c->n;
    n = transport_writev(c->t, &v, 1);
    if (n <= 0)
        return n == ERR_AGAIN;
    memmove(c->bytes, c->bytes + n, c->n - (size_t)n);
    c->n -= (size_t)n;
    return true;
}

static void
on_client(void *arg, int what)
{
    struct client *c = arg;

    if (what & (TRANSPORT_CONNECTED | TRANSPORT_FAILED))
        tell(c->t);
    if (what & TRANSPORT_FAILED || !client_move(c)) {
        client_end(c);
        return;
    }
    transport_want(c->t, c->n == 0, c->n > 0);
}

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    struct server *s = arg;
    struct client *c = xcalloc(1, sizeof(*c));

    (void)peer;
    c->t = tls_server_over(s->loop, s->ctx, transport_from_fd(s->loop, fd), &s->budget);
    transport_bind(c->t, on_client, c);
}

static void
on_stdin(void *arg, int what)
{
    struct server *s = arg;
    char byte;

    (void)what;
    if (read(0, &byte, 1) <= 0)
        loop_stop(s->loop);
}

static int
fail(const char *why)
{
    fprintf(stderr, "tls_probe: %s\n", why);
    return 1;
}

static int
serve(const struct tls_server_conf *conf)
{
    struct server s = { .loop = loop_new(NULL), .tickets = tls_tickets_new(0) };
    char why_ctx[TLS_WHY_MAX];
    char text[ADDR_TEXT_MAX];
    const char *why = why_ctx;
    struct addr at;

    s.ctx = tls_ctx_new_server(conf, s.tickets, "probe", why_ctx);
    if (!s.ctx || addr_parse("127.0.0.1:0", true, &at, &why) != ERR_OK ||
        listener_open(s.loop, &at, on_accept, &s, &s.listener, &why) != ERR_OK)
        return fail(why);
    tls_budget_init(&s.budget, s.loop, TLS_STEPS_PER_TURN);
    listener_start(s.listener);
    s.in = fdwatch_open(s.loop, 0, on_stdin, &s);
    fdwatch_want(s.in, true, false);
    printf("{\"listen\": \"%s\"}\n", addr_print(listener_addr(s.listener), text));
    fflush(stdout);
    loop_run(s.loop);
    /* Clients that are still there end with the process. */
    return 0;
}

int
main(int argc, char **argv)
{
    struct conf_snapshot *snap = NULL;
    struct strbuf problems;
    int rv;

    if (argc != 2)
        return fail("usage: tls_probe FILE");
    strbuf_init(&problems, PIECE);
    strbuf_puts(&problems, "");
    rv = conf_load_file(&root, argv[1], &problems, &snap);
    fputs(problems.s, stderr);
    strbuf_done(&problems);
    if (rv != ERR_OK)
        return 1;
    rv = serve(&((const struct probe *)conf_root(snap))->tls);
    conf_drop(snap);
    return rv;
}

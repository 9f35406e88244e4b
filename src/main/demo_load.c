/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_load.c - starts calls by the clock, checks each answer, prints. */
#include "main/demo_load.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/client.h"
#include "grpc/echo.h"
#include "grpc/greeter.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "main/demo_report.h"
#include "main/demo_thread.h"

enum {
    LOAD_TICK_US = 10 * 1000,
    LOAD_LATE_US = 200 * 1000,
    LOAD_STREAM_MESSAGES = 3,
    LOAD_REPLIES = 5,
};

static const int64_t LOAD_DEADLINE_US = 1000 * 1000;
static const int64_t LOAD_REPORT_US = 1000 * 1000;

enum load_kind {
    LOAD_HELLO,
    LOAD_UNARY,
    LOAD_SERVER,
    LOAD_CLIENT,
    LOAD_BIDI,
    LOAD_KINDS
};

static const struct load_row {
    const char *path;
    unsigned messages, replies; /* sent; expected back */
} load_rows[LOAD_KINDS] = {
    [LOAD_HELLO] = { "/helloworld.Greeter/SayHello", 1, 1 },
    [LOAD_UNARY] = { "/outrigger.demo.Echo/Unary", 1, 1 },
    [LOAD_SERVER] = { "/outrigger.demo.Echo/ServerStream", 1, LOAD_REPLIES },
    [LOAD_CLIENT] = { "/outrigger.demo.Echo/ClientStream", LOAD_STREAM_MESSAGES, 1 },
    [LOAD_BIDI] = { "/outrigger.demo.Echo/BidiStream", LOAD_STREAM_MESSAGES,
                    LOAD_STREAM_MESSAGES },
};

/* Ten calls in turn: mostly unary, as in real life. */
static const enum load_kind load_mix[] = {
    LOAD_HELLO, LOAD_UNARY, LOAD_HELLO,  LOAD_SERVER, LOAD_HELLO,
    LOAD_UNARY, LOAD_HELLO, LOAD_CLIENT, LOAD_HELLO,  LOAD_BIDI,
};

struct demo_load {
    struct demo_thread thread;
    struct grpc_client_conf conf;
    char authority[ADDR_TEXT_MAX];
    struct grpc_client *client;
    struct timer tick, second;
    int64_t due_us; /* when the next call starts */
    unsigned calls; /* started so far: place in the mix */
    unsigned seconds;
    bool shown;                       /* the first good answer was printed */
    bool deaf;                        /* stdout is gone */
    uint32_t codes_shown;             /* bit per code: its first call was printed */
    struct demo_report report, total; /* this second; those before */
};

struct load_call {
    struct demo_load *load;
    enum load_kind kind;
    int64_t started_us;
    unsigned sent, got;
    bool wrong;
    char last[64]; /* text of the last reply */
};

/* ---- one call ---- */

static void
load_send(struct grpc_client_call *call, struct load_call *lc)
{
    const struct echo_request r = { .count = lc->kind == LOAD_SERVER ? LOAD_REPLIES : 0 };
    struct strbuf message;
    char text[32];

    lc->sent++;
    snprintf(text, sizeof(text), "m%u", lc->sent);
    strbuf_init(&message, 1024);
    if (lc->kind == LOAD_HELLO)
        greeter_request_encode(slice_of("outrigger"), &message);
    else
        echo_request_encode(slice_of(text), &r, &message);
    grpc_client_send(call, slice_make(message.s, message.len));
    strbuf_done(&message);
}

/* What the reply number `got` must say. */
static void
load_expect(const struct load_call *lc, char *want, size_t room)
{
    switch (lc->kind) {
    case LOAD_HELLO:
        snprintf(want, room, "Hello outrigger");
        break;
    case LOAD_CLIENT:
        snprintf(want, room, "m1 m2 m3");
        break;
    case LOAD_BIDI:
        snprintf(want, room, "m%u", lc->got);
        break;
    default:
        snprintf(want, room, "m1");
        break;
    }
}

static void
load_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct load_call *lc = arg;
    const struct load_row *row = &load_rows[lc->kind];
    struct strbuf text;
    char want[sizeof(lc->last)];
    uint32_t number;
    int err;

    lc->got++;
    strbuf_init(&text, sizeof(lc->last));
    err = lc->kind == LOAD_HELLO ? greeter_reply_decode(message, &text)
                                 : echo_reply_decode(message, &text, &number);
    snprintf(lc->last, sizeof(lc->last), "%s", text.len ? text.s : "");
    strbuf_done(&text);
    load_expect(lc, want, sizeof(want));
    if (err != 0 || strcmp(want, lc->last) != 0)
        lc->wrong = true;
    /* A conversation: the next question follows the answer. */
    if (lc->kind == LOAD_BIDI && lc->sent < row->messages)
        load_send(call, lc);
    if (lc->kind == LOAD_BIDI && lc->got == row->messages)
        grpc_client_half_close(call);
}

static void
load_show_first(struct demo_load *l, const struct load_call *lc, struct slice backend,
                int64_t took_us)
{
    if (l->shown || lc->kind != LOAD_HELLO)
        return;
    l->shown = true;
    printf("a real call went through: SayHello(\"outrigger\") -> \"%s\" from %.*s in "
           "%.1f ms\n\n",
           lc->last, (int)backend.n, (const char *)backend.p, (double)took_us / 1000.0);
    fflush(stdout);
}

/* Why calls fail, once for each code: the lines with the figures only count. */
static void
load_show_failure(struct demo_load *l, const struct load_call *lc, enum grpc_code code,
                  struct slice text)
{
    char why[200];
    size_t n = grpc_message_decode(text, why, sizeof(why));

    if (l->codes_shown >> code & 1)
        return;
    l->codes_shown |= 1u << code;
    printf("        first %s: %s says \"%.*s\"\n", grpc_code_name(code),
           load_rows[lc->kind].path, (int)n, why);
    fflush(stdout);
}

static void
load_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
            struct slice text)
{
    struct load_call *lc = arg;
    struct demo_load *l = lc->load;
    int64_t took_us = loop_now_us(l->thread.loop) - lc->started_us;
    struct slice backend = grpc_client_metadata(call, "x-backend");
    bool right = !lc->wrong && lc->got == load_rows[lc->kind].replies;

    demo_report_add(&l->report, code, right, backend, took_us);
    if (code == GRPC_OK && right)
        load_show_first(l, lc, backend, took_us);
    if (code != GRPC_OK)
        load_show_failure(l, lc, code, text);
    xfree(lc);
}

static const struct grpc_client_ops load_ops = { .on_message = load_on_message,
                                                 .on_end = load_on_end };

static void
load_start_call(struct demo_load *l)
{
    struct load_call *lc = xcalloc(1, sizeof(*lc));
    struct grpc_client_call *call;
    unsigned first;

    lc->load = l;
    lc->kind = load_mix[l->calls % ARRAY_LEN(load_mix)];
    lc->started_us = loop_now_us(l->thread.loop);
    if (grpc_client_start(l->client, load_rows[lc->kind].path, LOAD_DEADLINE_US,
                          &load_ops, lc, &call) != 0) {
        xfree(lc);
        return;
    }
    l->calls++;
    first = lc->kind == LOAD_BIDI ? 1 : load_rows[lc->kind].messages;
    while (lc->sent < first)
        load_send(call, lc);
    if (lc->kind != LOAD_BIDI)
        grpc_client_half_close(call);
}

/* ---- the clock ---- */

static void
load_on_tick(struct timer *t)
{
    struct demo_load *l = CONTAINER_OF(t, struct demo_load, tick);
    int64_t now_us = loop_now_us(l->thread.loop);

    /* After a pause (no connection, a busy machine) the load goes on, it does not catch
     * up. */
    if (l->due_us < now_us - LOAD_LATE_US)
        l->due_us = now_us;
    while (l->due_us <= now_us && grpc_client_connected(l->client)) {
        load_start_call(l);
        l->due_us += 1000000 / DEMO_LOAD_RATE;
    }
    timer_start(l->thread.loop, t, LOAD_TICK_US);
}

static void
load_on_second(struct timer *t)
{
    struct demo_load *l = CONTAINER_OF(t, struct demo_load, second);
    struct strbuf line;

    strbuf_init(&line, 4096);
    demo_report_print(&l->report, ++l->seconds, &line);
    printf("%s\n", line.s);
    if (fflush(stdout) == EOF && !l->deaf) {
        /* Nobody reads any more, as after `outrigger --demo | head`: end as TERM does. */
        l->deaf = true;
        kill(getpid(), SIGTERM);
    }
    strbuf_done(&line);
    demo_report_sum(&l->total, &l->report);
    demo_report_clear(&l->report);
    timer_start(l->thread.loop, t, LOAD_REPORT_US);
}

/* On the load's thread. */
static void
load_end(void *arg)
{
    struct demo_load *l = arg;

    timer_stop(l->thread.loop, &l->tick);
    timer_stop(l->thread.loop, &l->second);
    grpc_client_close(l->client);
    loop_stop(l->thread.loop);
}

struct demo_load *
demo_load_start(const struct addr *proxy)
{
    struct demo_load *l = xcalloc(1, sizeof(*l));

    demo_thread_init(&l->thread);
    addr_print(proxy, l->authority);
    if (addr_is_unix(proxy))
        snprintf(l->authority, sizeof(l->authority), "localhost"); /* a path is no
                                                                      authority */
    l->conf = (struct grpc_client_conf){ .to = *proxy,
                                         .authority = l->authority,
                                         .limits = &l->thread.limits };
    l->client = grpc_client_new(l->thread.h2, &l->conf);
    timer_init(&l->tick, load_on_tick);
    timer_init(&l->second, load_on_second);
    timer_start(l->thread.loop, &l->tick, LOAD_TICK_US);
    timer_start(l->thread.loop, &l->second, LOAD_REPORT_US);
    demo_thread_start(&l->thread);
    return l;
}

static void
load_print_total(struct demo_load *l)
{
    struct strbuf line;

    demo_report_sum(&l->total, &l->report);
    strbuf_init(&line, 4096);
    strbuf_printf(&line, "\ntotal   %u calls", l->total.calls);
    demo_report_print_endings(&l->total, &line);
    puts(line.s);
    fflush(stdout);
    strbuf_done(&line);
}

void
demo_load_stop(struct demo_load *l)
{
    if (!l)
        return;
    loop_post(l->thread.loop, load_end, l);
    demo_thread_join(&l->thread);
    load_print_total(l);
    demo_thread_done(&l->thread);
    grpc_client_free(l->client);
    xfree(l);
}

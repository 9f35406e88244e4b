/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_top_run.c - a loop with a timer, keys and signals around the layout. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "conf/json.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/timer.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "main/ctl_term.h"
#include "main/ctl_top.h"
#include "net/addr.h"

enum { EACH_US = 1000 * 1000, KEYS_MAX = 64, NOTE_MAX = 256 };

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct top {
    struct top_view view;
    struct loop *loop;
    struct timer tick;
    struct fdwatch *keys;
    struct signal_watch *signals[ARRAY_LEN(ends) + 2];
    struct addr to;
    struct json_t *stats;
    char note[NOTE_MAX];
};

static void
top_show(struct top *t)
{
    struct strbuf screen;

    term_size(&t->view.style.width, &t->view.height);
    strbuf_init(&screen, CTL_TEXT_MAX);
    top_draw(&t->view, t->stats, &screen);
    term_draw(&screen);
    strbuf_done(&screen);
}

/* Asks for what is new; when there is no answer the old one stays, with a note. */
static void
top_ask(struct top *t)
{
    const char *why = "";
    struct strbuf body;
    struct json_t *stats = NULL;
    int rv;

    strbuf_init(&body, CTL_TEXT_MAX);
    rv = ctl_http_get(&t->to, "/stats.json", &body, &why);
    if (rv == ERR_OK)
        stats = ctl_ask_read_stats(&body, &why);
    strbuf_done(&body);
    if (stats) {
        jtree_free(t->stats);
        t->stats = stats;
        t->view.note = NULL;
        return;
    }
    snprintf(t->note, sizeof t->note,
             "NO ANSWER, the figures are old: %.120s; trying again, q quits", why);
    t->view.note = t->note;
}

static void
top_on_tick(struct timer *timer)
{
    struct top *t = CONTAINER_OF(timer, struct top, tick);

    if (!t->view.paused) {
        top_ask(t);
        top_show(t);
    }
    timer_start(t->loop, &t->tick, EACH_US);
}

/* Keys of the cursor come as ESC [ A; ESC alone is the key itself. */
static int
key_take(const unsigned char *bytes, size_t n, size_t *ret_used)
{
    *ret_used = 1;
    if (bytes[0] != 0x1b)
        return bytes[0];
    if (n < 3 || (bytes[1] != '[' && bytes[1] != 'O'))
        return TOP_KEY_ESCAPE;
    for (*ret_used = 3; *ret_used < n && bytes[*ret_used - 1] < 0x40;)
        ++*ret_used;
    return bytes[2] == 'A' ? TOP_KEY_UP : bytes[2] == 'B' ? TOP_KEY_DOWN : 0;
}

static void
top_on_keys(void *arg, int what)
{
    struct top *t = arg;
    unsigned char bytes[KEYS_MAX];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

    (void)what;
    if (n <= 0) { /* the terminal is gone */
        loop_stop(t->loop);
        return;
    }
    for (size_t at = 0, used; at < (size_t)n; at += used) {
        int key = key_take(bytes + at, (size_t)n - at, &used);

        if (top_key(&t->view, key) == TOP_QUIT) {
            loop_stop(t->loop);
            return;
        }
    }
    top_show(t);
}

static void
top_on_signal(void *arg, int signum)
{
    struct top *t = arg;

    if (signum == SIGTSTP) { /* give the terminal to the shell, take it again after fg */
        term_leave();
        raise(SIGSTOP);
        if (term_enter() != ERR_OK)
            loop_stop(t->loop);
    }
    if (signum == SIGTSTP || signum == SIGWINCH)
        top_show(t);
    else
        loop_stop(t->loop);
}

static int
top_live(struct top *t)
{
    t->loop = loop_new(NULL);
    timer_init(&t->tick, top_on_tick);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        t->signals[i] = signal_watch_open(t->loop, ends[i], top_on_signal, t);
    t->signals[ARRAY_LEN(ends)] = signal_watch_open(t->loop, SIGWINCH, top_on_signal, t);
    t->signals[ARRAY_LEN(ends) + 1] =
        signal_watch_open(t->loop, SIGTSTP, top_on_signal, t);
    if (term_enter() != ERR_OK) {
        fputs("outriggerctl top: the terminal cannot be set; try --once\n", stderr);
        loop_free(t->loop);
        return EXIT_FAILURE;
    }
    t->keys = fdwatch_open(t->loop, STDIN_FILENO, top_on_keys, t);
    fdwatch_want(t->keys, true, false);
    timer_start(t->loop, &t->tick, EACH_US);
    top_show(t);
    loop_run(t->loop);
    term_leave();
    timer_stop(t->loop, &t->tick);
    fdwatch_close(t->keys);
    for (size_t i = 0; i < ARRAY_LEN(t->signals); i++)
        signal_watch_close(t->signals[i]);
    loop_free(t->loop);
    return EXIT_SUCCESS;
}

static int
top_once(struct top *t)
{
    struct strbuf out;
    size_t height;
    int rv;

    term_size(&t->view.style.width, &height);
    strbuf_init(&out, CTL_TEXT_MAX);
    top_draw(&t->view, t->stats, &out);
    rv = ctl_ask_print(&out, stdout);
    strbuf_done(&out);
    return rv;
}

/* The object as it is, for scripts. */
static int
top_json(const struct ctl_args *a)
{
    struct strbuf body;
    int rv;

    strbuf_init(&body, CTL_TEXT_MAX);
    rv = ctl_ask_page(a, "/stats.json", &body);
    if (rv == EXIT_SUCCESS)
        rv = ctl_ask_print(&body, stdout);
    strbuf_done(&body);
    return rv;
}

int
ctl_top(const struct ctl_args *a)
{
    static const struct {
        const char *option;
        enum top_page page;
    } pages[] = { { "endpoints", TOP_ENDPOINTS }, { "methods", TOP_METHODS } };
    struct top t = { 0 };
    int rv;

    if (ctl_has(a, "json"))
        return top_json(a);
    if (!ctl_has(a, "once") && !term_is_there())
        return ctl_usage(a, "this is no terminal; --once prints the screen one time");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (ctl_has(a, pages[i].option))
            t.view.page = pages[i].page;
    }
    t.view.style.colour = term_wants_colour();
    t.view.style.plain = !term_has_utf8();
    rv = ctl_ask_address(a, &t.to);
    if (rv == EXIT_SUCCESS)
        rv = ctl_ask_stats(a, &t.stats);
    if (rv != EXIT_SUCCESS)
        return rv;
    rv = ctl_has(a, "once") ? top_once(&t) : top_live(&t);
    jtree_free(t.stats);
    return rv;
}

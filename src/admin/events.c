/* SPDX-License-Identifier: Apache-2.0 */
/* admin/events.c - who looks, and one text for all of them. evhttp writes the chunks; it tells of the end of a connection by its close callback, after which the request
 * is ours to end. */
#include "admin/events.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { EVENT_MAX = 64 << 20, INPUT_MAX = 4096 };

/* The text of one second, counted: each buffer that still has to write it holds it. */
struct event_text {
    unsigned holds;
    size_t n;
    char *s;
};

static void
text_drop(const void *bytes, size_t n, void *arg)
{
    struct event_text *t = arg;

    (void)bytes;
    (void)n;
    if (--t->holds > 0)
        return;
    xfree(t->s);
    xfree(t);
}

/* Line ends of the object are blanks here: an event's data ends with its line. */
static struct event_text *
text_new(const struct admin *a)
{
    struct event_text *t = xcalloc(1, sizeof(*t));
    struct strbuf out;

    strbuf_init(&out, EVENT_MAX);
    strbuf_puts(&out, "event: stats\ndata: ");
    a->print_stats(a->stats_arg, &out);
    for (char *p = out.s + strlen("event: stats\n"); (p = strchr(p, '\n'));)
        *p = ' ';
    strbuf_puts(&out, "}\n\n");
    if (out.cut) { /* half of an object is worth nothing; a comment keeps the line alive */
        strbuf_done(&out);
        strbuf_puts(&out, ": there is more to tell than an event may be long; ask "
                          "/stats.json\n\n");
    }
    t->holds = 1;
    t->n = out.len;
    t->s = strbuf_steal(&out);
    return t;
}

/* Who comes within a second gets the text of that second, too. */
static struct event_text *
text_get(struct admin *a)
{
    if (!a->text)
        a->text = text_new(a);
    return a->text;
}

static void
text_forget(struct admin *a)
{
    if (a->text)
        text_drop(NULL, 0, a->text);
    a->text = NULL;
}

/* --- viewers ------------------------------------------------------------------------- */

static struct bufferevent *
viewer_buffer(const struct admin_viewer *v)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(v->req));
}

static void
viewer_on_close(struct evhttp_connection *c, void *arg)
{
    struct admin_viewer *v = arg;
    struct evhttp_request *req = v->req;

    (void)c;
    v->req = NULL;
    if (req)
        evhttp_send_reply_end(req); /* it has no connection any more: frees it */
}

static void
viewer_put(struct admin_viewer *v, struct event_text *t)
{
    struct evbuffer *out = evbuffer_new();

    if (!out)
        return;
    t->holds++;
    if (evbuffer_add_reference(out, t->s, t->n, text_drop, t) != 0)
        text_drop(NULL, 0, t);
    else
        evhttp_send_reply_chunk(v->req, out);
    evbuffer_free(out);
}

/* False: what it got last is not written. It is slow, or went away. */
static bool
viewer_can_take(const struct admin_viewer *v)
{
    return evbuffer_get_length(bufferevent_get_output(viewer_buffer(v))) == 0;
}

static struct admin_viewer *
viewer_free_place(struct admin *a)
{
    for (size_t i = 0; i < ADMIN_VIEWERS_MAX; i++) {
        if (!a->viewers[i].req)
            return &a->viewers[i];
    }
    return NULL;
}

static void
viewer_begin(struct admin_viewer *v, struct evhttp_request *req, struct event_text *t)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct timeval slow = { .tv_sec = ADMIN_VIEWER_SLOW_S };

    evhttp_add_header(headers, "Content-Type", "text/event-stream");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    v->req = req;
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), viewer_on_close, v);
    evhttp_send_reply_start(req, HTTP_OK, NULL);
    /* It says nothing more, and that is fine; what it says all the same is not kept. */
    bufferevent_set_timeouts(viewer_buffer(v), NULL, &slow);
    bufferevent_setwatermark(viewer_buffer(v), EV_READ, 0, INPUT_MAX);
    viewer_put(v, t); /* with the headers, which are not written yet */
}

int
admin_events_answer(struct admin *a, struct evhttp_request *req)
{
    struct admin_viewer *v = viewer_free_place(a);

    if (!v) {
        evbuffer_add_printf(
            evhttp_request_get_output_buffer(req),
            "%d viewers look at /events already, which is the most; close "
            "one of the pages, or ask /stats.json\n",
            ADMIN_VIEWERS_MAX);
        return HTTP_SERVUNAVAIL;
    }
    viewer_begin(v, req, text_get(a));
    return ADMIN_LATER;
}

void
admin_events_turn(struct admin *a)
{
    if (a)
        text_forget(a);
    for (size_t i = 0; a && i < ADMIN_VIEWERS_MAX; i++) {
        if (!a->viewers[i].req || !viewer_can_take(&a->viewers[i]))
            continue;
        viewer_put(&a->viewers[i], text_get(a));
    }
}

void
admin_events_close(struct admin *a)
{
    text_forget(a);
    for (size_t i = 0; i < ADMIN_VIEWERS_MAX; i++) {
        struct evhttp_request *req = a->viewers[i].req;

        a->viewers[i].req = NULL; /* evhttp frees what it has */
        if (req)
            evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
    }
}

void
admin_set_stats(struct admin *a, void (*print)(void *arg, struct strbuf *out), void *arg)
{
    if (!a)
        return;
    a->print_stats = print;
    a->stats_arg = arg;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* admin/tail_page.c - while there are viewers, the rings are emptied TURN_US after TURN_US; what a viewer wants is gathered and leaves as one chunk. */
#include "admin/tail_page.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_int.h"
#include "admin/query.h"
#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/values.h"
#include "filter/tail.h"
#include "loop/loop.h"
#include "loop/timer.h"

enum {
    TURN_US = 50 * 1000,
    BAD_QUERY = 400,
    SLOW_S = 10, /* a viewer that takes nothing for so long is sent away */
    INPUT_MAX = 4096,
};

struct viewer {
    struct tail_page *page;
    struct evhttp_request *req; /* NULL: the place is free */
    int number;                 /* tail_add */
    struct evbuffer *next;      /* what goes out with this turn */
    uint64_t lost;              /* lines that he was not told of */
    uint64_t left;              /* lines until the end; 0: no end */
    bool over;                  /* he has all that he asked for */
};

struct tail_page {
    struct loop *loop;
    struct tail *tail;
    struct timer turn;
    uint64_t dropped; /* tail_dropped of the last turn */
    struct viewer viewers[TAIL_VIEWERS_MAX];
};

/* --- the question --------------------------------------------------------------------- */

static bool
wish_set(struct tail_filter *f, uint64_t *ret_n, const char *key, const char *value,
         const char **ret_why)
{
    const struct {
        const char *key;
        char *to;
    } words[] = { { "method", f->method },
                  { "pool", f->pool },
                  { "endpoint", f->endpoint },
                  { "listener", f->listener },
                  { "reason", f->reason } };
    struct value_note note;
    char *end;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(key, words[i].key) != 0)
            continue;
        *ret_why = "a value is too long: 127 characters are the most";
        if (strlen(value) >= TAIL_WORD_MAX)
            return false;
        memcpy(words[i].to, value, strlen(value) + 1);
        return true;
    }
    if (strcmp(key, "code") == 0) {
        *ret_why = "code is a gRPC code (Unavailable, UNAVAILABLE or 14), or error";
        f->code = strcmp(value, "error") == 0 ? TAIL_ERRORS : query_code(value);
        return f->code >= 0 || f->code == TAIL_ERRORS;
    }
    if (strcmp(key, "slow") == 0) {
        *ret_why = "slow is a time, as in slow=500ms";
        if (duration_parse(value, &f->slow_us, &note) != 0)
            return false;
        f->slow_us *= 1000;
        return true;
    }
    if (strcmp(key, "n") == 0) {
        *ret_why = "n is a number of lines, 1 or more";
        *ret_n = strtoull(value, &end, 10);
        return value[0] >= '0' && value[0] <= '9' && *end == '\0' && *ret_n > 0;
    }
    *ret_why = "known are method, pool, endpoint, listener, reason, code, slow and n";
    return false;
}

static bool
wish_read(const char *text, struct tail_filter *f, uint64_t *ret_n, const char **ret_why)
{
    const char *key, *value;
    enum query_step step;
    struct query q;

    *f = (struct tail_filter){ .code = TAIL_ANY };
    *ret_n = 0;
    if (!query_begin(&q, text, ret_why))
        return false;
    while ((step = query_next(&q, &key, &value, ret_why)) == QUERY_WORD) {
        if (!wish_set(f, ret_n, key, value, ret_why))
            return false;
    }
    return step == QUERY_END;
}

/* --- viewers -------------------------------------------------------------------------- */

static struct bufferevent *
viewer_buffer(const struct viewer *v)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(v->req));
}

static void
viewer_forget(struct viewer *v)
{
    tail_remove(v->page->tail, v->number);
    evbuffer_free(v->next);
    v->next = NULL;
    v->req = NULL;
}

static void
viewer_on_close(struct evhttp_connection *c, void *arg)
{
    struct viewer *v = arg;
    struct evhttp_request *req = v->req;

    (void)c;
    if (!req)
        return;
    viewer_forget(v);
    evhttp_send_reply_end(req); /* it has no connection any more: frees it */
}

static void
viewer_end(struct viewer *v)
{
    struct evhttp_request *req = v->req;

    evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
    viewer_forget(v);
    evhttp_send_reply_end(req);
}

static void
page_on_line(void *arg, unsigned mask, struct slice line)
{
    struct tail_page *p = arg;

    for (size_t i = 0; i < TAIL_VIEWERS_MAX; i++) {
        struct viewer *v = &p->viewers[i];

        if (!v->req || v->over || !(mask & 1u << v->number))
            continue;
        if (evbuffer_get_length(bufferevent_get_output(viewer_buffer(v))) +
                evbuffer_get_length(v->next) >
            TAIL_PAGE_WAITING) {
            v->lost++;
            continue;
        }
        evbuffer_add(v->next, line.p, line.n);
        v->over = v->left == 1;
        v->left -= v->left > 0;
    }
}

static void
viewer_flush(struct viewer *v, uint64_t dropped)
{
    v->lost += dropped;
    if (v->lost > 0 && evbuffer_get_length(v->next) > 0) {
        evbuffer_add_printf(v->next, "{\"event\":\"dropped\",\"lines\":%" PRIu64 "}\n",
                            v->lost);
        v->lost = 0;
    }
    if (evbuffer_get_length(v->next) > 0)
        evhttp_send_reply_chunk(v->req, v->next);
    if (v->over)
        viewer_end(v);
}

static void
page_on_turn(struct timer *t)
{
    struct tail_page *p = CONTAINER_OF(t, struct tail_page, turn);
    uint64_t dropped = tail_dropped(p->tail), since = dropped - p->dropped;
    bool any = false;

    p->dropped = dropped;
    tail_read(p->tail, page_on_line, p);
    for (size_t i = 0; i < TAIL_VIEWERS_MAX; i++) {
        if (p->viewers[i].req)
            viewer_flush(&p->viewers[i], since);
        any |= p->viewers[i].req != NULL;
    }
    if (any)
        timer_start(p->loop, t, TURN_US);
}

static struct viewer *
page_free_place(struct tail_page *p)
{
    for (size_t i = 0; i < TAIL_VIEWERS_MAX; i++) {
        if (!p->viewers[i].req)
            return &p->viewers[i];
    }
    return NULL;
}

/* The headers leave at once, so that the viewer knows from when on he sees everything. */
static void
viewer_begin(struct viewer *v, struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct timeval slow = { .tv_sec = SLOW_S };

    evhttp_add_header(headers, "Content-Type", "application/x-ndjson");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close"); /* it has no time limit any more */
    v->req = req;
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), viewer_on_close, v);
    evhttp_send_reply_start(req, HTTP_OK, NULL);
    bufferevent_set_timeouts(viewer_buffer(v), NULL, &slow);
    bufferevent_setwatermark(viewer_buffer(v), EV_READ, 0, INPUT_MAX);
}

static int
page_tail(void *arg, struct evhttp_request *req, const char *query, struct strbuf *out)
{
    struct tail_page *p = arg;
    struct viewer *v = page_free_place(p);
    struct tail_filter f;
    const char *why = "";
    uint64_t n;

    if (!wish_read(query, &f, &n, &why)) {
        strbuf_printf(out, "%s\n", why);
        return BAD_QUERY;
    }
    if (!v) {
        strbuf_printf(out,
                      "%d viewers look at /tail already, which is the most; end one of "
                      "them, or ask /why\n",
                      TAIL_VIEWERS_MAX);
        return HTTP_SERVUNAVAIL;
    }
    tail_read(p->tail, page_on_line, p); /* lines for who had this number before */
    *v = (struct viewer){ .page = p, .next = evbuffer_new(), .left = n };
    if (!v->next || (v->number = tail_add(p->tail, &f)) < 0) {
        if (v->next)
            evbuffer_free(v->next);
        strbuf_puts(out, "no memory for one more viewer\n");
        return HTTP_SERVUNAVAIL;
    }
    viewer_begin(v, req);
    if (!timer_running(&p->turn)) {
        p->dropped = tail_dropped(p->tail);
        timer_start(p->loop, &p->turn, TURN_US);
    }
    return ADMIN_LATER;
}

/* -------------------------------------------------------------------------------------- */

struct tail_page *
tail_page_open(struct admin *a, struct loop *loop, struct tail *tail)
{
    struct tail_page *p;

    if (!a)
        return NULL;
    p = xcalloc(1, sizeof(*p));
    p->loop = loop;
    p->tail = tail;
    timer_init(&p->turn, page_on_turn);
    admin_set_stream(a, "/tail", page_tail, p);
    return p;
}

void
tail_page_close(struct tail_page *p)
{
    if (!p)
        return;
    timer_stop(p->loop, &p->turn);
    for (size_t i = 0; i < TAIL_VIEWERS_MAX; i++) {
        struct evhttp_request *req = p->viewers[i].req;

        if (!req)
            continue;
        evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
        viewer_forget(&p->viewers[i]); /* evhttp frees what it has */
    }
    xfree(p);
}

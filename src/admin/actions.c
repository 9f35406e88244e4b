/* SPDX-License-Identifier: Apache-2.0 */
/* admin/actions.c - who may ask for an action, and the lists of actions and pages. */
#include "admin/actions.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "admin/admin_int.h"
#include "base/compat.h"
#include "base/strbuf.h"
#include "net/addr.h"

enum { TEXT_MAX = 64 << 20 };

/* --- who ----------------------------------------------------------------------------- */

/* Bytes of the name that `host` begins with, when nobody but this machine can have it; 0: another name. */
static size_t
host_name(const struct addr *at, const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    char text[ADDR_TEXT_MAX];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strncasecmp(host, names[i], strlen(names[i])) == 0)
            return strlen(names[i]);
    }
    addr_print(at, text);
    n = (size_t)(strrchr(text, ':') - text);
    return strncmp(host, text, n) == 0 ? n : 0;
}

bool
admin_host_ok(const struct addr *at, const char *host)
{
    size_t n, digits;

    if (addr_is_unix(at))
        return true;
    n = host_name(at, host);
    if (n == 0 || host[n] == '\0')
        return n > 0;
    digits = strspn(host + n + 1, "0123456789");
    return host[n] == ':' && digits > 0 && host[n + 1 + digits] == '\0';
}

bool
admin_origin_ok(const struct addr *at, const char *origin, const char *host)
{
    static const char http[] = "http://";

    if (addr_is_unix(at))
        return true;
    return host && strncasecmp(origin, http, strlen(http)) == 0 &&
           strcasecmp(origin + strlen(http), host) == 0 && admin_host_ok(at, host);
}

/* What browsers say of who asks. */
static bool
request_is_ours(const struct admin *a, struct evhttp_request *req, const char **ret_why)
{
    struct evkeyvalq *in = evhttp_request_get_input_headers(req);
    const char *host = evhttp_find_header(in, "Host");
    const char *origin = evhttp_find_header(in, "Origin");
    const char *site = evhttp_find_header(in, "Sec-Fetch-Site");

    *ret_why = "the Host of the request is not localhost, nor the address of this admin "
               "port";
    if (host && !admin_host_ok(&a->at, host))
        return false;
    *ret_why = "the request comes from a page of another origin";
    return (!origin || admin_origin_ok(&a->at, origin, host)) &&
           (!site || strcmp(site, "cross-site") != 0);
}

static bool
request_may_act(const struct admin *a, struct evhttp_request *req, const char **ret_why)
{
    *ret_why = "the request has no Host; name the address of this admin port";
    return evhttp_find_header(evhttp_request_get_input_headers(req), "Host") &&
           request_is_ours(a, req, ret_why);
}

bool
admin_may_read(const struct admin *a, struct evhttp_request *req, const char *path,
               const char **ret_why)
{
    if (path && (strcmp(path, "/metrics") == 0 || strcmp(path, "/ready") == 0))
        return true;
    return request_is_ours(a, req, ret_why);
}

/* --- lists --------------------------------------------------------------------------- */

static void
admin_set(struct admin *a, const struct admin_entry *e)
{
    if (!a)
        return;
    assert(a->entry_count < ADMIN_ENTRIES_MAX);
    a->entries[a->entry_count++] = *e;
}

void
admin_set_action(struct admin *a, const char *path, admin_action_fn *fn, void *arg)
{
    admin_set(a, &(struct admin_entry){ .path = path, .action = fn, .arg = arg });
}

void
admin_set_page(struct admin *a, const char *path, const char *type, admin_page_fn *fn,
               void *arg)
{
    admin_set(
        a, &(struct admin_entry){ .path = path, .type = type, .page = fn, .arg = arg });
}

void
admin_set_query(struct admin *a, const char *path, admin_query_fn *fn, void *arg)
{
    admin_set(a, &(struct admin_entry){ .path = path, .ask = fn, .arg = arg });
}

void
admin_set_stream(struct admin *a, const char *path, admin_stream_fn *fn, void *arg)
{
    admin_set(a, &(struct admin_entry){ .path = path, .stream = fn, .arg = arg });
}

struct admin_entry *
admin_find(struct admin *a, const char *path)
{
    for (size_t i = 0; i < a->entry_count; i++) {
        if (strcmp(a->entries[i].path, path) == 0)
            return &a->entries[i];
    }
    return NULL;
}

static int
entry_act(const struct admin *a, const struct admin_entry *e, struct evhttp_request *req,
          struct strbuf *text)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    const char *why;

    if (!request_may_act(a, req, &why)) {
        strbuf_printf(text, "refused: %s\n", why);
        return STATUS_FORBIDDEN;
    }
    return e->action(e->arg, query ? query : "", text);
}

static int
entry_ask(const struct admin_entry *e, struct evhttp_request *req, struct strbuf *text,
          const char **ret_type)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

    if (e->stream)
        return e->stream(e->arg, req, query ? query : "", text);
    return e->ask(e->arg, query ? query : "", text, ret_type);
}

static struct bufferevent *
request_buffer(struct evhttp_request *req)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
}

/* Without reading nobody learns that the asker went away, so the request stays valid until the answer is written. */
static void
entry_wait(struct admin_entry *e, struct evhttp_request *req)
{
    assert(!e->waiting);
    e->waiting = req;
    bufferevent_disable(request_buffer(req), EV_READ);
}

void
admin_finish(struct admin *a, const char *path, int status, const char *text)
{
    struct admin_entry *e = a ? admin_find(a, path) : NULL;
    struct evhttp_request *req = e ? e->waiting : NULL;

    if (!req)
        return;
    e->waiting = NULL;
    bufferevent_enable(request_buffer(req), EV_READ);
    evbuffer_add(evhttp_request_get_output_buffer(req), text, strlen(text));
    admin_send(req, status, "text/plain; charset=utf-8");
}

/* A path may be both: GET shows what POST sets. */
static struct admin_entry *
entry_for(const struct admin *a, struct admin_entry *e, struct evhttp_request *req)
{
    bool post = evhttp_request_get_command(req) == EVHTTP_REQ_POST;
    struct admin_entry *end = e + (a->entry_count - (size_t)(e - a->entries));

    for (struct admin_entry *other = e; other < end; other++) {
        if ((other->action != NULL) == post && strcmp(other->path, e->path) == 0)
            return other;
    }
    return e;
}

int
admin_answer(const struct admin *a, struct admin_entry *e, struct evhttp_request *req,
             const char **ret_type)
{
    struct strbuf text;
    int status = HTTP_OK;

    e = entry_for(a, e, req);
    strbuf_init(&text, TEXT_MAX);
    strbuf_puts(&text, "");
    if (e->action) {
        status = entry_act(a, e, req, &text);
        if (status == ADMIN_LATER)
            entry_wait(e, req);
    } else if (e->ask || e->stream) {
        status = entry_ask(e, req, &text, ret_type);
    } else {
        *ret_type = e->type;
        e->page(e->arg, &text);
    }
    if (status != ADMIN_LATER)
        evbuffer_add(evhttp_request_get_output_buffer(req), text.s, text.len);
    strbuf_done(&text);
    return status;
}

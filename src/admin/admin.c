/* SPDX-License-Identifier: Apache-2.0 */
/* admin/admin.c - the counters over HTTP. */
#include "admin/admin.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/util.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_int.h"
#include "admin/aliases.h"
#include "admin/metrics_page.h"
#include "admin/page.h"
#include "admin/paths.h"
#include "admin/pools_page.h"
#include "admin/rpc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/tls_store.h"
#include "obs/stats.h"

enum {
    ADMIN_BACKLOG = 512, /* a full one makes a client wait for a second */
    ADMIN_BODY_MAX = 4096,
    ADMIN_HEADERS_MAX = 8192,
    ADMIN_TIMEOUT_S = 10,
    ADMIN_FILE_MODE = 0600,    /* of a unix socket: who may write there may drain us */
    ADMIN_PAGE_MAX = 64 << 20, /* ten pools of 10,000 endpoints */
};

static int64_t
admin_sum(const struct admin *a, enum stat_id id)
{
    int64_t sum = 0;

    for (size_t i = 0; i < a->n; i++)
        sum += stat_get(a->stats[i], id);
    return sum;
}

static void
admin_tls(const struct admin *a, void (*print)(struct tls_store *, struct strbuf *),
          struct evbuffer *out)
{
    struct strbuf text;

    strbuf_init(&text, ADMIN_PAGE_MAX);
    strbuf_puts(&text, "");
    if (a->tls)
        print(a->tls, &text);
    evbuffer_add(out, text.s, text.len);
    strbuf_done(&text);
}

static void
admin_on_sent(const void *bytes, size_t n, void *arg)
{
    (void)bytes;
    (void)n;
    xfree(arg);
}

/* Megabytes are handed over, not copied. */
static void
admin_give(struct evbuffer *out, char *text, size_t n)
{
    if (evbuffer_add_reference(out, text, n, admin_on_sent, text) != 0)
        xfree(text);
}

static struct slice
admin_header(struct evhttp_request *req, const char *name)
{
    const char *v = evhttp_find_header(evhttp_request_get_input_headers(req), name);

    return slice_of(v ? v : "");
}

/* Returns the content type. */
static const char *
admin_metrics(const struct admin *a, struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct metrics_body b;

    metrics_page_make(a->metrics, admin_header(req, "Accept"),
                      admin_header(req, "Accept-Encoding"), &b);
    evhttp_add_header(headers, "Vary", "Accept, Accept-Encoding");
    if (b.gzip)
        evhttp_add_header(headers, "Content-Encoding", "gzip");
    admin_give(evhttp_request_get_output_buffer(req), b.text, b.n);
    return b.type;
}

/* side="up",result="ok" becomes "side":"up","result":"ok". Values have no quotes in them. */
static void
admin_json_labels(const char *labels, struct evbuffer *out)
{
    for (const char *p = labels ? labels : ""; *p;) {
        size_t name = strcspn(p, "="), value = strcspn(p + name + 2, "\"") + 2;

        evbuffer_add_printf(out, "\"%.*s\":%.*s", (int)name, p, (int)value, p + name + 1);
        p += name + 1 + value;
        if (*p == ',')
            evbuffer_add(out, p++, 1);
    }
}

/* What print_stats says, and "metrics":[{"name":…,"labels":{…},"value":…},…]} */
static int
admin_json(const struct admin *a, struct evbuffer *out)
{
    const struct stat_row *r;

    if (a->print_stats) {
        struct strbuf text;
        size_t n;

        strbuf_init(&text, ADMIN_PAGE_MAX);
        a->print_stats(a->stats_arg, &text);
        if (text.cut) {
            strbuf_done(&text);
            evbuffer_add_printf(out,
                                "{\"error\":\"more than %d MiB; ask /pools.json or "
                                "/metrics\"}\n",
                                ADMIN_PAGE_MAX >> 20);
            return HTTP_INTERNAL;
        }
        n = text.len;
        admin_give(out, strbuf_steal(&text), n);
    } else {
        evbuffer_add_printf(out, "{\"version\":1");
    }
    evbuffer_add_printf(out, ",\n\"metrics\":[");
    for (size_t i = 0; (r = stat_row_at(i)); i++) {
        evbuffer_add_printf(out, "%s\n{\"name\":\"%s\",\"labels\":{", i ? "," : "",
                            r->metric);
        admin_json_labels(r->labels, out);
        if (r->milliseconds)
            evbuffer_add_printf(out, "},\"value\":%.3f}",
                                (double)admin_sum(a, r->id) / 1000);
        else
            evbuffer_add_printf(out, "},\"value\":%" PRId64 "}", admin_sum(a, r->id));
    }
    evbuffer_add_printf(out, "\n]}\n");
    return HTTP_OK;
}

void
admin_send(struct evhttp_request *req, int status, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    char length[24];

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    if (!evhttp_find_header(headers, "X-Content-Type-Options"))
        evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
        /* evhttp knows nothing of its length, and would send it. */
        snprintf(length, sizeof(length), "%zu", evbuffer_get_length(out));
        evhttp_add_header(headers, "Content-Length", length);
        evbuffer_drain(out, evbuffer_get_length(out));
    }
    evhttp_send_reply(req, status, NULL, out);
}

static void
admin_on_request(struct evhttp_request *req, void *arg)
{
    struct admin *a = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = admin_alias(evhttp_uri_get_path(uri), evhttp_uri_get_query(uri));
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    const char *type = "text/plain; charset=utf-8";
    struct admin_entry *own = path ? admin_find(a, path) : NULL;
    const char *why;
    int status = HTTP_OK;

    loop_note_wake(a->loop); /* what we do here delays others, and shall be seen */
    if (!admin_may_read(a, req, path, &why)) {
        status = STATUS_FORBIDDEN;
        evbuffer_add_printf(out, "refused: %s\n", why);
    } else if (!paths_let(a, req, path, &status)) {
        /* it says why */
    } else if (own) {
        status = admin_answer(a, own, req, &type);
    } else if (strcmp(path, "/") == 0) {
        type = page_answer(a, req);
    } else if (strcmp(path, "/metrics") == 0) {
        type = admin_metrics(a, req);
    } else if (strcmp(path, "/stats.json") == 0) {
        type = "application/json";
        status = admin_json(a, out);
    } else if (strcmp(path, "/events") == 0) {
        status = admin_events_answer(a, req);
    } else if (strcmp(path, "/pools") == 0) {
        status = pools_page_text(a, evhttp_uri_get_query(uri), out);
    } else if (strcmp(path, "/pools.json") == 0) {
        status = pools_page_json(a, evhttp_uri_get_query(uri), out, &type);
    } else if (strcmp(path, "/certs") == 0) {
        admin_tls(a, tls_store_table, out);
    } else if (strcmp(path, "/certs.json") == 0) {
        type = "application/json";
        admin_tls(a, tls_store_json, out);
    } else {
        paths_help(a, out);
    }
    if (status != ADMIN_LATER)
        admin_send(req, status, type);
    else
        crowd_hold(&a->crowd, req);
}

/* Within the bounds of what this port takes on at once. */
static void
admin_on_crowd(struct evhttp_request *req, void *arg)
{
    struct admin *a = arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    char page[CROWD_PAGE_MAX];
    int64_t begun_us;

    snprintf(page, sizeof(page), "%s", path ? path : "");
    if (!crowd_begin(&a->crowd, req, page, &begun_us))
        return;
    admin_on_request(req, a);
    crowd_end(&a->crowd, req, page, begun_us);
}

/* Only now it has a descriptor. */
static void
admin_on_new(void *arg, struct bufferevent *bev)
{
    struct admin *a = arg;

    if (a->rpc)
        sniffer_take(&a->sniffer, bev);
}

static void
admin_on_h2(void *arg, int fd, int old)
{
    struct admin *a = arg;

    crowd_moved(&a->crowd, old, fd);
    admin_rpc_take(a->rpc, fd);
}

static int
admin_socket(const struct addr *at)
{
    int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&at->sa, at->len) != 0 ||
        (addr_is_unix(at) &&
         chmod(((const struct sockaddr_un *)&at->sa)->sun_path, ADMIN_FILE_MODE) != 0) ||
        listen(fd, ADMIN_BACKLOG) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int
admin_open(struct loop *loop, const struct addr *at, int fd, bool owns_file,
           const struct stats *const *stats, size_t n, struct admin **ret,
           const char **ret_why)
{
    struct admin *a;
    bool inherited = fd >= 0;

    if (!inherited && addr_is_unix(at) && listener_clear_path(at, ret_why) != ERR_OK)
        return ERR_SYS;
    if (!inherited)
        fd = admin_socket(at);
    if (fd < 0 || evutil_make_socket_nonblocking(fd) != 0) {
        *ret_why = listener_bind_why(errno);
        return ERR_SYS;
    }
    a = xcalloc(1, sizeof(*a));
    a->stats = stats;
    a->n = n;
    a->loop = loop;
    a->at = *at;
    a->at.len = sizeof(a->at.sa);
    if (addr_is_unix(at) ||
        getsockname(fd, (struct sockaddr *)&a->at.sa, &a->at.len) != 0)
        a->at = *at;
    if (addr_is_unix(at) && (!inherited || owns_file))
        snprintf(a->unix_path, sizeof(a->unix_path), "%s",
                 ((const struct sockaddr_un *)&at->sa)->sun_path);
    a->http = evhttp_new(loop_event_base(loop));
    a->fd = fd;
    sniffer_init(&a->sniffer, loop, admin_on_h2, a);
    if (a->http && crowd_init(&a->crowd, loop)) {
        evhttp_set_bevcb(a->http, crowd_accept, &a->crowd);
        crowd_tell(&a->crowd, admin_on_new, a);
        a->bound = evhttp_accept_socket_with_handle(a->http, fd);
    }
    if (!a->bound) {
        close(fd);
        *ret_why = "no memory for the HTTP server";
        admin_close(a);
        return ERR_NOMEM;
    }
    crowd_watch(&a->crowd, evhttp_bound_socket_get_listener(a->bound));
    /* paths_let refuses, in plain text; evhttp would in HTML. What never gets to a callback stays so (a broken request
     * line, a header that is too long, CONNECT, a method nobody knows): libevent 2.1 has no hook for its pages. */
    evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                            EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                            EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
    evhttp_set_max_body_size(a->http, ADMIN_BODY_MAX);
    evhttp_set_max_headers_size(a->http, ADMIN_HEADERS_MAX);
    evhttp_set_timeout(a->http, ADMIN_TIMEOUT_S);
    evhttp_set_gencb(a->http, admin_on_crowd, a);
    *ret = a;
    return ERR_OK;
}

void
admin_set_pools(struct admin *a, struct hub *const *hubs, size_t n)
{
    a->hubs = hubs;
    a->hub_count = n;
}

int
admin_fd(const struct admin *a, bool *ret_owns_file)
{
    if (!a->bound)
        return -1;
    *ret_owns_file = a->unix_path[0] != '\0';
    return a->fd;
}

void
admin_leave(struct admin *a)
{
    if (!a || !a->bound)
        return;
    a->unix_path[0] = '\0';
    crowd_watch(&a->crowd, NULL);
    evhttp_del_accept_socket(a->http, a->bound); /* closes our descriptor */
    a->bound = NULL;
    admin_rpc_close(a->rpc);
}

void
admin_set_metrics(struct admin *a, const struct metrics_page *metrics)
{
    a->metrics = metrics;
}

void
admin_set_counters(struct admin *a, struct stats *main)
{
    a->crowd.stats = main;
}

void
admin_set_tls(struct admin *a, struct tls_store *tls)
{
    a->tls = tls;
}

void
admin_close(struct admin *a)
{
    if (!a)
        return;
    admin_events_close(a);
    admin_rpc_close(a->rpc);
    sniffer_done(&a->sniffer);
    crowd_done(&a->crowd);
    if (a->http)
        evhttp_free(a->http);
    if (a->unix_path[0])
        unlink(a->unix_path);
    xfree(a);
}

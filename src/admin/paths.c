/* SPDX-License-Identifier: Apache-2.0 */
/* admin/paths.c - paths of admin.c stand in a table here, others in the list of entries. */
#include "admin/paths.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_int.h"
#include "admin/aliases.h"
#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/near.h"

enum { CAN_GET = 1, CAN_HEAD = 2, CAN_POST = 4 };
enum { SHOWN_MAX = 64, NEAR_TEXT_MAX = 256 };

/* Pages of admin.c itself. */
static const struct own_path {
    const char *path;
    unsigned can;
} own[] = {
    { "/", CAN_GET | CAN_HEAD },
    { "/help", CAN_GET | CAN_HEAD },
    { "/metrics", CAN_GET | CAN_HEAD },
    { "/stats.json", CAN_GET | CAN_HEAD },
    { "/events", CAN_GET },
    { "/pools", CAN_GET | CAN_HEAD },
    { "/pools.json", CAN_GET | CAN_HEAD },
    { "/certs", CAN_GET | CAN_HEAD },
    { "/certs.json", CAN_GET | CAN_HEAD },
};

static const struct {
    const char *path, *get, *post;
} sentences[] = {
    { "/", "the live page; /?plain: without a script", NULL },
    { "/help", "this list", NULL },
    { "/metrics", "counters for Prometheus, as text or OpenMetrics, gzip if wanted",
      NULL },
    { "/stats.json", "what happens now, the last minute, all counters", NULL },
    { "/events", "the same once a second, as server-sent events", NULL },
    { "/pools", "pools and their endpoints; ?pool=NAME: one of them", NULL },
    { "/pools.json", "the same for programs", NULL },
    { "/certs", "certificates and when they end; .json for programs", NULL },
    { "/certs.json", "the same for programs", NULL },
    { "/routes", "listeners and where their routes lead", NULL },
    { "/routes.json", "the same for programs", NULL },
    { "/why", "the last failed calls and what to do; ?method= ?pool= ?code= ?n=", NULL },
    { "/why.json", "the same for programs", NULL },
    { "/tail", "calls as they end, a line each, until you go; ?code=error ?slow=1s",
      NULL },
    { "/explain-call", "where a call would go: ?method=/pkg.Svc/M&header=name%3Dvalue",
      NULL },
    { "/explain-call.json", "the same for programs", NULL },
    { "/config", "the config in force with all defaults, without its secrets", NULL },
    { "/config/status", "what became of the last reload; .json for programs", NULL },
    { "/config/status.json", "the same for programs", NULL },
    { "/reload", NULL, "load the config again; waits and says what came of it" },
    { "/drain", NULL, "not ready any more, then GOAWAY to clients of inbound listeners" },
    { "/undrain", NULL, "take that back" },
    { "/drain.json", "how far the drain is", NULL },
    { "/endpoint", NULL, "?do=disable&pool=NAME&address=IP:PORT, or do=enable" },
    { "/log-level", "how much is logged, and until when",
      "?level=debug&for=5m: another level; it goes back by itself" },
    { "/livez", "200 \"ok\", or 503 when a thread hangs", NULL },
    { "/readyz", "200 \"ok\", or 503 and why new calls should go elsewhere", NULL },
    { "/startupz", "200 \"ok\", or 503 and what is missing for the first call", NULL },
    { "/ready", "LIVE with 200; PRE_INITIALIZING or DRAINING with 503, as Envoy has it",
      NULL },
    { "/server_info", "version and state, as Envoy has it", NULL },
    { "/listeners", "name and address of each, as Envoy has it; ?format=json", NULL },
    { "/quitquitquit", NULL, "as SIGTERM: drain, then the end" },
};

/* Of one that is there. */
static unsigned
entry_can(const struct admin_entry *e)
{
    if (e->action)
        return CAN_POST;
    return e->stream ? CAN_GET : CAN_GET | CAN_HEAD;
}

static bool
own_is_there(const struct admin *a, const char *path)
{
    if (strcmp(path, "/metrics") == 0)
        return a->metrics != NULL;
    return strcmp(path, "/events") != 0 || a->print_stats;
}

static unsigned
path_can(const struct admin *a, const char *path)
{
    unsigned can = 0;

    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(own[i].path, path) == 0 && own_is_there(a, path))
            can |= own[i].can;
    }
    for (size_t i = 0; i < a->entry_count; i++) {
        if (strcmp(a->entries[i].path, path) == 0)
            can |= entry_can(&a->entries[i]);
    }
    return can;
}

static unsigned
request_needs(const struct evhttp_request *req)
{
    switch (evhttp_request_get_command(req)) {
    case EVHTTP_REQ_GET:
        return CAN_GET;
    case EVHTTP_REQ_HEAD:
        return CAN_HEAD;
    case EVHTTP_REQ_POST:
        return CAN_POST;
    default:
        return 0;
    }
}

/* --- no, and why ----------------------------------------------------------------------- */

static void
say_unknown(const struct admin *a, const char *path, struct evbuffer *out)
{
    const char *words[ARRAY_LEN(own) + ADMIN_ENTRIES_MAX];
    char shown[SHOWN_MAX + 1], text[NEAR_TEXT_MAX];
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        words[n++] = own[i].path[1] && own_is_there(a, own[i].path) ? own[i].path : NULL;
    for (size_t i = 0; i < a->entry_count; i++)
        words[n++] = a->entries[i].path;
    snprintf(shown, sizeof(shown), "%s", path);
    for (char *c = shown; *c; c++)
        *c = (char)(*c > ' ' && *c < 0x7f ? *c : '?');
    near = near_find(shown, words, n);
    text[0] = '\0';
    if (near)
        snprintf(text, sizeof(text), "; did you mean %s?", near);
    evbuffer_add_printf(out, "there is no %s here%s\nGET /help lists what there is\n",
                        shown, text);
}

static void
say_methods(struct evhttp_request *req, const char *path, unsigned can)
{
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    const char *allow = !(can & CAN_POST) ? (can & CAN_HEAD ? "GET, HEAD" : "GET")
                        : can & CAN_GET   ? "GET, HEAD, POST"
                                          : "POST";

    evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", allow);
    if (can == CAN_POST)
        evbuffer_add_printf(out, "%s changes something: use POST\n", path);
    else
        evbuffer_add_printf(out, "%s is for %s\n", path, allow);
}

bool
paths_let(const struct admin *a, struct evhttp_request *req, const char *path,
          int *ret_status)
{
    unsigned can = path ? path_can(a, path) : 0;

    if (can & request_needs(req))
        return true;
    if (!can) {
        *ret_status = HTTP_NOTFOUND;
        say_unknown(a, path ? path : "", evhttp_request_get_output_buffer(req));
        return false;
    }
    *ret_status =
        evhttp_request_get_command(req) == EVHTTP_REQ_OPTIONS ? HTTP_OK : HTTP_BADMETHOD;
    say_methods(req, path, can);
    return false;
}

/* --- /help ------------------------------------------------------------------------------- */

static void
help_line(const char *path, bool post, struct evbuffer *out)
{
    const char *sentence = "";

    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        if (strcmp(sentences[i].path, path) == 0)
            sentence = post ? sentences[i].post : sentences[i].get;
    }
    evbuffer_add_printf(out, "  %-5s%-21s %s\n", post ? "POST" : "GET", path,
                        sentence ? sentence : "");
}

void
paths_help(const struct admin *a, struct evbuffer *out)
{
    evbuffer_add_printf(out, "outrigger " PACKAGE_VERSION ", the admin port\n\n");
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (own_is_there(a, own[i].path))
            help_line(own[i].path, false, out);
    }
    for (size_t i = 0; i < a->entry_count; i++)
        help_line(a->entries[i].path, a->entries[i].action != NULL, out);
    if (a->rpc)
        evbuffer_add_printf(out,
                            "\ngRPC on this port too, without TLS: grpcurl -plaintext "
                            "HOST:PORT list\n");
    evbuffer_add_printf(out, "\nother names, most of them Envoy's:\n");
    for (size_t i = 0; admin_alias_at(i); i++)
        evbuffer_add_printf(out, "  %s%s (%s)\n", admin_alias_at(i)->path,
                            admin_alias_at(i)->json ? "?format=json" : "",
                            admin_alias_at(i)->means);
}

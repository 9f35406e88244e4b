/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page.c - the live page over HTTP, and the headers around it. */
#include "admin/page.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_int.h"
#include "admin/page_plain.h"
#include "base/strbuf.h"

/* Some 2,300 endpoints, for which the main thread takes 40 ms: the tree that is made of the text is several times as large. Probes wait as long. */
enum { PLAIN_JSON_MAX = 1 << 20, PLAIN_HTML_MAX = 4 << 20 };

/* Nothing from elsewhere, no frame around it, no form, no other base for its links. */
#define PAGE_POLICY \
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define PAGE_TYPE "text/html; charset=utf-8"

static void
page_guard(struct evhttp_request *req, const char *policy)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
}

/* Constant bytes: no copy, nothing to free. */
static void
page_live(struct evhttp_request *req)
{
    char policy[512];

    /* The icon is a data: URL; connect-src is for /events and /stats.json. */
    snprintf(policy, sizeof(policy),
             PAGE_POLICY "; img-src data:; connect-src 'self'; style-src '%s'; "
                         "script-src '%s'",
             page_style_hash, page_script_hash);
    page_guard(req, policy);
    evbuffer_add_reference(evhttp_request_get_output_buffer(req), page_html.p,
                           page_html.n, NULL, NULL);
}

static void
page_plain(const struct admin *a, struct evhttp_request *req)
{
    struct strbuf json, html;
    char policy[256];

    snprintf(policy, sizeof(policy), PAGE_POLICY "; img-src data:; style-src '%s'",
             page_style_hash);
    page_guard(req, policy);
    strbuf_init(&json, PLAIN_JSON_MAX);
    strbuf_init(&html, PLAIN_HTML_MAX);
    strbuf_puts(&json, "");
    if (a->print_stats) {
        a->print_stats(a->stats_arg, &json);
        strbuf_puts(&json, "}");
    }
    plain_print(json.cut ? NULL : json.s, json.len, (const char *)page_style.p,
                page_style.n, &html);
    evbuffer_add(evhttp_request_get_output_buffer(req), html.s, html.len);
    strbuf_done(&html);
    strbuf_done(&json);
}

const char *
page_answer(const struct admin *a, struct evhttp_request *req)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

    if (query && strcmp(query, "plain") == 0)
        page_plain(a, req);
    else
        page_live(req);
    return PAGE_TYPE;
}

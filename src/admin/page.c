/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page.c - the live page over HTTP, and the headers around it. */
#include "admin/page.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>

/* Nothing from elsewhere, no frame around it, no form, no other base for its links. */
#define PAGE_POLICY "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define PAGE_TYPE "text/html; charset=utf-8"

static void
page_guard(struct evhttp_request *req, const char *policy)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
}

const char *
page_answer(struct evhttp_request *req)
{
    char policy[512];

    /* The icon is a data: URL; connect-src is for /events and /stats.json. */
    snprintf(policy, sizeof(policy),
             PAGE_POLICY "; img-src data:; connect-src 'self'; style-src '%s'; "
                         "script-src '%s'",
             page_style_hash, page_script_hash);
    page_guard(req, policy);
    /* Constant bytes: no copy, nothing to free. */
    evbuffer_add_reference(evhttp_request_get_output_buffer(req), page_html.p,
                           page_html.n, NULL, NULL);
    return PAGE_TYPE;
}

const char *
page_guard_plain(struct evhttp_request *req)
{
    char policy[256];

    snprintf(policy, sizeof(policy), PAGE_POLICY "; style-src '%s'", page_style_hash);
    page_guard(req, policy);
    return PAGE_TYPE;
}

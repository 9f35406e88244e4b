/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_page.c - get or post, then print. */
#include "main/ctl_page.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_drain.h"
#include "main/ctl_http.h"
#include "main/ctl_plain.h"
#include "net/addr.h"

enum { BUSY_TRIES = 100, BUSY_WAIT_US = 50 * 1000 };

/* Asks again while another action of the kind is on its way. */
static int
page_post(const char *page, const struct addr *to, struct strbuf *body,
          const char **ret_why, bool *ret_done)
{
    int status = 0, rv;

    for (int tries = 0;; tries++) {
        rv = ctl_http_post(to, page, &status, body, ret_why);
        if (rv != ERR_OK || status != 503 || tries == BUSY_TRIES)
            break;
        strbuf_done(body);
        strbuf_init(body, CTL_TEXT_MAX);
        ctl_http_wait(BUSY_WAIT_US);
    }
    *ret_done = rv == ERR_OK && status == 200;
    return rv;
}

/* It was refused, or not all of it happened. */
static int
page_say(const struct strbuf *body)
{
    struct strbuf said;
    int rv;

    strbuf_init(&said, 2 * CTL_PLAIN_MAX);
    ctl_plain_add(&said, body->s ? body->s : "", body->len);
    rv = ctl_ask_print(&said, stderr);
    strbuf_done(&said);
    return rv;
}

int
ctl_page_run(const struct ctl_args *a)
{
    const struct ctl_command *c = a->command;
    bool done = true;
    const char *why = "";
    struct strbuf body;
    struct addr to;
    int rv;

    if (ctl_has(a, "wait") && ctl_has(a, "no-wait"))
        return ctl_usage(a, "--wait and --no-wait exclude each other");
    if (ctl_has(a, "print") && ctl_has(a, "json"))
        return ctl_usage(a, "--print is JSON already; leave --json out");
    rv = ctl_ask_address(a, &to);
    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&body, CTL_TEXT_MAX);
    if (c->post)
        rv = page_post(c->page, &to, &body, &why, &done);
    else
        rv = ctl_http_get(&to,
                          ctl_has(a, "print")  ? c->print_page
                          : ctl_has(a, "json") ? c->json_page
                                               : c->page,
                          &body, &why);
    if (rv == ERR_OK && done && c->wait && !ctl_has(a, "no-wait"))
        rv = ctl_drain_wait(&to, &body, &done, &why);
    if (rv != ERR_OK)
        rv = ctl_ask_failed(a, rv, why);
    else if (done)
        rv = ctl_ask_print(&body, stdout);
    else
        rv = page_say(&body);
    strbuf_done(&body);
    return rv == EXIT_SUCCESS && !done ? EXIT_FAILURE : rv;
}

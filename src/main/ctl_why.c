/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_why.c - options become the words of a query. */
#include "main/ctl_why.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "net/addr.h"

int
ctl_why(const struct ctl_args *a)
{
    struct strbuf path;
    int rv;

    if (ctl_ask_words(a, ctl_has(a, "json") ? "/why.json" : "/why", &path))
        rv = ctl_ask_question(a, path.s);
    else
        rv = ctl_usage(a, "that is too much for one question");
    strbuf_done(&path);
    return rv;
}

static int
level_set(const struct ctl_args *a, const char *path)
{
    const char *why = "";
    struct strbuf body;
    struct addr to;
    int status = 0, rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&body, CTL_TEXT_MAX);
    rv = ctl_http_post(&to, path, &status, &body, &why);
    if (rv != ERR_OK)
        rv = ctl_ask_failed(a, rv, why);
    else if (status == 200)
        rv = ctl_ask_print(&body, stdout);
    else
        rv = ctl_ask_print(&body, stderr) == EXIT_SUCCESS && status == 422 ? CTL_BAD_USAGE
                                                                           : EXIT_FAILURE;
    strbuf_done(&body);
    return rv;
}

int
ctl_log_level(const struct ctl_args *a)
{
    struct strbuf path;
    int rv;

    if (a->n_operands == 0 && ctl_has(a, "for"))
        return ctl_usage(a, "say which level: log-level debug --for 5m");
    if (!ctl_ask_words(a, "/log-level", &path))
        rv = ctl_usage(a, "that is too long");
    else if (a->n_operands == 0)
        rv = ctl_ask_question(a, path.s);
    else {
        ctl_ask_word(&path, "level", a->operands[0]);
        rv = level_set(a, path.s);
    }
    strbuf_done(&path);
    return rv;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_explain.c - from options to the query of /explain-call. */
#include "main/ctl_explain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "net/addr.h"

enum { PATH_MAX_BYTES = 8000 };

#define PAGE "/explain-call?"

static void
add_word(struct strbuf *path, const char *key, const char *value)
{
    strbuf_printf(path, "%s%s=", path->len > strlen(PAGE) ? "&" : "", key);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (isalnum(*p) || strchr("-._", *p))
            strbuf_printf(path, "%c", *p);
        else
            strbuf_printf(path, "%%%02X", *p);
    }
}

/* -1: go on; else the exit code. */
static int
explain_path(const struct ctl_args *a, struct strbuf *path)
{
    for (size_t i = 0; i < a->n_given; i++) {
        const char *name = a->given[i].option->name;

        if (strcmp(name, "json") == 0)
            add_word(path, "format", "json");
        else if (strcmp(name, "admin") != 0)
            add_word(path, name, a->given[i].value);
    }
    if (!ctl_has(a, "method"))
        return ctl_usage(a, "say which method: --method /pkg.Service/Method");
    return path->cut ? ctl_usage(a, "that is too much for one call") : -1;
}

static int
explain_ask(const struct ctl_args *a, const char *path)
{
    const char *why = "";
    struct strbuf body;
    struct addr to;
    int status = 0, rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&body, CTL_TEXT_MAX);
    rv = ctl_http_ask(&to, path, &status, &body, &why);
    if (rv != ERR_OK) {
        rv = ctl_ask_failed(a, rv, why);
    } else if (status != 200) {
        fprintf(stderr, "outriggerctl explain-call: %s", body.s ? body.s : "\n");
        rv = CTL_BAD_USAGE;
    } else {
        rv = ctl_ask_print(&body, stdout);
    }
    strbuf_done(&body);
    return rv;
}

int
ctl_explain(const struct ctl_args *a)
{
    struct strbuf path;
    int rv;

    strbuf_init(&path, PATH_MAX_BYTES);
    strbuf_puts(&path, PAGE);
    rv = explain_path(a, &path);
    if (rv < 0)
        rv = explain_ask(a, path.s);
    strbuf_done(&path);
    return rv;
}

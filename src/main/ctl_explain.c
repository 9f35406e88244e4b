/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_explain.c - from options to the query of /explain-call. */
#include "main/ctl_explain.h"

#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"

/* -1: go on; else the exit code. */
static int
explain_path(const struct ctl_args *a, struct strbuf *path)
{
    bool fits = ctl_ask_words(a, "/explain-call", path);

    if (!ctl_has(a, "method"))
        return ctl_usage(a, "say which method: --method /pkg.Service/Method");
    if (ctl_has(a, "json"))
        ctl_ask_word(path, "format", "json");
    return !fits || path->cut ? ctl_usage(a, "that is too much for one call") : -1;
}

int
ctl_explain(const struct ctl_args *a)
{
    struct strbuf path;
    int rv = explain_path(a, &path);

    if (rv < 0)
        rv = ctl_ask_question(a, path.s);
    strbuf_done(&path);
    return rv;
}

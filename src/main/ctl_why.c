/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_why.c - options become the words of a query. */
#include "main/ctl_why.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_known.h"

int
ctl_why(const struct ctl_args *a)
{
    struct strbuf path;
    int rv;

    if (ctl_ask_words(a, ctl_has(a, "json") ? "/why.json" : "/why", &path)) {
        ctl_known_note(a);
        rv = ctl_ask_question(a, path.s);
    } else {
        rv = ctl_usage(a, "that is too much for one question");
    }
    strbuf_done(&path);
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
        rv = ctl_ask_say(a, path.s, true, CTL_BAD_USAGE);
    }
    strbuf_done(&path);
    return rv;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_endpoint.c - three words to a POST. */
#include "main/ctl_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"

enum { PATH_MAX_BYTES = 2000 };

int
ctl_endpoint(const struct ctl_args *a)
{
    const char *what = a->operands[0];
    struct strbuf path;
    int rv;

    if (strcmp(what, "disable") != 0 && strcmp(what, "enable") != 0)
        return ctl_usage(a, "disable or enable comes first, not \"%.40s\"", what);
    strbuf_init(&path, PATH_MAX_BYTES);
    strbuf_puts(&path, "/endpoint");
    ctl_ask_word(&path, "do", what);
    ctl_ask_word(&path, "pool", a->operands[1]);
    ctl_ask_word(&path, "address", a->operands[2]);
    if (path.cut)
        rv = ctl_usage(a, "the names are too long");
    else
        rv = ctl_ask_say(a, path.s, true, EXIT_FAILURE);
    strbuf_done(&path);
    return rv;
}

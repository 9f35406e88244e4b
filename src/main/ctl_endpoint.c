/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_endpoint.c - three words to a POST. */
#include "main/ctl_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "net/addr.h"

enum { PATH_MAX_BYTES = 2000, SAID_MAX = 64 * 1024 };

int
ctl_endpoint(const struct ctl_args *a)
{
    const char *what = a->operands[0], *why = "";
    struct strbuf path, said;
    struct addr to;
    int status = 0, rv;

    if (strcmp(what, "disable") != 0 && strcmp(what, "enable") != 0)
        return ctl_usage(a, "disable or enable comes first, not \"%.40s\"", what);
    rv = ctl_ask_address(a, &to);
    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&path, PATH_MAX_BYTES);
    strbuf_init(&said, SAID_MAX);
    strbuf_puts(&path, "/endpoint");
    ctl_ask_word(&path, "do", what);
    ctl_ask_word(&path, "pool", a->operands[1]);
    ctl_ask_word(&path, "address", a->operands[2]);
    if (path.cut)
        rv = ctl_usage(a, "the names are too long");
    else if ((rv = ctl_http_post(&to, path.s, &status, &said, &why)) != ERR_OK)
        rv = ctl_ask_failed(a, rv, why);
    else
        rv = ctl_ask_print(&said, status == 200 ? stdout : stderr);
    if (rv == EXIT_SUCCESS && status != 200)
        rv = EXIT_FAILURE;
    strbuf_done(&path);
    strbuf_done(&said);
    return rv;
}

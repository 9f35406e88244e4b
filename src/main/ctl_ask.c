/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_ask.c - one page, or one sentence. */
#include "main/ctl_ask.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_args.h"
#include "main/ctl_http.h"
#include "net/addr.h"

int
ctl_ask_address(const struct ctl_args *a, struct addr *ret)
{
    const char *why = "";

    if (addr_parse(a->address, false, ret, &why) == ERR_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "outriggerctl: the address \"%.100s\": %s\n", a->address, why);
    return CTL_BAD_USAGE;
}

int
ctl_ask_failed(const struct ctl_args *a, int err, const char *why)
{
    if (err == ERR_CONNECT)
        fprintf(stderr,
                "outriggerctl: cannot reach the admin port at %s: %s. Is outrigger "
                "running? Its \"admin\": { \"listen\": ... } says where; give that with "
                "-a\n",
                a->address, why);
    else
        fprintf(stderr, "outriggerctl: the admin port at %s: %s\n", a->address, why);
    return EXIT_FAILURE;
}

int
ctl_ask_page(const struct ctl_args *a, const char *path, struct strbuf *body)
{
    const char *why = "";
    struct addr to;
    int rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    rv = ctl_http_get(&to, path, body, &why);
    return rv == ERR_OK ? EXIT_SUCCESS : ctl_ask_failed(a, rv, why);
}

int
ctl_ask_print(const struct strbuf *text, FILE *to)
{
    fputs(text->s ? text->s : "", to);
    if (fflush(to) == 0 && !ferror(to))
        return EXIT_SUCCESS;
    fputs("outriggerctl: the output could not be written\n", stderr);
    return EXIT_FAILURE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/target.c - targets that need no name service. */
#include "resolve/target.h"

#include <string.h>

#include "base/err.h"

static int
target_one(const char *text, size_t n, struct addr *ret, const char **ret_why)
{
    char one[256];

    if (n == 0 || n >= sizeof(one)) {
        *ret_why =
            n ? "this address is too long" : "an address is empty; write host:port";
        return ERR_SYNTAX;
    }
    memcpy(one, text, n);
    one[n] = '\0';
    return addr_parse(one, false, ret, ret_why);
}

static int
target_walk(const char *list, target_fn *fn, void *arg, const char **ret_why)
{
    for (const char *at = list;;) {
        const char *comma = strchr(at, ',');
        struct addr a;
        int rv = target_one(at, comma ? (size_t)(comma - at) : strlen(at), &a, ret_why);

        if (rv != ERR_OK)
            return rv;
        if (fn)
            fn(arg, &a);
        if (!comma)
            return ERR_OK;
        at = comma + 1;
    }
}

int
target_parse(const char *target, target_fn *fn, void *arg, const char **ret_why)
{
    static const char list_scheme[] = "static:///";
    struct addr a;
    int rv;

    if (strncmp(target, list_scheme, sizeof(list_scheme) - 1) == 0) {
        target += sizeof(list_scheme) - 1;
        rv = target_walk(target, NULL, NULL, ret_why);
        return rv != ERR_OK || !fn ? rv : target_walk(target, fn, arg, ret_why);
    }
    if (strstr(target, ":///")) {
        *ret_why =
            "this resolver does not exist yet; write an address such as "
            "\"127.0.0.1:50051\", "
            "\"unix:/run/app.sock\" or \"static:///10.0.0.1:50051,10.0.0.2:50051\"";
        return ERR_SYNTAX;
    }
    rv = target_one(target, strlen(target), &a, ret_why);
    if (rv == ERR_OK && fn)
        fn(arg, &a);
    return rv;
}

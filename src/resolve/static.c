/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/static.c - targets that name their addresses: nobody is asked, the list is told
 * once and never changes. */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "resolve/kinds.h"
#include "resolve/target.h"
#include "resolve/unique.h"

static const char list_scheme[] = "static:///";

static bool
is_list(const char *target)
{
    return strncmp(target, list_scheme, sizeof(list_scheme) - 1) == 0;
}

static bool
is_localhost(const char *text)
{
    return strncasecmp(text, "localhost:", 10) == 0;
}

/* The sentence of net/addr tells the form; for a name the reason is another one. */
static int
refuse_one(const char *one, const char **ret_why)
{
    if (one[0] != '[' && strncmp(one, "unix", 4) != 0 && isalpha((unsigned char)one[0]) &&
        !is_localhost(one))
        *ret_why = "a list of static:/// has addresses only, not names; write each name "
                   "as an endpoint of its own";
    return ERR_SYNTAX;
}

static int
parse_one(const char *text, size_t n, bool in_list, struct addr *ret,
          const char **ret_why)
{
    char one[256];

    if (n == 0 || n >= sizeof(one)) {
        *ret_why =
            n ? "this address is too long" : "an address is empty; write host:port";
        return ERR_SYNTAX;
    }
    memcpy(one, text, n);
    one[n] = '\0';
    if (addr_parse(one, false, ret, ret_why) == ERR_OK)
        return ERR_OK;
    return in_list ? refuse_one(one, ret_why) : ERR_SYNTAX;
}

static int
walk(const char *list, bool in_list, target_fn *fn, void *arg, const char **ret_why)
{
    size_t count = 0;

    for (const char *at = list;;) {
        const char *comma = in_list ? strchr(at, ',') : NULL;
        struct addr a;
        int rv = parse_one(at, comma ? (size_t)(comma - at) : strlen(at), in_list, &a,
                           ret_why);

        if (rv != ERR_OK)
            return rv;
        if (++count > RESOLVE_ENDPOINTS_MAX) {
            *ret_why = "this list has more than 10000 addresses, which is the most";
            return ERR_SYNTAX;
        }
        if (fn)
            fn(arg, &a, is_localhost(at) ? "localhost" : NULL);
        if (!comma)
            return ERR_OK;
        at = comma + 1;
    }
}

int
target_parse(const char *target, target_fn *fn, void *arg, const char **ret_why)
{
    bool in_list = is_list(target);
    int rv;

    if (in_list)
        target += sizeof(list_scheme) - 1;
    rv = walk(target, in_list, NULL, NULL, ret_why);
    return rv != ERR_OK || !fn ? rv : walk(target, in_list, fn, arg, ret_why);
}

static int
static_check(const char *target, const char **ret_why)
{
    if (strncasecmp(target, "static:", 7) == 0 && !is_list(target)) {
        *ret_why = "static: has three slashes: \"static:///1.2.3.4:50051,1.2.3.5:50051\"";
        return ERR_SYNTAX;
    }
    return target_parse(target, NULL, NULL, ret_why);
}

struct static_list {
    struct resolved *v;
    size_t n;
};

static void
list_count(void *arg, const struct addr *addr, const char *host)
{
    struct static_list *list = arg;

    (void)addr, (void)host;
    list->n++;
}

static void
list_add(void *arg, const struct addr *addr, const char *host)
{
    struct static_list *list = arg;

    list->v[list->n++] =
        (struct resolved){ .addr = *addr, .weight = 1, .zone = "", .host = host };
}

static struct resolver *
static_start(const struct resolver_args *args)
{
    struct resolver *r = xcalloc(1, sizeof(*r));
    struct static_list list = { 0 };
    const char *why;
    size_t room;

    if (target_parse(args->target, list_count, &list, &why) != ERR_OK)
        abort(); /* it was checked when the config was loaded */
    room = list.n;
    list = (struct static_list){ .v = xcalloc(room, sizeof(*list.v)) };
    if (target_parse(args->target, list_add, &list, &why) != ERR_OK || list.n != room)
        abort();
    r->kind = &resolver_static;
    args->ops->on_list(args->arg, list.v, resolved_unique(list.v, list.n), -1);
    xfree(list.v);
    return r;
}

static void
static_stop(struct resolver *r)
{
    xfree(r);
}

#define STATIC_KIND(name)                                               \
    {                                                                   \
        .scheme = (name), .check = static_check, .start = static_start, \
        .stop = static_stop,                                            \
    }

const struct resolver_kind resolver_static = STATIC_KIND("static");
const struct resolver_kind resolver_literal = STATIC_KIND(NULL);
const struct resolver_kind resolver_unix = STATIC_KIND("unix");
const struct resolver_kind resolver_unix_abstract = STATIC_KIND("unix-abstract");

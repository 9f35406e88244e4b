/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/registry.c - which resolver reads which target, and what to write instead of a
 * target that none of them reads. */
#include "resolve/resolver.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "resolve/kinds.h"

#define FORMS                                                                           \
    "write an address (\"1.2.3.4:50051\", \"[::1]:50051\", \"unix:/path\"), a list of " \
    "them "                                                                             \
    "(\"static:///1.2.3.4:50051,1.2.3.5:50051\"), or a name "                           \
    "(\"dns:///app.example:50051\", "                                                   \
    "\"srv:///_grpc._tcp.app.example\", \"file:///path\", \"k8s:///app.shop:grpc\")"

/* One line per kind. Bare host names belong to the kind "dns". */
static const struct resolver_kind *const kinds[] = {
    &resolver_static, &resolver_unix, &resolver_unix_abstract, &resolver_literal,
    &resolver_file,   &resolver_k8s,  &resolver_dns,           &resolver_srv,
};

/* What people bring from other tools, and what to write here. */
static const struct {
    const char *prefix, *why;
} foreign[] = {
    { "http://", "an endpoint is no URL; leave out \"http://\" and write \"host:port\"" },
    { "https://", "an endpoint is no URL; write \"host:port\" and, for TLS, say "
                  "\"tls\": {} in the pool" },
    { "grpc://", "an endpoint is no URL; leave out \"grpc://\" and write \"host:port\"" },
    { "grpcs://", "an endpoint is no URL; write \"host:port\" and, for TLS, say "
                  "\"tls\": {} in the pool" },
    { "tcp://", "an endpoint is no URL; leave out \"tcp://\" and write \"host:port\"" },
    { "ipv4:", "leave out \"ipv4:\" and write \"1.2.3.4:50051\"" },
    { "ipv6:", "leave out \"ipv6:\" and write \"[::1]:50051\"" },
    { "xds:", "xDS is not supported; " FORMS },
    { "vsock:", "vsock addresses are not supported; " FORMS },
};

static const struct resolver_kind *
kind_of_scheme(const char *scheme, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *have = kinds[i]->scheme;

        if (have && strlen(have) == n && strncasecmp(have, scheme, n) == 0)
            return kinds[i];
    }
    return NULL;
}

/* A letter before the first ':' or '/' makes a name that only DNS can resolve. */
static bool
is_host_name(const char *text)
{
    size_t n = strcspn(text, ":/,");
    bool letter = false;

    if (text[0] == '[' || (n == 9 && strncasecmp(text, "localhost", n) == 0))
        return false;
    for (size_t i = 0; i < n; i++)
        letter |= (text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z';
    return letter;
}

static const struct resolver_kind *
find_bare(const char *target, const char **ret_why)
{
    if (strchr(target, ',')) {
        *ret_why = "a list of addresses starts with static:/// as in "
                   "\"static:///1.2.3.4:50051,1.2.3.5:50051\"";
        return NULL;
    }
    if (!is_host_name(target))
        return &resolver_literal;
    return &resolver_dns;
}

const struct resolver_kind *
resolver_find(const char *target, const char **ret_why)
{
    size_t n = strcspn(target, ":/");
    const struct resolver_kind *kind =
        target[n] == ':' ? kind_of_scheme(target, n) : NULL;

    if (kind)
        return kind;
    if (target[0] == '\0' || target[0] == '/') {
        *ret_why = target[0]
                       ? "a socket path starts with unix: as in \"unix:/run/app.sock\""
                       : FORMS;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (strncasecmp(target, foreign[i].prefix, strlen(foreign[i].prefix)) == 0) {
            *ret_why = foreign[i].why;
            return NULL;
        }
    }
    if (strstr(target, "://")) {
        *ret_why = "no resolver has this scheme; " FORMS;
        return NULL;
    }
    return find_bare(target, ret_why);
}

int
resolver_check(const char *target, const char **ret_why)
{
    const struct resolver_kind *kind = resolver_find(target, ret_why);

    return kind ? kind->check(target, ret_why) : ERR_SYNTAX;
}

struct resolver *
resolver_start(const struct resolver_args *args)
{
    const char *why;
    const struct resolver_kind *kind = resolver_find(args->target, &why);

    assert(kind && args->ops);
    return kind->start(args);
}

void
resolver_again(struct resolver *r)
{
    if (r->kind->again)
        r->kind->again(r);
}

void
resolver_stop(struct resolver *r)
{
    if (r)
        r->kind->stop(r);
}

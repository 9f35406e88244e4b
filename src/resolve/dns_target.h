/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_target.h - the targets of the resolvers dns and srv as text, and the names that
 * a search list makes of one name. Pure; any thread. */
#ifndef OUTRIGGER_RESOLVE_DNS_TARGET_H
#define OUTRIGGER_RESOLVE_DNS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "net/addr.h"

enum { DNS_HOST_ROOM = 256, DNS_PORT = 53 };

struct dns_target {
    struct addr server;       /* len 0: those of the config or the system */
    struct addr literal;      /* len 0: there is a name to ask for */
    char host[DNS_HOST_ROOM]; /* lower case, no dot at the end */
    bool absolute;            /* it was written with a dot at the end: no search list */
    bool srv;
    uint16_t port; /* 0 with srv */
};

/* "dns:///host:port", "dns:host:port", "dns://server[:port]/host:port", "host:port". gRPC
 * takes 443 for a port that is missing; we ask for it, since few backends of a proxy use it. */
int dns_target_parse(const char *text, struct dns_target *ret,
                     const char **ret_why) MUST_CHECK;
/* "srv:///_service._proto.host", also with a server as above. */
int srv_target_parse(const char *text, struct dns_target *ret,
                     const char **ret_why) MUST_CHECK;
/* A name server: "1.2.3.4", "1.2.3.4:53", "::1", "[::1]:53". */
int dns_server_parse(const char *text, struct addr *ret, const char **ret_why) MUST_CHECK;

struct dns_search {
    char *const *domains;
    size_t n;
    unsigned ndots; /* a name with fewer dots is first tried with the domains */
};

/* The i-th (from 0) name to try, in the order of resolv.conf(5). False: there are no more.
 * out: lower case, no dot at the end. */
bool dns_search_name(const struct dns_search *s, const struct dns_target *t, size_t i,
                     char out[DNS_HOST_ROOM]);

#endif

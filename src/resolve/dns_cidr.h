/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_cidr.h - ranges of addresses that answers may have, and addresses that no
 * backend can have. Pure; any thread. */
#ifndef OUTRIGGER_RESOLVE_DNS_CIDR_H
#define OUTRIGGER_RESOLVE_DNS_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "resolve/dns_answer.h"

struct dns_cidr {
    struct dns_ip ip;
    unsigned bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix must be 0: else the writer
 * meant something else. ERR_SYNTAX with a plain sentence. */
int
dns_cidr_parse(const char *text, struct dns_cidr *ret, const char **ret_why) MUST_CHECK;
/* ::ffff:1.2.3.4 is held against the IPv4 ranges: that is where it connects to. */
bool dns_cidr_has(const struct dns_cidr *c, const struct dns_ip *ip);
/* False for what cannot be connected to or means this host by accident: 0.0.0.0, ::,
 * multicast, broadcast, IPv6 link-local (it would need a zone). */
bool dns_ip_usable(const struct dns_ip *ip);

#endif

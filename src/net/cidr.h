/* SPDX-License-Identifier: Apache-2.0 */
/* net/cidr.h - IP addresses without a port, and ranges of them. Pure; any thread. */
#ifndef OUTRIGGER_NET_CIDR_H
#define OUTRIGGER_NET_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct addr;

struct ip {
    uint8_t family; /* 4 or 6 */
    uint8_t b[16];  /* network order; 4 or 16 are used, the rest is 0 */
};

struct cidr {
    struct ip ip;
    unsigned bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix must be 0: else the writer
 * meant something else. ::ffff:10.0.0.0/104 is 10.0.0.0/8. ERR_SYNTAX with a plain sentence. */
int cidr_parse(const char *text, struct cidr *ret, const char **ret_why) MUST_CHECK;
/* ::ffff:1.2.3.4 is held against the IPv4 ranges: that is where it connects to, and what a
 * client on a socket for both families has. */
bool cidr_has(const struct cidr *c, const struct ip *ip);
/* The IP of an address; false: it has none (a unix socket). */
bool ip_of_addr(const struct addr *a, struct ip *ret);
/* False for what cannot be connected to or means this host by accident: 0.0.0.0, ::,
 * multicast, broadcast, IPv6 link-local (it would need a zone). */
bool ip_usable(const struct ip *ip);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/addr.h - where to listen and where to connect: IPv4, IPv6 or a unix socket path.
 * Pure values; any thread. */
#ifndef OUTRIGGER_NET_ADDR_H
#define OUTRIGGER_NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/compat.h"

enum { ADDR_TEXT_MAX = 128 };

struct addr {
    struct sockaddr_storage sa;
    socklen_t len; /* 0: not set */
};

/* "1.2.3.4:80", "[::1]:80", "localhost:80" (RFC 6761: 127.0.0.1, no name service is
 * asked), "unix:/path"; to connect also "unix-abstract:name" (Linux), to listen also ":80" ([::]
 * for both families).
 * ERR_SYNTAX with *ret_why set to a plain sentence (static text) that says what is
 * wrong and what is expected. Port 0 only when listening. */
int addr_parse(const char *text, bool listen, struct addr *ret_addr,
               const char **ret_why) MUST_CHECK;
/* as addr_parse reads it; returns out */
const char *addr_print(const struct addr *a, char out[ADDR_TEXT_MAX]);
bool addr_equal(const struct addr *a, const struct addr *b);
/* For hash tables: equal for equal addresses. The high bits are as good as the low ones. */
uint64_t addr_hash(const struct addr *a, uint64_t seed);
bool addr_is_local(const struct addr *a); /* loopback or unix */
bool addr_is_unix(const struct addr *a);

#endif

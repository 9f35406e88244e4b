/* SPDX-License-Identifier: Apache-2.0 */
/* net/socket_facts.h - what the kernel knows of the socket below a transport, for pages. Two system calls. The transport's thread. */
#ifndef OUTRIGGER_NET_SOCKET_FACTS_H
#define OUTRIGGER_NET_SOCKET_FACTS_H

#include <netinet/tcp.h>
#include <stdbool.h>

#include "net/addr.h"
#include "net/transport.h"

struct socket_facts {
    struct addr local; /* len 0: unknown */
    bool has_tcp;
    struct tcp_info tcp; /* with has_tcp */
};

/* False: there is no socket (a memory pair, or it is closed). */
static inline bool
socket_facts_get(struct transport *t, struct socket_facts *ret)
{
    return t && t->ops->facts && t->ops->facts(t, ret);
}

#endif

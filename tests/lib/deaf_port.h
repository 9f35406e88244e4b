/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/deaf_port.h - an address where connections are refused for as long as a test needs that. A port that is only closed is soon
 * somebody else's: the next listener on port 0, here or in a test beside us, gets it once in some thousand times. */
#ifndef OUTRIGGER_TESTS_LIB_DEAF_PORT_H
#define OUTRIGGER_TESTS_LIB_DEAF_PORT_H

#include "unit.h"

#include <sys/socket.h>

#include "net/addr.h"
#include "net/listener.h"

/* Closes *li and makes it NULL; its port stays bound and nobody listens there. The caller closes the fd. */
static inline int
deaf_port(struct listener **li)
{
    struct addr at = *listener_addr(*li);
    const int on = 1;
    int fd = socket(at.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    listener_close(*li);
    *li = NULL;
    /* Connections that were accepted there may be open still. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at.sa, at.len), 0);
    return fd;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/fdswap.c - dup3 closes and opens in one step. */
#include "net/fdswap.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int
fdswap_take(int fd)
{
    int dead[2], own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, dead) != 0) {
        close(own);
        return -1;
    }
    close(dead[1]);
    if (dup3(dead[0], fd, O_CLOEXEC) < 0) {
        close(own);
        own = -1;
    }
    close(dead[0]);
    return own;
}

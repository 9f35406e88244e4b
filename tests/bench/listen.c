/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int
listen_bind(int fd, uint16_t *port, const char *unix_path)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons(*port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    socklen_t len = sizeof(in);

    if (unix_path != NULL) {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", unix_path);
        return bind(fd, (struct sockaddr *)&un, sizeof(un));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0)
        return -1;
    *port = ntohs(in.sin_port);
    return 0;
}

int
listen_open(uint16_t port, const char *unix_path)
{
    int fd = socket(unix_path != NULL ? AF_UNIX : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || listen_bind(fd, &port, unix_path) != 0 || listen(fd, 4096) != 0) {
        fprintf(stderr, "bench_backend: cannot listen: %s\n", strerror(errno));
        exit(1);
    }
    if (unix_path != NULL)
        printf("unix %s\n", unix_path);
    else
        printf("port %u\n", (unsigned)port);
    fflush(stdout);
    return fd;
}

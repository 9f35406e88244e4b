/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_http.c - HTTP/1.0: one request, the answer ends with the connection. */
#include "main/ctl_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "net/addr.h"

enum { TIMEOUT_S = 5, ANSWER_MAX = 128 << 20, READ_MAX = 16 * 1024 };

static int
http_connect(const struct addr *to)
{
    const struct timeval limit = { .tv_sec = TIMEOUT_S };
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&to->sa, to->len) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* 0: the whole answer is there. */
static int
http_exchange(int fd, const char *path, struct strbuf *answer)
{
    char request[256], piece[READ_MAX];
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    ssize_t got;

    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return -1;
    while ((got = recv(fd, piece, sizeof(piece), 0)) > 0)
        strbuf_add(answer, piece, (size_t)got);
    return got == 0 ? 0 : -1;
}

static int
http_body(const struct strbuf *answer, struct strbuf *body, const char **ret_why)
{
    const char *text = answer->s ? answer->s : "", *end = strstr(text, "\r\n\r\n");
    int status = 0;

    if (!end || sscanf(text, "HTTP/1.%*d %d", &status) != 1) {
        *ret_why = "that is not an HTTP server";
        return ERR_SYNTAX;
    }
    if (status != 200) {
        *ret_why = status == 404
                       ? "it does not know this page: is it an older version, or "
                         "another program?"
                       : "it answered with an HTTP error";
        return ERR_SYNTAX;
    }
    strbuf_puts(body, end + 4);
    return ERR_OK;
}

int
ctl_http_get(const struct addr *to, const char *path, struct strbuf *body,
             const char **ret_why)
{
    struct strbuf answer;
    int fd = http_connect(to), rv;

    if (fd < 0) {
        *ret_why = strerror(errno);
        return ERR_CONNECT;
    }
    strbuf_init(&answer, ANSWER_MAX);
    if (http_exchange(fd, path, &answer) == 0) {
        rv = http_body(&answer, body, ret_why);
    } else {
        *ret_why = errno == EAGAIN ? "no answer within 5 s" : strerror(errno);
        rv = ERR_DEADLINE;
    }
    strbuf_done(&answer);
    close(fd);
    return rv;
}

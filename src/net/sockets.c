/* SPDX-License-Identifier: Apache-2.0 */
/* net/sockets.c - listening sockets from elsewhere. */
#include "net/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/addr.h"

struct inherited {
    int fd; /* -1: taken */
    bool owns_file;
    struct addr addr; /* len 0: unknown */
    char text[SOCKETS_NAME_MAX], shown[ADDR_TEXT_MAX];
};

struct sockets {
    size_t n, room;
    struct inherited *rows;
};

/* --- the environment ------------------------------------------------------------- */

static bool
number_parse(const char *text, long *ret)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *ret = strtol(text, &end, 10);
    return *end == '\0' && errno == 0;
}

int
sockets_count(const char *pid, const char *fds, long self, const char **ret_why)
{
    long whose, n;

    if (!pid || !fds)
        return 0;
    *ret_why = "LISTEN_PID is not a number; start outrigger from the socket unit itself";
    if (!number_parse(pid, &whose))
        return ERR_SYNTAX;
    if (whose != self)
        return 0; /* meant for another process, which left its environment to us */
    *ret_why = "LISTEN_FDS is not a number of descriptors that a process can have";
    if (!number_parse(fds, &n) || n > SOCKETS_MAX)
        return ERR_SYNTAX;
    return (int)n;
}

void
sockets_name(const char *names, size_t i, char out[SOCKETS_NAME_MAX])
{
    const char *at = names ? names : "";

    for (; i > 0; i--) {
        at = strchr(at, ':');
        if (!at) {
            out[0] = '\0';
            return;
        }
        at++;
    }
    snprintf(out, SOCKETS_NAME_MAX, "%.*s", (int)strcspn(at, ":"), at);
}

/* --- the set ------------------------------------------------------------------------ */

struct sockets *
sockets_new(void)
{
    return xcalloc(1, sizeof(struct sockets));
}

int
sockets_add(struct sockets *s, int fd, const char *text, bool owns_file)
{
    struct inherited *r;

    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (s->n == SOCKETS_MAX) {
        close(fd);
        return ERR_LIMIT;
    }
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 8;
        s->rows = xrealloc(s->rows, s->room * sizeof(*s->rows));
    }
    r = &s->rows[s->n++];
    *r = (struct inherited){ .fd = fd, .owns_file = owns_file };
    snprintf(r->text, sizeof(r->text), "%s", text);
    r->addr.len = sizeof(r->addr.sa);
    if (getsockname(fd, (struct sockaddr *)&r->addr.sa, &r->addr.len) < 0)
        r->addr.len = 0;
    return ERR_OK;
}

int
sockets_add_env(struct sockets *s, const char **ret_why)
{
    const char *names = getenv("LISTEN_FDNAMES");
    int n = sockets_count(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), (long)getpid(),
                          ret_why);

    for (int i = 0; i < n; i++) {
        char name[SOCKETS_NAME_MAX], text[SOCKETS_NAME_MAX + 3];

        sockets_name(names, (size_t)i, name);
        snprintf(text, sizeof(text), "fd:%s", name);
        if (sockets_add(s, SOCKETS_FIRST_FD + i, text, false) != ERR_OK)
            break; /* more than SOCKETS_MAX was refused above */
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

/* ":80" is [::]:80 on a host with IPv6, and 0.0.0.0:80 on one without: both are what the config means. */
static bool
addr_is_wildcard_of(const struct addr *at, const struct addr *have)
{
    const struct sockaddr_in6 *in6 = (const void *)&at->sa;
    const struct sockaddr_in *in = (const void *)&have->sa;

    return at->sa.ss_family == AF_INET6 && have->sa.ss_family == AF_INET &&
           IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
           in->sin_addr.s_addr == htonl(INADDR_ANY) && in->sin_port == in6->sin6_port;
}

static int
inherited_take(struct inherited *r, bool *ret_owns)
{
    int fd = r->fd;

    *ret_owns = r->owns_file;
    r->fd = -1;
    return fd;
}

int
sockets_take(struct sockets *s, const char *text, const struct addr *at, bool *ret_owns)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->rows[i].fd >= 0 && strcmp(s->rows[i].text, text) == 0)
            return inherited_take(&s->rows[i], ret_owns);
    }
    for (size_t i = 0; at && i < s->n; i++) {
        const struct addr *have = &s->rows[i].addr;

        if (s->rows[i].fd >= 0 && have->len &&
            (addr_equal(have, at) || addr_is_wildcard_of(at, have)))
            return inherited_take(&s->rows[i], ret_owns);
    }
    return -1;
}

const char *
sockets_left(const struct sockets *s, size_t *at)
{
    while (*at < s->n) {
        struct inherited *r = &s->rows[(*at)++];

        if (r->fd < 0)
            continue;
        if (r->addr.len && r->addr.sa.ss_family != AF_UNSPEC)
            return addr_print(&r->addr, r->shown);
        return r->text;
    }
    return NULL;
}

void
sockets_free(struct sockets *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        if (s->rows[i].fd >= 0)
            close(s->rows[i].fd);
    }
    xfree(s->rows);
    xfree(s);
}

bool
sockets_is_name(const char *listen, const char **ret_why)
{
    size_t n;

    if (strncmp(listen, "fd:", 3) != 0)
        return false;
    n = strlen(listen + 3);
    /* systemd.socket(5), FileDescriptorName=: up to 255 ASCII characters, no colon. */
    if (n == 0 || n > SOCKETS_NAME_MAX - 4 || strchr(listen + 3, ':'))
        *ret_why =
            "after \"fd:\" stands the FileDescriptorName of a systemd socket unit, "
            "which has no colon; write \"fd:grpc\"";
    for (size_t i = 0; i < n; i++) {
        if (listen[3 + i] <= ' ' || listen[3 + i] > '~')
            *ret_why = "after \"fd:\" stands the FileDescriptorName of a systemd socket "
                       "unit: ASCII letters without spaces";
    }
    return true;
}

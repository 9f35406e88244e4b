/* SPDX-License-Identifier: Apache-2.0 */
/* main/notify.c - sd_notify(3) without its library. */
#include "main/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "main/pulse.h"
#include "net/addr.h"
#include "net/local.h"

struct notify {
    struct loop *loop;
    int fd; /* -1: nobody listens */
    struct addr to;
    int64_t ping_us; /* 0: no watchdog */
    struct timer timer;
    struct pulse *pulse; /* NULL: no watchdog, or not yet */
    struct log_limit limit;
};

/* --- the protocol ----------------------------------------------------------------- */

int
notify_addr(const char *text, struct addr *ret, const char **ret_why)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t n = strlen(text);

    *ret_why = "it must be a full path, or @ and a name";
    if ((text[0] != '/' && text[0] != '@') || n < 2)
        return ERR_SYNTAX;
    *ret_why = "it is longer than the address of a socket can be";
    if (n >= sizeof(un.sun_path))
        return ERR_SYNTAX;
    memcpy(un.sun_path, text, n);
    if (text[0] == '@')
        un.sun_path[0] = '\0';
    /* A path ends with its NUL, an abstract name with its last byte: each further one would be part of it. */
    *ret = (struct addr){ .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
                                             (text[0] == '/' ? 1 : 0)) };
    memcpy(&ret->sa, &un, sizeof(un));
    return ERR_OK;
}

static bool
whole_number(const char *text, long long *ret)
{
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

int64_t
notify_ping_us(const char *usec, const char *pid, long self)
{
    long long us, whose;

    if (!whole_number(usec, &us) || us == 0)
        return 0;
    if (pid && (!whole_number(pid, &whose) || whose != self))
        return 0;
    return us / 2 < 1000 ? 1000 : us / 2;
}

size_t
notify_format(char out[NOTIFY_TEXT_MAX], const char *lines, const char *status)
{
    size_t n = (size_t)snprintf(out, NOTIFY_TEXT_MAX, "%s", lines);

    if (n >= NOTIFY_TEXT_MAX)
        return NOTIFY_TEXT_MAX - 1;
    if (status && n + sizeof("STATUS=") < NOTIFY_TEXT_MAX) {
        size_t from = n + (size_t)snprintf(out + n, NOTIFY_TEXT_MAX - n, "STATUS=");

        snprintf(out + from, NOTIFY_TEXT_MAX - from, "%s", status);
        for (n = from; out[n]; n++) {
            if (out[n] == '\n' || out[n] == '\r')
                out[n] = ' ';
        }
    }
    return n;
}

static void
notify_send(struct notify *n, const char *lines, const char *status)
{
    char text[NOTIFY_TEXT_MAX];
    size_t len = notify_format(text, lines, status);

    if (n->fd < 0)
        return;
    if (local_send_to(n->fd, &n->to, text, len) != ERR_OK && log_limit_pass(&n->limit, 3))
        log_at(NULL, LOG_WARN, "the service manager cannot be told",
               LS("why", strerror(errno)), LS("message", lines));
}

void
notify_ready(struct notify *n, bool with_pid, const char *status)
{
    char lines[64] = "READY=1\n";

    if (with_pid)
        snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld\n", (long)getpid());
    notify_send(n, lines, status);
}

void
notify_reloading(struct notify *n)
{
    char lines[64];

    /* The manager compares it with its own clock: never that of a test. */
    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
             (long long)clock_real.now_us(clock_real.arg));
    notify_send(n, lines, "reading the configuration");
}

void
notify_stopping(struct notify *n, const char *status)
{
    notify_send(n, "STOPPING=1\n", status);
}

void
notify_status(struct notify *n, const char *status)
{
    notify_send(n, "", status);
}

/* --- the watchdog ------------------------------------------------------------------ */

static void
notify_on_timer(struct timer *t)
{
    struct notify *n = CONTAINER_OF(t, struct notify, timer);
    int silent = pulse_ask(n->pulse);

    if (silent < 0)
        notify_send(n, "WATCHDOG=1\n", NULL);
    else if (log_limit_pass(&n->limit, 3))
        log_at(NULL, LOG_ERROR, "no ping for the watchdog: a worker does not answer",
               LI("worker", silent));
    timer_start(n->loop, t, n->ping_us);
}

void
notify_watch(struct notify *n, struct worker *const *workers, size_t count)
{
    if (n->fd < 0 || n->ping_us == 0)
        return;
    n->pulse = pulse_new(workers, count);
    notify_on_timer(&n->timer);
}

void
notify_stop(struct notify *n)
{
    timer_stop(n->loop, &n->timer);
}

/* --- life --------------------------------------------------------------------------- */

struct notify *
notify_open(struct loop *loop)
{
    struct notify *n = xcalloc(1, sizeof(*n));
    const char *to = getenv("NOTIFY_SOCKET"), *why = "";

    n->loop = loop;
    n->fd = -1;
    timer_init(&n->timer, notify_on_timer);
    if (to && (notify_addr(to, &n->to, &why) != ERR_OK ||
               local_datagram_open(&n->fd) != ERR_OK))
        log_at(NULL, LOG_WARN, "NOTIFY_SOCKET cannot be used", LS("value", to),
               LS("why", why));
    n->ping_us =
        notify_ping_us(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), (long)getpid());
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return n;
}

void
notify_mute(struct notify *n)
{
    notify_stop(n);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

void
notify_close(struct notify *n)
{
    if (!n)
        return;
    notify_mute(n);
    pulse_free(n->pulse);
    xfree(n);
}

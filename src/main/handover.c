/* SPDX-License-Identifier: Apache-2.0 */
/* main/handover.c - gives listening sockets to the next process. One session at a time; what it hands out are duplicates made at its beginning, so that
 * a reload in the middle cannot pull a socket away. */
#include "main/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "main/handover_line.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/local.h"
#include "net/sockets.h"

/* The new process reads its config, resolves and connects in this time. */
static const int64_t SESSION_US = 60 * 1000 * 1000;

struct copy { /* of a socket, while a session runs */
    int fd;
    bool owns_file;
    char text[HANDOVER_TEXT_MAX];
};

struct handover {
    struct loop *loop;
    const struct handover_ops *ops;
    void *arg;
    char path[ADDR_TEXT_MAX];
    struct listener *listener;
    /* The session. */
    int fd; /* -1: none */
    struct fdwatch *watch;
    struct timer limit;
    char line[HANDOVER_LINE_MAX];
    size_t line_len;
    struct copy *copies;
    size_t copy_count;
};

/* --- a session ----------------------------------------------------------------------- */

static void
session_end(struct handover *h, const char *why)
{
    if (h->fd < 0)
        return;
    if (why)
        log_at(NULL, LOG_WARN, "upgrade ended without effect", LS("why", why));
    timer_stop(h->loop, &h->limit);
    fdwatch_close(h->watch);
    close(h->fd);
    h->fd = -1;
    for (size_t i = 0; i < h->copy_count; i++)
        close(h->copies[i].fd);
    xfree(h->copies);
    h->copies = NULL;
    h->copy_count = 0;
}

static int
session_say(int fd, const struct handover_line *m, int pass)
{
    char text[HANDOVER_LINE_MAX];

    return local_send(fd, text, handover_line_format(m, text), pass);
}

/* "no" and the reason; whether it arrives does not matter. */
static void
session_refuse(int fd, const char *why)
{
    struct handover_line no = { .word = HANDOVER_NO };

    snprintf(no.text, sizeof(no.text), "%s", why);
    if (session_say(fd, &no, -1) != ERR_OK)
        log_at(NULL, LOG_DEBUG, "the refusal of an upgrade could not be told");
}

static void
session_copy(struct handover *h)
{
    struct handover_socket list[HANDOVER_SOCKETS_MAX];
    size_t n = h->ops->list(h->arg, list, HANDOVER_SOCKETS_MAX - 1);

    list[n++] = (struct handover_socket){
        .fd = listener_fd(h->listener),
        .owns_file = listener_owns_file(h->listener),
        .text = h->path,
    };
    h->copies = xcalloc(n, sizeof(*h->copies));
    for (size_t i = 0; i < n; i++) {
        struct copy *c = &h->copies[h->copy_count];

        c->fd = fcntl(list[i].fd, F_DUPFD_CLOEXEC, 0);
        c->owns_file = list[i].owns_file;
        snprintf(c->text, sizeof(c->text), "%s", list[i].text);
        if (c->fd >= 0)
            h->copy_count++;
    }
}

static int
session_give(struct handover *h, uint32_t i)
{
    struct handover_line m = { .word = HANDOVER_SOCKET, .number = i };

    if (i >= h->copy_count)
        return ERR_PROTOCOL;
    m.owns_file = h->copies[i].owns_file;
    memcpy(m.text, h->copies[i].text, sizeof(m.text));
    return session_say(h->fd, &m, h->copies[i].fd);
}

/* The point of no return. */
static int
session_go(struct handover *h, uint32_t pid)
{
    const struct handover_line bye = { .word = HANDOVER_BYE,
                                       .number = (uint32_t)getpid() };

    if (h->copy_count == 0)
        return ERR_PROTOCOL; /* it has nothing of ours */
    listener_leave(h->listener);
    listener_close(h->listener);
    h->listener = NULL;
    if (session_say(h->fd, &bye, -1) != ERR_OK)
        log_at(NULL, LOG_DEBUG, "the new process was not told that this one leaves");
    session_end(h, NULL);
    h->ops->leave(h->arg, (long)pid);
    return ERR_OK;
}

static int
session_take(struct handover *h, const struct handover_line *m)
{
    struct handover_line answer = { .word = HANDOVER_SOCKETS };

    switch (m->word) {
    case HANDOVER_HELLO:
        if (h->copies)
            return ERR_PROTOCOL;
        session_copy(h);
        answer.number = (uint32_t)h->copy_count;
        return session_say(h->fd, &answer, -1);
    case HANDOVER_ASK:
        return session_give(h, m->number);
    case HANDOVER_GO:
        return session_go(h, m->number);
    default:
        return ERR_PROTOCOL;
    }
}

static void
session_on_line(struct handover *h, size_t n)
{
    struct handover_line m;
    int rv = handover_line_parse(h->line, n, &m);

    h->line_len = 0;
    if (rv == ERR_OK)
        rv = session_take(h, &m);
    if (rv != ERR_OK)
        session_end(h, rv == ERR_SYNTAX || rv == ERR_PROTOCOL
                           ? "the other process does not speak this version's language"
                           : "the other process takes no answers");
}

static void
session_on_ready(void *arg, int what)
{
    struct handover *h = arg;
    int pass = -1;
    ssize_t n =
        local_recv(h->fd, h->line + h->line_len, sizeof(h->line) - h->line_len, &pass);
    char *end;

    (void)what;
    if (pass >= 0)
        close(pass); /* nobody gives us any */
    if (n == ERR_AGAIN)
        return;
    if (n <= 0) {
        session_end(h, "the new process went away before it served");
        return;
    }
    h->line_len += (size_t)n;
    end = memchr(h->line, '\n', h->line_len);
    /* Each line waits for the answer to the one before: what comes behind it is a fault. */
    if (end && end == h->line + h->line_len - 1)
        session_on_line(h, h->line_len - 1);
    else if (end || h->line_len == sizeof(h->line))
        session_end(h, "the other process does not speak this version's language");
}

static void
session_on_limit(struct timer *t)
{
    session_end(CONTAINER_OF(t, struct handover, limit),
                "the new process was not ready within 60 s");
}

static void
handover_on_accept(void *arg, int fd, const struct addr *peer)
{
    static struct log_limit limit;
    struct handover *h = arg;
    const char *why = h->ops->refuse(h->arg);

    (void)peer;
    if (!local_peer_trusted(fd)) {
        if (log_limit_pass(&limit, 3))
            log_at(NULL, LOG_WARN, "upgrade refused: it was asked for by another user");
        close(fd);
        return;
    }
    if (!why && h->fd >= 0)
        why = "another upgrade is under way";
    if (why) {
        log_at(NULL, LOG_WARN, "upgrade refused", LS("why", why));
        session_refuse(fd, why);
        close(fd);
        return;
    }
    log_at(NULL, LOG_INFO, "upgrade: another process asks for the listening sockets");
    h->fd = fd;
    h->line_len = 0;
    h->watch = fdwatch_open(h->loop, fd, session_on_ready, h);
    fdwatch_want(h->watch, true, false);
    timer_start(h->loop, &h->limit, SESSION_US);
}

/* --- the socket ------------------------------------------------------------------------ */

int
handover_open(struct loop *loop, const char *path, struct sockets *inherited,
              const struct handover_ops *ops, void *arg, struct handover **ret,
              const char **ret_why)
{
    struct handover *h = xcalloc(1, sizeof(*h));
    struct addr at;
    bool owns = false;
    int fd, rv;

    h->loop = loop;
    h->ops = ops;
    h->arg = arg;
    h->fd = -1;
    timer_init(&h->limit, session_on_limit);
    snprintf(h->path, sizeof(h->path), "unix:%s", path);
    rv = addr_parse(h->path, true, &at, ret_why);
    fd = rv == ERR_OK ? sockets_take(inherited, h->path, &at, &owns) : -1;
    if (rv == ERR_OK && fd >= 0) {
        rv = listener_adopt(loop, fd, owns, handover_on_accept, h, &h->listener, ret_why);
    } else if (rv == ERR_OK) {
        mode_t before = umask(0177);

        rv = listener_open(loop, &at, handover_on_accept, h, &h->listener, ret_why);
        umask(before);
    }
    if (rv != ERR_OK) {
        xfree(h);
        return rv;
    }
    *ret = h;
    return ERR_OK;
}

void
handover_start(struct handover *h)
{
    listener_start(h->listener);
}

void
handover_close(struct handover *h)
{
    if (!h)
        return;
    session_end(h, "the process is ending");
    listener_close(h->listener);
    xfree(h);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net/listener.c - accepting, also when file descriptors run out: without the spare
 * one the queue would stay full and the level-triggered event would spin. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"

enum {
    LISTENER_BACKLOG = 4096,
    LISTENER_PER_TURN = 16,
    LISTENER_SWEEP_MAX = 2 * LISTENER_BACKLOG,
    LISTENER_REST_US = 100 * 1000,
};

enum listener_state {
    LISTENER_PAUSED,
    LISTENER_ACCEPTING,
    LISTENER_RESTING,
    LISTENER_CLOSED
};

static _Atomic uint64_t all_failures; /* listener_all_failures */

struct listener {
    struct ref ref;
    struct loop *loop;
    struct fdwatch *watch;
    struct timer rest; /* the pause after a lack of fds */
    listener_fn *fn;
    void *arg;
    struct addr addr;
    unsigned long failures;
    int fd, spare_fd;
    enum listener_state state;
    bool left;      /* to another process */
    bool owns_file; /* of a unix socket */
    bool borrowed;  /* adopted, not started: who gave it may have to go on */
    /* of our unix socket file: another process may have put its own there */
    dev_t file_dev;
    ino_t file_ino;
};

static void
listener_set_state(struct listener *li, enum listener_state to)
{
    li->state = to;
    if (to == LISTENER_RESTING)
        timer_start(li->loop, &li->rest, LISTENER_REST_US);
    else
        timer_stop(li->loop, &li->rest);
    fdwatch_want(li->watch, to == LISTENER_ACCEPTING, false);
}

static void
listener_on_rest(struct timer *t)
{
    listener_set_state(CONTAINER_OF(t, struct listener, rest), LISTENER_ACCEPTING);
}

static int
listener_open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
listener_tell(const struct listener *li, int e)
{
    static struct log_limit limit;
    const char *what = "raise LimitNOFILE of the service or ulimit -n, or lower "
                       "limits.maxConnections";
    char text[ADDR_TEXT_MAX];

    if (!log_limit_pass(&limit, 1))
        return;
    if (e == ENFILE)
        what = "the whole system has none left: raise the sysctl fs.file-max";
    else if (e != EMFILE)
        what = "the system has no memory for it";
    log_at(NULL, LOG_ERROR, "clients cannot be accepted: they wait, and some are closed",
           LS("address", addr_print(&li->addr, text)), LS("why", strerror(e)),
           LS("change", what));
}

/* Out of fds: lets one waiting connection in and out, so that its client learns at
 * once, then rests. */
static void
listener_shed(struct listener *li, int e)
{
    li->failures++;
    atomic_fetch_add_explicit(&all_failures, 1, memory_order_relaxed);
    listener_tell(li, e);
    if (li->spare_fd >= 0) {
        close(li->spare_fd);

        int fd = accept4(li->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            close(fd);
    }
    li->spare_fd = listener_open_spare();
    listener_set_state(li, LISTENER_RESTING);
}

static bool
listener_is_scarce(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS;
}

static void
listener_accept(struct listener *li, int most)
{
    for (int i = 0; i < most && li->state == LISTENER_ACCEPTING; i++) {
        struct addr peer = { .len = sizeof(peer.sa) };
        int fd = accept4(li->fd, (struct sockaddr *)&peer.sa, &peer.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            li->fn(li->arg, fd, &peer);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (listener_is_scarce(errno))
            listener_shed(li, errno);
        /* Else this one connection died in the queue: accept(2) tells to go on with
         * the next. */
    }
}

static void
listener_on_ready(void *arg, int what)
{
    struct listener *li = arg;

    (void)what;
    loop_look(li->loop, false); /* once per turn */
    listener_accept(li, LISTENER_PER_TURN);
}

static int
listener_fail(int e, const char *why, const char **ret_why)
{
    errno = e;
    *ret_why = why;
    return ERR_SYS;
}

const char *
listener_bind_why(int e)
{
    const char *why = "the address cannot be listened on";

    if (e == EADDRINUSE)
        why = "the address is in use; stop the other process or choose another address";
    else if (e == EACCES || e == EPERM)
        why = "not allowed to listen there; choose a port above 1023 or a writable "
              "directory";
    else if (e == EADDRNOTAVAIL)
        why = "this host does not have that address; choose one of its own or all with "
              "\":port\"";
    else if (e == EAFNOSUPPORT)
        why = "this host has no such kind of address; is IPv6 switched off?";
    else if (e == ENOENT || e == ENOTDIR)
        why = "the directory of the unix socket does not exist; create it first";
    else if (e == EMFILE || e == ENFILE)
        why = "no file descriptor is left; raise the limit";
    return why;
}

static int
listener_fail_bind(int e, const char **ret_why)
{
    return listener_fail(e, listener_bind_why(e), ret_why);
}

int
listener_clear_path(const struct addr *at, const char **ret_why)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&at->sa)->sun_path;
    struct stat st;

    if (lstat(path, &st) < 0)
        return ERR_OK; /* bind will say what is wrong, if anything */
    if (!S_ISSOCK(st.st_mode))
        return listener_fail(EEXIST, "a file that is no socket is in the way; remove it",
                             ret_why);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return listener_fail_bind(errno, ret_why);

    bool dead = connect(fd, (const struct sockaddr *)&at->sa, at->len) < 0 &&
                errno == ECONNREFUSED;

    close(fd);
    if (!dead)
        return listener_fail_bind(EADDRINUSE, ret_why);
    if (unlink(path) < 0 && errno != ENOENT)
        return listener_fail(errno, "the old socket file cannot be removed", ret_why);
    return ERR_OK;
}

static int
listener_bind(const struct addr *at, int *ret_fd, const char **ret_why)
{
    const int on = 1, off = 0;
    int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return listener_fail_bind(errno, ret_why);
    if (!addr_is_unix(at))
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)&at->sa, at->len) < 0 ||
        listen(fd, LISTENER_BACKLOG) < 0) {
        int e = errno;

        close(fd);
        return listener_fail_bind(e, ret_why);
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* ":port" on a host without IPv6 means all IPv4 addresses. */
static bool
listener_make_v4(const struct addr *at, struct addr *ret)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&at->sa;
    struct sockaddr_in in = { .sin_family = AF_INET };

    if (at->sa.ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
        return false;
    in.sin_port = in6->sin6_port;
    *ret = (struct addr){ .len = sizeof(in) };
    memcpy(&ret->sa, &in, sizeof(in));
    return true;
}

static void
listener_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct listener, ref));
}

static struct listener *
listener_new(struct loop *l, int fd, const struct addr *at, listener_fn *fn, void *arg)
{
    struct listener *li = xcalloc(1, sizeof(*li));
    struct stat st;

    ref_init(&li->ref, listener_free);
    timer_init(&li->rest, listener_on_rest);
    li->loop = l;
    li->fd = fd;
    li->fn = fn;
    li->arg = arg;
    li->spare_fd = listener_open_spare();
    li->watch = fdwatch_open(l, fd, listener_on_ready, li);
    li->addr = *at;
    if (addr_is_unix(at)) {
        if (lstat(((const struct sockaddr_un *)(const void *)&at->sa)->sun_path, &st) ==
            0) {
            li->file_dev = st.st_dev;
            li->file_ino = st.st_ino;
            li->owns_file = true;
        }
        return li;
    }
    li->addr.len = sizeof(li->addr.sa);
    if (getsockname(fd, (struct sockaddr *)&li->addr.sa, &li->addr.len) < 0)
        li->addr = *at;
    return li;
}

int
listener_open(struct loop *l, const struct addr *at, listener_fn *fn, void *arg,
              struct listener **ret, const char **ret_why)
{
    struct addr v4;
    int fd;

    if (addr_is_unix(at) && listener_clear_path(at, ret_why) < 0)
        return ERR_SYS;

    int rc = listener_bind(at, &fd, ret_why);

    if (rc < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
        listener_make_v4(at, &v4)) {
        at = &v4;
        rc = listener_bind(at, &fd, ret_why);
    }
    if (rc == ERR_OK)
        *ret = listener_new(l, fd, at, fn, arg);
    return rc;
}

/* EINVAL: no socket that listens for streams. */
static int
listener_ready_fd(int fd, struct addr *ret)
{
    int value = 0, flags = fcntl(fd, F_GETFL);
    socklen_t n = sizeof(value);

    ret->len = sizeof(ret->sa);
    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &n) < 0)
        return errno;
    if (!value)
        return EINVAL;
    n = sizeof(value);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n) < 0 || value != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&ret->sa, &ret->len) < 0)
        return EINVAL;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || listen(fd, LISTENER_BACKLOG) < 0)
        return errno;
    return 0;
}

int
listener_adopt(struct loop *l, int fd, bool owns_file, listener_fn *fn, void *arg,
               struct listener **ret, const char **ret_why)
{
    struct addr at = { 0 };
    int e = listener_ready_fd(fd, &at);

    if (e) {
        close(fd);
        return listener_fail(e, "the inherited descriptor is no listening stream socket",
                             ret_why);
    }
    *ret = listener_new(l, fd, &at, fn, arg);
    (*ret)->owns_file = (*ret)->owns_file && owns_file;
    (*ret)->borrowed = true;
    return ERR_OK;
}

void
listener_start(struct listener *li)
{
    li->borrowed = false;
    if (li->state == LISTENER_PAUSED)
        listener_set_state(li, LISTENER_ACCEPTING);
}

void
listener_pause(struct listener *li)
{
    if (li->state != LISTENER_CLOSED)
        listener_set_state(li, LISTENER_PAUSED);
}

const struct addr *
listener_addr(const struct listener *li)
{
    return &li->addr;
}

unsigned long
listener_failures(const struct listener *li)
{
    return li->failures;
}

uint64_t
listener_all_failures(void)
{
    return atomic_load_explicit(&all_failures, memory_order_relaxed);
}

int
listener_fd(const struct listener *li)
{
    return li->fd;
}

bool
listener_owns_file(const struct listener *li)
{
    return li->owns_file;
}

void
listener_leave(struct listener *li)
{
    li->left = true;
    li->owns_file = false;
}

void
listener_sweep(struct listener *li)
{
    if (!li || li->left)
        return;
    if (li->state == LISTENER_RESTING) /* there is no later */
        listener_set_state(li, LISTENER_ACCEPTING);
    listener_accept(li, LISTENER_SWEEP_MAX);
}

static void
listener_remove_file(const struct listener *li)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&li->addr.sa)->sun_path;
    struct stat st;

    if (li->owns_file && !li->borrowed && addr_is_unix(&li->addr) &&
        lstat(path, &st) == 0 && st.st_dev == li->file_dev && st.st_ino == li->file_ino)
        unlink(path);
}

void
listener_close(struct listener *li)
{
    if (!li || li->state == LISTENER_CLOSED)
        return;
    listener_set_state(li, LISTENER_CLOSED);
    fdwatch_close(li->watch);
    listener_remove_file(li);
    close(li->fd);
    if (li->spare_fd >= 0)
        close(li->spare_fd);
    ref_drop(&li->ref, loop_reaper(li->loop));
}

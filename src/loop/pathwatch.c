/* SPDX-License-Identifier: Apache-2.0 */
/* loop/pathwatch.c - one inotify object per path. The path is walked by hand, component by
 * component, since only so every directory with a symlink on the way is found. Each watch
 * stands before what it watches is read, so no change falls between. */
#include "loop/pathwatch.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"

enum {
    SPOTS_MAX = 48, /* links on the way that are watched; the rest is left to the poll */
    LINKS_MAX = 40, /* as the kernel has it: a longer chain is a circle */
    READS_MAX = 16, /* of events in one turn */

    /* The new content is complete: IN_MODIFY is not asked for, it would show halves. */
    MASK_READY = IN_CLOSE_WRITE | IN_MOVED_TO,
    /* Something goes or begins; what follows soon may matter more. */
    MASK_LATER =
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
};

struct spot { /* a name in a watched directory */
    int wd;
    char name[NAME_MAX + 1];
};

struct pathwatch {
    struct ref ref;
    struct loop *loop;
    pathwatch_fn *fn; /* NULL: closed */
    void *arg;
    char *path;
    int fd; /* inotify; -1: none */
    struct fdwatch *watch;
    struct timer soon, later; /* the next tell for a reason, and the poll */
    int64_t soon_us, told_us;
    bool complained;
    unsigned n;
    struct spot spots[SPOTS_MAX];
};

struct walk {
    struct pathwatch *w;
    unsigned n;
    struct spot spots[SPOTS_MAX];
    char dir[PATH_MAX];  /* so far; without links; "" is the root */
    char rest[PATH_MAX]; /* what is left to walk */
};

/* ---- watches ---- */

static void
complain_once(struct pathwatch *w, const char *what)
{
    if (!w->complained)
        log_at(NULL, LOG_WARN, what, LS("path", w->path), LI("errno", errno),
               LS("help", "changes are found within seconds; raise the sysctl settings "
                          "fs.inotify.max_user_instances and max_user_watches"));
    w->complained = true;
}

static void
walk_watch(struct walk *k, const char *name)
{
    struct pathwatch *w = k->w;
    const char *dir = k->dir[0] ? k->dir : "/";
    struct spot *s = &k->spots[k->n];

    if (w->fd < 0 || k->n == SPOTS_MAX)
        return;
    s->wd = inotify_add_watch(w->fd, dir, MASK_READY | MASK_LATER | IN_ONLYDIR);
    if (s->wd >= 0)
        snprintf(s->name, sizeof(s->name), "%s", name);
    if (s->wd >= 0)
        k->n++;
    else if (errno == ENOSPC || errno == ENOMEM)
        complain_once(w, "cannot watch a directory");
}

/* Takes the next component off rest. False: there is none. */
static bool
walk_next(struct walk *k, char name[NAME_MAX + 1])
{
    size_t skip = strspn(k->rest, "/");
    size_t n = strcspn(k->rest + skip, "/");

    if (n == 0 || n > NAME_MAX)
        return false;
    memcpy(name, k->rest + skip, n);
    name[n] = '\0';
    memmove(k->rest, k->rest + skip + n, strlen(k->rest + skip + n) + 1);
    return true;
}

/* full is a link: its target comes before what is left to walk. False: it is gone or too
 * long. */
static bool
walk_follow(struct walk *k, const char *full)
{
    char target[PATH_MAX];
    ssize_t n = readlink(full, target, sizeof(target) - 1);
    size_t left = strlen(k->rest);

    if (n <= 0 || (size_t)n + 1 + left + 1 > sizeof(k->rest))
        return false;
    memmove(k->rest + n + 1, k->rest, left + 1);
    k->rest[n] = '/';
    memcpy(k->rest, target, (size_t)n);
    if (target[0] == '/')
        k->dir[0] = '\0';
    return true;
}

static void
walk_up(struct walk *k)
{
    char *slash = strrchr(k->dir, '/');

    if (slash)
        *slash = '\0';
}

static void
walk_path(struct walk *k)
{
    char name[NAME_MAX + 1], full[PATH_MAX];
    unsigned links = 0;
    struct stat st;

    while (walk_next(k, name)) {
        bool last = k->rest[strspn(k->rest, "/")] == '\0';

        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            walk_up(k);
            continue;
        }
        if (snprintf(full, sizeof(full), "%s/%s", k->dir, name) >= (int)sizeof(full))
            return;
        if (lstat(full, &st) < 0 || S_ISLNK(st.st_mode) || last) {
            walk_watch(k, name);
            if (lstat(full, &st) < 0) /* again: it may just have come */
                return;
        }
        if (S_ISLNK(st.st_mode)) {
            if (++links > LINKS_MAX || !walk_follow(k, full))
                return;
        } else {
            memcpy(k->dir, full, strlen(full) + 1);
        }
    }
}

static bool
has_wd(const struct spot *spots, unsigned n, int wd)
{
    for (unsigned i = 0; i < n; i++) {
        if (spots[i].wd == wd)
            return true;
    }
    return false;
}

static void pathwatch_on_events(void *arg, int what);

static void
pathwatch_refresh(struct pathwatch *w)
{
    struct walk k UNINITIALIZED;

    if (w->fd < 0) {
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0) {
            complain_once(w, "cannot watch files");
            return;
        }
        w->watch = fdwatch_open(w->loop, w->fd, pathwatch_on_events, w);
        fdwatch_want(w->watch, true, false);
    }
    k.w = w;
    k.n = 0;
    k.dir[0] = '\0';
    snprintf(k.rest, sizeof(k.rest), "%s", w->path);
    walk_path(&k);
    for (unsigned i = 0; i < w->n; i++) {
        int wd = w->spots[i].wd;

        if (!has_wd(k.spots, k.n, wd) && !has_wd(w->spots, i, wd))
            (void)inotify_rm_watch(w->fd, wd);
    }
    w->n = k.n;
    memcpy(w->spots, k.spots, k.n * sizeof(k.spots[0]));
}

/* ---- telling ---- */

static void
pathwatch_tell(struct pathwatch *w)
{
    timer_stop(w->loop, &w->soon);
    w->told_us = loop_now_us(w->loop);
    pathwatch_refresh(w);
    timer_start(w->loop, &w->later,
                (w->n > 0 ? PATHWATCH_POLL_MS : PATHWATCH_POLL_BLIND_MS) * INT64_C(1000));
    w->fn(w->arg); /* may close w: nothing after this */
}

static void
pathwatch_on_soon(struct timer *t)
{
    pathwatch_tell(CONTAINER_OF(t, struct pathwatch, soon));
}

static void
pathwatch_on_later(struct timer *t)
{
    pathwatch_tell(CONTAINER_OF(t, struct pathwatch, later));
}

/* The earliest of all reasons counts, so that a stream of events puts nothing off. */
static void
pathwatch_plan(struct pathwatch *w, bool ready)
{
    const int64_t pause_us = PATHWATCH_PAUSE_MS * INT64_C(1000);
    int64_t now = loop_now_us(w->loop), due = now + pause_us;

    if (ready)
        due = w->told_us + pause_us > now ? w->told_us + pause_us : now;
    if (timer_running(&w->soon) && w->soon_us <= due)
        return;
    w->soon_us = due;
    timer_start(w->loop, &w->soon, due - now);
}

static void
pathwatch_take(struct pathwatch *w, const struct inotify_event *e)
{
    if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) {
        pathwatch_plan(w, false);
        return;
    }
    for (unsigned i = 0; i < w->n && e->len > 0; i++) {
        if (w->spots[i].wd == e->wd && strcmp(w->spots[i].name, e->name) == 0) {
            pathwatch_plan(w, (e->mask & MASK_READY) != 0);
            return;
        }
    }
}

static void
pathwatch_on_events(void *arg, int what)
{
    struct pathwatch *w = arg;
    _Alignas(struct inotify_event) char room[4096] UNINITIALIZED;

    (void)what;
    for (unsigned i = 0; i < READS_MAX; i++) {
        ssize_t n = read(w->fd, room, sizeof(room));

        if (n <= 0)
            return;
        for (char *at = room; at < room + n;) {
            const struct inotify_event *e = (const void *)at;

            pathwatch_take(w, e);
            at += sizeof(*e) + e->len;
        }
    }
}

/* ---- life ---- */

static void
pathwatch_free(struct ref *r)
{
    struct pathwatch *w = CONTAINER_OF(r, struct pathwatch, ref);

    xfree(w->path);
    xfree(w);
}

struct pathwatch *
pathwatch_open(struct loop *l, const char *path, pathwatch_fn *fn, void *arg)
{
    struct pathwatch *w = xcalloc(1, sizeof(*w));

    assert(path[0] == '/' && fn);
    ref_init(&w->ref, pathwatch_free);
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    w->path = xstrdup(path);
    w->fd = -1;
    timer_init(&w->soon, pathwatch_on_soon);
    timer_init(&w->later, pathwatch_on_later);
    w->soon_us = loop_now_us(l);
    timer_start(l, &w->soon, 0);
    return w;
}

unsigned
pathwatch_count(const struct pathwatch *w)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->n; i++)
        count += !has_wd(w->spots, i, w->spots[i].wd);
    return count;
}

void
pathwatch_close(struct pathwatch *w)
{
    if (!w || !w->fn)
        return;
    w->fn = NULL;
    timer_stop(w->loop, &w->soon);
    timer_stop(w->loop, &w->later);
    fdwatch_close(w->watch);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    ref_drop(&w->ref, loop_reaper(w->loop));
}

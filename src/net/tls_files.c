/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_files.c - a file is known by what stat says of it: whoever writes to it or puts
 * another one in its place, also by a symlink on the way, changes its inode or its times. */
#include "net/tls_files.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "loop/pathwatch.h"

struct path { /* watched once for all sets */
    struct list link, members;
    struct pathwatch *watch;
    char *name;
};

struct stamp {
    bool there;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec written, changed;
};

struct member {       /* of a set */
    struct list link; /* path->members */
    struct tls_files *set;
    struct path *path;
    struct stamp stamp;
};

struct tls_files {
    tls_files_fn *fn;
    void *arg;
    size_t n;
    struct member members[];
};

void
tls_paths_init(struct tls_paths *p, struct loop *l)
{
    p->loop = l;
    list_init(&p->all);
}

/* Sets that have the path twice are told once. What fn makes or frees is no set that is
 * walked here: a set is only freed by its owner, who is told here at most once. */
static void
path_on_change(void *arg)
{
    struct path *p = arg;
    struct list *at, *next;

    for (at = p->members.next; at != &p->members; at = next) {
        struct tls_files *w = CONTAINER_OF(at, struct member, link)->set;

        next = at->next;
        w->fn(w->arg);
    }
}

static char *
absolute(const char *path)
{
    char dir[PATH_MAX], full[2 * PATH_MAX];

    if (path[0] == '/')
        return xstrdup(path);
    snprintf(full, sizeof(full), "%s/%.4095s", getcwd(dir, sizeof(dir)) ? dir : "", path);
    return xstrdup(full);
}

static struct path *
path_get(struct tls_paths *all, const char *name)
{
    char *full = absolute(name);
    struct path *p;

    for (struct list *at = all->all.next; at != &all->all; at = at->next) {
        p = CONTAINER_OF(at, struct path, link);
        if (strcmp(p->name, full) == 0) {
            xfree(full);
            return p;
        }
    }
    p = xcalloc(1, sizeof(*p));
    p->name = full;
    list_init(&p->members);
    list_append(&all->all, &p->link);
    p->watch = pathwatch_open(all->loop, full, path_on_change, p);
    return p;
}

static struct stamp
stamp_now(const char *path)
{
    struct stamp s = { 0 };
    struct stat st;

    if (stat(path, &st) == 0)
        s = (struct stamp){
            true, st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim
        };
    return s;
}

static bool
time_equal(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
stamp_equal(const struct stamp *a, const struct stamp *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino &&
           a->size == b->size && time_equal(a->written, b->written) &&
           time_equal(a->changed, b->changed);
}

struct tls_files *
tls_files_new(struct tls_paths *all, const char *const *paths, size_t n, tls_files_fn *fn,
              void *arg)
{
    struct tls_files *w = xcalloc(1, sizeof(*w) + n * sizeof(w->members[0]));

    w->fn = fn;
    w->arg = arg;
    w->n = n;
    for (size_t i = 0; i < n; i++) {
        struct member *m = &w->members[i];

        m->set = w;
        m->path = path_get(all, paths[i]);
        list_append(&m->path->members, &m->link);
    }
    tls_files_mark(w);
    return w;
}

void
tls_files_mark(struct tls_files *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->members[i].stamp = stamp_now(w->members[i].path->name);
}

bool
tls_files_changed(const struct tls_files *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct stamp now = stamp_now(w->members[i].path->name);

        if (!stamp_equal(&now, &w->members[i].stamp))
            return true;
    }
    return false;
}

void
tls_files_free(struct tls_files *w)
{
    for (size_t i = 0; w && i < w->n; i++) {
        struct path *p = w->members[i].path;

        list_remove(&w->members[i].link);
        if (!list_empty(&p->members))
            continue;
        pathwatch_close(p->watch);
        list_remove(&p->link);
        xfree(p->name);
        xfree(p);
    }
    xfree(w);
}

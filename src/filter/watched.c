/* SPDX-License-Identifier: Apache-2.0 */
/* filter/watched.c - whether the file is another one is asked of stat (net/tls_files.h), so a look without a change costs one system call. */
#include "filter/watched.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/published.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/filter.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/tls_files.h"
#include "obs/stats.h"
#include "resolve/readfile.h"

enum { SETTLE_US = 100 * 1000, WHY_MAX = 2048 };

struct watched {
    const struct watched_kind *kind;
    const struct filter *filter;
    struct loop *loop;
    struct stats *stats;
    const char *path;
    const void *arg;
    struct published *object;
    bool good; /* there is an object */
    struct tls_paths paths;
    struct tls_files *files;
    struct timer settle;
};

/* --- reading ------------------------------------------------------------------------ */

static void *
watched_read(const struct watched_kind *kind, const char *path, const void *arg,
             struct strbuf *why)
{
    const char *reason;
    char *text;
    size_t n;
    void *object;

    if (!path)
        return kind->read(NULL, "", 0, arg, why);
    if (file_read(path, kind->max, &text, &n, &reason) != ERR_OK) {
        strbuf_puts(why, reason);
        return NULL;
    }
    object = kind->read(path, text, n, arg, why);
    xfree(text);
    return object;
}

int
watched_check(const struct watched_kind *kind, const char *path, const void *arg,
              struct strbuf *why)
{
    struct strbuf reason;
    void *object;

    strbuf_init(&reason, WHY_MAX);
    object = watched_read(kind, path, arg, &reason);
    if (object)
        kind->free(object);
    else
        strbuf_printf(why, "%s%s%s", path ? path : "", path ? ": " : "",
                      reason.s ? reason.s : "");
    strbuf_done(&reason);
    return object ? ERR_OK : ERR_SYNTAX;
}

static void
watched_refused(struct watched *w, const char *why)
{
    stat_inc(w->stats, STAT_FILTER_FILES_REFUSED);
    log_at(NULL, w->good ? LOG_WARN : LOG_ERROR,
           w->good ? "a file of a filter is bad, what it said before stays"
                   : "a file of a filter is bad, calls are refused",
           LS("filter", w->filter->name), LS("of", w->filter->scope),
           LS("what", w->kind->what), LS("file", w->path), LS("why", why));
}

static void
watched_load(struct watched *w)
{
    struct strbuf why;
    void *object;

    strbuf_init(&why, WHY_MAX);
    if (w->files)
        tls_files_mark(w->files); /* before it is read: later changes are seen */
    object = watched_read(w->kind, w->path, w->arg, &why);
    if (object) {
        size_t n = w->kind->count(object);

        published_set(w->object, object);
        w->good = true;
        if (w->path) {
            stat_inc(w->stats, STAT_FILTER_FILES_READ);
            log_at(NULL, LOG_INFO, "a file of a filter was read",
                   LS("filter", w->filter->name), LS("of", w->filter->scope),
                   LS("what", w->kind->what), LS("file", w->path), LI("entries", n));
        }
    } else {
        watched_refused(w, why.s ? why.s : "");
    }
    strbuf_done(&why);
}

/* --- watching ----------------------------------------------------------------------- */

static void
watched_on_settled(struct timer *t)
{
    struct watched *w = CONTAINER_OF(t, struct watched, settle);

    if (tls_files_changed(w->files))
        watched_load(w);
}

static void
watched_on_look(void *arg)
{
    struct watched *w = arg;

    if (!timer_running(&w->settle) && tls_files_changed(w->files))
        timer_start(w->loop, &w->settle, SETTLE_US);
}

struct watched *
watched_open(const struct watched_kind *kind, const struct filter *f,
             const struct filter_env *env, const char *path, const void *arg)
{
    struct watched *w = xcalloc(1, sizeof(*w));

    w->kind = kind;
    w->filter = f;
    w->loop = env->loop;
    w->stats = env->stats;
    w->path = path;
    w->arg = arg;
    w->object = published_new(env->workers, kind->free);
    timer_init(&w->settle, watched_on_settled);
    tls_paths_init(&w->paths, env->loop);
    if (path)
        w->files = tls_files_new(&w->paths, &w->path, 1, watched_on_look, w);
    watched_load(w);
    return w;
}

void
watched_close(struct watched *w)
{
    if (!w)
        return;
    tls_files_free(w->files);
    timer_stop(w->loop, &w->settle);
    published_free(w->object);
    xfree(w);
}

/* --- workers ------------------------------------------------------------------------ */

const void *
watched_enter(struct watched *w, unsigned worker)
{
    return published_enter(w->object, worker);
}

void
watched_leave(struct watched *w, unsigned worker)
{
    published_leave(w->object, worker);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/file.c - endpoints from a file that is watched. A file that cannot be read or
 * understood changes nothing, except that it is told once. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/pathwatch.h"
#include "loop/reap.h"
#include "resolve/endpoints.h"
#include "resolve/kinds.h"
#include "resolve/readfile.h"

enum { FILE_WHY_MAX = 1024, FILE_SCHEME = 7 /* "file://" */ };

struct file_resolver {
    struct resolver r;
    struct ref ref;
    struct loop *loop;
    const struct resolver_ops *ops;
    void *arg;
    const char *path;
    struct pathwatch *watch;
    char *old; /* what was read last, good or bad */
    size_t old_n;
    char *told; /* the last complaint; NULL: all is good */
};

static int
file_check(const char *target, const char **ret_why)
{
    if (strncasecmp(target, "file:///", FILE_SCHEME + 1) == 0 &&
        target[FILE_SCHEME + 1] != '\0')
        return ERR_OK;
    *ret_why = "a file has three slashes and its full path: "
               "\"file:///etc/outrigger/endpoints.json\"";
    return ERR_SYNTAX;
}

/* A file that stays bad is told once, not at every look. */
static void
file_complain(struct file_resolver *f, const char *why)
{
    struct strbuf text;

    strbuf_init(&text, FILE_WHY_MAX);
    strbuf_printf(&text, "%s: %s", f->path, why);
    if (f->told && strcmp(f->told, text.s) == 0) {
        strbuf_done(&text);
        return;
    }
    xfree(f->told);
    f->told = strbuf_steal(&text);
    f->ops->on_error(f->arg, f->told);
}

static void
file_use(struct file_resolver *f, const char *text, size_t n)
{
    char *copy = xmalloc(n + 1); /* the parser blanks comments */
    struct endpoints e;
    struct strbuf why;

    memcpy(copy, text, n + 1);
    strbuf_init(&why, FILE_WHY_MAX);
    if (endpoints_parse(copy, n, &e, &why) == ERR_OK) {
        xfree(f->told);
        f->told = NULL;
        f->ops->on_list(f->arg, e.v, e.n, -1);
        endpoints_done(&e);
    } else {
        file_complain(f, why.s);
    }
    strbuf_done(&why);
    xfree(copy);
}

static void
file_look(void *arg)
{
    struct file_resolver *f = arg;
    const char *why;
    char *text;
    size_t n;

    if (file_read(f->path, ENDPOINTS_FILE_MAX, &text, &n, &why) != ERR_OK) {
        /* When it comes back with the same content, the owner should hear that it is
         * good again. */
        xfree(f->old);
        f->old = NULL;
        file_complain(f, why);
        return;
    }
    if (f->old && n == f->old_n && memcmp(text, f->old, n) == 0) {
        xfree(text);
        return;
    }
    xfree(f->old);
    f->old = text;
    f->old_n = n;
    file_use(f, text, n);
}

static void
file_free(struct ref *ref)
{
    struct file_resolver *f = CONTAINER_OF(ref, struct file_resolver, ref);

    xfree(f->old);
    xfree(f->told);
    xfree(f);
}

static struct resolver *
file_start(const struct resolver_args *args)
{
    struct file_resolver *f = xcalloc(1, sizeof(*f));

    f->r.kind = &resolver_file;
    ref_init(&f->ref, file_free);
    f->loop = args->loop;
    f->ops = args->ops;
    f->arg = args->arg;
    f->path = args->target + FILE_SCHEME;
    f->watch = pathwatch_open(args->loop, f->path, file_look, f);
    return &f->r;
}

static void
file_stop(struct resolver *r)
{
    struct file_resolver *f = CONTAINER_OF(r, struct file_resolver, r);

    pathwatch_close(f->watch);
    ref_drop(&f->ref, loop_reaper(f->loop));
}

const struct resolver_kind resolver_file = {
    .scheme = "file",
    .check = file_check,
    .start = file_start,
    .stop = file_stop,
};

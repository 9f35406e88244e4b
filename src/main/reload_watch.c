/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload_watch.c - "watch": true. The watch tells more often than the file changes, so what was read is compared first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "lb/hash.h"
#include "loop/pathwatch.h"
#include "main/reload_int.h"

enum { TEXT_MAX = 1 << 20 };

/* False: it cannot be read now, as in the middle of a swap. */
static bool
file_hash(const char *path, uint64_t *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text;
    size_t n = 0;
    ssize_t got = 0;

    if (fd < 0)
        return false;
    text = xmalloc(CONF_FILE_MAX + 1);
    while (n <= CONF_FILE_MAX) {
        got = read(fd, text + n, CONF_FILE_MAX + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    *ret = lb_hash(text, n);
    xfree(text);
    close(fd);
    return got >= 0;
}

static void
reload_on_change(void *arg)
{
    static struct log_limit limit;
    struct reload *r = arg;
    struct strbuf text;
    uint64_t hash;

    if (!file_hash(r->path, &hash)) {
        if (log_limit_pass(&limit, 1))
            log_at(NULL, LOG_WARN,
                   "the config file cannot be read: the config stays as it is",
                   LS("file", r->path), LI("errno", errno));
        return;
    }
    if (r->file_known && hash == r->file_hash)
        return;
    r->file_known = true;
    r->file_hash = hash;
    strbuf_init(&text, TEXT_MAX);
    reload_now(r, "the file changed", &text);
    strbuf_done(&text);
}

/* The working directory does not change, but a watch wants to know it. */
static char *
path_absolute(const char *path)
{
    char cwd[PATH_MAX];
    struct strbuf out;

    if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
        return xstrdup(path);
    strbuf_init(&out, 2 * PATH_MAX);
    strbuf_printf(&out, "%s/%s", cwd, path);
    return strbuf_steal(&out);
}

void
reload_watch_set(struct reload *r, bool on)
{
    if (!on || !r->source.file || strcmp(r->source.file, "-") == 0) {
        pathwatch_close(r->watch);
        r->watch = NULL;
        return;
    }
    if (r->watch)
        return;
    if (!r->path)
        r->path = path_absolute(r->source.file);
    /* What is there now was loaded a moment ago. If it changed in between, the first look sees another text than the poll before. */
    r->file_known = file_hash(r->path, &r->file_hash);
    r->watch = pathwatch_open(process_loop(r->process), r->path, reload_on_change, r);
}

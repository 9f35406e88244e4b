/* SPDX-License-Identifier: Apache-2.0 */
/* conf/source.c - what is in front of the parser. */
#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/jsonc.h"
#include "conf/problem.h"
#include "conf/snapshot.h"
#include "conf/yaml.h"

static int
read_all(int fd, char **ret_text, size_t *ret_n)
{
    size_t room = 64 * 1024, n = 0;
    char *text = xmalloc(room);

    for (;;) {
        ssize_t got;

        if (n == room) {
            room *= 2;
            text = xrealloc(text, room);
        }
        got = read(fd, text + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            xfree(text);
            return ERR_SYS;
        }
        n += (size_t)got;
        if (got == 0 || n > CONF_FILE_MAX)
            break;
    }
    *ret_text = text;
    *ret_n = n;
    return 0;
}

int
source_read(const char *path, char **ret_text, size_t *ret_n)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? ERR_SYS : read_all(fd, ret_text, ret_n);
    int why = errno;

    if (fd >= 0 && !is_stdin)
        close(fd);
    errno = why;
    return rc;
}

static bool
name_ends(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && strcasecmp(name + n - k, end) == 0;
}

bool
source_is_yaml(const char *name, const char *text, size_t n)
{
    size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    if (name_ends(name, ".yaml") || name_ends(name, ".yml"))
        return true;
    if (name_ends(name, ".json") || name_ends(name, ".jsonc"))
        return false;
    while (at < n && memchr(" \t\r\n", text[at], 4))
        at++;
    return at < n && !memchr("{}[]/", text[at], 5);
}

/* Files that no parser should be asked about: it would tell of one odd byte. */
static bool
is_text(struct problems *out)
{
    const char *text = out->text, *nul = out->n ? memchr(text, '\0', out->n) : NULL;
    size_t at = nul ? (size_t)(nul - text) : 0;
    bool wide = out->n >= 2 &&
                (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);

    if (wide || (nul && at < 2 && out->n > at + 2 && text[at + 2] == '\0'))
        problems_add(out, "E0118",
                     "this file is UTF-16; save it as UTF-8, or convert it: iconv -f "
                     "UTF-16 -t UTF-8");
    else if (nul)
        problems_add_at(out, at, at + 1, "E0118",
                        "a NUL byte (0x00) stands here, so this is no text; is the file "
                        "cut off or overwritten?");
    return !wide && !nul;
}

static bool
blank_comments(struct problems *out, struct source *s)
{
    size_t at = 0;

    switch (jsonc_blank(s->json, s->n, &at)) {
    case 0:
        return true;
    case ERR_LIMIT:
        problems_add_at(out, at, at + 1, "E0103",
                        "this is nested too deeply; the most is %d levels",
                        JSONC_DEPTH_MAX);
        return false;
    default:
        problems_add_at(out, at, at + 2, "E0104",
                        "the comment that starts here is never closed by */");
        return false;
    }
}

bool
source_to_json(struct problems *out, struct source *ret)
{
    *ret = (struct source){ 0 };
    if (!is_text(out))
        return false;
    if (source_is_yaml(out->name, out->text, out->n)) {
        struct yaml_text y;

        if (yaml_to_json(out->text, out->n, &y, out) != 0)
            return false;
        *ret = (struct source){ y.json, y.n, y.marks, y.n_marks };
        return true;
    }
    ret->json = xmalloc(out->n + 1);
    memcpy(ret->json, out->text, out->n);
    ret->json[out->n] = '\0';
    ret->n = out->n;
    if (blank_comments(out, ret))
        return true;
    source_done(ret);
    return false;
}

void
source_done(struct source *s)
{
    xfree(s->json);
    xfree(s->marks);
    *s = (struct source){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_bundle.c - all pages are fetched first, so that the list of them is the first
 * file; then the archive is written in one go. */
#include "main/ctl_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/redact.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_check.h"
#include "main/ctl_http.h"
#include "main/ctl_tar.h"
#include "net/addr.h"

/* Seconds in which a page is asked for again. */
enum { BUSY_TRIES = 5 };
static const int64_t BUSY_WAIT_US = 1000 * 1000;

enum { ARCHIVE_MAX = 256 << 20, VERSIONS_MAX = 64 * 1024, WHY_MAX = 200 };

/* routes.json is not here: it has the values of headers that routes look for. */
static const struct part {
    const char *name, *page; /* page NULL: the versions */
    const char *what;
    bool redact;
} parts[] = {
    { "stats.json", "/stats.json",
      "what happens now, the last minute, all counters (docs/stats-json.md)", true },
    { "why.txt", "/why?n=1000", "the last calls that failed, and why", false },
    { "pools.txt", "/pools", "pools and endpoints, for people", false },
    { "pools.json", "/pools.json", "the same for programs", true },
    { "routes.txt", "/routes", "routes of each listener", false },
    { "certs.json", "/certs.json", "certificates and when they end", true },
    { "config.json", "/config", "the configuration in force with all defaults", true },
    { "config-status.json", "/config/status.json", "what became of the last reload",
      true },
    { "drain.json", "/drain.json", "state of the drain", true },
    { "metrics.txt", "/metrics", "all metrics, as Prometheus gets them", false },
    { "version.txt", NULL, "outrigger -VV: versions of program and libraries", false },
};

struct bundle {
    const struct ctl_args *args;
    struct addr to;
    struct strbuf texts[ARRAY_LEN(parts)];
    char missing[ARRAY_LEN(parts)][WHY_MAX]; /* "": it is there */
    int64_t now_s;
    char stamp[32];
};

/* --- what goes in -------------------------------------------------------------------- */

/* The program beside this one is asked, not the process; most often they are the same. */
static int
versions_get(struct strbuf *out)
{
    char program[] = "outrigger", words[] = "-VV";
    char *const argv[] = { program, words, NULL };
    char piece[4096];
    int ends[2], status = 0;
    ssize_t n;
    pid_t child;

    if (pipe(ends) != 0)
        return ERR_SYS;
    child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) >= 0)
            ctl_run_outrigger(argv);
        _exit(EXIT_FAILURE);
    }
    close(ends[1]);
    while (child > 0 && (n = read(ends[0], piece, sizeof piece)) > 0)
        strbuf_add(out, piece, (size_t)n);
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return ERR_SYS;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? ERR_OK : ERR_SYS;
}

/* The pages come one right after the other; of a large proxy that alone can be more than the admin port gives at a time. */
static int
page_get(const struct bundle *b, const char *page, struct strbuf *text,
         const char **ret_why)
{
    int rv = ctl_http_get(&b->to, page, text, ret_why);

    for (int tries = 0; rv == ERR_AGAIN && tries < BUSY_TRIES; tries++) {
        ctl_http_wait(BUSY_WAIT_US);
        rv = ctl_http_get(&b->to, page, text, ret_why);
    }
    return rv;
}

/* ERR_CONNECT: nobody is there, so the rest need not be asked. */
static int
part_get(struct bundle *b, size_t i)
{
    const struct part *part = &parts[i];
    const char *why = "outrigger is not beside outriggerctl and not on the PATH";
    struct strbuf text;
    int rv;

    strbuf_init(&b->texts[i], CTL_TEXT_MAX);
    strbuf_init(&text, part->page ? CTL_TEXT_MAX : VERSIONS_MAX);
    rv = part->page ? page_get(b, part->page, &text, &why) : versions_get(&text);
    if (rv == ERR_OK && part->redact)
        conf_redact(text.s ? text.s : "", &b->texts[i]);
    else if (rv == ERR_OK)
        strbuf_add(&b->texts[i], text.s ? text.s : "", text.len);
    else if (rv != ERR_CONNECT || i > 0)
        snprintf(b->missing[i], WHY_MAX, "%s", why);
    else
        ctl_ask_failed(b->args, rv, why);
    strbuf_done(&text);
    return rv == ERR_CONNECT && i == 0 ? rv : ERR_OK;
}

static void
put_list(const struct bundle *b, struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (b->missing[i][0])
            strbuf_printf(out, "  %-19s MISSING: %s\n", parts[i].name, b->missing[i]);
        else
            strbuf_printf(out, "  %-19s %8zu bytes  %s\n", parts[i].name, b->texts[i].len,
                          parts[i].what);
    }
}

static void
put_readme(const struct bundle *b, struct strbuf *out)
{
    strbuf_printf(out, "outriggerctl " PACKAGE_VERSION ", %s UTC, admin port %s\n\n",
                  b->stamp, b->args->address);
    put_list(b, out);
    strbuf_puts(out,
                "\nWhat the configuration calls a password, token, key or other secret "
                "is replaced by " CONF_REDACTED ".\nAddresses, names of hosts, services "
                "and methods, and texts of errors are in it.\n");
}

/* --- the file ------------------------------------------------------------------------- */

static int
archive_make(const struct bundle *b, struct strbuf *out)
{
    char name[TAR_NAME_MAX];
    struct strbuf readme;
    int rv;

    strbuf_init(&readme, VERSIONS_MAX);
    put_readme(b, &readme);
    snprintf(name, sizeof name, "outrigger-bundle-%s/README.txt", b->stamp);
    rv = tar_add(out, name, readme.s, readme.len, b->now_s);
    strbuf_done(&readme);
    for (size_t i = 0; i < ARRAY_LEN(parts) && rv == ERR_OK; i++) {
        const struct strbuf *text = &b->texts[i];

        if (b->missing[i][0])
            continue;
        snprintf(name, sizeof name, "outrigger-bundle-%s/%s", b->stamp, parts[i].name);
        rv = tar_add(out, name, text->s ? text->s : "", text->len, b->now_s);
    }
    return rv == ERR_OK ? tar_end(out) : rv;
}

static int
archive_write(const char *path, const struct strbuf *archive)
{
    bool is_stdout = strcmp(path, "-") == 0;
    int fd = is_stdout ? STDOUT_FILENO
                       : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;
    int code = 0;

    if (fd < 0) {
        fprintf(stderr, "outriggerctl bundle: %s cannot be made: %s%s\n", path,
                strerror(errno), errno == EEXIST ? "; name another one with -o" : "");
        return EXIT_FAILURE;
    }
    while (done < archive->len && !code) {
        ssize_t n = write(fd, archive->s + done, archive->len - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            code = errno;
    }
    if (!is_stdout && close(fd) != 0 && !code)
        code = errno;
    if (!code)
        return EXIT_SUCCESS;
    fprintf(stderr, "outriggerctl bundle: %s cannot be written: %s\n", path,
            strerror(code));
    if (!is_stdout)
        unlink(path);
    return EXIT_FAILURE;
}

/* Says what it wrote; on stderr when the archive itself goes to stdout. */
static int
bundle_finish(const struct bundle *b)
{
    char usual[64];
    const char *path;
    struct strbuf archive, said;
    int rv;

    snprintf(usual, sizeof usual, "outrigger-bundle-%s.tar", b->stamp);
    path = ctl_value(b->args, "output", usual);
    strbuf_init(&archive, ARCHIVE_MAX);
    strbuf_init(&said, VERSIONS_MAX);
    if (archive_make(b, &archive) != ERR_OK) {
        fputs(
            "outriggerctl bundle: that is more than 256 MiB; take the pages that matter "
            "one by one\n",
            stderr);
        rv = EXIT_FAILURE;
    } else {
        rv = archive_write(path, &archive);
    }
    strbuf_printf(&said, "%s, %zu bytes:\n", path, archive.len);
    put_list(b, &said);
    strbuf_puts(&said,
                "Secrets are replaced by " CONF_REDACTED "; look through it before "
                "you give it away.\n");
    if (rv == EXIT_SUCCESS)
        rv = ctl_ask_print(&said, strcmp(path, "-") == 0 ? stderr : stdout);
    strbuf_done(&archive);
    strbuf_done(&said);
    return rv;
}

int
ctl_bundle(const struct ctl_args *a)
{
    struct bundle b = { .args = a, .now_s = clock_wall_us() / 1000000 };
    time_t now = (time_t)b.now_s;
    struct tm utc;
    size_t n = 0;
    int rv;

    rv = ctl_ask_address(a, &b.to);
    if (rv != EXIT_SUCCESS)
        return rv;
    gmtime_r(&now, &utc);
    strftime(b.stamp, sizeof b.stamp, "%Y%m%d-%H%M%S", &utc);
    for (; n < ARRAY_LEN(parts) && rv == ERR_OK; n++)
        rv = part_get(&b, n);
    rv = rv == ERR_OK ? bundle_finish(&b) : EXIT_FAILURE;
    for (size_t i = 0; i < n; i++)
        strbuf_done(&b.texts[i]);
    return rv;
}

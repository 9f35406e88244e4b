/* SPDX-License-Identifier: Apache-2.0 */
/* filter/watched.h - a file that a filter lives from (API keys, a policy): read when the filter is opened, and again when it changed. What it says becomes an object
 * that workers read (base/published.h). A file that cannot be read or understood changes nothing: the old object stays, one line tells what is wrong, the counter
 * outrigger_filter_files_total{result="refused"} counts. Without any good object the filter must refuse (fail closed).
 * A change is read 100 ms after it was seen: most programs are done writing by then; what was read too early is read again.
 * open and close: main thread. enter and leave: workers. */
#ifndef OUTRIGGER_FILTER_WATCHED_H
#define OUTRIGGER_FILTER_WATCHED_H

#include <stddef.h>

#include "base/compat.h"

struct filter;
struct filter_env;
struct strbuf;
struct watched;

struct watched_kind {
    const char *what; /* "key file": in log lines */
    size_t max;       /* bytes of the file */
    /* The object that this text makes. NULL: why gets a plain sentence without a full stop. text has a NUL at n. path NULL: there is no file and text is empty: what
     * arg alone says. */
    void *(*read)(const char *path, const char *text, size_t n, const void *arg,
                  struct strbuf *why);
    void (*free)(void *object);
    size_t (*count)(const void *object); /* its entries, for the log */
};

/* path NULL: no file; the object is made once. arg: for kind->read, must outlive the watched. Never NULL. */
struct watched *
watched_open(const struct watched_kind *kind, const struct filter *f,
             const struct filter_env *env, const char *path, const void *arg);
/* No worker may be in it. NULL is fine. */
void watched_close(struct watched *w);

/* The object; NULL: never was one. Until watched_leave, which comes soon: see base/published.h. */
const void *watched_enter(struct watched *w, unsigned worker);
void watched_leave(struct watched *w, unsigned worker);

/* For the check of a config: whether the file (NULL: what arg alone says) is good now. ERR_SYNTAX: why gets "PATH: " and a sentence without a full stop. */
int watched_check(const struct watched_kind *kind, const char *path, const void *arg,
                  struct strbuf *why) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_files.h - sets of files that are read together, and whether one of them has changed
 * since they were read. A path that stands in several sets is watched once. Main thread. */
#ifndef OUTRIGGER_NET_TLS_FILES_H
#define OUTRIGGER_NET_TLS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct loop;
struct tls_files;

struct tls_paths { /* all paths that are watched; the caller's memory */
    struct loop *loop;
    struct list all;
};
typedef void tls_files_fn(void *arg);

void tls_paths_init(struct tls_paths *p, struct loop *l);

/* fn is called in later turns when a file of the set may have changed, and from time to time
 * without a reason (see loop/pathwatch.h). Paths are copied; relative ones are relative to
 * the working directory of now. */
struct tls_files *tls_files_new(struct tls_paths *all, const char *const *paths, size_t n,
                                tls_files_fn *fn, void *arg);
/* Remembers how the files are now: to be called before they are read, so that what changes
 * while they are read is seen. */
void tls_files_mark(struct tls_files *w);
/* Some file is another one than at the last mark. */
bool tls_files_changed(const struct tls_files *w);
void tls_files_free(struct tls_files *w); /* NULL is fine */

#endif

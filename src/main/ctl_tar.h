/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_tar.h - a tar archive of a few texts: ustar of POSIX.1-1988, which every tar
 * reads. Pure; any thread. */
#ifndef OUTRIGGER_MAIN_CTL_TAR_H
#define OUTRIGGER_MAIN_CTL_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct strbuf;

enum { TAR_NAME_MAX = 100 };

/* Adds a file, mode 0600, owner 0. ERR_LIMIT: the name is longer than TAR_NAME_MAX, or out's
 * cap is reached; out is of no use then. */
int tar_add(struct strbuf *out, const char *name, const char *data, size_t n,
            int64_t mtime_s) MUST_CHECK;
/* What stands behind the last file. ERR_LIMIT: as above. */
int tar_end(struct strbuf *out) MUST_CHECK;

#endif

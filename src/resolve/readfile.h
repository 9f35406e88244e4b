/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/readfile.h - a small file as a whole. It waits for the disk, so it is for the main
 * thread and for files with a cap; pipes and devices are refused. */
#ifndef OUTRIGGER_RESOLVE_READFILE_H
#define OUTRIGGER_RESOLVE_READFILE_H

#include <stddef.h>

#include "base/compat.h"

/* *ret_text gets the bytes and a NUL behind them, to be given to xfree. ERR_SYS or ERR_LIMIT
 * with *ret_why: a plain sentence, valid until the next call. */
int file_read(const char *path, size_t cap, char **ret_text, size_t *ret_n,
              const char **ret_why) MUST_CHECK;

#endif

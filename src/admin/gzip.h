/* SPDX-License-Identifier: Apache-2.0 */
/* admin/gzip.h - a text as one gzip member (RFC 1952), with zlib; fast rather than small. Any thread. */
#ifndef OUTRIGGER_ADMIN_GZIP_H
#define OUTRIGGER_ADMIN_GZIP_H

#include <stddef.h>

#include "base/compat.h"

/* *ret is to be freed with xfree, and a little more than the text at most. ERR_NOMEM: zlib had no memory. */
int gzip_pack(const char *text, size_t n, char **ret, size_t *ret_n) MUST_CHECK;
const char *gzip_library_version(void); /* of zlib, the one that runs */

#endif

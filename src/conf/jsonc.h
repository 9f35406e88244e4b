/* SPDX-License-Identifier: Apache-2.0 */
/* conf/jsonc.h - JSON with comments and trailing commas, made plain JSON of the same
 * length.
 * Each blanked byte becomes a space and line ends stay, so every place in the result is
 * the place in the file. Pure; any thread. */
#ifndef OUTRIGGER_CONF_JSONC_H
#define OUTRIGGER_CONF_JSONC_H

#include <stddef.h>

#include "base/compat.h"

enum { JSONC_DEPTH_MAX = 32 };

/* Blanks // and block comments, a comma before } or ], and a byte order mark, in
 * text[0..n); strings are left alone. ERR_SYNTAX: a comment is not closed; ERR_LIMIT:
 * nested deeper than JSONC_DEPTH_MAX. *ret_at is then where. */
int jsonc_blank(char *text, size_t n, size_t *ret_at) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.h - UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. Pure; any thread. */
#ifndef OUTRIGGER_BASE_UTF8_H
#define OUTRIGGER_BASE_UTF8_H

#include <stdbool.h>

#include "base/slice.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the well-formed sequence at p, 1 to 4; 0: there is none within n bytes. */
size_t utf8_len(const uint8_t *p, size_t n);
/* Writes the character at p (n > 0 bytes) as JSON escapes, plain ASCII: \u00e4, or two of them (a surrogate pair) above U+FFFF. A byte that belongs to no sequence is
 * written by its value, as if it were Latin-1. Returns how many bytes were written; *ret_taken: how many were read. */
enum { UTF8_ESCAPED_MAX = 12 };
size_t
utf8_escape(const uint8_t *p, size_t n, char out[UTF8_ESCAPED_MAX], size_t *ret_taken);
bool utf8_valid(struct slice text);
/* Writes text with `replacement` for each byte that belongs to no sequence: at most room bytes, no NUL, never a part of a sequence. Returns how many. */
size_t utf8_clean(struct slice text, const char *replacement, char *out, size_t room);

#endif

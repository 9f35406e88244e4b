/* SPDX-License-Identifier: Apache-2.0 */
/* conf/syntax.h - text that should be JSON to a JSON tree; what is not JSON is
 * explained at the token where it goes wrong.
 * Used inside the conf room. Pure; any thread. */
#ifndef OUTRIGGER_CONF_SYNTAX_H
#define OUTRIGGER_CONF_SYNTAX_H

#include <stddef.h>

struct json_t;
struct problems;

/* json: n bytes with comments blanked. The tree (an object, to be released with
 * json_decref), or NULL after a problem was added. */
struct json_t *syntax_read(const char *json, size_t n, struct problems *out);

#endif

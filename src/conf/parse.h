/* SPDX-License-Identifier: Apache-2.0 */
/* conf/parse.h - from a JSON tree to a struct, by rows. Used inside the conf room; one loading thread. */
#ifndef OUTRIGGER_CONF_PARSE_H
#define OUTRIGGER_CONF_PARSE_H

#include <stdbool.h>

#include "base/compat.h"
#include "conf/field.h"

struct arena;
struct json_t;
struct problems;
struct strbuf;

/* Fills obj (root->size bytes) from tree; strings and lists go to the arena. Whatever is wrong goes to `out`; obj is
 * complete all the same (defaults where a value was refused), but a required string may be NULL. */
void parse_tree(const struct conf_struct *root, struct json_t *tree, void *obj,
                struct arena *arena, struct problems *out);

/* Zeroes obj and sets every default of the rows. Strings point into the rows. */
void parse_defaults(const struct conf_struct *type, void *obj);

/* Sets one value from text without quotes ("5s", "true", "info"). Not for OBJECT and LIST. The text must outlive obj.
 * False: *why gets the rest of a sentence that starts with the key ("needs a unit; did you mean ..."), *ret_code its code. */
bool parse_text(const struct conf_field *f, const char *text, void *obj,
                struct strbuf *why, const char **ret_code) MUST_CHECK;

/* Row of `key`; NULL: unknown. */
const struct conf_field *field_find(const struct conf_struct *type, const char *key);
/* Prints a number of a UINT, SIZE or DURATION row as the file would have it (without quotes). */
void field_print_number(const struct conf_field *f, int64_t value, char out[48]);

#endif

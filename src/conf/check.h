/* SPDX-License-Identifier: Apache-2.0 */
/* conf/check.h - how a conf_struct's check reports problems, with the right
 * file:line:column.
 * place stands for the object being checked; it lives only during the call. Loading
 * thread only. */
#ifndef OUTRIGGER_CONF_CHECK_H
#define OUTRIGGER_CONF_CHECK_H

#include <stdbool.h>

#include "base/compat.h"
#include "conf/field.h"

/* Reports a problem at `key` of the object (NULL: the object itself). code: "E0201",
 * listed in conf/explain.c. */
void conf_problem(struct conf_place *place, const char *key, const char *code,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same at item i of the list `key`, key `sub` in it (NULL: the item itself). */
void conf_problem_item(struct conf_place *place, const char *key, unsigned long i,
                       const char *sub, const char *code, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* A warning: printed, but the file is still good. */
void conf_warning(struct conf_place *place, const char *key, const char *code,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same at item i of the list `key`, key `sub` in it. */
void conf_warning_item(struct conf_place *place, const char *key, unsigned long i,
                       const char *sub, const char *code, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* False when a direct value of the object was refused: it holds its default now, so a
 * check that compares values would report what the user did not write. A required
 * string that is missing is NULL. */
bool conf_place_clean(const struct conf_place *place);
/* True when one more error would only be counted: no need to look for a hint. */
bool conf_place_full(const struct conf_place *place);
/* True when the config is read from standard input, which can be read only once. */
bool conf_place_is_stdin(const struct conf_place *place);
/* True when the object has the key in the file, not only by default. */
bool conf_place_has(const struct conf_place *place, const char *key);
/* Bit i: the object has the key of row i of its struct, one of the first 64. */
uint64_t conf_given(const struct conf_place *place, const struct conf_struct *type);
/* Reports E0210 when value < other_value: "maxInterval is 1s; it must be at least
 * baseInterval, which is 2s". type: how the values are printed. Says nothing when the
 * object is not clean. */
void conf_check_at_least(struct conf_place *place, enum conf_type type, const char *key,
                         int64_t value, const char *other, int64_t other_value);
/* Reports (E0202, or with warn_code a warning) each item of the list `key` whose string
 * at offset `at` was there before. NULL strings are skipped. */
void
conf_check_unique(struct conf_place *place, const char *key, const struct conf_list *list,
                  size_t item_size, size_t at, const char *sub, const char *warn_code);

/* For conf_field.valid: a name for logs and metrics, 1 to 128 bytes, no control
 * characters, quotes or backslashes. */
int conf_name_valid(const char *text, const char **ret_why);

/* key and sub above may be paths below the object: "routes[2].match.service". */

#endif

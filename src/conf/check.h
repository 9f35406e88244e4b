/* SPDX-License-Identifier: Apache-2.0 */
/* conf/check.h - how a conf_struct's check reports problems, with the right file:line:column.
 * place stands for the object being checked; it lives only during the call. Loading thread only. */
#ifndef OUTRIGGER_CONF_CHECK_H
#define OUTRIGGER_CONF_CHECK_H

#include "base/compat.h"

struct conf_place;

/* Reports a problem at `key` of the object (NULL: the object itself). code: "E0201", listed in conf/explain.c. */
void conf_problem(struct conf_place *place, const char *key, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same at item i of the list `key`, key `sub` in it (NULL: the item itself). */
void conf_problem_item(struct conf_place *place, const char *key, unsigned long i, const char *sub, const char *code, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* A warning: printed, but the file is still good. */
void conf_warning(struct conf_place *place, const char *key, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* conf/copy.h - a part of a loaded config that outlives it: a deep copy of one struct with one
 * block of memory, immutable and counted; and whether two structs say the same. Both go by
 * the rows, so a new key needs nothing here. What a struct holds beside its rows (computed by
 * a check) is copied when it is a plain value; a pointer without a row is not followed. Any
 * thread. */
#ifndef OUTRIGGER_CONF_COPY_H
#define OUTRIGGER_CONF_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "conf/field.h"

struct conf_copy;

/* One hold. obj: type->size bytes; it may go afterwards. Never NULL. */
struct conf_copy *conf_copy_new(const struct conf_struct *type, const void *obj);
/* The copied struct. */
const void *conf_copy_root(const struct conf_copy *c);
struct conf_copy *conf_copy_hold(struct conf_copy *c);
void conf_copy_drop(struct conf_copy *c); /* the last drop frees; NULL is fine */

/* Every row has the same value in both, and what is optional is on in both or off in both. */
bool conf_equal(const struct conf_struct *type, const void *a, const void *b);
/* The same without the rows with these keys (NULL-terminated; of the struct itself, not of
 * those below it). */
bool conf_equal_but(const struct conf_struct *type, const void *a, const void *b,
                    const char *const *but);

/* What one place of the file leaves out is taken from another: rows of obj whose bit is not in
 * `given` (conf_given) get the value of `from`. Texts and lists are shared, not copied. */
void
conf_inherit(const struct conf_struct *type, void *obj, const void *from, uint64_t given);

#endif

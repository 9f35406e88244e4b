/* SPDX-License-Identifier: Apache-2.0 */
/* conf/json.h - JSON that is data and not our config: read-only access to a tree, for rooms
 * that may not know the library. A value of null counts as absent, as Kubernetes has it.
 * All strings are UTF-8 without NUL bytes and belong to the tree. Pure; any thread. */
#ifndef OUTRIGGER_CONF_JSON_H
#define OUTRIGGER_CONF_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct json_t;

struct jtree_fault {
    size_t line, column; /* 1-based; 0: unknown */
    char why[200];       /* "this is not JSON: ..." without a full stop */
};

/* Reads one object or list from text[0..n), which nothing may follow. The root, to be
 * given to jtree_free, or NULL with *fault filled. A key written twice is a fault. */
struct json_t *
jtree_read(const char *text, size_t n, struct jtree_fault *fault) MUST_CHECK;
/* The same for text with comments and trailing commas, as in the config. They are blanked
 * in text itself, so that conf/scan.h can find places in it. */
struct json_t *
jtree_read_relaxed(char *text, size_t n, struct jtree_fault *fault) MUST_CHECK;
void jtree_free(struct json_t *root); /* NULL is fine */

/* NULL for a value everywhere below gives what an absent value gives. */
/* Absent key, null, or v is no object: NULL. */
const struct json_t *jtree_get(const struct json_t *v, const char *key);
bool jtree_is_object(const struct json_t *v);
bool jtree_is_list(const struct json_t *v);
size_t jtree_count(const struct json_t *v); /* items of a list or object; else 0 */
/* i < jtree_count of a list. Never NULL, but may be null in the text. */
const struct json_t *jtree_item(const struct json_t *list, size_t i);
const char *jtree_string(const struct json_t *v); /* NULL: no string */
/* The string of a key, or other when there is none. */
const char *jtree_get_string(const struct json_t *v, const char *key, const char *other);
bool jtree_int(const struct json_t *v, int64_t *ret);   /* false: no whole number */
bool jtree_number(const struct json_t *v, double *ret); /* false: no number at all */
/* The value of true or false; other for everything else. */
bool jtree_bool(const struct json_t *v, bool other);

/* Each key of an object, in the order of the text:
 *     for (void *at = jtree_first(v); at; at = jtree_next(v, at)) */
void *jtree_first(const struct json_t *object);
void *jtree_next(const struct json_t *object, void *at);
const char *jtree_key(void *at);
const struct json_t *jtree_value(void *at);

#endif

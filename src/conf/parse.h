/* SPDX-License-Identifier: Apache-2.0 */
/* conf/parse.h - from a JSON tree to a struct, by rows. Used inside the conf room; one
 * loading thread. */
#ifndef OUTRIGGER_CONF_PARSE_H
#define OUTRIGGER_CONF_PARSE_H

struct arena;
struct conf_struct;
struct json_t;
struct problems;

/* Fills obj (root->size bytes) from tree; strings and lists go to the arena. Whatever
 * is wrong goes to `out`; obj is complete all the same (defaults where a value was
 * refused), but a required string may be NULL. */
void parse_tree(const struct conf_struct *root, struct json_t *tree, void *obj,
                struct arena *arena, struct problems *out);

#endif

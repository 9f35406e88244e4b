/* SPDX-License-Identifier: Apache-2.0 */
/* conf/source.h - from bytes in a file to JSON text that can be parsed: reading, which
 * format it is, and whether it is text at all. Used inside the conf room; one loading
 * thread. */
#ifndef OUTRIGGER_CONF_SOURCE_H
#define OUTRIGGER_CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct problem_mark;
struct problems;

/* What is called so in messages when the path is "-". */
#define SOURCE_STDIN "<stdin>"

/* All of a file, "-": stdin; at most CONF_FILE_MAX + 1 bytes. 0: *ret_text is to be freed.
 * ERR_SYS with errno. */
int source_read(const char *path, char **ret_text, size_t *ret_n) MUST_CHECK;

/* YAML by its name (.yaml, .yml), or, when the name says nothing (no .json or .jsonc), by
 * its first character, which is { or a comment in JSON. */
bool source_is_yaml(const char *name, const char *text, size_t n);

struct source {
    char *json; /* n bytes with comments blanked, and a NUL */
    size_t n;
    struct problem_mark
        *marks; /* for problems.marks; NULL: json has the places of text */
    size_t n_marks;
};

/* The text of `out` as JSON. True: *ret is to be given to source_done; json need not be
 * valid. False after a problem was added. */
bool source_to_json(struct problems *out, struct source *ret) MUST_CHECK;
void source_done(struct source *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* conf/snapshot.h - a loaded config: immutable, counted, whole or not at all.
 * Loading: main thread, no loop, no socket. Reading, hold and drop: any thread. All
 * strings and lists of the config live in the snapshot. */
#ifndef OUTRIGGER_CONF_SNAPSHOT_H
#define OUTRIGGER_CONF_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "conf/field.h"

struct conf_snapshot;
struct strbuf;

enum { CONF_FILE_MAX = 4 * 1024 * 1024 };

/* Reads JSON with comments, or YAML, by the rows of root. name: of the file, for messages;
 * it also tells the format (.json, .yaml; else the first character does). text need not
 * outlive the call. 0: *ret_snapshot has one hold; problems may have got
 * warnings. ERR_SYNTAX: problems got all that is wrong, as text for a person. */
int conf_load_text(const struct conf_struct *root, const char *name, const char *text,
                   size_t n, struct strbuf *problems,
                   struct conf_snapshot **ret_snapshot) MUST_CHECK;
/* The same from a file; "-": stdin (called <stdin> in messages). ERR_SYS: it cannot be
 * read; problems says why. */
int
conf_load_file(const struct conf_struct *root, const char *path, struct strbuf *problems,
               struct conf_snapshot **ret_snapshot) MUST_CHECK;

/* A value from the command line, which wins over the file. */
struct conf_set {
    const char *key;   /* path of a single value: "admin.listen"; a constant text */
    const char *value; /* without quotes; no variables */
};

/* One load in all its parts. */
struct conf_load {
    const struct conf_struct *root;
    const char *name; /* path of the file; with text only its name, for messages */
    const char *text; /* NULL: the file is read */
    size_t n;
    /* Replace values of the file. Each must have passed conf_set_check. */
    const struct conf_set *sets;
    size_t n_sets;
    bool strict; /* warnings make it fail too */
    bool json;   /* problems are told as one JSON object, also when there are none */
};

/* As the two above. */
int conf_load(const struct conf_load *load, struct strbuf *problems,
              struct conf_snapshot **ret_snapshot) MUST_CHECK;
/* ERR_SYNTAX: the value cannot be; why gets the rest of a sentence that starts with its
 * name. */
int conf_set_check(const struct conf_struct *root, const struct conf_set *set,
                   struct strbuf *why) MUST_CHECK;

/* The root struct: root->size bytes. */
const void *conf_root(const struct conf_snapshot *s);
/* Of the bytes of the file (or text) as they were read, without values of the command line: to compare with another process, not against forgery. */
uint64_t conf_hash(const struct conf_snapshot *s);
/* Warnings that loading printed. */
unsigned conf_warnings(const struct conf_snapshot *s);
/* True when the file or the command line gives the key, false when it has its default.
 * path goes through objects only: "admin.listen". */
bool conf_is_given(const struct conf_snapshot *s, const char *path);

struct conf_snapshot *conf_hold(struct conf_snapshot *s);
void conf_drop(struct conf_snapshot *s); /* the last drop frees; NULL is fine */

/* Versions of the libraries for JSON and YAML ("none" in a build without YAML), for -VV. */
const char *conf_library_version(void);
const char *conf_yaml_version(void);

#endif

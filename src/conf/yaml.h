/* SPDX-License-Identifier: Apache-2.0 */
/* conf/yaml.h - a YAML file as the JSON text that says the same, with a mark for each
 * value, so that every check and message of JSON files works for it too.
 * Only what JSON can say: mappings, lists, strings, numbers, true, false and null, by the
 * JSON schema of YAML 1.2 (section 10.2): every other plain word is a string. Used inside
 * the conf room. Pure; any thread. */
#ifndef OUTRIGGER_CONF_YAML_H
#define OUTRIGGER_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct problem_mark;
struct problems;

struct yaml_text {
    char *json; /* n bytes of valid JSON (or nothing: an empty file), and a NUL */
    size_t n;
    struct problem_mark *marks; /* in the order of json */
    size_t n_marks;
};

/* 0: *ret is to be given to yaml_text_done. ERR_SYNTAX after a problem was added: not YAML,
 * or a part of YAML that is not read (tags, anchors, merge keys, several documents, more
 * than 32 levels), or this build reads no YAML at all. */
int yaml_to_json(const char *text, size_t n, struct yaml_text *ret,
                 struct problems *out) MUST_CHECK;
void yaml_text_done(struct yaml_text *y);

/* What libyaml's message means for a person; NULL: nothing better is known. */
struct yaml_words {
    const char *said; /* part of the message */
    bool at_start;    /* the beginning of the part that is wrong is the place to show */
    bool names_start; /* a bracket stands there that may not be closed: text is NULL */
    const char *text;
};
/* at: the character at which the parser gave up. */
const struct yaml_words *yaml_words_find(const char *said, char at);

/* Version of libyaml, for -VV; "none" in a build without it. */
const char *yaml_library_version(void);

#endif

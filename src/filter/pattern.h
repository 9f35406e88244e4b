/* SPDX-License-Identifier: Apache-2.0 */
/* filter/pattern.h - the four forms in which rules name values (gRFC A43): "abc" is the whole value, "abc*" its start, "*abc" its end, "*" any value that is not
 * empty. Byte by byte, no case folding (reliability.md B13).
 * Methods are patterns for the path; their slash at the start may be left out: "helloworld.Greeter/SayHello", "/helloworld.*".
 * Made by the loading thread, read by any. */
#ifndef OUTRIGGER_FILTER_PATTERN_H
#define OUTRIGGER_FILTER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum pattern_kind { PATTERN_EXACT, PATTERN_PREFIX, PATTERN_SUFFIX, PATTERN_ANY };

struct pattern {
    enum pattern_kind kind;
    struct slice text; /* without the star; points into what was read */
};

struct conf_list;
struct conf_struct;

/* text must outlive the pattern. */
struct pattern pattern_read(const char *text);
bool pattern_fits(const struct pattern *p, struct slice value);

/* A text in a list of the config that is a pattern. */
struct pattern_conf {
    const char *text;
};

/* Items of such lists; a bare string is enough. */
extern const struct conf_struct pattern_value_struct, pattern_method_struct;

/* For conf_field.valid: 0, or ERR_SYNTAX and a plain sentence. */
int pattern_valid(const char *text, const char **ret_why);
int pattern_method_valid(const char *text, const char **ret_why);

/* A set of patterns of which one must fit. methods: the values are paths, and the slash at their start may be missing in the patterns. */
struct pattern_set {
    size_t n;
    struct pattern *v;
    bool methods;
};

/* list: of struct pattern_conf; its strings must outlive the set. */
void pattern_set_init(struct pattern_set *s, const struct conf_list *list, bool methods);
void pattern_set_done(struct pattern_set *s);
bool pattern_set_fits(const struct pattern_set *s, struct slice value);

#endif

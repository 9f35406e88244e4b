/* SPDX-License-Identifier: Apache-2.0 */
/* conf/field.h - the rows from which parser, defaults, checks, help, schema and man page are made.
 * One row per key, beside the code that it sets; nothing else in the program knows a key's name. All tables are const; any thread. */
#ifndef OUTRIGGER_CONF_FIELD_H
#define OUTRIGGER_CONF_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_BOOL,     /* bool */
    CONF_UINT,     /* uint32_t: a JSON whole number */
    CONF_SIZE,     /* uint64_t bytes: "64KiB", "4MB" */
    CONF_DURATION, /* int64_t ms: "250ms", "1m30s" */
    CONF_STRING,   /* const char *; NULL when absent and def is NULL */
    CONF_ENUM,     /* uint32_t: index into words */
    CONF_OBJECT,   /* struct in place, described by sub */
    CONF_LIST,     /* struct conf_list of structs described by sub */
};

struct conf_list {
    void *items; /* n elements of sub->size bytes each */
    size_t n;
};

struct conf_struct;
struct conf_place; /* where in the file an object stands; see conf/check.h */

struct conf_field {
    const char *key;
    enum conf_type type;
    size_t at; /* offsetof in the struct */
    const char *
        def; /* default as it would be written in the file (without quotes); NULL: none */
    int64_t min,
        max; /* range for UINT, SIZE (bytes), DURATION (ms), number of items for LIST; max 0: no range */
    bool required;
    const char *const *
        words; /* CONF_ENUM: NULL-terminated; CONF_STRING: the only values allowed, or NULL */
    const struct conf_struct *sub;
    const char *help;    /* one or two plain sentences; never empty */
    const char *example; /* a value as written in the file, for --explain */
    int (*valid)(
        const char *text,
        const char **ret_why); /* CONF_STRING: 0, or ERR_SYNTAX and a plain sentence */
    const char *
        code; /* stable code of valid's refusals, listed in conf/explain.c; NULL: E0115 */
};

struct conf_struct {
    const char *name; /* "pool": used in texts */
    size_t size;
    const struct conf_field *fields; /* ends at a row with key NULL */
    const char *
        short_key; /* a bare string stands for { short_key: string }; NULL: not allowed */
    /* Checks that need several keys; reports by conf/check.h. May be NULL. */
    void (*check)(void *obj, struct conf_place *place);
};

#endif

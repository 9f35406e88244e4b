/* SPDX-License-Identifier: Apache-2.0 */
/* conf/field.h - the rows from which parser, defaults, checks, help, schema and man
 * page are made.
 * One row per key, beside the code that it sets; nothing else in the program knows a
 * key's name. All tables are const; any thread. */
#ifndef OUTRIGGER_CONF_FIELD_H
#define OUTRIGGER_CONF_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

enum conf_type {
    CONF_BOOL,     /* bool */
    CONF_UINT,     /* uint32_t: a JSON whole number */
    CONF_SIZE,     /* uint64_t bytes: "64KiB", "4MB" */
    CONF_DURATION, /* int64_t ms: "250ms", "1m30s" */
    CONF_STRING,   /* const char *; NULL when absent and def is NULL */
    CONF_ENUM,     /* uint32_t: index into words */
    CONF_OBJECT,   /* struct in place, described by sub */
    CONF_LIST,     /* struct conf_list of structs described by sub */
    CONF_NUMBER,   /* double, never negative: a JSON number */
    CONF_PERCENT,  /* double, 20.0 for "20%" */
    CONF_MAP,      /* struct conf_map: an object of strings with free keys */
    /* struct conf_list of structs described by sub, in the order of the file: an object
     * with free keys. The key goes to the const char * at sub->key_at. */
    CONF_DICT,
    CONF_INT,   /* int64_t: a JSON whole number of either sign; no range: min = max = 0 */
    CONF_MAYBE, /* uint32_t enum conf_maybe: true, false, or not in the file */
    CONF_RATE, /* struct conf_rate: "100/s", "0.5/s", "5000/m"; 0 events: not in the file */
};

enum conf_maybe { CONF_UNSET, CONF_FALSE, CONF_TRUE };

struct conf_list {
    void *items; /* n elements of sub->size bytes each */
    size_t n;
};

struct conf_pair {
    const char *key, *value;
};

struct conf_map {
    struct conf_pair *items; /* sorted by key; keys are unique */
    size_t n;
};

/* As it is written, so that nothing is rounded: "5000/m" is 5000 in 60000 ms. */
struct conf_rate {
    double events; /* whole numbers are exact */
    int64_t per_ms;
};

/* What others may see of a value: GET /config, pages about routes, outriggerctl bundle. A row
 * of free text says it; of other rows nothing is hidden. */
enum conf_hide {
    CONF_HIDE_UNSAID,
    CONF_SHOW, /* of an object with headers: they go to clients, see CONF_HIDE_TEXT */
    CONF_HIDE, /* this text, or all texts below */
    /* Headers that are sent: only a value that is one variable is shown, and below CONF_SHOW
     * those whose names are not secret. */
    CONF_HIDE_TEXT,
    CONF_HIDE_NAMED, /* a MAP or DICT: what stands under keys like "authorization" */
    CONF_HIDE_URL, /* the query of a URL; what is no name at all, as JSON in its place */
};

/* min and max of a CONF_RATE row count events per day; this many are one per second. */
#define CONF_PER_S ((int64_t)86400)

/* One kind of a tagged struct. A table of them ends at tag NULL. */
struct conf_variant {
    const char *tag; /* what the file has in the tag's key: "jwt" */
    const struct conf_struct *type;
    const char *help;  /* one or two plain sentences */
    const void *owner; /* what the maker of the table finds by the row; not looked at */
};

enum { CONF_NO_VARIANT = UINT32_MAX };

struct conf_struct;
struct conf_place; /* where in the file an object stands; see conf/check.h */

struct conf_field {
    const char *key;
    enum conf_type type;
    size_t at; /* offsetof in the struct */
    /* Default as it would be written in the file (without quotes); NULL: none. */
    const char *def;
    /* Range for UINT, SIZE (bytes), DURATION (ms), NUMBER, PERCENT, RATE (per day), number
     * of items for LIST, DICT and MAP; max 0: no range. */
    int64_t min, max;
    bool required;
    /* CONF_SIZE: a plain number counts bytes, as in gRPC's own config. CONF_STRING: a whole
     * number stands for its digits. */
    bool bare_ok;
    bool one_ok; /* CONF_LIST: a single value may stand for a list of one */
    /* CONF_ENUM: NULL-terminated. CONF_STRING: the only values allowed, or NULL. */
    const char *const *words;
    /* CONF_ENUM, the tag of a tagged struct: in the place of words. */
    const struct conf_variant *variants;
    const struct conf_struct *sub;
    /* The same keys stand at this path of the file too ("listeners[].filters") and are
     * described there; NULL: they are described here. */
    const char *see;
    const char *help;    /* one or two plain sentences; never empty */
    const char *example; /* a value as written in the file, for --explain */
    enum conf_hide hide;
    /* CONF_STRING: 0, or ERR_SYNTAX and a plain sentence. */
    int (*valid)(const char *text, const char **ret_why);
    /* Stable code of what valid refuses, listed in conf/explain_codes*.c; NULL: E0115. */
    const char *code;
};

struct conf_struct {
    const char *name; /* "pool": used in texts */
    size_t size;
    const struct conf_field *fields; /* ends at a row with key NULL */
    /* A bare string stands for { short_key: string }; NULL: not allowed. */
    const char *short_key;
    /* Something that is off unless its object is in the file: loading sets the bool at
     * on_at, printing leaves out what is off. */
    bool optional;
    size_t on_at;
    size_t key_at; /* in a CONF_DICT: offset of the const char * that gets the key */
    /* A tagged struct is of one of several kinds: the key tag_key, a CONF_ENUM row with
     * variants, says of which, and at value_at is a void * to the struct of that kind. In
     * the file the keys of both stand beside each other; the variant's check is called
     * first. The uint32_t of the tag is CONF_NO_VARIANT, and the pointer NULL, while the
     * tag was refused or is missing. NULL: not tagged. */
    const char *tag_key;
    size_t value_at;
    /* Of a tagged struct: a BOOL row that switches the whole off. When it is true the
     * variant's keys are read, but need not be complete and are not kept: the pointer is
     * NULL. NULL: there is no such row. */
    const char *off_key;
    /* Checks that need several keys; reports by conf/check.h. May be NULL. */
    void (*check)(void *obj, struct conf_place *place);
};

struct strbuf;

/* Row of `key`; NULL: unknown. */
const struct conf_field *field_find(const struct conf_struct *type, const char *key);
/* Row of a path: "connections.connectTimeout", "pools[0].name", "pools[].name" or
 * "pools.name"; in a CONF_DICT "headers.x-user.exact" or "headers.exact"; in a tagged
 * struct "filters.name" or "filters.jwt.issuer". NULL: unknown. */
const struct conf_field *
field_find_path(const struct conf_struct *type, const char *path);
/* The same for a path that ends at a kind: "filters.jwt". NULL: it does not. */
const struct conf_variant *
conf_variant_find_path(const struct conf_struct *type, const char *path);
/* Word i of an ENUM row, or of a STRING row with words; NULL: that was the last. */
const char *field_word(const struct conf_field *f, size_t i);
/* The row of the tag; NULL: the struct is not tagged. */
const struct conf_field *conf_tag_row(const struct conf_struct *type);
/* The kinds of a tagged struct; an empty table when it is not tagged. */
const struct conf_variant *conf_variants(const struct conf_struct *type);
/* Of what kind obj is; NULL: of none, or its struct is not tagged. */
const struct conf_variant *
conf_variant_of(const struct conf_struct *type, const void *obj);
/* Its struct of that kind; NULL: none. */
const void *conf_variant_value(const struct conf_struct *type, const void *obj);
/* Zeroes obj (type->size bytes) and sets every default of the rows. Strings point into
 * the rows. */
void field_defaults(const struct conf_struct *type, void *obj);
/* Sets one value from text without quotes ("5s", "true", "info"). Not for OBJECT, LIST,
 * MAP and DICT. The text must outlive obj. False: *why gets the rest of a sentence that starts
 * with the key ("needs a unit; did you mean ..."), *ret_code its code. */
bool field_parse(const struct conf_field *f, const char *text, void *obj,
                 struct strbuf *why, const char **ret_code) MUST_CHECK;
/* Sets a NUMBER or PERCENT row; as field_parse. */
bool field_set_real(const struct conf_field *f, double value, void *obj,
                    struct strbuf *why, const char **ret_code) MUST_CHECK;
/* Is written without quotes: a number or true or false. */
bool conf_is_bare(const struct conf_field *f);
/* Has values below it. */
bool conf_is_tree(const struct conf_field *f);
/* The value of a key in a map; NULL: not there. */
const char *conf_map_get(const struct conf_map *map, const char *key);
/* False when value is outside min..max of the row; as field_parse. */
bool field_check_range(const struct conf_field *f, int64_t value, struct strbuf *why,
                       const char **ret_code) MUST_CHECK;
/* A number of a UINT, SIZE or DURATION row, or the bound of a RATE row, as the file would
 * have it (without quotes). */
void field_print_number(const struct conf_field *f, int64_t value, char out[48]);
/* Adds "whole number", "size", "one of error, warn" ... */
void field_print_type(const struct conf_field *f, struct strbuf *out);
/* Adds "from 1 to 1024" or "at least 5s" or nothing. */
void field_print_range(const struct conf_field *f, struct strbuf *out);

#endif

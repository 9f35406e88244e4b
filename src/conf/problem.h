/* SPDX-License-Identifier: Apache-2.0 */
/* conf/problem.h - collects what is wrong with one file and prints it the way compilers
 * do, sorted by place.
 * The functions of conf/check.h are implemented here too. Used inside the conf room;
 * one loading thread. */
#ifndef OUTRIGGER_CONF_PROBLEM_H
#define OUTRIGGER_CONF_PROBLEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/check.h"
#include "conf/scan.h"

struct json_t;

struct strbuf;

enum {
    PROBLEMS_KEPT =
        100, /* further ones are only counted: finding a place walks the file */
    PROBLEMS_PRINTED = 20,
};

struct problem {
    const char *code;
    char *text;
    bool warning;
    /* Bytes of the text that are underlined; end 0: no place, only the name of the file
     * is printed. */
    size_t at, end;
};

/* Where in the user's text a part of the JSON comes from that was made of it. */
struct problem_mark {
    uint32_t json_at; /* first byte of a key, a value, or an opening bracket */
    uint32_t at, end; /* bytes of text */
};

struct problems {
    const char *name; /* of the file, for people */
    const char *text; /* as the user wrote it, n bytes: shown */
    size_t n;
    /* What is walked, json_n bytes: text with comments blanked, or JSON made of another
     * format. NULL until it is known to be valid. */
    const char *json;
    size_t json_n;
    /* Set when json was made of another format: then all places are given in json. */
    const struct problem_mark *marks;
    size_t n_marks;
    struct problem kept[PROBLEMS_KEPT];
    size_t n_kept, n_kept_warnings;
    unsigned errors, warnings;
};

/* The object, list item or value that is being read: a chain of steps up to the root. */
struct conf_place {
    struct problems *out;
    const struct conf_place *up; /* NULL: root */
    struct scan_step step;       /* from up to here */
    bool dirty; /* a direct value of this object was refused and holds its default */
    const struct json_t *object; /* what is read here; NULL: no object */
};

/* What part of a key's place is underlined. */
enum problem_spot { SPOT_KEY, SPOT_VALUE };

void problems_init(struct problems *ps, const char *name, const char *text, size_t n);
void problems_done(struct problems *ps);
/* At bytes [at, end) of the text, or with marks of the JSON. */
void problems_add_at(struct problems *ps, size_t at, size_t end, const char *code,
                     const char *fmt, ...) PRINTF_LIKE(5, 6);
/* About the file as a whole. */
void problems_add(struct problems *ps, const char *code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* At `key` of the object (NULL: the object itself). */
void problems_add_key(struct conf_place *place, const char *key, enum problem_spot spot,
                      const char *code, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The line in the user's text of such a place. */
size_t problems_line(const struct problems *ps, size_t at);
/* True when one more error would only be counted: no need to build its text. */
bool problems_full(const struct problems *ps);
/* True when the object has the key in the file, not only by default. */
bool place_has_key(const struct conf_place *place, const char *key);
/* "pools[1].balance"; empty for the root. */
void place_path(const struct conf_place *place, const char *key, struct strbuf *out);
/* Adds text of the user, safe for a terminal: control characters and broken UTF-8 become
 * '?'. */
void problems_put_safe(struct strbuf *out, const char *s, size_t n, bool keep_tabs);
/* Whether this line of what problems_print wrote shows the file: the line itself, or the caret below. */
bool problems_is_excerpt(const char *line);
/* By place. At most PROBLEMS_KEPT and mostly in order already; stable. */
void problems_sort(struct problems *ps);
/* All problems with line, excerpt and caret, then a count. Nothing when there are none.
 */
void problems_print(struct problems *ps, struct strbuf *out);
/* The same as one JSON object for programs; also when there are none. good: what the
 * answer of the check is. The keys are part of the command line's contract:
 * man/outrigger.8. */
void problems_print_json(struct problems *ps, bool good, struct strbuf *out);

#endif

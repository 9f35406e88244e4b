/* SPDX-License-Identifier: Apache-2.0 */
/* conf/scan.h - finds places in JSON text: tokens, the value at a path, line and
 * column.
 * jansson keeps no places for values, so after an error the text is walked again.
 * Comments must be blanked before (conf/jsonc.h). Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_SCAN_H
#define OUTRIGGER_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum scan_kind {
    SCAN_END,
    SCAN_PUNCT,    /* one of { } [ ] : , */
    SCAN_STRING,   /* with both quotes */
    SCAN_UNCLOSED, /* a string without its closing quote on the line */
    /* Numbers, true, null and whatever else is made of letters, digits and _ + - . */
    SCAN_WORD,
    SCAN_OTHER, /* one character that JSON does not know */
};

struct scan_token {
    enum scan_kind kind;
    char c; /* first byte */
    size_t at, end;
};

struct scan {
    const char *text;
    size_t n, at;
};

struct scan_token scan_next(struct scan *s);
/* Reads past one value that starts at s->at. */
void scan_skip_value(struct scan *s);

/* One step of a path: a key, or with key NULL item `index` of a list. */
struct scan_step {
    const char *key;
    size_t index;
};

struct scan_place {
    /* False: the path ends early, the places are those of the last part that exists. */
    bool found;
    size_t key_at, key_end; /* key_end 0: the part has no key (list item, root) */
    size_t at, end; /* the value; for objects and lists only the opening bracket */
};

/* text must be valid JSON. Item 0 of what is no list is the value itself: a single value
 * may stand for a list of one. */
struct scan_place
scan_find(const char *text, size_t n, const struct scan_step *steps, size_t n_steps);

/* 1-based, the column in characters (a tab is one). */
void scan_line_column(const char *text, size_t n, size_t at, size_t *ret_line,
                      size_t *ret_column);
/* Bytes of the UTF-8 character at s[0..n): 1 for a broken one. n > 0. */
size_t scan_char_len(const char *s, size_t n);
/* True when the string token (with quotes) says `want`, escapes resolved. */
bool scan_string_is(const char *text, struct scan_token t, const char *want);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* obs/line.h - one line of a log while it is written: at most 8 KiB, and of each value at most 1 KiB. Whatever a peer chose goes in by line_value, which lets only
 * printable ASCII through, so nobody can end the line or the value that he is in. What does not fit is left out: `cut`. One thread. */
#ifndef OUTRIGGER_OBS_LINE_H
#define OUTRIGGER_OBS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    LINE_MAX_BYTES = 8192,
    LINE_VALUE_MAX = 1024, /* bytes of one value in the line, escapes included */
    LINE_TAIL_ROOM = 32,   /* always left for line_end */
};

enum line_escape {
    LINE_JSON, /* \u00e4, as base/jsontext.h writes it */
    LINE_TEXT, /* \xe4 */
};

struct line {
    size_t n;
    bool cut;
    char s[LINE_MAX_BYTES];
};

static inline void
line_begin(struct line *l)
{
    l->n = 0;
    l->cut = false;
}

/* Our own characters, as they are. */
void line_add(struct line *l, const char *s, size_t n);
void line_puts(struct line *l, const char *s);
/* What somebody else chose. A value that is too long ends with "...". */
void line_value(struct line *l, struct slice v, enum line_escape how);
void line_number(struct line *l, uint64_t v);
/* Microseconds as milliseconds: 1234 is "1.234"; below 0 as 0. */
void line_ms(struct line *l, int64_t us);
/* Microseconds since 1970 as 2026-11-22T15:33:15.123456Z. */
void line_time(struct line *l, int64_t wall_us);
/* Decimal digits, at least `width` of them, in front of `end`; returns where they begin. At most 20. */
char *line_digits(char *end, uint64_t v, int width);
/* At most LINE_TAIL_ROOM bytes, which always fit: what closes the line. */
void line_end(struct line *l, const char *s);

#endif

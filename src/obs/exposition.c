/* SPDX-License-Identifier: Apache-2.0 */
/* obs/exposition.c - lines of a page of metrics. */
#include "obs/exposition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 64 };

static struct slice
slice_from(struct slice s, size_t at)
{
    return slice_make(s.p + at, s.n - at);
}

static struct slice
next_line(struct slice *rest)
{
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice line = slice_make(rest->p, n);

    *rest = slice_from(*rest, end ? n + 1 : n);
    return line;
}

/* The word before the next blank, which goes as well. */
static struct slice
next_word(struct slice *s)
{
    const uint8_t *end = memchr(s->p, ' ', s->n);
    size_t n = end ? (size_t)(end - s->p) : s->n;
    struct slice word = slice_make(s->p, n);

    *s = slice_from(*s, end ? n + 1 : n);
    return word;
}

/* "# HELP name text", "# TYPE name word"; all others are comments. */
static void
read_comment(struct exposition *e, struct slice line)
{
    struct slice mark, word, name;

    mark = next_word(&line);
    word = next_word(&line);
    name = next_word(&line);
    if (mark.n != 1 || (!slice_eq_str(word, "HELP") && !slice_eq_str(word, "TYPE")))
        return;
    if (!slice_eq(name, e->family)) {
        e->family = name;
        e->help = (struct slice){ 0 };
        e->kind = EXPOSITION_OTHER;
    }
    if (slice_eq_str(word, "HELP"))
        e->help = line;
    else if (slice_eq_str(line, "counter"))
        e->kind = EXPOSITION_COUNTER;
    else if (slice_eq_str(line, "gauge"))
        e->kind = EXPOSITION_GAUGE;
    else if (slice_eq_str(line, "histogram"))
        e->kind = EXPOSITION_HISTOGRAM;
}

static bool
name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == ':';
}

static struct slice
read_name(struct slice *s)
{
    size_t n = 0;

    while (n < s->n && name_char(s->p[n]))
        n++;
    *s = slice_from(*s, n);
    return slice_make(s->p - n, n);
}

/* name="value" and the comma behind it. */
static bool
read_label(struct slice *s, struct exposition_label *ret)
{
    size_t n = 0;

    ret->name = read_name(s);
    if (ret->name.n == 0 || s->n < 2 || s->p[0] != '=' || s->p[1] != '"')
        return false;
    *s = slice_from(*s, 2);
    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' ? 2 : 1;
    if (n >= s->n)
        return false;
    ret->value = slice_make(s->p, n);
    *s = slice_from(*s, n + 1);
    if (s->n > 0 && s->p[0] == ',')
        *s = slice_from(*s, 1);
    return true;
}

static bool
read_number(struct slice s, struct exposition_sample *ret)
{
    char text[NUMBER_MAX], *end;

    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    errno = 0;
    ret->number = strtoll(text, &end, 10);
    ret->whole = *end == '\0' && errno == 0;
    if (ret->whole)
        return true;
    ret->real = strtod(text, &end);
    return *end == '\0';
}

static bool
read_sample(struct slice line, struct exposition_sample *ret)
{
    ret->label_count = 0;
    ret->name = read_name(&line);
    if (ret->name.n == 0)
        return false;
    if (line.n > 0 && line.p[0] == '{') {
        line = slice_from(line, 1);
        while (line.n > 0 && line.p[0] != '}') {
            if (ret->label_count == EXPOSITION_LABELS_MAX ||
                !read_label(&line, &ret->labels[ret->label_count++]))
                return false;
        }
        if (line.n == 0)
            return false;
        line = slice_from(line, 1);
    }
    if (line.n == 0 || line.p[0] != ' ')
        return false;
    line = slice_from(line, 1);
    return read_number(next_word(&line), ret); /* a time behind it is not ours */
}

bool
exposition_next(struct exposition *e, struct exposition_sample *ret)
{
    while (e->rest.n > 0) {
        struct slice line = next_line(&e->rest);

        if (line.n == 0)
            continue;
        if (line.p[0] == '#')
            read_comment(e, line);
        else if (read_sample(line, ret))
            return true;
        else
            e->bad++;
    }
    return false;
}

struct slice
exposition_value(struct slice value, char *out, size_t room)
{
    size_t n = 0;

    if (!value.n || !memchr(value.p, '\\', value.n))
        return slice_make(value.p, value.n < room ? value.n : room);
    for (size_t i = 0; i < value.n && n < room; i++) {
        uint8_t c = value.p[i];

        if (c == '\\' && i + 1 < value.n) {
            c = value.p[++i];
            c = c == 'n' ? '\n' : c;
        }
        out[n++] = (char)c;
    }
    return slice_make(out, n);
}

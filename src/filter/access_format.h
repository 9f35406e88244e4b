/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_format.h - lines of an access log as the config spells them: "%{time} %{client} %{service}/%{method} %{status} %{totalMs} %{header:user-agent}".
 * Variables are the keys of the JSON form (access_record.h) and %{header:NAME}; "%%{" stands for "%{". What does not apply is "-"; what a peer chose is escaped as
 * \xNN. Built while a filter opens, read by any thread. */
#ifndef OUTRIGGER_FILTER_ACCESS_FORMAT_H
#define OUTRIGGER_FILTER_ACCESS_FORMAT_H

#include "base/compat.h"
#include "filter/access_record.h"

struct strbuf;

enum { ACCESS_PARTS_MAX = 128 };

struct access_part {
    struct slice text;                /* of the file; with field and header: nothing */
    const struct access_field *field; /* NULL: none */
    int header;                       /* its place in the record's headers; -1: none */
};

struct access_format {
    size_t n;
    struct access_part parts[ACCESS_PARTS_MAX];
    size_t header_count;
    struct slice headers[ACCESS_HEADERS_MAX];
    struct slice
        unknown; /* after ERR_SYNTAX: the variable that is none; p NULL: something else is wrong */
};

/* text must outlive the format. ERR_SYNTAX with a plain sentence; then ret is not to be used but for its unknown. */
int access_format_parse(const char *text, struct access_format *ret,
                        const char **ret_why) MUST_CHECK;
/* The line with its end. r->headers are those of the format, in its order. */
void access_format_write(const struct access_format *f, const struct access_record *r,
                         struct line *l);
/* Adds what to write in place of f->unknown: the variable that is near it, or all. */
void access_format_suggest(const struct access_format *f, struct strbuf *out);
/* A name that a request header can have. */
bool access_header_valid(struct slice name);

#endif

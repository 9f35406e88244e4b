/* SPDX-License-Identifier: Apache-2.0 */
/* conf/jsonc.c - one pass over the bytes; what is not a comment or a comma too many is
 * left for the parser to judge. */
#include "conf/jsonc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* The end of the string that starts at `at`: behind its closing quote, or at the line
 * end of one left open. */
static size_t
string_end(const char *text, size_t n, size_t at)
{
    for (at++; at < n && text[at] != '"' && text[at] != '\n'; at++) {
        if (text[at] == '\\' && at + 1 < n && text[at + 1] != '\n')
            at++;
    }
    return at < n && text[at] == '"' ? at + 1 : at;
}

/* The end of the comment at `at`; SIZE_MAX: not closed. */
static size_t
comment_end(const char *text, size_t n, size_t at)
{
    const char *end;

    if (text[at + 1] == '/') {
        end = memchr(text + at, '\n', n - at);
        return end ? (size_t)(end - text) : n;
    }
    end = memmem(text + at + 2, n - at - 2, "*/", 2);
    return end ? (size_t)(end - text) + 2 : SIZE_MAX;
}

static void
blank(char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] != '\n' && text[i] != '\r')
            text[i] = ' ';
    }
}

int
jsonc_blank(char *text, size_t n, size_t *ret_at)
{
    size_t comma =
        SIZE_MAX; /* a comma that follows a value, and nothing came after it yet */
    bool after_value = false;
    unsigned depth = 0;
    size_t i = 0;

    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        blank(text, 0, 3);
    while (i < n) {
        char c = text[i];
        size_t end = i + 1;

        if (c == '/' && end < n && (text[end] == '/' || text[end] == '*')) {
            end = comment_end(text, n, i);
            if (end == SIZE_MAX) {
                *ret_at = i;
                return ERR_SYNTAX;
            }
            blank(text, i, end);
        } else if (c == ',') {
            comma = after_value ? i : SIZE_MAX;
            after_value = false;
        } else if (c == '{' || c == '[') {
            if (++depth > JSONC_DEPTH_MAX) {
                *ret_at = i;
                return ERR_LIMIT;
            }
            comma = SIZE_MAX;
            after_value = false;
        } else if (c == '}' || c == ']') {
            if (comma != SIZE_MAX)
                text[comma] = ' ';
            depth -= depth > 0;
            comma = SIZE_MAX;
            after_value = true;
        } else if (c == ':') {
            after_value = false;
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            if (c == '"')
                end = string_end(text, n, i);
            comma = SIZE_MAX;
            after_value = true;
        }
        i = end;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* admin/query.c - decoded in place, in the copy that the query keeps. */
#include "admin/query.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "grpc/status.h"

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A NUL would cut the text. */
static bool
query_decode(char *s)
{
    char *to = s;

    for (; *s; s++) {
        int high, low;

        if (*s != '%') {
            *to++ = (char)(*s == '+' ? ' ' : *s);
            continue;
        }
        high = hex_digit(s[1]);
        low = high < 0 ? -1 : hex_digit(s[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        s += 2;
    }
    *to = '\0';
    return true;
}

bool
query_begin(struct query *q, const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why = "the query is too long";
    q->next = NULL;
    if (n > QUERY_MAX)
        return false;
    memcpy(q->text, text, n + 1);
    q->next = q->text;
    return true;
}

enum query_step
query_next(struct query *q, const char **ret_key, const char **ret_value,
           const char **ret_why)
{
    char *part = q->next, *value;

    if (!part || !part[0])
        return QUERY_END;
    q->next = strchr(part, '&');
    if (q->next)
        *q->next++ = '\0';
    value = strchr(part, '=');
    *ret_why = "each part of the query is key=value, with %XX for special characters";
    if (!value)
        return QUERY_BAD;
    *value++ = '\0';
    if (!query_decode(part) || !query_decode(value))
        return QUERY_BAD;
    *ret_key = part;
    *ret_value = value;
    return QUERY_WORD;
}

static bool
word_known(const char *word, size_t n, const char *const *known)
{
    for (; known && *known; known++) {
        if (strlen(*known) == n && memcmp(*known, word, n) == 0)
            return true;
    }
    return false;
}

bool
query_is_void(const char *text, const char *const *known, struct strbuf *out)
{
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, "&");

        if (n > 0 && !word_known(s, n, known)) {
            strbuf_puts(out, "nothing was done: this action has no settings, so leave "
                             "out what is behind the \"?\"\n");
            return false;
        }
        s += n + (s[n] == '&');
    }
    return true;
}

int
query_code(const char *word)
{
    for (int code = 0; code < GRPC_CODE_COUNT; code++) {
        if (strcasecmp(word, grpc_code_label(code)) == 0 ||
            strcasecmp(word, grpc_code_name(code)) == 0 ||
            strcmp(word, grpc_code_text(code)) == 0)
            return code;
    }
    return -1;
}

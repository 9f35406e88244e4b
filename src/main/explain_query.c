/* SPDX-License-Identifier: Apache-2.0 */
/* main/explain_query.c - the words of /explain-call from its URL. */
#include <string.h>

#include "main/explain_page.h"

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place; "+" is a space, as forms write it. A NUL would cut the text. */
static bool
url_decode(char *s)
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

static bool
query_set(struct explain_query *q, const char *key, char *value, const char **ret_why)
{
    if (strcmp(key, "method") == 0) {
        *ret_why = "method stands twice";
        return !q->call.in.path.p && explain_call_set_path(&q->call, value, ret_why);
    }
    if (strcmp(key, "authority") == 0)
        return explain_call_set_authority(&q->call, value, ret_why);
    if (strcmp(key, "header") == 0)
        return explain_call_add_header(&q->call, value, ret_why);
    if (strcmp(key, "san") == 0)
        return explain_call_add_san(&q->call, value, ret_why);
    if (strcmp(key, "listener") == 0) {
        q->listener = value;
        return true;
    }
    if (strcmp(key, "format") == 0) {
        q->json = strcmp(value, "json") == 0;
        *ret_why = "format is json or text";
        return q->json || strcmp(value, "text") == 0;
    }
    *ret_why = "known are method, listener, authority, header, san and format";
    return false;
}

bool
explain_query_read(struct explain_query *q, const char *query, const char **ret_why)
{
    size_t n = strlen(query);
    char *next = q->text;

    memset(q, 0, sizeof(*q));
    explain_call_init(&q->call);
    *ret_why = "the query is too long";
    if (n > EXPLAIN_QUERY_MAX)
        return false;
    memcpy(q->text, query, n + 1);
    while (next && *next) {
        char *part = next, *value;

        next = strchr(part, '&');
        if (next)
            *next++ = '\0';
        value = strchr(part, '=');
        *ret_why = "each part of the query is key=value, with %XX for special characters";
        if (!value)
            return false;
        *value++ = '\0';
        if (!url_decode(part) || !url_decode(value) ||
            !query_set(q, part, value, ret_why))
            return false;
    }
    *ret_why = "method is missing: say method=/pkg.Service/Method";
    return q->call.in.path.p != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/explain_query.c - the words of /explain-call from its URL. */
#include <string.h>

#include "main/explain_page.h"

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
    const char *key, *value;
    enum query_step step;

    memset(q, 0, sizeof(*q));
    explain_call_init(&q->call);
    if (!query_begin(&q->words, query, ret_why))
        return false;
    while ((step = query_next(&q->words, &key, &value, ret_why)) == QUERY_WORD) {
        char *own = q->words.text + (value - q->words.text); /* it may be changed */

        if (!query_set(q, key, own, ret_why))
            return false;
    }
    if (step == QUERY_END)
        *ret_why = "method is missing: say method=/pkg.Service/Method";
    return step == QUERY_END && q->call.in.path.p != NULL;
}

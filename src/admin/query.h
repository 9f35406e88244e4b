/* SPDX-License-Identifier: Apache-2.0 */
/* admin/query.h - the words behind the "?" of a URL, one after the other: "code=Unavailable&method=%2Fpkg.Svc%2FGet". "+" is a space, as forms write it. Pure. */
#ifndef OUTRIGGER_ADMIN_QUERY_H
#define OUTRIGGER_ADMIN_QUERY_H

#include <stdbool.h>

#include "base/compat.h"

enum { QUERY_MAX = 8000 }; /* bytes; a head of the admin port has 8 KiB */

struct strbuf;

struct query {
    char *next; /* NULL: no more */
    char text[QUERY_MAX + 1];
};

enum query_step { QUERY_END, QUERY_WORD, QUERY_BAD };

/* text: what admin_query_fn gets. False: it is too long; *ret_why is a sentence for the asker. */
bool query_begin(struct query *q, const char *text, const char **ret_why) MUST_CHECK;
/* The next key and its value, decoded, valid as long as q. QUERY_BAD with *ret_why: not key=value, or an illegal escape. */
enum query_step query_next(struct query *q, const char **ret_key, const char **ret_value,
                           const char **ret_why) MUST_CHECK;

/* For an action without settings: false, with a sentence in out, when the query has words that are not among known (NULL, or a list that ends with NULL: what others send and what changes nothing here). Nobody
 * shall think that "percent=50" was heard. */
bool
query_is_void(const char *text, const char *const *known, struct strbuf *out) MUST_CHECK;

/* A gRPC code: "Unavailable", "UNAVAILABLE" or "14". -1: there is no such code. */
int query_code(const char *word);

#endif

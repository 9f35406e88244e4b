/* SPDX-License-Identifier: Apache-2.0 */
/* main/explain_page.h - GET /explain-call and /routes on the admin port: where a call would go, and where routes lead. Main thread. */
#ifndef OUTRIGGER_MAIN_EXPLAIN_PAGE_H
#define OUTRIGGER_MAIN_EXPLAIN_PAGE_H

#include <stdbool.h>

#include "admin/query.h"
#include "base/compat.h"
#include "proxy/explain.h"

struct process;

/* What the query of /explain-call asks. */
struct explain_query {
    struct explain_call call;
    const char *listener; /* NULL: the only one */
    bool json;
    struct query words; /* what call and listener point into */
};

/* "method=%2Fpkg.Svc%2FGet&header=x-user%3Danna&authority=...&listener=...&san=...&format=json". False: *ret_why says what is wrong. Pure. */
bool explain_query_read(struct explain_query *q, const char *query,
                        const char **ret_why) MUST_CHECK;
/* Adds the pages. There may be no admin port. */
void explain_page_open(struct process *p);

#endif

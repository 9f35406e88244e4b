/* SPDX-License-Identifier: Apache-2.0 */
/* admin/admin_int.h - what the files of the admin port share. Main thread only. */
#ifndef OUTRIGGER_ADMIN_ADMIN_INT_H
#define OUTRIGGER_ADMIN_ADMIN_INT_H

#include <stddef.h>

#include "admin/actions.h"
#include "net/addr.h"

struct evbuffer;
struct evhttp;
struct evhttp_request;
struct hub;
struct stats;

struct admin_entry {
    const char *path, *type;
    admin_action_fn *action; /* or */
    admin_page_fn *page;     /* or */
    admin_query_fn *ask;
    void *arg;
};

struct admin {
    struct evhttp *http;
    const struct stats *const *stats;
    size_t n;
    struct hub *const *hubs;
    size_t hub_count;
    struct addr at; /* where it really listens */
    char unix_path[ADDR_TEXT_MAX];
    struct admin_entry entries[ADMIN_ENTRIES_MAX];
    size_t entry_count;
};

/* NULL: none of this path. */
const struct admin_entry *admin_find(const struct admin *a, const char *path);
/* Runs the action or makes the page into the request's output buffer. Returns the status; *ret_type is set for pages. */
int admin_answer(const struct admin *a, const struct admin_entry *e,
                 struct evhttp_request *req, const char **ret_type);
/* Lines for the page that lists all. */
void admin_list(const struct admin *a, struct evbuffer *out);

#endif

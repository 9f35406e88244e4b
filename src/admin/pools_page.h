/* SPDX-License-Identifier: Apache-2.0 */
/* admin/pools_page.h - GET /pools and /pools.json: all pools with their endpoints, or with ?pool=NAME one of them, for who has thousands of endpoints and looks often. Main thread. */
#ifndef OUTRIGGER_ADMIN_POOLS_PAGE_H
#define OUTRIGGER_ADMIN_POOLS_PAGE_H

struct admin;
struct evbuffer;

/* query: behind the "?", or NULL. Returns an HTTP status: 200, 404 for a pool that is not there, 422 for another query; the page or a sentence is in out. */
int pools_page_text(const struct admin *a, const char *query, struct evbuffer *out);
/* {"version":1,"pools":[...]}; *ret_type is set for the page, not for a sentence. */
int pools_page_json(const struct admin *a, const char *query, struct evbuffer *out,
                    const char **ret_type);

#endif

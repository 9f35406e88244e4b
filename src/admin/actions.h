/* SPDX-License-Identifier: Apache-2.0 */
/* admin/actions.h - what may change something by POST to the admin port, and pages that other rooms add. An action is only for who really means this port: the
 * Host must be its own address or localhost, and the Origin the same when a browser sends one. That keeps out pages that a user looks at, whose names point
 * at 127.0.0.1 (DNS rebinding), and forms of other sites. Main thread. */
#ifndef OUTRIGGER_ADMIN_ACTIONS_H
#define OUTRIGGER_ADMIN_ACTIONS_H

#include <stdbool.h>

struct addr;
struct admin;
struct strbuf;

enum { ADMIN_ENTRIES_MAX = 64, ADMIN_LATER = 0 };

/* Does it and adds plain text for a person to out. query: behind the "?", or "". Returns an HTTP status: 200; 422: it was understood and cannot be done, the
 * text says why; 503: not now, ask again. ADMIN_LATER: the work goes on and the asker waits; admin_finish follows, and until then the action answers at once
 * whoever else asks. */
typedef int admin_action_fn(void *arg, const char *query, struct strbuf *out);
/* Adds the page to out. */
typedef void admin_page_fn(void *arg, struct strbuf *out);
/* Adds the answer to a question to out. query: behind the "?", or "", not decoded. Returns an HTTP status: 200, or 400 to 422 with a sentence.
 * *ret_type: the content type (constant text), plain text unless it is set. */
typedef int
admin_query_fn(void *arg, const char *query, struct strbuf *out, const char **ret_type);

/* POST to path (constant text, "/reload"); other methods are refused, unless a page or a query has the same path. a NULL is fine: there is no admin port. */
void admin_set_action(struct admin *a, const char *path, admin_action_fn *fn, void *arg);
/* Answers who waits for an action of this path. Nothing happens when nobody does. */
void admin_finish(struct admin *a, const char *path, int status, const char *text);
/* GET of path. type: its content type (constant text). */
void admin_set_page(struct admin *a, const char *path, const char *type,
                    admin_page_fn *fn, void *arg);
/* GET of path with a query. It must change nothing. */
void admin_set_query(struct admin *a, const char *path, admin_query_fn *fn, void *arg);

/* Whether a Host header names the admin port at `at`: localhost, a loopback address or its own, with any port, since who forwards it (ssh -L, kubectl port-forward) may use another
 * one. No page of the web has such a name. A unix socket has no name that a browser could reach: any Host is good. Pure. */
bool admin_host_ok(const struct addr *at, const char *host);
/* The same for an Origin header, which must be "http://" and the Host of the request (NULL: it has none): a page that some other port of this machine serves is a stranger. Pure. */
bool admin_origin_ok(const struct addr *at, const char *origin, const char *host);

#endif

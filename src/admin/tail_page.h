/* SPDX-License-Identifier: Apache-2.0 */
/* admin/tail_page.h - GET /tail: lines of calls as they end, one JSON object each, for as long as the viewer stays (filter/tail.h has what a line says, and the bounds on the
 * workers' side). The query chooses: method (within the path), pool, endpoint, listener, reason, code (a code, or "error": any but OK), slow=500ms, n (ends after so many).
 * It changes nothing of the configured log. TAIL_VIEWERS_MAX viewers; one that does not read loses lines beyond TAIL_PAGE_WAITING bytes and is told how many:
 * {"event":"dropped","lines":12}. Main thread. */
#ifndef OUTRIGGER_ADMIN_TAIL_PAGE_H
#define OUTRIGGER_ADMIN_TAIL_PAGE_H

struct admin;
struct loop;
struct tail;
struct tail_page;

enum { TAIL_PAGE_WAITING = 256 * 1024 };

/* a NULL: gives NULL. tail outlives the page. */
struct tail_page *tail_page_open(struct admin *a, struct loop *loop, struct tail *tail);
/* Before the admin port closes. NULL is fine. */
void tail_page_close(struct tail_page *p);

#endif

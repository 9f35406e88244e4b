/* SPDX-License-Identifier: Apache-2.0 */
/* admin/events.h - GET /stats.json with what its owner prints, and GET /events: the same object once a second as server-sent events ("event: stats"), without
 * "metrics", on one line. One text per second for all viewers, which is not copied. At most ADMIN_VIEWERS_MAX viewers; more get 503 with a sentence. Nothing is queued
 * for a viewer that is slow: as long as the last event is not written it gets no new one, and after ADMIN_VIEWER_SLOW_S seconds without a byte its connection is
 * closed. Nothing is printed for /events while nobody looks. Main thread.
 * Source: HTML Living Standard 9.2 (server-sent events). */
#ifndef OUTRIGGER_ADMIN_EVENTS_H
#define OUTRIGGER_ADMIN_EVENTS_H

struct admin;
struct strbuf;

enum { ADMIN_VIEWERS_MAX = 8, ADMIN_VIEWER_SLOW_S = 30 };

/* Prints a JSON object without the brace that ends it; it may have line ends between members, never within a text. NULL: /stats.json has "version" and "metrics" alone, and
 * there is no /events. a NULL is fine. */
void
admin_set_stats(struct admin *a, void (*print)(void *arg, struct strbuf *out), void *arg);
/* Another second: each viewer that can take it gets an event. a NULL is fine. */
void admin_events_turn(struct admin *a);

#endif

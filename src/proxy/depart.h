/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/depart.h - sends the clients of one listener away without closing it: each gets the two-step GOAWAY at a random moment of the spread, so that not all
 * of them connect elsewhere in the same instant. Who connects later is served and told 1 to 2 s after it came: a client that knows no other address then
 * comes back about once a second, and none of its calls is lost. Worker's thread only, on its own connections. */
#ifndef OUTRIGGER_PROXY_DEPART_H
#define OUTRIGGER_PROXY_DEPART_H

#include <stdint.h>

struct down;
struct server;
struct worker;

/* spread_us 0: all at once. Again with a shorter spread: who was not told yet is told within that. */
void depart_begin(struct worker *w, struct server *s, int64_t spread_us);
/* Who was not told yet stays, and new clients too. */
void depart_undo(struct worker *w, struct server *s);
/* A connection begins and ends. */
void depart_opened(struct down *d);
void depart_closed(struct down *d);

#endif

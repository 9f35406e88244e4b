/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/request.h - what the client sends: its header block is checked before anything else happens, its bytes are passed on. Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_REQUEST_H
#define OUTRIGGER_PROXY_REQUEST_H

#include <stdbool.h>

struct attempt;
struct buf;
struct call;

/* HEADERS complete: check, route, deadline, filters, first attempt; or a local answer. */
void request_begin(struct call *c);
/* Behind the filters. again: they edited the request, so its route is looked for once more. */
void request_go_on(struct call *c, bool again);
/* Bytes or the end arrived: passes them on if there is an up stream. */
void request_forward(struct call *c);
/* The same for bytes that a filter had put aside; what arrived since follows. Empties aside. */
void request_pass_aside(struct call *c, struct buf *aside);
/* The up stream of the attempt sent bytes: credit for the client. */
void request_drained(struct attempt *a);

#endif

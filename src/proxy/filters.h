/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/filters.h - a call on its way through the filters of its route: what the chain (filter/chain.h) needs of the call, and what its verdicts mean for it.
 * Only calls whose route has a chain have it (ACT_FILTERS). Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_FILTERS_H
#define OUTRIGGER_PROXY_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct attempt;
struct call;
struct filter_call;
struct h2_field;
struct h2_headers;

/* The route is known, the deadline runs. False: the call has ended, or waits, and request_go_on follows. */
bool
filters_request(struct call *c, struct slice service, struct slice method) MUST_CHECK;
/* The route has given the call a new deadline, or none: that of the filters holds all the same. Only with c->filters. */
void filters_bound(struct call *c);
/* Bytes and end of the request that are about to be passed on from down.in. False: they are not (they wait, or the call has ended). */
bool filters_request_data(struct call *c) MUST_CHECK;
/* Bytes wait for a filter: nothing else of the request may be passed on. */
bool filters_hold(const struct call *c);
/* The name of the filter that makes the call wait; NULL: none does. */
const char *filters_waiting(const struct call *c);
/* The answer of a backend. False: the call has ended in another way. */
bool filters_response(struct call *c, struct h2_headers *h, bool end) MUST_CHECK;
bool filters_response_data(struct call *c) MUST_CHECK;
bool filters_trailers(struct call *c, struct h2_headers *h) MUST_CHECK;
/* An attempt begins; one has ended. again: another follows. backend "": there was no connection. */
void filters_attempt(struct attempt *a);
void filters_attempt_end(struct attempt *a, int code, bool answered, bool again,
                         const char *backend);
/* Headers that filters gave to the answer: how many, and their fields. */
size_t filters_answer_count(const struct call *c);
size_t filters_answer_fields(const struct call *c, struct h2_field *f);
/* What filters have found out about the call; NULL: it has not come to any. */
const struct filter_call *filters_facts(const struct call *c);
/* When the answer's headers leave. */
void filters_answered(struct call *c);
/* With the call, before its memory goes: on_end of all filters; of those that watch also when the call never got to them. And that /why and /tail hear of it, whatever filters there
 * are. */
void filters_end(struct call *c);

#endif
